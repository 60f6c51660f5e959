/** Spans that the page's own code starts, and what becomes their child. */
import { browser } from '../support/browsers.js'
import { intakeOf } from '../support/intake.js'
import { postsOf, values } from '../support/stage.js'
import { ERROR, Kind, only, type Span } from '../support/spans.js'
import { agentScript, expect, test, type Options, type Visit } from '../support/test.js'

interface Api {
  startTransaction: (name: string, options?: unknown) => OwnSpan
  startSpan: (name: string, options?: unknown) => OwnSpan
  withSpan: <Result>(span: OwnSpan | undefined, work: () => Result) => Result
  captureError: (error: unknown) => void
  flush: () => Promise<unknown>
  pause: () => void
}
interface OwnSpan {
  traceId: string
  spanId: string
  traceparent: string
  isRecording: () => boolean
  setAttribute: (key: string, value: unknown) => OwnSpan
  setAttributes: (attributes: unknown) => OwnSpan
  addLabels: (labels: unknown) => OwnSpan
  setStatus: (status: { code: number }) => OwnSpan
  updateName: (name: string) => OwnSpan
  recordException: (error: unknown) => OwnSpan
  startSpan: (name: string, options?: unknown) => OwnSpan
  end: (time?: number) => void
}
declare const own: Api

/** The full build, with its agent as `own`. */
const page = (serverUrl: string, options: Options = {}, file = 'headwater.full.min.js') => ({
  head:
    agentScript({ serviceName: '{service}', serverUrl, flushInterval: 20, ...options }, file) +
    '<script>globalThis.own = headwater.apm</script>',
})

/** The spans, once this one has come. */
const until = (visit: Visit, name: string): Promise<Span[]> =>
  visit.spans((all) => all.some((span) => span.name === name))

test('a trace of its own, with spans, requests and attributes below it', async ({ open, demo, stage }) => {
  const visit = await open(page(demo.collector))
  const given = await visit.page.evaluate(async () => {
    const checkout = own.startTransaction('checkout', 'app.cart')
    const price = own.withSpan(checkout, () =>
      own.startSpan('price', { attributes: { items: 3, half: 0.5 } }),
    )
    await own.withSpan(price, () => fetch('/echo?priced'))
    price.setAttribute('paid', true).addLabels({ team: 'river' }).updateName('prices')
    const inner = price.startSpan('inner')
    inner.end()
    price.end()
    const late = price.startSpan('late')
    late.end()
    // Not within it any more.
    await fetch('/echo?outside')
    checkout.setStatus({ code: 2 }).end()
    checkout.end()
    return { traceparent: checkout.traceparent, recording: checkout.isRecording() }
  })
  // Those of before may be in a request that arrives after it.
  const all = await visit.spans((all) =>
    ['checkout', 'prices', 'priced', 'outside'].every((part) =>
      all.some(({ name, attributes }) => (name + String(attributes['url.full'])).includes(part)),
    ),
  )
  const find = (name: string, url = '') => only(all, visit.service, name, url)
  const checkout = find('checkout')
  expect(given).toEqual({ traceparent: `00-${checkout.traceId}-${checkout.spanId}-03`, recording: false })
  expect(checkout).toMatchObject({ parentSpanId: '', kind: Kind.Internal, status: { code: ERROR } })
  const prices = find('prices')
  expect(prices).toMatchObject({
    traceId: checkout.traceId,
    parentSpanId: checkout.spanId,
    attributes: { items: 3, half: 0.5, paid: true, team: 'river' },
  })
  expect(find('inner').parentSpanId).toBe(prices.spanId)
  const priced = find('GET', 'priced')
  expect(priced).toMatchObject({ traceId: checkout.traceId, parentSpanId: prices.spanId })
  expect(values(stage.only('priced'), 'traceparent')).toEqual([`00-${priced.traceId}-${priced.spanId}-03`])
  expect(find('GET', 'outside').traceId).not.toBe(checkout.traceId)
  expect(visit.errors).toEqual([])
})

test('during the page load a span is below it', async ({ open, demo }) => {
  const visit = await open({
    ...page(demo.collector),
    body: '<script>own.startSpan("render", { startTime: performance.now() - 5 }).end()</script>',
  })
  const all = await until(visit, 'documentLoad')
  const [load, render] = ['documentLoad', 'render'].map((name) => only(all, visit.service, name))
  expect(render).toMatchObject({ traceId: load?.traceId, parentSpanId: load?.spanId })
  expect(Number((render?.end ?? 0n) - (render?.start ?? 0n))).toBeGreaterThan(4e6)
})

test('what is thrown in a span passes through, and an exception of its is tied to it', async ({
  open,
  stage,
}) => {
  const visit = await open(page(stage.origin, { protocol: 'http/json', flushInterval: 3_600_000 }))
  const result = await visit.page.evaluate(async () => {
    const span = own.startTransaction('checkout')
    let thrown
    try {
      own.withSpan(span, () => {
        throw new Error('mine')
      })
    } catch (error) {
      thrown = (error as Error).message
    }
    span.recordException(new Error('no cart')).end()
    const returned = own.withSpan(undefined, () => 5)
    await own.flush()
    return { thrown, returned, spanId: span.spanId }
  })
  expect(result).toMatchObject({ thrown: 'mine', returned: 5 })
  const logs = postsOf(stage, '/v1/logs', visit.service)
    .map(({ body }) => body.toString())
    .join()
  expect(logs).toContain(`"spanId":"${result.spanId}"`)
  expect(logs).toContain('no cart')
})

test('nothing is recorded while paused, and every call is good all the same', async ({ open, demo }) => {
  const visit = await open(page(demo.collector))
  const seen = await visit.page.evaluate(() => {
    own.pause()
    const span = own.startSpan('paused')
    span.setAttributes(null).recordException(null).setAttribute('a', Symbol('s')).updateName('x').end()
    return [span.traceparent, span.isRecording(), own.withSpan(span, () => 1)]
  })
  expect(seen).toEqual(['', false, 1])
  expect(visit.errors).toEqual([])
  expect(visit.console).toEqual([])
})

test('a trace that is not sampled says so and is not sent', async ({ open, demo }) => {
  const visit = await open(page(demo.collector, { transactionSampleRate: 0 }))
  const traceparent = await visit.page.evaluate(async () => {
    const span = own.startTransaction('checkout')
    own.withSpan(span, () => own.startSpan('below')).end()
    span.end()
    await own.flush()
    return span.traceparent
  })
  expect(traceparent).toMatch(/-02$/)
  expect(await visit.spans(() => true)).toEqual([])
})

test('headwater/elastic: transactions and their spans', async ({ open, stage }) => {
  const visit = await open(page(stage.origin, { flushInterval: 3_600_000 }, 'headwater.elastic.min.js'))
  await visit.page.evaluate(async () => {
    const checkout = own.startTransaction('checkout', 'cart')
    const price = checkout.startSpan('price', 'app.cart.price')
    await own.withSpan(price, () => fetch('/echo?priced'))
    price.startSpan('inner').end()
    price.end()
    checkout.addLabels({ 'team.name': 'river' }).setStatus({ code: 1 }).end()
    await own.flush()
  })
  const lines = intakeOf(stage, visit.service)
  const find = (name: string) => lines.filter(([, event]) => String(event['name']).startsWith(name))
  const [[kind, checkout] = ['', {}], ...more] = find('checkout')
  expect([kind, more]).toEqual(['transaction', []])
  expect(checkout).toMatchObject({
    type: 'cart',
    sampled: true,
    outcome: 'success',
    context: { tags: { team_name: 'river' } },
  })
  const [[, price] = ['', {}]] = find('price')
  expect(price).toMatchObject({
    type: 'app',
    subtype: 'cart',
    action: 'price',
    parent_id: checkout['id'],
    transaction_id: checkout['id'],
  })
  for (const [kind, event] of [...find('inner'), ...find(`GET ${stage.origin}/echo`)]) {
    expect(kind).toBe('span')
    expect(event).toMatchObject({ parent_id: price['id'], transaction_id: checkout['id'] })
  }
  expect(find('inner')[0]?.[1]).toMatchObject({ type: 'custom' })
})

test('what takes long by performance.measure is a span of what is going on', async ({ open, demo }) => {
  const visit = await open(page(demo.collector))
  await visit.page.evaluate(async () => {
    performance.measure('outside', { start: 0, duration: 90 })
    await new Promise((resolve) => setTimeout(resolve, 100))
    const started = performance.now()
    const checkout = own.startTransaction('checkout', { managed: true })
    performance.measure('sorting', { start: started, duration: 80 })
    performance.measure('short', { start: started, duration: 59 })
    await new Promise((resolve) => setTimeout(resolve, 200))
    checkout.end()
  })
  const spans = await until(visit, 'checkout')
  const find = (name: string) => spans.find((span) => span.name === name)
  const sorting = find('sorting')
  expect(sorting?.parentSpanId).toBe(find('checkout')?.spanId)
  expect(Number((sorting?.end ?? 0n) - (sorting?.start ?? 0n)) / 1e6).toBeCloseTo(80, 2)
  expect(spans.filter(({ name }) => name === 'short' || name === 'outside')).toEqual([])
})

test('headwater/elastic: measures are of the type app, and long tasks are spans', async ({ open, stage }) => {
  const visit = await open(page(stage.origin, {}, 'headwater.elastic.min.js'))
  await visit.page.evaluate(async () => {
    const transaction = own.startTransaction('sort', { managed: true })
    performance.measure('sorting', { start: performance.now(), duration: 80 })
    await new Promise<void>((resolve) =>
      setTimeout(() => {
        for (const end = performance.now() + 90; performance.now() < end;);
        resolve()
      }),
    )
    await new Promise((resolve) => setTimeout(resolve, 200))
    transaction.end()
    await own.flush()
  })
  const events = intakeOf(stage, visit.service)
  const types = events.flatMap(([kind, { name, type }]) =>
    kind === 'span' ? [`${String(type)} ${String(name)}`] : [],
  )
  expect(types).toContain('app sorting')
  // Firefox tells of none.
  if (browser === 'chromium') expect(types).toContain('longtask Longtask(self)')
})
