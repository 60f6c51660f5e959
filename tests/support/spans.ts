/** Spans as the collector gives them out: OTLP JSON, made handy. */

export type AttributeValue = string | number | boolean | AttributeValue[] | undefined
export type Attributes = Partial<Record<string, AttributeValue>>

export interface Span {
  service: string
  resource: Attributes
  scope: { name?: string; version?: string }
  traceId: string
  spanId: string
  /** Empty for a root. */
  parentSpanId: string
  name: string
  kind: number
  /** Unix nanoseconds. */
  start: bigint
  end: bigint
  attributes: Attributes
  status: { code?: number; message?: string }
  flags: number
  links: { traceId: string; spanId: string }[]
}

export const Kind = { Internal: 1, Server: 2, Client: 3 } as const

/** `Status.code` of an error. */
export const ERROR = 2

/** All spans of a `TracesData`. */
export function spansIn(traces: unknown): Span[] {
  const { resourceSpans = [] } = (traces ?? {}) as TracesData
  return resourceSpans.flatMap(({ resource, scopeSpans = [] }) => {
    const own = attributesOf(resource?.attributes)
    return scopeSpans.flatMap(({ scope, spans = [] }) =>
      spans.map((span) => ({
        service: String(own['service.name']),
        resource: own,
        scope: scope ?? {},
        traceId: span.traceId,
        spanId: span.spanId,
        parentSpanId: span.parentSpanId ?? '',
        name: span.name,
        kind: span.kind ?? 0,
        start: BigInt(span.startTimeUnixNano),
        end: BigInt(span.endTimeUnixNano),
        attributes: attributesOf(span.attributes),
        status: span.status ?? {},
        flags: span.flags ?? 0,
        links: (span.links ?? []).map(({ traceId, spanId }) => ({ traceId, spanId })),
      })),
    )
  })
}

/** The span of this name, of this service; fails unless there is exactly one. */
export function only(spans: Span[], service: string, name: string, url = ''): Span {
  const found = spans.filter(
    (span) =>
      span.service === service &&
      span.name === name &&
      String(span.attributes['url.full'] ?? '').includes(url),
  )
  const [first] = found
  if (!first || found.length !== 1) {
    throw new Error(
      `${found.length} spans ${service}: ${name} ${url}, among ${spans.map((span) => span.name).join()}`,
    )
  }
  return first
}

/** Whether there is a span of this name, of this service. */
export function has(spans: Span[], service: string, name: string): boolean {
  return spans.some((span) => span.service === service && span.name === name)
}

export function attributesOf(list: KeyValue[] | undefined): Attributes {
  return Object.fromEntries((list ?? []).map(({ key, value }) => [key, plain(value)]))
}

function plain(value: AnyValue | undefined): AttributeValue {
  if (value?.intValue !== undefined) return Number(value.intValue)
  if (value?.arrayValue) return (value.arrayValue.values ?? []).map(plain)
  return value?.stringValue ?? value?.boolValue ?? value?.doubleValue
}

interface AnyValue {
  stringValue?: string
  boolValue?: boolean
  doubleValue?: number
  intValue?: string | number
  arrayValue?: { values?: AnyValue[] }
}

interface KeyValue {
  key: string
  value?: AnyValue
}

interface TracesData {
  resourceSpans?: {
    resource?: { attributes?: KeyValue[] }
    scopeSpans?: {
      scope?: { name?: string; version?: string }
      spans?: {
        traceId: string
        spanId: string
        parentSpanId?: string
        name: string
        kind?: number
        startTimeUnixNano: string
        endTimeUnixNano: string
        attributes?: KeyValue[]
        status?: { code?: number; message?: string }
        flags?: number
        links?: { traceId: string; spanId: string }[]
      }[]
    }[]
  }[]
}
