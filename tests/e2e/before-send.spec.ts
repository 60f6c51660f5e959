/** `beforeSend`, and what a collector says of single spans. */
import { expect, test, type Visit } from '../support/test.js'
import { source } from '../support/source.js'

/** Starts the full build with this `beforeSend`. */
const head = (serverUrl: string, beforeSend: string) => ({
  head: `<script src="/headwater.full.min.js"></script><script>
    initApm({ ...${source({ serviceName: '{service}', serverUrl, flushInterval: 20, resourceAttributes: { half: 0.5 } })},
      beforeSend: ${beforeSend} })
  </script>`,
})

const work = ({ page }: Visit) =>
  page.evaluate(async () => {
    await fetch('/echo?keep=1')
    await fetch('/status/404')
    return headwater.apm.flush()
  })

test('spans are changed, with every type of value, and dropped', async ({ open, demo }) => {
  const visit = await open(
    head(
      demo.collector,
      `(span) => {
        ;(globalThis.seen ??= []).push(structuredClone(span))
        if (span.attributes['http.response.status_code'] === 404) return false
        if (span.name !== 'GET') return
        span.name = 'GET é/:id'
        delete span.attributes['server.port']
        Object.assign(span.attributes, { text: 'ü', whole: -3, big: 2 ** 40, half: -0.5, yes: true, no: false, list: ['a', 'b'] })
      }`,
    ),
  )
  await work(visit)
  const spans = await visit.spans((all) => all.some(({ name }) => name.startsWith('GET')))
  const changed = spans.find(({ name }) => name === 'GET é/:id')
  expect(changed?.attributes).toMatchObject({
    'http.request.method': 'GET',
    text: 'ü',
    whole: -3,
    big: 2 ** 40,
    half: -0.5,
    yes: true,
    no: false,
  })
  expect(changed?.attributes).not.toHaveProperty('server.port')
  expect(spans.map(({ name }) => name)).toContain('documentLoad')
  expect(spans.some(({ attributes }) => attributes['http.response.status_code'] === 404)).toBe(false)
  const seen = await visit.page.evaluate(
    () => (globalThis as unknown as { seen: Record<string, unknown>[] }).seen,
  )
  expect(seen.find(({ name }) => name === 'GET')).toMatchObject({
    traceId: changed?.traceId,
    spanId: changed?.spanId,
    kind: 3,
    startTimeUnixNano: expect.stringMatching(/^\d{19}$/),
    attributes: { 'http.response.status_code': 200 },
  })
  expect(await visit.page.evaluate(() => headwater.apm.diagnostics().droppedSpans)).toBe(1)
})

test('one that fails drops its spans, says so once, and the page goes on', async ({ open, demo }) => {
  const visit = await open(head(demo.collector, '() => { throw new Error("mine") }'))
  const result = await work(visit)
  expect(result).toEqual({ sent: 0, waiting: 0, lost: expect.any(Number) })
  expect(result.lost).toBeGreaterThan(3)
  expect(visit.console.filter((line) => line.includes('beforeSend'))).toHaveLength(1)
  expect(visit.errors).toEqual([])
})

test('spans that a collector refuses are counted', async ({ open, stage }) => {
  // `partial_success { rejected_spans: 1, error_message: "old" }`
  const partial = Buffer.from([10, 7, 8, 1, 18, 3, 111, 108, 100])
  stage.route('/partial/v1/traces', (_request, response) => {
    response.writeHead(200, { 'content-type': 'application/x-protobuf' }).end(partial)
  })
  const visit = await open(head(`${stage.origin}/partial`, 'undefined'))
  const { sent, waiting, lost } = await work(visit)
  expect(waiting).toBe(0)
  expect(sent).toBeGreaterThan(0)
  // One of each request.
  expect(lost).toBeGreaterThan(0)
  const { sentSpans, refusedSpans } = await visit.page.evaluate(() => headwater.apm.diagnostics())
  expect([sentSpans, refusedSpans]).toEqual([sent, lost])
  expect(visit.console.filter((line) => line.includes('did not accept'))).toHaveLength(1)
})
