import path from 'node:path'

import { freePort } from '../support/free-port.js'
import { setUpCargo } from '../support/packages.js'
import { Program } from '../support/program.js'
import type { Attributes, AttributeValue } from '../support/spans.js'
import { json, KINDS, numberOf, STATUSES, UNTOLD, type RealCollector } from './collector.js'
import { milliseconds } from './item.js'

export const otelite: RealCollector = {
  name: 'otelite',
  version: '0.1.156',
  homepage: 'https://github.com/planetf1/otelite',
  cors: 'none',
  kept: {
    traces: [
      ...(['traceId', 'spanId', 'parentSpanId', 'name', 'kind', 'start', 'end', 'status'] as const),
      ...(['attributes', 'resource', 'scope'] as const),
    ],
    logs: ['traceId', 'spanId', 'severity', 'start', 'attributes', 'resource', 'scope'],
  },
  form: (sent) => ({ ...sent, attributes: asTexts(sent.attributes), resource: asTexts(sent.resource) }),
  remark: 'all values as texts',
  async start({ folder }) {
    const installed = setUpCargo(this.name, this.version)
    if (typeof installed === 'string') return installed
    const [http, grpc, api] = [await freePort(), await freePort(), await freePort()]
    const program = await Program.start(
      path.join(installed.programs, 'otelite'),
      ['serve', '--addr', `127.0.0.1:${api}`, '--storage-path', folder],
      {
        url: `http://127.0.0.1:${http}`,
        environment: { OTELITE_OTLP_GRPC_PORT: String(grpc), OTELITE_OTLP_HTTP_PORT: String(http) },
        patience: 30_000,
      },
    )
    if (typeof program === 'string') return program
    const base = `http://127.0.0.1:${api}/api`
    // It remembers for a while what it has answered.
    let questions = 0
    const unique = () => `limit=1000&start_time=${(questions += 1)}`
    return {
      origin: `http://127.0.0.1:${http}`,
      async read(signal) {
        if (signal === 'logs') {
          const { logs } = await json<{ logs: Log[] }>(`${base}/logs?${unique()}`)
          return logs.map((log) => ({
            ...UNTOLD,
            traceId: log.trace_id ?? '',
            spanId: log.span_id ?? '',
            severity: { INFO: 9, WARN: 13, ERROR: 17 }[log.severity] ?? 0,
            start: milliseconds(log.timestamp),
            ...told(log),
          }))
        }
        const { traces } = await json<{ traces: { trace_id: string }[] }>(`${base}/traces?${unique()}`)
        const found = await Promise.all(
          traces.map((trace) => json<{ spans: Span[] }>(`${base}/traces/${trace.trace_id}`)),
        )
        return found.flatMap(({ spans }) =>
          spans.map((span) => ({
            ...UNTOLD,
            traceId: span.trace_id,
            spanId: span.span_id,
            parentSpanId: span.parent_span_id ?? '',
            name: span.name,
            kind: numberOf(KINDS, span.kind),
            status: numberOf(STATUSES, span.status.code),
            start: milliseconds(span.start_time),
            end: milliseconds(span.end_time),
            ...told(span),
          })),
        )
      },
      stop: () => program.stop(),
    }
  },
}

interface Told {
  attributes: Attributes
  resource: { attributes: Attributes } | null
}

interface Log extends Told {
  timestamp: number
  severity: string
  trace_id: string | null
  span_id: string | null
}

interface Span extends Told {
  trace_id: string
  span_id: string
  parent_span_id: string | null
  name: string
  kind: string
  start_time: number
  end_time: number
  status: { code: string }
}

/** It has the scope among the attributes. */
function told({ attributes, resource }: Told) {
  const { 'otel.scope.name': name, 'otel.scope.version': version, ...others } = attributes
  return { attributes: others, resource: resource?.attributes ?? {}, scope: `${text(name)} ${text(version)}` }
}

function asTexts(attributes: Attributes): Attributes {
  return Object.fromEntries(Object.entries(attributes).map(([key, value]) => [key, text(value)]))
}

function text(value: AttributeValue): string {
  return Array.isArray(value) ? `[${value.map(text).join(', ')}]` : String(value)
}
