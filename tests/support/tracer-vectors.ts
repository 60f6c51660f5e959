/** Trace headers as other tracers write them, with what they mean: the vectors of our own parsers' tests. */
import type { Datadog, OpenTelemetry } from './other-tracers.js'
import type { Headers } from './trace-headers.js'

export interface Vector {
  name: string
  format: 'tracecontext' | 'datadog' | 'b3' | 'b3multi' | 'baggage'
  headers: Headers
  expected: Meaning | { values: Record<string, string> }
}

interface Meaning {
  traceId: string
  spanId: string
  priority: number
  /** Of `tracestate`, those of other vendors. */
  members?: Record<string, string>
}

export function vectors(datadogs: readonly Datadog[], otel: OpenTelemetry): Vector[] {
  const all: Vector[] = []
  const add = (tracer: string, { format, headers, expected }: Omit<Vector, 'name'>) =>
    all.push({ name: `${tracer}: ${format} ${all.length}`, format, headers, expected })

  for (const datadog of datadogs) {
    for (const ids of IDS)
      for (const priority of [-1, 0, 1, 2] as const)
        for (const [format, style] of DATADOG_STYLES) {
          const headers = datadog.inject(
            { ...ids, priority, tracestate: 'es=s:0.25,vendor=1', origin: 'web' },
            [style],
          )
          const expected: Meaning = { ...ids, priority: readable(format, priority) }
          if (format === 'tracecontext') expected.members = { es: 's:0.25', vendor: '1' }
          add(datadog.name, { format, headers, expected })
        }
    const [ids] = IDS
    const headers = datadog.inject({ ...ids, priority: 1, baggage: BAGGAGE }, ['baggage'])
    add(datadog.name, { format: 'baggage', headers, expected: { values: BAGGAGE } })
  }

  for (const ids of IDS)
    for (const flags of [0, 1])
      for (const format of ['b3', 'b3multi', 'tracecontext'] as const) {
        const headers = otel.inject(format, { ...ids, flags, tracestate: 'ot=th:0,vendor=1' })
        const expected: Meaning = { ...ids, priority: flags }
        if (format === 'tracecontext') expected.members = { ot: 'th:0', vendor: '1' }
        add(otel.name, { format, headers, expected })
      }
  const { baggage = '' } = otel.inject('tracecontext', { ...IDS[0], flags: 1, baggage: BAGGAGE })
  add(otel.name, { format: 'baggage', headers: { baggage }, expected: { values: BAGGAGE } })
  return all
}

/** What is left of a priority: B3 knows a person’s word for keeping only, and only as several headers here. */
function readable(format: Vector['format'], priority: number): number {
  if (format === 'b3') return +(priority > 0)
  return format === 'b3multi' ? Math.max(priority, 0) : priority
}

/** One has leading zeros in each number, one has 64 bits. */
const IDS = [
  { traceId: '0af7651916cd43dd8448eb211c80319c', spanId: 'b7ad6b7169203331' },
  { traceId: '00f7651916cd43dd0048eb211c80319c', spanId: '00ad6b7169203331' },
  { traceId: '00000000000000008448eb211c80319c', spanId: 'b7ad6b7169203331' },
] as const

/** With everything that has to be encoded. */
const BAGGAGE = { 'user.id': 'a b,é;="\\%', region: 'eu' }

const DATADOG_STYLES = [
  ['datadog', 'datadog'],
  ['tracecontext', 'tracecontext'],
  ['b3', 'b3 single header'],
  ['b3multi', 'b3multi'],
] as const
