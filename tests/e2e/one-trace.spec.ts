/** One trace runs from the browser through the servers to their databases, and back. */
import { type Page } from '@playwright/test'

import { ERROR, has, Kind, only, type Span } from '../support/spans.js'
import { expect, test } from '../support/test.js'

const BROWSER = 'shop-web'
const SERVER = 'shop-server'
const API = 'shop-api'

test('opening the home page makes one trace through the browser, the shop and the API', async ({
  page,
  demo,
}) => {
  await page.goto(demo.shop)
  const spans = await demo.trace(await pageTraceId(page), (all) => {
    const browser = has(all, BROWSER, 'documentLoad') && has(all, BROWSER, 'GET')
    return browser && has(all, SERVER, 'GET /') && has(all, API, 'GET /stock')
  })

  const load = only(spans, BROWSER, 'documentLoad')
  const document = only(spans, BROWSER, 'documentFetch')
  const shop = only(spans, SERVER, 'GET /')
  const call = only(spans, BROWSER, 'GET', `${demo.api}/stock`)
  const api = only(spans, API, 'GET /stock')
  expect(load.parentSpanId).toBe('')
  expect(document.parentSpanId).toBe(load.spanId)
  expect(shop.parentSpanId, 'the server hangs under the document that it sent').toBe(document.spanId)
  expect(call.parentSpanId).toBe(load.spanId)
  expect(api.parentSpanId).toBe(call.spanId)
  for (const server of [shop, api]) {
    const queries = spans.filter(({ name, parentSpanId }) => {
      return name === 'SELECT products' && parentSpanId === server.spanId
    })
    expect(queries.map(({ kind }) => kind)).toEqual([Kind.Client])
  }
  expect([load.kind, document.kind, call.kind]).toEqual([Kind.Internal, Kind.Client, Kind.Client])

  for (const name of ['/headwater.min.js', '/assets/shop.css', '/assets/products/11.svg']) {
    const resource = only(spans, BROWSER, 'resourceFetch', demo.shop + name)
    expect(resource.parentSpanId).toBe(load.spanId)
    expect(resource.attributes['http.response.status_code']).toBe(200)
  }
  const ids = new Set(spans.map(({ spanId }) => spanId))
  expect(ids.size, 'span ids are unique').toBe(spans.length)
  expect(spans.filter(({ parentSpanId }) => !ids.has(parentSpanId))).toEqual([load])
})

test('the spans of a page load lie within it, and the server within the document fetch', async ({
  page,
  demo,
}) => {
  await page.goto(demo.shop)
  const spans = await demo.trace(await pageTraceId(page), (all) => {
    return has(all, BROWSER, 'documentLoad') && has(all, SERVER, 'GET /')
  })
  const load = only(spans, BROWSER, 'documentLoad')
  const document = only(spans, BROWSER, 'documentFetch')
  const server = only(spans, SERVER, 'GET /')
  const slowPicture = only(spans, BROWSER, 'resourceFetch', '/assets/products/11.svg')
  // The browser rounds its clock, for the page's isolation.
  expect(contains(load, document, 1)).toBe(true)
  expect(contains(load, slowPicture, 1)).toBe(true)
  expect(contains(document, server, 10), 'both clocks are of this machine').toBe(true)
  expect(Number(slowPicture.end - slowPicture.start) / 1e6).toBeGreaterThan(299)
  const milestones = ['dom_interactive', 'dom_content_loaded_event_end', 'dom_complete', 'load_event_end']
  const moments = milestones.map((name) => Number(load.attributes[`browser.navigation_timing.${name}`]))
  expect(moments).toEqual([...moments].sort((a, b) => a - b))
  expect(moments[3]).toBeCloseTo(Number(load.end - load.start) / 1e6, 0)
})

test('the page load of a product hangs under the span of the server, which its meta tag names', async ({
  page,
  demo,
}) => {
  await page.goto(`${demo.shop}/product/2`)
  const meta = await page.locator('meta[name=traceparent]').getAttribute('content')
  const [, traceId = '', serverSpanId] = meta?.split('-') ?? []
  await expect(page.locator('#reviews')).toHaveAttribute('aria-busy', 'false')
  await expect(page.locator('#recommendations')).toHaveAttribute('aria-busy', 'false')
  const spans = await demo.trace(traceId, (all) => {
    return has(all, BROWSER, 'documentLoad') && has(all, SERVER, 'GET /product/{id}')
  })
  const server = only(spans, SERVER, 'GET /product/{id}')
  const load = only(spans, BROWSER, 'documentLoad')
  expect(server.spanId).toBe(serverSpanId)
  expect(server.parentSpanId).toBe('')
  expect(load.parentSpanId).toBe(server.spanId)
  expect(load.flags & 0x300, 'its parent is remote').toBe(0x300)
})

test('reviews by XHR and recommendations by axios run through their servers', async ({ page, demo }) => {
  await page.goto(`${demo.shop}/product/2`)
  await expect(page.locator('#reviews')).toHaveAttribute('aria-busy', 'false')
  await expect(page.locator('#recommendations')).toHaveAttribute('aria-busy', 'false')
  for (const [origin, path, service, route] of [
    [demo.api, '/reviews/2', API, 'GET /reviews/{product}'],
    [demo.shop, '/api/recommendations/2', SERVER, 'GET /api/recommendations/{id}'],
  ] as const) {
    const requests = (await demo.log(origin)).filter(({ method }) => method === 'GET')
    const traceparent = requests.findLast((request) => request.path === path)?.headers['traceparent']
    const [, traceId = '', spanId] = traceparent?.split('-') ?? []
    const spans = await demo.trace(traceId, (all) => {
      return all.some((span) => span.spanId === spanId) && has(all, service, route)
    })
    expect(only(spans, BROWSER, 'GET', path).spanId).toBe(spanId)
    expect(only(spans, service, route).parentSpanId).toBe(spanId)
  }
})

test('each click in the account, which has the agent from npm, is a trace of its own', async ({
  page,
  demo,
}) => {
  await page.goto(`${demo.shop}/account`)
  await expect(page.locator('#app h1')).toHaveText('Your account')
  const load = await demo.trace(await metaTraceId(page), (all) => has(all, BROWSER, 'documentLoad'))
  expect(only(load, BROWSER, 'documentLoad').parentSpanId).toBe(only(load, SERVER, 'GET /account').spanId)

  for (const [link, title, path, route] of [
    ['Orders', 'Your orders', '/api/orders', 'GET /api/orders'],
    ['Settings', 'Settings', '/api/settings', 'GET /api/settings'],
  ] as const) {
    const answered = page.waitForResponse(demo.shop + path)
    await page.getByRole('link', { name: link, exact: true }).click()
    const { traceparent = '' } = (await answered).request().headers()
    await expect(page.locator('#app h1')).toHaveText(title)
    const traceId = traceparent.split('-')[1] ?? ''
    const spans = await demo.trace(traceId, (all) => has(all, BROWSER, 'GET') && has(all, SERVER, route))
    const request = only(spans, BROWSER, 'GET', path)
    expect(request.parentSpanId).toBe('')
    expect(only(spans, SERVER, route).parentSpanId).toBe(request.spanId)
    expect(load.map((span) => span.traceId)).not.toContain(traceId)
  }
})

test('a declined card is an error in the browser and in the shop, and the API is in the trace', async ({
  page,
  demo,
}) => {
  await page.goto(`${demo.shop}/product/1`)
  await page.getByRole('button', { name: 'Add to cart' }).click()
  await expect(page.getByRole('button', { name: 'Added' })).toBeVisible()
  await page.goto(`${demo.shop}/checkout`)
  await page.getByLabel('A declined card').check()
  const answered = page.waitForResponse(`${demo.shop}/api/checkout`)
  await page.getByRole('button', { name: /^Pay/ }).click()
  const { traceparent = '' } = (await answered).request().headers()

  const spans = await demo.trace(traceparent.split('-')[1] ?? '', (all) => {
    return [BROWSER, SERVER, API].every((service) => all.some((span) => span.service === service))
  })
  const request = only(spans, BROWSER, 'POST')
  const server = only(spans, SERVER, 'POST /api/checkout')
  expect([request.status.code, server.status.code]).toEqual([ERROR, ERROR])
  expect(request.attributes['error.type']).toBe('500')
  expect(server.parentSpanId).toBe(request.spanId)
  expect(only(spans, API, 'GET /stock').parentSpanId).toBe(only(spans, SERVER, 'GET').spanId)
})

/** As the footer of every page of the shop shows it. */
async function pageTraceId(page: Page): Promise<string> {
  return (await page.locator('footer code').textContent()) ?? ''
}

async function metaTraceId(page: Page): Promise<string> {
  const content = await page.locator('meta[name=traceparent]').getAttribute('content')
  return content?.split('-')[1] ?? ''
}

/** Whether one span lies within another, give or take some milliseconds. */
function contains(outer: Span, inner: Span, tolerance: number): boolean {
  const nanoseconds = BigInt(tolerance) * 1_000_000n
  return inner.start >= outer.start - nanoseconds && inner.end <= outer.end + nanoseconds
}
