/** Which requests carry trace headers, as the servers receive them. */
import { values } from '../support/stage.js'
import { expect, test } from '../support/test.js'

const TRACEPARENT = /^00-[0-9a-f]{32}-[0-9a-f]{16}-03$/
const OWN = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'

test('requests to the page’s own origin carry traceparent, and nothing else', async ({ visit, stage }) => {
  const { page } = await visit()
  await page.evaluate(async () => {
    await fetch('/echo?by=fetch')
    await fetch(new URL('/echo?by=url', location.href), { method: 'POST', body: 'x' })
    await fetch(new Request('/echo?by=request'))
    await viaXhr('GET', '/echo?by=xhr')
  })
  const ids = ['fetch', 'url', 'request', 'xhr'].map((by) => {
    const request = stage.only(`by=${by}`)
    expect(values(request, 'tracestate')).toEqual([])
    const [traceparent, ...more] = values(request, 'traceparent')
    expect(more, `${by} sends one`).toEqual([])
    expect(traceparent).toMatch(TRACEPARENT)
    return traceparent
  })
  expect(new Set(ids).size).toBe(ids.length)
})

test('the traceparent that a server receives names the span of the request', async ({ visit, stage }) => {
  const { page, spans } = await visit()
  await page.evaluate(() => fetch('/echo?names-its-span'))
  const [traceparent] = values(stage.only('?names-its-span'), 'traceparent')
  const named = (await spans((all) => all.some(({ name }) => name === 'GET'))).find(
    ({ name }) => name === 'GET',
  )
  expect(traceparent).toBe(`00-${named?.traceId}-${named?.spanId}-03`)
})

test('configured origins get traceparent and tracestate, after a preflight that asked for both', async ({
  visit,
  demo,
}) => {
  const { page } = await visit({ distributedTracingOrigins: [demo.api], propagateTracestate: true })
  await page.evaluate(async (api) => {
    await fetch(`${api}/stock?ids=1&configured`)
  }, demo.api)
  const { headers } = await demo.received(demo.api, 'configured')
  expect(headers['traceparent']).toMatch(TRACEPARENT)
  expect(headers['tracestate']).toBe('es=s:1')
  const preflight = (await demo.log(demo.api)).find(({ method, query }) => {
    return method === 'OPTIONS' && query.includes('configured')
  })
  expect(preflight?.headers['access-control-request-headers']).toBe('traceparent,tracestate')
})

test('an existing tracestate stays, behind ours', async ({ visit, stage, demo }) => {
  const { page } = await visit({ distributedTracingOrigins: [demo.api], propagateTracestate: true })
  await page.evaluate(async (api) => {
    const state = { tracestate: 'dd=s:1, es=s:0.5' }
    for (const [origin, name] of [
      ['', 'own'],
      [api, 'api'],
    ] as const) {
      await fetch(`${origin}/stock?object=${name}`, { headers: { TraceState: state.tracestate } })
      await fetch(`${origin}/stock?headers=${name}`, { headers: new Headers(state) })
      await fetch(`${origin}/stock?array=${name}`, { headers: Object.entries(state) })
      await fetch(new Request(`${origin}/stock?request=${name}`, { headers: state }))
      await fetch(new Request(`${origin}/stock?init=${name}`), { headers: state })
      const xhr = new XMLHttpRequest()
      xhr.open('GET', `${origin}/stock?xhr=${name}`)
      xhr.setRequestHeader('Tracestate', 'dd=s:1')
      xhr.setRequestHeader('tracestate', 'es=s:0.5')
      await new Promise((resolve) => {
        xhr.onload = resolve
        xhr.send()
      })
    }
  }, demo.api)
  for (const by of ['object', 'headers', 'array', 'request', 'init', 'xhr']) {
    const own = stage.only(`?${by}=own`)
    expect(values(own, 'tracestate'), by).toEqual(['es=s:1,dd=s:1'])
    expect(values(own, 'traceparent'), by).toEqual([expect.stringMatching(TRACEPARENT)])
    const { headers } = await demo.received(demo.api, `${by}=api`)
    expect(headers['tracestate'], by).toBe('es=s:1,dd=s:1')
    expect(headers['traceparent'], by).toMatch(TRACEPARENT)
  }
})

test('no other origin ever gets a trace header, by fetch, XHR or axios', async ({ visit, demo }) => {
  const { page } = await visit(
    { distributedTracingOrigins: [demo.api], propagateTracestate: true },
    { head: '<script src="/axios.min.js"></script>' },
  )
  const answers = await page.evaluate(async (other) => {
    return [
      (await fetch(`${other}/ad.json?third=fetch`)).status,
      (await fetch(new Request(`${other}/ad.json?third=request`))).status,
      (await fetch(`${other}/ad.json?third=post`, { method: 'POST', body: 'x' })).status,
      await viaXhr('GET', `${other}/ad.json?third=xhr`),
      (await axios.get(`${other}/ad.json?third=axios`)).status,
    ]
  }, demo.other)
  expect(answers).toEqual([200, 200, 200, 200, 200])
  for (const by of ['fetch', 'request', 'post', 'xhr', 'axios']) {
    const { headers } = await demo.received(demo.other, `third=${by}`)
    expect(headers, by).not.toHaveProperty('traceparent')
    expect(headers, by).not.toHaveProperty('tracestate')
  }
  const log = (await demo.log(demo.other)).filter(({ query }) => query.includes('third='))
  expect(
    log.filter(({ method }) => method === 'OPTIONS'),
    'simple requests stay simple',
  ).toEqual([])
})

test('the shop’s own buttons find one traceparent where it belongs and none elsewhere', async ({
  page,
  demo,
}) => {
  await page.goto(`${demo.shop}/trouble`)
  for (const name of ['third-origin', 'second-origin', 'own-traceparent']) {
    await page.locator(`[data-trouble="${name}"]`).click()
    await expect(page.locator(`[data-outcome="${name}"]`)).toHaveClass(/good/)
  }
})

test('a request without CORS carries no trace header, even to a configured origin', async ({
  visit,
  demo,
  stage,
}) => {
  const { page } = await visit({ distributedTracingOrigins: [demo.api] })
  const types = await page.evaluate(async (api) => {
    return [
      (await fetch(`${api}/stock?opaque=init`, { mode: 'no-cors' })).type,
      (await fetch(new Request(`${api}/stock?opaque=request`, { mode: 'no-cors' }))).type,
      (await fetch('/echo?opaque=own', { mode: 'no-cors' })).type,
    ]
  }, demo.api)
  expect(types).toEqual(['opaque', 'opaque', 'basic'])
  for (const by of ['init', 'request']) {
    const { headers } = await demo.received(demo.api, `opaque=${by}`)
    expect(headers, by).not.toHaveProperty('traceparent')
  }
  expect(values(stage.only('opaque=own'), 'traceparent')).toEqual([])
})

test('a caller’s own traceparent arrives alone, and the span takes its ids', async ({ visit, stage }) => {
  const { page, spans } = await visit({ propagateTracestate: true })
  const urls = await page.evaluate(async (own) => {
    const headers = { TraceParent: own }
    await fetch('/echo?mine=object', { headers })
    await fetch('/echo?mine=headers', { headers: new Headers(headers) })
    await fetch('/echo?mine=array', { headers: [['traceparent', own]] })
    await fetch(new Request('/echo?mine=request', { headers }))
    await fetch('/echo?mine=iterable', { headers: new Map([['traceparent', own]]) as unknown as HeadersInit })
    await viaXhr('GET', '/echo?mine=xhr', headers)
    return ['object', 'headers', 'array', 'request', 'iterable', 'xhr'].map((by) => `/echo?mine=${by}`)
  }, OWN)
  const all = await spans((found) => found.some(({ spanId }) => spanId === 'b7ad6b7169203331'))
  for (const url of urls) {
    expect(values(stage.only(url), 'traceparent'), url).toEqual([OWN])
    expect(values(stage.only(url), 'tracestate'), url).toEqual([])
  }
  // One span of the six is stored, as they have one id.
  const adopted = all.find(({ spanId }) => spanId === 'b7ad6b7169203331')
  expect(adopted?.traceId).toBe('0af7651916cd43dd8448eb211c80319c')
  expect(adopted?.parentSpanId).toBe('')
  expect(adopted?.name).toBe('GET')
})

test('RegExps choose origins, as often as they are asked', async ({ visit, demo }) => {
  const { page } = await visit({
    distributedTracingOrigins: [new RegExp(`^http://127\\.0\\.0\\.1:${new URL(demo.api).port}$`, 'g')],
  })
  await page.evaluate(
    async ([api, other]) => {
      await fetch(`${api}/stock?ids=1&pattern=1`)
      await fetch(`${api}/stock?ids=1&pattern=2`)
      await fetch(`${other}/ad.json?pattern=3`)
    },
    [demo.api, demo.other] as const,
  )
  for (const number of [1, 2]) {
    expect((await demo.received(demo.api, `pattern=${number}`)).headers['traceparent']).toMatch(TRACEPARENT)
  }
  expect((await demo.received(demo.other, 'pattern=3')).headers).not.toHaveProperty('traceparent')
})

test('a string is one exact origin, with its path left aside', async ({ visit, demo }) => {
  const { port } = new URL(demo.api)
  const { page } = await visit({ distributedTracingOrigins: `HTTP://127.0.0.1:${port}/some/path` })
  await page.evaluate(
    async ([api, other, localhost]) => {
      await fetch(`${api}/stock?ids=1&exact=api`)
      await fetch(`${other}/ad.json?exact=other`)
      await fetch(`${localhost}/stock?ids=1&exact=localhost`)
    },
    [demo.api, demo.other, `http://localhost:${port}`] as const,
  )
  expect((await demo.received(demo.api, 'exact=api')).headers['traceparent']).toMatch(TRACEPARENT)
  expect((await demo.received(demo.other, 'exact=other')).headers).not.toHaveProperty('traceparent')
  expect((await demo.received(demo.api, 'exact=localhost')).headers).not.toHaveProperty('traceparent')
})

test('without distributed tracing no header is sent, and spans are', async ({ visit, stage, demo }) => {
  const { page, spans } = await visit({
    distributedTracing: false,
    distributedTracingOrigins: [demo.api],
    propagateTracestate: true,
  })
  await page.evaluate(async (api) => {
    await fetch('/echo?untraced')
    await fetch(`${api}/stock?ids=1&untraced`)
  }, demo.api)
  expect(values(stage.only('?untraced'), 'traceparent')).toEqual([])
  expect((await demo.received(demo.api, 'untraced')).headers).not.toHaveProperty('traceparent')
  await spans((all) => all.filter(({ name }) => name === 'GET').length === 2)
})

test('what is not sampled says so to the servers, and sends no spans', async ({ visit, stage, demo }) => {
  const { page, service } = await visit({ transactionSampleRate: 0, propagateTracestate: true })
  await page.evaluate(() => fetch('/echo?unsampled'))
  const request = stage.only('?unsampled')
  expect(values(request, 'traceparent')).toEqual([expect.stringMatching(/^00-[0-9a-f]{32}-[0-9a-f]{16}-02$/)])
  expect(values(request, 'tracestate')).toEqual(['es=s:0'])
  await page.evaluate(() => headwater.apm.flush())
  expect(await demo.spansOf(service, () => true)).toEqual([])
})

test('the server’s decision not to sample the page load is kept', async ({ visit, stage, demo }) => {
  const { page, service } = await visit(
    {
      pageLoadTraceId: '0af7651916cd43dd8448eb211c80319c',
      pageLoadSpanId: 'b7ad6b7169203331',
      pageLoadSampled: false,
    },
    { body: '<script>fetch("/echo?during-load")</script>' },
  )
  const [traceparent] = values(stage.only('?during-load'), 'traceparent')
  expect(traceparent).toMatch(/^00-0af7651916cd43dd8448eb211c80319c-[0-9a-f]{16}-00$/)
  await page.evaluate(() => headwater.apm.flush())
  expect(await demo.spansOf(service, () => true)).toEqual([])
})

test('the collector gets no trace header, even where all origins are configured', async ({
  visit,
  stage,
}) => {
  const { page, service } = await visit({ serverUrl: stage.origin, distributedTracingOrigins: [/./] })
  await page.evaluate(() => fetch('/echo').then(() => headwater.apm.flush()))
  const sent = stage.received.filter(({ url, body }) => url === '/v1/traces' && body.includes(service))
  expect(sent.length).toBeGreaterThan(0)
  for (const request of sent) {
    expect(values(request, 'traceparent')).toEqual([])
    expect(values(request, 'content-type')).toEqual(['application/x-protobuf'])
  }
})

test('headers for the collector reach it', async ({ visit, stage }) => {
  const { page } = await visit({ serverUrl: `${stage.origin}/`, headers: { 'X-Own': 'for the collector' } })
  await page.evaluate(() => headwater.apm.flush())
  const sent = stage.received.filter((request) => values(request, 'x-own').includes('for the collector'))
  expect(sent.map(({ method, url }) => `${method} ${url}`)).toContain('POST /v1/traces')
})
