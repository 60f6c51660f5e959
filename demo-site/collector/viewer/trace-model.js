// @ts-check
// From OTLP JSON to the tree that the waterfall draws. Pure: no DOM, no clock.
// All of it tolerates what networks deliver: missing parents, duplicates, cycles, nonsense times.

import { attributeText } from './attributes.js'
import { toNanos } from './format.js'

/**
 * @typedef {import('./attributes.js').KeyValue} KeyValue
 * @typedef {{ name: string, at: number, attributes: KeyValue[] }} SpanEvent
 * @typedef {{ traceId: string, spanId: string, attributes: KeyValue[] }} SpanLink
 * @typedef {object} Span
 * @property {string} key unique within the trace, even where span ids are not
 * @property {string} traceId
 * @property {string} spanId
 * @property {string} parentSpanId
 * @property {string} name
 * @property {string} service
 * @property {number} kind 0 unspecified, 1 internal, 2 server, 3 client, 4 producer, 5 consumer
 * @property {number} start nanoseconds since the start of the trace, as drawn
 * @property {number} end
 * @property {number} shift how many nanoseconds it was moved because two clocks disagree
 * @property {number} selfTime nanoseconds not covered by children
 * @property {boolean} failed
 * @property {string} statusMessage
 * @property {number} statusCode
 * @property {KeyValue[]} attributes
 * @property {SpanEvent[]} events
 * @property {SpanLink[]} links
 * @property {KeyValue[]} resource
 * @property {{ name?: string, version?: string }} scope
 * @property {number} flags
 * @property {string} traceState
 * @property {Span | undefined} parent
 * @property {Span[]} children by start
 * @property {boolean} orphan it names a parent that has not arrived
 * @property {number} depth
 * @property {number} index position in `Trace.spans`
 * @property {number} subtreeEnd index after its last descendant
 * @property {number} failedBelow failed descendants
 *
 * @typedef {object} Trace
 * @property {string} traceId
 * @property {Span[]} spans in the order of the tree, depth first
 * @property {Span | undefined} root the span that names the trace
 * @property {{ name: string, count: number, failed: number }[]} services by first appearance
 * @property {bigint} startUnixNano
 * @property {number} duration
 * @property {number} failed
 */

/**
 * @param {any} otlp
 * @returns {Trace}
 */
export function buildTrace(otlp) {
  const records = readRecords(otlp)
  const starts = records.map((record) => record.startUnix).filter((start) => start > 0n)
  const origin = starts.reduce((least, start) => (start < least ? start : least), starts[0] ?? 0n)
  const spans = records.map((record) => createSpan(record, origin))
  const roots = linkParents(spans)
  adjustClocks(roots)

  const ordered = orderTree(roots)
  let first = Infinity
  let last = -Infinity
  for (const span of ordered) {
    first = Math.min(first, span.start)
    last = Math.max(last, span.end)
  }
  if (!Number.isFinite(first)) first = last = 0
  for (const span of ordered) {
    span.start -= first
    span.end -= first
    for (const event of span.events) event.at -= first
  }
  measureSubtrees(ordered)

  return {
    traceId: ordered[0]?.traceId ?? '',
    spans: ordered,
    root: roots.find((span) => !span.orphan) ?? longest(roots),
    services: countServices(ordered),
    startUnixNano: origin + BigInt(Math.round(first)),
    duration: last - first,
    failed: ordered.filter((span) => span.failed).length,
  }
}

/**
 * The rows on show: everything but the descendants of collapsed spans.
 * @param {Trace} trace
 * @param {ReadonlySet<string>} collapsed keys
 */
export function visibleSpans(trace, collapsed) {
  const rows = []
  for (let index = 0; index < trace.spans.length;) {
    const span = trace.spans[index]
    rows.push(span)
    index = collapsed.has(span.key) ? span.subtreeEnd : index + 1
  }
  return rows
}

/**
 * The next span that fits, in the order of the tree, around the end.
 * @param {Trace} trace
 * @param {number} from index to start behind; −1 for the beginning
 * @param {1 | -1} direction
 * @param {(span: Span) => boolean} fits
 */
export function nextSpan(trace, from, direction, fits) {
  const count = trace.spans.length
  const base = from < 0 && direction < 0 ? 0 : from
  for (let step = 1; step <= count; step += 1) {
    const span = trace.spans[(((base + direction * step) % count) + count) % count]
    if (fits(span)) return span
  }
  return undefined
}

/**
 * What the root waited for: walking back from its end, always the child that ended last.
 * @param {Span | undefined} root
 * @returns {Map<Span, { start: number, end: number }[]>}
 */
export function criticalPath(root) {
  const path = new Map()
  const pending = root ? [{ span: root, until: root.end }] : []
  for (let next = pending.pop(); next; next = pending.pop()) {
    const { span, until } = next
    const limit = Math.min(span.end, until)
    const segments = []
    let cursor = limit
    for (const child of [...span.children].sort((a, b) => b.end - a.end)) {
      const end = Math.min(child.end, limit)
      if (end > cursor || child.start >= cursor || end <= span.start) continue
      if (end < cursor) segments.push({ start: end, end: cursor })
      pending.push({ span: child, until: end })
      cursor = Math.max(child.start, span.start)
    }
    if (cursor > span.start) segments.push({ start: span.start, end: cursor })
    path.set(span, segments)
  }
  return path
}

/** @param {any} otlp */
function readRecords(otlp) {
  const records = []
  const seen = new Map()
  for (const { resource, scopeSpans } of otlp?.resourceSpans ?? []) {
    const attributes = resource?.attributes ?? []
    const service = attributeText(attributes, 'service.name') || 'unknown service'
    for (const { scope, spans } of scopeSpans ?? []) {
      for (const span of spans ?? []) {
        const kind = enumNumber(span.kind, KINDS)
        // A retried export delivers a span twice; Zipkin's client and server share an id and differ in kind.
        const identity = `${span.spanId}/${service}/${kind}`
        const record = {
          span,
          kind,
          service,
          resource: attributes,
          scope: scope ?? {},
          startUnix: toNanos(span.startTimeUnixNano),
          endUnix: toNanos(span.endTimeUnixNano),
        }
        const known = seen.get(identity)
        if (known !== undefined) records[known] = record
        else seen.set(identity, records.push(record) - 1)
      }
    }
  }
  return records
}

/**
 * @param {ReturnType<typeof readRecords>[number]} record
 * @param {bigint} origin
 * @returns {Span}
 */
function createSpan({ span, kind, service, resource, scope, startUnix, endUnix }, origin) {
  const start = startUnix > 0n ? Number(startUnix - origin) : 0
  const statusCode = enumNumber(span.status?.code, STATUS_CODES)
  return {
    key: '',
    traceId: span.traceId ?? '',
    spanId: span.spanId ?? '',
    parentSpanId: span.parentSpanId && !/^0+$/.test(span.parentSpanId) ? span.parentSpanId : '',
    name: span.name || '(no name)',
    service,
    kind,
    start,
    end: endUnix > 0n ? Math.max(start, Number(endUnix - origin)) : start,
    shift: 0,
    selfTime: 0,
    failed: statusCode === 2,
    statusMessage: span.status?.message ?? '',
    statusCode,
    attributes: span.attributes ?? [],
    events: (span.events ?? []).map((/** @type {any} */ event) => {
      const time = toNanos(event.timeUnixNano)
      return {
        name: event.name ?? '',
        at: time > 0n ? Number(time - origin) : start,
        attributes: event.attributes ?? [],
      }
    }),
    links: (span.links ?? []).map((/** @type {any} */ link) => ({
      traceId: link.traceId ?? '',
      spanId: link.spanId ?? '',
      attributes: link.attributes ?? [],
    })),
    resource,
    scope,
    flags: span.flags ?? 0,
    traceState: span.traceState ?? '',
    parent: undefined,
    children: [],
    orphan: false,
    depth: 0,
    index: 0,
    subtreeEnd: 0,
    failedBelow: 0,
  }
}

/**
 * Sets keys, parents and children; answers the roots.
 * @param {Span[]} spans
 */
function linkParents(spans) {
  /** @type {Map<string, Span>} */
  const byId = new Map()
  for (const span of spans) {
    span.key = byId.has(span.spanId) ? `${span.spanId}~${span.service}~${span.kind}` : span.spanId
    if (!byId.has(span.spanId)) byId.set(span.spanId, span)
  }
  const roots = []
  for (const span of spans) {
    const sharer = byId.get(span.spanId)
    // The second span under a shared id hangs below the first.
    const parent =
      sharer !== span ? sharer : span.parentSpanId === span.spanId ? undefined : byId.get(span.parentSpanId)
    span.parent = parent
    if (parent) parent.children.push(span)
    else {
      span.orphan = span.parentSpanId !== ''
      roots.push(span)
    }
  }
  for (const span of breakCycles(spans, roots)) {
    span.orphan = true
    roots.push(span)
  }
  for (const span of spans) span.children.sort(byStart)
  return roots.sort(byStart)
}

/**
 * Spans in a cycle hang below no root: of each cycle one becomes a root.
 * @param {Span[]} spans
 * @param {Span[]} roots
 */
function breakCycles(spans, roots) {
  const reached = new Set(roots)
  const freed = []
  // A Set hands out what is added to it while it is walked.
  for (const span of reached) for (const child of span.children) reached.add(child)
  for (const candidate of spans) {
    if (reached.has(candidate)) continue
    const chain = new Set()
    let span = candidate
    while (span.parent && !chain.has(span)) {
      chain.add(span)
      span = span.parent
    }
    const parent = /** @type {Span} */ (span.parent)
    parent.children.splice(parent.children.indexOf(span), 1)
    span.parent = undefined
    freed.push(span)
    const pending = [span]
    for (let next = pending.pop(); next; next = pending.pop()) {
      reached.add(next)
      pending.push(...next.children)
    }
  }
  return freed
}

/**
 * A server works within the request that called it. Where it seems not to, the two machines' clocks differ, and the
 * server's subtree moves by the least that puts it right.
 * @param {Span[]} roots
 */
function adjustClocks(roots) {
  const pending = roots.map((span) => ({ span, shift: 0 }))
  for (let next = pending.pop(); next; next = pending.pop()) {
    const { span } = next
    const { parent } = span
    let { shift } = next
    const start = span.start + shift
    const end = span.end + shift
    if (
      parent &&
      span.kind === 2 &&
      parent.kind !== 2 &&
      span.service !== parent.service &&
      end - start <= parent.end - parent.start
    ) {
      if (start < parent.start) shift += parent.start - start
      else if (end > parent.end) shift -= end - parent.end
    }
    span.shift = shift
    span.start += shift
    span.end += shift
    for (const event of span.events) event.at += shift
    for (const child of span.children) pending.push({ span: child, shift })
  }
}

/** @param {Span[]} roots */
function orderTree(roots) {
  const ordered = []
  const pending = [...roots].reverse()
  for (let span = pending.pop(); span; span = pending.pop()) {
    span.index = ordered.length
    span.depth = span.parent ? span.parent.depth + 1 : 0
    ordered.push(span)
    span.children.sort(byStart)
    for (let child = span.children.length - 1; child >= 0; child -= 1) pending.push(span.children[child])
  }
  return ordered
}

/**
 * From the leaves up: the order of the tree, backwards.
 * @param {Span[]} ordered
 */
function measureSubtrees(ordered) {
  for (let index = ordered.length - 1; index >= 0; index -= 1) {
    const span = ordered[index]
    const lastChild = span.children.at(-1)
    span.subtreeEnd = lastChild ? lastChild.subtreeEnd : index + 1
    let covered = 0
    let cursor = span.start
    for (const child of span.children) {
      span.failedBelow += child.failedBelow + (child.failed ? 1 : 0)
      const from = Math.max(child.start, cursor)
      const to = Math.min(child.end, span.end)
      if (to > from) {
        covered += to - from
        cursor = to
      }
    }
    span.selfTime = span.end - span.start - covered
  }
}

/** @param {Span[]} spans */
function countServices(spans) {
  /** @type {Map<string, { name: string, count: number, failed: number }>} */
  const services = new Map()
  for (const span of spans) {
    let service = services.get(span.service)
    if (!service) services.set(span.service, (service = { name: span.service, count: 0, failed: 0 }))
    service.count += 1
    if (span.failed) service.failed += 1
  }
  return [...services.values()]
}

/** @param {Span[]} spans */
function longest(spans) {
  return spans.reduce(
    (/** @type {Span | undefined} */ best, span) =>
      best && best.end - best.start >= span.end - span.start ? best : span,
    undefined,
  )
}

/**
 * @param {Span} a
 * @param {Span} b
 */
function byStart(a, b) {
  return a.start - b.start || b.end - a.end
}

/**
 * OTLP JSON wants numbers for enums; some exporters write the names.
 * @param {unknown} value
 * @param {string[]} names
 */
function enumNumber(value, names) {
  if (typeof value === 'number') return value
  return typeof value === 'string' ? Math.max(0, names.indexOf(value)) : 0
}

const KINDS = [
  'SPAN_KIND_UNSPECIFIED',
  'SPAN_KIND_INTERNAL',
  'SPAN_KIND_SERVER',
  'SPAN_KIND_CLIENT',
  'SPAN_KIND_PRODUCER',
  'SPAN_KIND_CONSUMER',
]
const STATUS_CODES = ['STATUS_CODE_UNSET', 'STATUS_CODE_OK', 'STATUS_CODE_ERROR']
