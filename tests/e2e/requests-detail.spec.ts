/** What the browser's resource timing says of a request stands on its span, without keeping that waiting. */
import type { Span } from '../support/spans.js'
import { expect, test, type Visit } from '../support/test.js'

const NEVER = 3_600_000
const FULL = 'headwater.full.min.js'

/** A page of the full build. */
const page = (collector: string, options = '') => ({
  head: `<script src="/${FULL}"></script><script>
    initApm({ serviceName: '{service}', serverUrl: '${collector}', flushInterval: ${NEVER},
      disableInstrumentations: ['web-vitals'], ${options} })
  </script>`,
})

/** The spans of requests to this path, the first to start first. */
async function requests(visit: Visit, path: string, count = 1): Promise<Span[]> {
  const of = (spans: Span[]) =>
    spans.filter(({ attributes }) => String(attributes['url.full']).includes(path))
  const spans = of(await visit.spans((all) => of(all).length >= count))
  expect(spans).toHaveLength(count)
  return spans.sort((a, b) => Number(a.start - b.start))
}

const number = (span: Span | undefined, key: string) => Number(span?.attributes[key])

for (const by of ['fetch', 'viaXhr'])
  test(`sizes, protocol and phases of a request by ${by}`, async ({ open, demo, stage }) => {
    stage.route('/sized', (_, response) => void response.end('x'.repeat(1_000)))
    const visit = await open(page(demo.collector))
    await visit.page.evaluate(async (by) => {
      if (by === 'fetch') await (await fetch('/sized')).text()
      else await viaXhr('GET', '/sized')
      await headwater.apm.flush()
    }, by)
    const [span] = await requests(visit, '/sized')
    expect(span?.attributes).toMatchObject({
      'http.response.status_code': 200,
      'http.response.body.size': 1_000,
      'network.protocol.version': '1.1',
    })
    expect(number(span, 'http.response.size')).toBeGreaterThan(1_000)
    const moments = ['fetch_start', 'request_start', 'response_start', 'response_end'].map((name) =>
      number(span, `browser.resource_timing.${name}`),
    )
    expect(moments).toEqual([...moments].sort((a, b) => a - b))
    expect(moments[0]).toBeGreaterThan(0)
    expect(span?.attributes).not.toHaveProperty(['headwater.http.response.cache'])
    expect(visit.errors).toEqual([])
  })

test('each of several requests to one URL has its own', async ({ open, demo, stage }) => {
  let received = 0
  stage.route('/many', async ({ url }, response) => {
    const order = (received += 1)
    // The first to come is the last to be answered.
    await new Promise((resolve) => setTimeout(resolve, 400 - order * 60))
    response.end('x'.repeat(url.length + order * 100))
  })
  const visit = await open(page(demo.collector))
  const sizes = await visit.page.evaluate(async () => {
    const sizes = await Promise.all(
      [1, 2, 3, 4, 5].map(async () => (await (await fetch('/many')).text()).length),
    )
    await new Promise((resolve) => setTimeout(resolve, 20))
    await headwater.apm.flush()
    return sizes
  })
  const spans = await requests(visit, '/many', 5)
  expect(new Set(sizes).size).toBe(5)
  expect(spans.map((span) => number(span, 'http.response.body.size'))).toEqual(sizes)
})

test('what comes from the cache, and what a server keeps to itself', async ({ open, demo, stage }) => {
  stage.route('/cached', (_, response) => {
    response.setHeader('cache-control', 'max-age=60')
    response.end('y'.repeat(500))
  })
  stage.route('/foreign', (_, response) => void response.end('z'.repeat(400)))
  const foreign = stage.origin.replace('127.0.0.1', 'localhost')
  const visit = await open(page(demo.collector))
  await visit.page.evaluate(async (foreign) => {
    await (await fetch('/cached')).text()
    await (await fetch('/cached')).text()
    await (await fetch(foreign + '/foreign')).text()
    await headwater.apm.flush()
  }, foreign)
  const [first, second] = await requests(visit, '/cached', 2)
  expect(first?.attributes).not.toHaveProperty(['headwater.http.response.cache'])
  expect(second?.attributes).toMatchObject({ 'headwater.http.response.cache': 'hit' })
  expect(second?.attributes).not.toHaveProperty(['http.response.size'])
  const [span] = await requests(visit, '/foreign')
  for (const name of ['http.response.size', 'headwater.http.response.cache', 'network.protocol.version'])
    expect(span?.attributes).not.toHaveProperty([name])
  const phases = Object.keys(span?.attributes ?? {}).filter((key) => key.includes('resource_timing'))
  expect(phases).toEqual(['browser.resource_timing.response_end'])
})

test('a full buffer of the page loses nothing', async ({ open, demo }) => {
  const visit = await open(page(demo.collector))
  await visit.page.evaluate(async () => {
    performance.setResourceTimingBufferSize(0)
    await (await fetch('/status/200?full')).text()
    await new Promise((resolve) => setTimeout(resolve, 20))
    await headwater.apm.flush()
  })
  const [span] = await requests(visit, '?full')
  expect(span?.attributes).toHaveProperty(['browser.resource_timing.request_start'])
})

test('a span does not wait: an answer without an end leaves with the page', async ({ open, demo }) => {
  const visit = await open(page(demo.collector))
  await visit.page.evaluate(() => fetch('/status/200?leaving').then(() => undefined))
  await visit.page.goto('about:blank')
  const [span] = await requests(visit, '?leaving')
  expect(span?.attributes).toMatchObject({ 'http.response.status_code': 200 })
})

test('our own requests have no spans, and give none to others', async ({ open, demo }) => {
  const visit = await open(page(demo.collector))
  await visit.page.evaluate(async () => {
    for (let round = 0; round < 3; round++) {
      await (await fetch(`/status/200?round=${round}`)).text()
      await headwater.apm.flush()
    }
  })
  const spans = await requests(visit, '?round', 3)
  expect(spans.map((span) => span.attributes['url.full'])).toHaveLength(3)
  const all = await visit.spans(() => true)
  expect(all.filter(({ attributes }) => String(attributes['url.full']).includes('/v1/traces'))).toEqual([])
})
