import assert from 'node:assert/strict'
import { test } from 'node:test'
import { groupAttributes, valueText } from '../attributes.js'
import { logsBySpan } from '../logs-model.js'
import { COLOR_COUNT, freeSlot } from '../service-colors.js'
import { buildTrace, criticalPath, nextSpan, visibleSpans } from '../trace-model.js'

const BASE = 1_763_715_194_000_000_000n

/** A span with times in milliseconds after BASE. */
function span(spanId, parentSpanId, start, end, more = {}) {
  const nanos = (ms) => String(BASE + BigInt(ms) * 1_000_000n)
  return {
    traceId: 'aa',
    spanId,
    parentSpanId,
    name: spanId,
    startTimeUnixNano: nanos(start),
    endTimeUnixNano: nanos(end),
    ...more,
  }
}

function otlp(byService) {
  return {
    resourceSpans: Object.entries(byService).map(([service, spans]) => ({
      resource: { attributes: [{ key: 'service.name', value: { stringValue: service } }] },
      scopeSpans: [{ spans }],
    })),
  }
}

const ids = (spans) => spans.map((one) => one.spanId).join(' ')
const byId = (trace, id) => trace.spans.find((one) => one.spanId === id)

test('spans stand in the order of the tree, siblings by start', () => {
  const trace = buildTrace(
    otlp({
      web: [span('c', 'a', 50, 90), span('d', 'b', 20, 30), span('b', 'a', 10, 40), span('a', '', 0, 100)],
    }),
  )
  assert.equal(ids(trace.spans), 'a b d c')
  assert.deepEqual(
    trace.spans.map((one) => one.depth),
    [0, 1, 2, 1],
  )
  assert.equal(trace.duration, 100e6)
  assert.equal(trace.startUnixNano, BASE)
  assert.equal(trace.root.spanId, 'a')
})

test('self time is what no child covers, overlaps counted once', () => {
  const trace = buildTrace(
    otlp({
      web: [span('a', '', 0, 100), span('b', 'a', 10, 40), span('c', 'a', 30, 60), span('d', 'a', 90, 150)],
    }),
  )
  assert.equal(byId(trace, 'a').selfTime, 40e6)
})

test('a span without its parent becomes a root and is marked', () => {
  const trace = buildTrace(otlp({ web: [span('x', 'gone', 5, 9), span('a', '', 7, 8)] }))
  assert.equal(byId(trace, 'x').orphan, true)
  assert.equal(byId(trace, 'a').orphan, false)
  assert.equal(trace.root.spanId, 'a')
})

test('a cycle loses one edge, and no span', () => {
  const trace = buildTrace(
    otlp({
      web: [span('a', 'b', 0, 9), span('b', 'a', 1, 8), span('c', 'b', 2, 3), span('self', 'self', 4, 5)],
    }),
  )
  assert.equal(trace.spans.length, 4)
  assert.equal(trace.spans.filter((one) => !one.parent).length, 2)
})

test('a chain of 20,000 spans does not overflow the stack', () => {
  const chain = Array.from({ length: 20_000 }, (_, index) =>
    span(`s${index}`, index ? `s${index - 1}` : '', 0, 10),
  )
  const trace = buildTrace(otlp({ web: chain }))
  assert.equal(trace.spans.at(-1).depth, 19_999)
  assert.equal(criticalPath(trace.root).size, 20_000)
})

test('a repeated span counts once, the later one; a shared id does not swallow the other kind', () => {
  const trace = buildTrace(
    otlp({
      web: [span('a', '', 0, 5, { kind: 3 }), span('a', '', 0, 9, { kind: 3 })],
      api: [span('a', '', 1, 4, { kind: 2 })],
    }),
  )
  assert.equal(trace.spans.length, 2)
  assert.equal(trace.duration, 9e6)
  assert.equal(trace.spans[1].parent, trace.spans[0])
  assert.notEqual(trace.spans[0].key, trace.spans[1].key)
})

test('a server outside its request is moved into it with its subtree', () => {
  const trace = buildTrace(
    otlp({
      web: [span('call', '', 100, 200, { kind: 3 })],
      api: [span('handle', 'call', 4100, 4150, { kind: 2 }), span('query', 'handle', 4110, 4120)],
    }),
  )
  assert.equal(byId(trace, 'handle').end, byId(trace, 'call').end)
  assert.equal(byId(trace, 'query').shift, -3950e6)
  assert.equal(trace.duration, 100e6)
})

test('children of the same service may outlive their parent', () => {
  const trace = buildTrace(otlp({ web: [span('a', '', 0, 10), span('late', 'a', 50, 60)] }))
  assert.equal(byId(trace, 'late').shift, 0)
  assert.equal(trace.duration, 60e6)
})

test('nonsense times neither throw nor stretch the axis', () => {
  const trace = buildTrace(
    otlp({
      web: [
        span('a', '', 10, 20),
        { traceId: 'aa', spanId: 'b', parentSpanId: 'a', startTimeUnixNano: 'soon' },
        span('c', 'a', 15, 12),
      ],
    }),
  )
  assert.equal(trace.duration, 10e6)
  assert.equal(byId(trace, 'c').end, byId(trace, 'c').start)
  assert.equal(buildTrace(undefined).spans.length, 0)
  assert.equal(buildTrace({ resourceSpans: [{}] }).duration, 0)
})

test('collapsing hides the descendants and keeps count of their errors', () => {
  const failed = { status: { code: 2 } }
  const trace = buildTrace(
    otlp({
      web: [
        span('a', '', 0, 9),
        span('b', 'a', 1, 5),
        span('c', 'b', 2, 3, failed),
        span('d', 'a', 6, 7, { status: { code: 'STATUS_CODE_ERROR' } }),
      ],
    }),
  )
  assert.equal(ids(visibleSpans(trace, new Set(['b']))), 'a b d')
  assert.equal(byId(trace, 'b').failedBelow, 1)
  assert.equal(byId(trace, 'a').failedBelow, 2)
  assert.equal(trace.failed, 2)
})

test('the next error is found around the end', () => {
  const failed = { status: { code: 2 } }
  const trace = buildTrace(
    otlp({
      web: [
        span('a', '', 0, 9),
        span('b', 'a', 1, 2, failed),
        span('c', 'a', 3, 4),
        span('d', 'a', 5, 6, failed),
      ],
    }),
  )
  const next = (from, direction) => nextSpan(trace, from, direction, (one) => one.failed)?.spanId
  assert.equal(next(-1, 1), 'b')
  assert.equal(next(1, 1), 'd')
  assert.equal(next(3, 1), 'b')
  assert.equal(next(1, -1), 'd')
})

test('the critical path follows the child that ended last', () => {
  const trace = buildTrace(
    otlp({
      web: [
        span('a', '', 0, 100),
        span('b', 'a', 10, 40),
        span('c', 'a', 50, 90),
        span('short', 'a', 55, 60),
      ],
    }),
  )
  const path = criticalPath(trace.root)
  const of = (id) => path.get(byId(trace, id))?.map(({ start, end }) => [start / 1e6, end / 1e6])
  assert.deepEqual(of('a'), [
    [90, 100],
    [40, 50],
    [0, 10],
  ])
  assert.deepEqual(of('c'), [[50, 90]])
  assert.equal(of('short'), undefined)
})

test('services are counted with their errors', () => {
  const trace = buildTrace(
    otlp({
      web: [span('a', '', 0, 9)],
      api: [span('b', 'a', 1, 2, { status: { code: 2 } }), span('c', 'a', 3, 4)],
    }),
  )
  assert.deepEqual(trace.services, [
    { name: 'web', count: 1, failed: 0 },
    { name: 'api', count: 2, failed: 1 },
  ])
})

test('attribute values read as text', () => {
  assert.equal(valueText({ intValue: '9007199254740993' }), '9007199254740993')
  assert.equal(valueText({ boolValue: false }), 'false')
  assert.equal(valueText({ arrayValue: { values: [{ stringValue: 'a' }, { intValue: '1' }] } }), '["a",1]')
  assert.equal(
    valueText({ kvlistValue: { values: [{ key: 'k', value: { doubleValue: 1.5 } }] } }),
    '{"k":1.5}',
  )
  assert.equal(valueText({}), '')
})

test('attributes are grouped by prefix, lone ones together', () => {
  const text = (key) => ({ key, value: { stringValue: 'v' } })
  const groups = groupAttributes([
    text('zeta.b'),
    text('http.route'),
    text('lone.one'),
    text('zeta.a'),
    text('plain'),
    text('error.type'),
  ])
  assert.deepEqual(
    groups.map((group) => [group.name, group.entries.map((entry) => entry.key).join(' ')]),
    [
      ['error', 'error.type'],
      ['http', 'http.route'],
      ['zeta', 'zeta.a zeta.b'],
      ['other', 'lone.one plain'],
    ],
  )
  assert.deepEqual(groupAttributes([text('http.route'), text('plain')], 'ROUTE').length, 1)
})

test('logs are filed under their span', () => {
  const logs = logsBySpan({
    resourceLogs: [
      {
        scopeLogs: [
          {
            logRecords: [
              { spanId: 'a', timeUnixNano: '5', severityNumber: 17, body: { stringValue: 'later' } },
              { spanId: 'a', timeUnixNano: '3', eventName: 'first' },
              { timeUnixNano: '1' },
            ],
          },
        ],
      },
    ],
  })
  assert.deepEqual(
    logs.get('a').map((log) => log.name || log.body),
    ['first', 'later'],
  )
  assert.equal(logs.get('a')[1].severity, 'ERROR')
  assert.equal(logs.get('').length, 1)
})

test('a service keeps its colour, and another one never gets the same while colours last', () => {
  assert.equal(freeSlot('shop', new Set()), freeSlot('shop', new Set()))
  const taken = new Set()
  for (let index = 0; index < COLOR_COUNT; index += 1) taken.add(freeSlot(`service-${index}`, taken))
  assert.equal(taken.size, COLOR_COUNT)
})
