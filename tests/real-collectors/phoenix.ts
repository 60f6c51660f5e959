import path from 'node:path'

import { freePort } from '../support/free-port.js'
import { setUpPython } from '../support/packages.js'
import { Program } from '../support/program.js'
import type { Attributes } from '../support/spans.js'
import { json, numberOf, STATUSES, UNTOLD, type RealCollector } from './collector.js'

export const phoenix: RealCollector = {
  name: 'arize-phoenix',
  version: '20.26.1',
  homepage: 'https://github.com/Arize-ai/phoenix',
  cors: 'all',
  refuses: { JSON: 415, 'JSON, gzip': 415 },
  refusesLogs: 405,
  kept: { traces: ['traceId', 'spanId', 'parentSpanId', 'name', 'start', 'end', 'status', 'attributes'] },
  async start({ origin, folder }) {
    const installed = setUpPython(this.name, this.version)
    if (typeof installed === 'string') return installed
    const [http, grpc] = [await freePort(), await freePort()]
    const own = `http://127.0.0.1:${http}`
    const program = await Program.start(path.join(installed.programs, 'phoenix'), ['serve'], {
      url: `${own}/healthz`,
      environment: {
        PHOENIX_HOST: '127.0.0.1',
        PHOENIX_PORT: String(http),
        PHOENIX_GRPC_PORT: String(grpc),
        PHOENIX_WORKING_DIR: folder,
        PHOENIX_TELEMETRY_ENABLED: 'false',
        PHOENIX_ALLOWED_ORIGINS: origin,
      },
      patience: 300_000,
    })
    if (typeof program === 'string') return program
    return {
      origin: own,
      async read() {
        const { data } = await json<{ data: Span[] }>(`${own}/v1/projects/default/spans?limit=1000`)
        return data.map((span) => ({
          ...UNTOLD,
          traceId: span.context.trace_id,
          spanId: span.context.span_id,
          parentSpanId: span.parent_id ?? '',
          name: span.name,
          status: numberOf(STATUSES, span.status_code),
          start: timeOf(span.start_time),
          end: timeOf(span.end_time),
          attributes: span.attributes,
        }))
      },
      stop: () => program.stop(),
    }
  },
}

/** Of a date with microseconds, which `Date.parse` leaves out. */
function timeOf(date: string): number {
  const [, seconds = '', fraction = '0', zone = ''] = /^(.*?)(\.\d+)?(\+.*|Z)$/.exec(date) ?? []
  return Date.parse(seconds + zone) + Number(fraction) * 1_000
}

interface Span {
  context: { trace_id: string; span_id: string }
  parent_id: string | null
  name: string
  status_code: string
  start_time: string
  end_time: string
  attributes: Attributes
}
