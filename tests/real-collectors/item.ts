/** Spans and log records as collectors give them out again, in a form that can be compared. */
import { otlpJsonOf, type Decoded } from '../support/otlp-decoder.js'
import { attributesOf, spansIn, type Attributes, type AttributeValue } from '../support/spans.js'

export type Signal = 'traces' | 'logs'

/** A span, or a log record. */
export interface Item {
  traceId: string
  spanId: string
  /** Empty for a root, and for log records. */
  parentSpanId: string
  /** The event's, of log records. */
  name: string
  kind: number
  status: number
  severity: number
  /** Unix milliseconds. */
  start: number
  end: number
  attributes: Attributes
  resource: Attributes
  /** Its name and version. */
  scope: string
}

export type Field = keyof Item

/** What was sent. */
export function itemsIn(signal: Signal, decoded: Decoded[]): Item[] {
  return decoded.flatMap(({ request }) => {
    const plain = otlpJsonOf(request)
    if (signal === 'logs') return recordsIn(plain)
    return spansIn(plain).map(({ scope, start, end, status, ...span }) => ({
      ...span,
      status: status.code ?? 0,
      severity: 0,
      start: milliseconds(start),
      end: milliseconds(end),
      scope: `${scope.name} ${scope.version}`,
    }))
  })
}

/** These fields of each, in an order of their own. */
export function reduced(items: Item[], kept: readonly Field[]): Partial<Item>[] {
  return items
    .map((item) => ({ ...item, attributes: written(item.attributes), resource: written(item.resource) }))
    .sort((a, b) => order(a).localeCompare(order(b)))
    .map((item) => Object.fromEntries(kept.map((field) => [field, item[field]])))
}

/** Unix milliseconds of nanoseconds. */
export function milliseconds(nanoseconds: bigint | number | string): number {
  return Number(BigInt(nanoseconds) / 1_000n) / 1_000
}

interface LogsData {
  resourceLogs?: {
    resource?: { attributes?: Parameters<typeof attributesOf>[0] }
    scopeLogs?: {
      scope?: { name?: string; version?: string }
      logRecords?: {
        traceId?: string
        spanId?: string
        eventName?: string
        severityNumber?: number
        timeUnixNano: string
        attributes?: Parameters<typeof attributesOf>[0]
      }[]
    }[]
  }[]
}

function recordsIn(logs: unknown): Item[] {
  const { resourceLogs = [] } = logs as LogsData
  return resourceLogs.flatMap(({ resource, scopeLogs = [] }) =>
    scopeLogs.flatMap(({ scope, logRecords = [] }) =>
      logRecords.map((record) => ({
        traceId: record.traceId ?? '',
        spanId: record.spanId ?? '',
        parentSpanId: '',
        name: record.eventName ?? '',
        kind: 0,
        status: 0,
        severity: record.severityNumber ?? 0,
        start: milliseconds(record.timeUnixNano),
        end: 0,
        attributes: attributesOf(record.attributes),
        resource: attributesOf(resource?.attributes),
        scope: `${scope?.name} ${scope?.version}`,
      })),
    ),
  )
}

function written(attributes: Attributes): Attributes {
  return Object.fromEntries(Object.entries(attributes).map(([key, value]) => [key, rounded(value)]))
}

/** Some of them read decimals of JSON with an error in the last digit. */
function rounded(value: AttributeValue): AttributeValue {
  if (Array.isArray(value)) return value.map(rounded)
  if (typeof value === 'number') return Number(value.toPrecision(14))
  if (typeof value !== 'string') return value
  return value.replace(/\b\d+\.\d+\b/g, (number) =>
    number.length < 15 ? number : Number(number).toPrecision(14),
  )
}

function order({ traceId, spanId, start }: Item): string {
  return `${traceId} ${spanId} ${Math.round(start)}`
}
