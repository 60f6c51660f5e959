/** `headwater/opentelemetry`: what uses OpenTelemetry's API, and libraries that do, record the agent's spans. */
import type * as program from '../opentelemetry/program.js'
import { bundle } from '../support/bundle.js'
import { intakeOf } from '../support/intake.js'
import { ERROR, Kind, only, spansIn, type Span } from '../support/spans.js'
import { postsOf, type Page, type Stage } from '../support/stage.js'
import { agentScript, expect, test, type Options, type Visit } from '../support/test.js'

const NEVER = 3_600_000

/** A page with the API, and a provider of the agent's. `setUp` runs before anything else of the page's. */
async function page(stage: Stage, options: Options = {}, setUp = '', file = 'headwater.full.min.js') {
  const script = stage.script(await bundle('opentelemetry/program.ts', 'otel'))
  const given = { serviceName: '{service}', serverUrl: stage.origin, flushInterval: NEVER, ...options }
  const json = file.includes('full')
    ? { protocol: 'http/json', disableInstrumentations: ['web-vitals'], session: false }
    : {}
  return {
    head: `${agentScript({ ...json, ...given }, file)}<script src="${script}"></script><script>
      globalThis.apm = headwater.apm
      globalThis.unregister = otel.registerTracerProvider(apm)
      globalThis.tracer = otel.api.trace.getTracer('shop-cart', '1.2.3')
      ${setUp}
    </script>`,
  } satisfies Page
}

const flush = (visit: Visit) => visit.page.evaluate(() => headwater.apm.flush())

async function spans(stage: Stage, visit: Visit): Promise<Span[]> {
  await flush(visit)
  return postsOf(stage, '/v1/traces', visit.service).flatMap(({ body }) =>
    spansIn(JSON.parse(body.toString())),
  )
}

interface Event {
  eventName: string
  timeUnixNano: string
  traceId: string
  spanId: string
  attributes: { key: string; value: object }[]
}

async function events(stage: Stage, visit: Visit): Promise<Event[]> {
  await flush(visit)
  return postsOf(stage, '/v1/logs', visit.service).flatMap(({ body }) => {
    const { resourceLogs } = JSON.parse(body.toString()) as {
      resourceLogs: { scopeLogs: { logRecords: Event[] }[] }[]
    }
    return resourceLogs.flatMap(({ scopeLogs }) => scopeLogs.flatMap(({ logRecords }) => logRecords))
  })
}

test('a span has what the API gives it', async ({ open, stage }) => {
  const visit = await open(await page(stage))
  const given = await visit.page.evaluate(() => {
    const { SpanKind, SpanStatusCode } = otel.api
    const context = { traceId: '4bf92f3577b34da6a3ce929d0e0e4736', spanId: '00f067aa0ba902b7', traceFlags: 1 }
    const span = tracer.startSpan('first', {
      kind: SpanKind.PRODUCER,
      attributes: { text: 'a', number: 1.5, flag: true, list: ['a', 'b'], nothing: undefined },
      links: [{ context, attributes: { why: 'since' } }],
      root: true,
    })
    const before = { ...span.spanContext(), isRecording: span.isRecording() }
    const chained = span
      .setAttribute('set', 'one')
      .setAttributes({ more: 2 })
      .addEvent('paid', { sum: 3 })
      .addEvent('later', [Math.floor((performance.timeOrigin + 5_000) / 1e3), 500_000_000])
      .addLink({ context: { ...context, spanId: '00f067aa0ba902b8' } })
      .addLinks([{ context: { ...context, spanId: '00f067aa0ba902b9' } }])
      .setStatus({ code: SpanStatusCode.ERROR, message: 'no money' })
      .updateName('renamed')
    span.end()
    span.setAttribute('late', true).updateName('late').addEvent('late')
    span.end()
    const well = tracer.startSpan('well')
    well.setStatus({ code: SpanStatusCode.OK }).setStatus({ code: SpanStatusCode.ERROR }).end()
    return { before, same: chained === span, after: span.isRecording(), id: span.spanContext().spanId }
  })
  expect(given).toMatchObject({ same: true, after: false, before: { traceFlags: 1, isRecording: true } })
  const all = await spans(stage, visit)
  const span = only(all, visit.service, 'renamed')
  expect(span).toMatchObject({
    spanId: given.id,
    traceId: given.before.traceId,
    parentSpanId: '',
    kind: 4,
    status: { code: ERROR },
    attributes: {
      'otel.scope.name': 'shop-cart',
      'otel.scope.version': '1.2.3',
      'otel.status_description': 'no money',
      text: 'a',
      number: 1.5,
      flag: true,
      list: ['a', 'b'],
      set: 'one',
      more: 2,
    },
  })
  expect(span.attributes).not.toHaveProperty('nothing')
  expect(span.attributes).not.toHaveProperty('late')
  expect(span.links.map(({ spanId }) => spanId.at(-1))).toEqual(['7', '8', '9'])
  expect(only(all, visit.service, 'well').status.code ?? 0).toBe(0)
  const [paid, later, ...others] = await events(stage, visit)
  expect(others).toEqual([])
  expect(paid).toMatchObject({ eventName: 'paid', traceId: span.traceId, spanId: span.spanId })
  expect(paid?.attributes).toEqual([{ key: 'sum', value: { intValue: '3' } }])
  expect(later?.timeUnixNano).toMatch(/^\d{10}5000\d{5}$/)
  expect(visit.errors).toEqual([])
})

test('times in all of the API’s forms', async ({ open, stage }) => {
  const visit = await open(await page(stage))
  const origin = await visit.page.evaluate(() => {
    const { timeOrigin } = performance
    const unix = timeOrigin + 40
    const start = Math.floor(unix / 1e3)
    const times = {
      page: [40, 45],
      unix: [unix, unix + 5],
      date: [new Date(unix), new Date(unix + 5)],
      pair: [
        [start, (unix - start * 1e3) * 1e6],
        [start, (unix + 5 - start * 1e3) * 1e6],
      ],
    }
    for (const [name, [startTime, end]] of Object.entries(times))
      tracer.startSpan(name, { startTime: startTime as Date }).end(end as Date)
    tracer.startSpan('strange', { startTime: NaN }).end('soon' as never)
    return timeOrigin
  })
  const all = await spans(stage, visit)
  for (const name of ['page', 'unix', 'date', 'pair']) {
    const { start, end } = only(all, visit.service, name)
    // A date has whole milliseconds.
    const off = Math.abs(Number(start / 1_000n) / 1e3 - origin - 40)
    expect(off, name).toBeLessThan(name === 'date' ? 1 : 0.01)
    expect(Math.abs(Number(end - start) / 1e6 - 5), name).toBeLessThan(0.01)
  }
  const { start, end } = only(all, visit.service, 'strange')
  expect(end >= start && Number(start / 1_000_000n) > origin).toBe(true)
})

test('what is above a span', async ({ open, stage }) => {
  const visit = await open(await page(stage))
  const ids = await visit.page.evaluate(async () => {
    const { context, propagation, ROOT_CONTEXT, trace } = otel.api
    const remote = propagation.extract(ROOT_CONTEXT, {
      traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
    })
    const outer = tracer.startActiveSpan('outer', (span) => {
      tracer.startActiveSpan('inner', { attributes: { a: 1 } }, (inner) => {
        void fetch('/echo?inner')
        inner.end()
        tracer.startSpan('below an ended one').end()
      })
      tracer.startSpan('a root', { root: true }).end()
      tracer.startSpan('without', {}, ROOT_CONTEXT).end()
      tracer.startActiveSpan('of a server', {}, remote, (own) => own.end())
      return span
    })
    void fetch('/echo?outside')
    await context.with(trace.setSpan(context.active(), outer), () => fetch('/echo?again'))
    context.with(remote, () => tracer.startSpan('below a server').end())
    outer.end()
    // Its own trace has ended with it, and goes on all the same.
    tracer.startSpan('late', {}, trace.setSpan(ROOT_CONTEXT, outer)).end()
    await fetch('/echo?last')
    return outer.spanContext()
  })
  const all = await spans(stage, visit)
  const find = (name: string, url = '') => only(all, visit.service, name, url)
  const outer = find('outer')
  expect(outer).toMatchObject({ spanId: ids.spanId, parentSpanId: '', kind: Kind.Internal })
  const inner = find('inner')
  for (const [below, above] of [
    [inner, outer],
    [find('GET', 'inner'), inner],
    [find('below an ended one'), inner],
    [find('GET', 'again'), outer],
    [find('late'), outer],
  ] as const)
    expect(below, below.name).toMatchObject({ traceId: outer.traceId, parentSpanId: above.spanId })
  for (const name of ['a root', 'without']) {
    expect(find(name).parentSpanId, name).toBe('')
    expect(find(name).traceId, name).not.toBe(outer.traceId)
  }
  for (const name of ['of a server', 'below a server'])
    expect(find(name), name).toMatchObject({
      traceId: '4bf92f3577b34da6a3ce929d0e0e4736',
      parentSpanId: '00f067aa0ba902b7',
    })
  expect(find('GET', 'outside').traceId).not.toBe(outer.traceId)
  // The server got what the span has.
  expect(JSON.stringify(stage.only('/echo?inner').headers)).toContain(find('GET', 'inner').spanId)
})

test('what the agent does is active for the API', async ({ open, stage }) => {
  const held: (() => void)[] = []
  stage.route('/held', (_, response) => void held.push(() => response.writeHead(204).end()))
  const visit = await open(
    { ...(await page(stage)), body: '<button id="buy">Buy</button><img alt="" src="/held">' },
    'domcontentloaded',
  )
  const seen = await visit.page.evaluate(() => {
    const { context, ROOT_CONTEXT, trace } = otel.api
    const load = trace.getActiveSpan()
    const own = apm.startSpan('own')
    const during = apm.withSpan(own, () => [trace.getActiveSpan(), trace.getActiveSpan()])
    const mixed = tracer.startActiveSpan('mixed', (span) => {
      const active = trace.getActiveSpan()
      const deeper = apm.withSpan(own, () => trace.getActiveSpan()?.spanContext().spanId)
      const none = context.with(ROOT_CONTEXT, () => trace.getActiveSpan())
      const back = trace.getActiveSpan()
      span.end()
      const ended = trace.getActiveSpan()
      return { same: active === span && back === span && ended === span, deeper, none }
    })
    tracer.startSpan('of the page').end()
    const id = own?.spanId
    own?.end()
    return {
      load: load?.spanContext().traceId,
      ofApm: apm.getCurrentTransaction()?.traceId,
      during: during.map((span) => span?.spanContext().spanId),
      same: during[0] === during[1],
      mixed,
      id,
    }
  })
  expect(seen).toMatchObject({ load: seen.ofApm, during: [seen.id, seen.id], same: true })
  expect(seen.mixed).toEqual({ same: true, deeper: seen.id, none: undefined })
  for (const release of held) release()
  await expect.poll(() => visit.page.evaluate(() => document.readyState)).toBe('complete')
  await visit.page.waitForTimeout(50)
  await visit.page.evaluate(() => {
    buy.onclick = () => tracer.startSpan('of a click').end()
  })
  await visit.page.click('#buy')
  await visit.page.waitForTimeout(400)
  const all = await spans(stage, visit)
  const load = only(all, visit.service, 'documentLoad')
  expect(only(all, visit.service, 'of the page')).toMatchObject({
    traceId: load.traceId,
    parentSpanId: load.spanId,
  })
  expect(only(all, visit.service, 'of a click').parentSpanId).toBe(
    only(all, visit.service, 'Click - button').spanId,
  )
})

test('contexts are carried on, bound and left as the API has it', async ({ open, stage }) => {
  const visit = await open(await page(stage))
  const seen = await visit.page.evaluate(() => {
    const { context, createContextKey, propagation, ROOT_CONTEXT, trace } = otel.api
    const key = createContextKey('own')
    const one = ROOT_CONTEXT.setValue(key, 1)
    const self = { name: 'self' }
    function work(this: unknown, ...all: number[]) {
      return [this === self, context.active().getValue(key), ...all]
    }
    const direct = context.with(one, work, self, 2, 3)
    const bound = context.bind(one, work)
    const viaBound = bound.call(self, 4)
    const failure = new Error('of the page')
    let thrown: unknown
    try {
      context.with(one, () => {
        throw failure
      })
    } catch (error) {
      thrown = error
    }
    const rest = [context.active().getValue(key), bound.name, bound.length, context.bind(one, self) === self]
    const span = tracer.startSpan('carried')
    const carrier: Record<string, string> = {}
    propagation.inject(trace.setSpan(ROOT_CONTEXT, span), carrier)
    const text = apm.withSpan(apm.startSpan('other'), () => {
      const all: Record<string, string> = {}
      propagation.inject(context.active(), all)
      return [all['traceparent'], apm.getTraceparent()]
    })
    const parse = (traceparent: string, tracestate?: string) => {
      const found = trace.getSpanContext(propagation.extract(ROOT_CONTEXT, { traceparent, tracestate }))
      return found && [found.traceFlags, found.isRemote, found.traceState?.get('a')]
    }
    const ids = '4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7'
    const parsed = [
      parse(`00-${ids}-01`, 'a=1,b=2'),
      parse(`cc-${ids}-00-more`),
      parse(`00-${ids}-01-more`),
      parse(`ff-${ids}-01`),
      parse(`00-${'0'.repeat(32)}-00f067aa0ba902b7-01`),
      parse('nonsense'),
    ]
    const { traceId, spanId } = span.spanContext()
    return { direct, viaBound, same: thrown === failure, rest, carrier, traceId, spanId, text, parsed }
  })
  expect(seen.direct).toEqual([true, 1, 2, 3])
  expect(seen.viaBound).toEqual([true, 1, 4])
  expect(seen.same).toBe(true)
  expect(seen.rest).toEqual([undefined, 'work', 0, true])
  expect(seen.carrier).toEqual({ traceparent: `00-${seen.traceId}-${seen.spanId}-03` })
  expect(seen.text[0]).toBe(seen.text[1])
  expect(seen.parsed).toEqual(
    [[1, true, '1'], [0, true, null], ...Array<undefined>(4).fill(undefined)].map((one) =>
      one?.map((part) => part ?? undefined),
    ),
  )
})

test('exceptions are events of their span, and leave its status to others', async ({ open, stage }) => {
  const visit = await open(await page(stage))
  const id = await visit.page.evaluate(() => {
    const span = tracer.startSpan('failing')
    span.recordException(new TypeError('no cart'))
    span.recordException('a text')
    span.recordException({ code: 'E_CODE', name: 'Coded' })
    span.end()
    span.recordException(new Error('late'))
    return span.spanContext().spanId
  })
  expect(only(await spans(stage, visit), visit.service, 'failing').status.code ?? 0).toBe(0)
  const all = await events(stage, visit)
  expect(all.map(({ eventName, spanId }) => [eventName, spanId])).toEqual(Array(3).fill(['exception', id]))
  expect(JSON.stringify(all[0])).toContain('TypeError')
  expect(JSON.stringify(all[2])).toContain('E_CODE')
})

test('without an agent that runs, and where nothing is to be traced, nothing is recorded', async ({
  open,
  stage,
}) => {
  const visit = await open(await page(stage))
  const seen = await visit.page.evaluate(() => {
    const { context, propagation, ROOT_CONTEXT, trace } = otel.api
    const hidden = context.with(otel.suppressTracing(context.active()), () => tracer.startSpan('hidden'))
    const ofHidden = hidden.isRecording()
    apm.stop()
    const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01'
    const remote = propagation.extract(ROOT_CONTEXT, { traceparent })
    const [id, result] = tracer.startActiveSpan('nothing', {}, remote, (span) => {
      span.setAttribute('a', 1).addEvent('b').recordException(new Error('c'))
      span.end()
      return [span.spanContext().traceId, 7] as const
    })
    const alone = tracer.startSpan('alone')
    const recording = alone.isRecording()
    unregister()
    const after = trace.getTracer('x').startSpan('y').isRecording()
    return { ofHidden, id, result, recording, after, errors: trace.getActiveSpan() }
  })
  expect(seen).toEqual({
    ofHidden: false,
    // Whoever reads it goes on with the trace that there is.
    id: '4bf92f3577b34da6a3ce929d0e0e4736',
    result: 7,
    recording: false,
    after: false,
    errors: undefined,
  })
  expect(visit.errors).toEqual([])
  const names = () =>
    postsOf(stage, '/v1/traces', visit.service).flatMap(({ body }) =>
      spansIn(JSON.parse(body.toString())).map(({ name }) => name),
    )
  await expect.poll(names).toContain('documentLoad')
  expect(names().join()).not.toMatch(/hidden|nothing|alone/)
})

const LIBRARIES = `otel.registerInstrumentations({ instrumentations: [
  new otel.DocumentLoadInstrumentation(), new otel.LongTaskInstrumentation(), new otel.UserInteractionInstrumentation(),
] })`

test('libraries of OpenTelemetry’s record into the same traces', async ({ open, stage }) => {
  const visit = await open({
    ...(await page(stage, { disableInstrumentations: ['web-vitals', 'page-load', 'click'] }, LIBRARIES)),
    body: `<button id="buy">Buy</button><script>
      buy.addEventListener('click', () => {
        fetch('/echo?bought')
        const end = performance.now() + 120
        while (performance.now() < end);
      })
    </script>`,
  })
  await visit.page.waitForTimeout(100)
  await visit.page.click('#buy')
  await visit.page.waitForTimeout(300)
  const all = await spans(stage, visit)
  const load = only(all, visit.service, 'documentLoad')
  const document = only(all, visit.service, 'documentFetch')
  expect(load.attributes['otel.scope.name']).toBe('@opentelemetry/instrumentation-document-load')
  expect(document).toMatchObject({ traceId: load.traceId, parentSpanId: load.spanId })
  expect(all.filter(({ name }) => name === 'resourceFetch').map(({ traceId }) => traceId)).toContain(
    load.traceId,
  )
  expect(load.end).toBeGreaterThan(load.start)
  expect((await events(stage, visit)).filter(({ spanId }) => spanId === load.spanId).length).toBeGreaterThan(
    5,
  )
  const click = only(all, visit.service, 'click')
  expect(click.attributes).toMatchObject({ target_element: 'BUTTON', event_type: 'click' })
  expect(only(all, visit.service, 'GET', 'bought')).toMatchObject({
    traceId: click.traceId,
    parentSpanId: click.spanId,
  })
  const tasks = all.filter(({ name, start }) => name === 'longtask' && start >= click.start - 50_000_000n)
  expect(tasks.map(({ start, end }) => Number(end - start) / 1e6 > 100)).toContain(true)
  expect(visit.errors).toEqual([])
})

test('with Elastic’s server they are transactions and spans', async ({ open, stage }) => {
  const visit = await open(await page(stage, {}, '', 'headwater.elastic.min.js'))
  await visit.page.evaluate(async () => {
    const { propagation, ROOT_CONTEXT, SpanKind, trace } = otel.api
    const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01'
    const remote = propagation.extract(ROOT_CONTEXT, { traceparent })
    await tracer.startActiveSpan('of a server', { kind: SpanKind.CLIENT }, remote, async (outer) => {
      tracer.startActiveSpan('below', (span) => span.addEvent('unknown').end())
      await fetch('/echo?below')
      outer.recordException(new Error('late'))
      outer.end()
      // Its transaction has been told.
      tracer.startSpan('behind', {}, trace.setSpan(ROOT_CONTEXT, outer)).end()
    })
    return apm.flush()
  })
  const all = intakeOf(stage, visit.service)
  const find = (kind: string, name: string) =>
    all.find(([own, event]) => own === kind && event['name'] === name)?.[1]
  const outer = find('transaction', 'of a server')
  expect(outer).toMatchObject({
    trace_id: '4bf92f3577b34da6a3ce929d0e0e4736',
    parent_id: '00f067aa0ba902b7',
    type: 'custom',
    context: { tags: { otel_scope_name: 'shop-cart' } },
  })
  expect(find('span', 'below')).toMatchObject({
    transaction_id: outer?.['id'],
    parent_id: outer?.['id'],
    type: 'custom',
  })
  expect(find('transaction', 'behind')).toMatchObject({
    trace_id: outer?.['trace_id'],
    parent_id: outer?.['id'],
  })
  expect(all.find(([kind]) => kind === 'error')?.[1]).toMatchObject({
    transaction_id: outer?.['id'],
    exception: { message: 'late' },
  })
})

declare const otel: typeof program
declare const tracer: program.api.Tracer
declare const apm: Agent
declare const unregister: () => void
declare const buy: HTMLButtonElement

type Agent = Required<import('headwater').Agent>
