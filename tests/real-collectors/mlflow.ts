import { execFileSync } from 'node:child_process'
import path from 'node:path'

import { freePort } from '../support/free-port.js'
import { setUpPython } from '../support/packages.js'
import { Program } from '../support/program.js'
import type { Attributes, AttributeValue } from '../support/spans.js'
import { numberOf, STATUSES, UNTOLD, type RealCollector } from './collector.js'
import { milliseconds } from './item.js'

export const mlflow: RealCollector = {
  name: 'mlflow',
  version: '3.17.2',
  homepage: 'https://github.com/mlflow/mlflow',
  // It wants to know where spans belong.
  headers: { 'x-mlflow-experiment-id': '0' },
  cors: 'all',
  refusesLogs: 404,
  kept: { traces: ['traceId', 'spanId', 'parentSpanId', 'name', 'start', 'end', 'status', 'attributes'] },
  async start({ origin, folder }) {
    const installed = setUpPython(this.name, this.version)
    if (typeof installed === 'string') return installed
    const http = await freePort()
    const own = `http://127.0.0.1:${http}`
    const database = path.join(folder, 'mlflow.db')
    const program = await Program.start(
      path.join(installed.programs, 'mlflow'),
      [
        ...['server', '--host', '127.0.0.1', '--port', String(http), '--workers', '1'],
        ...['--backend-store-uri', `sqlite:///${database}`, '--cors-allowed-origins', origin],
      ],
      {
        url: `${own}/health`,
        environment: { MLFLOW_DISABLE_TELEMETRY: 'true', DO_NOT_TRACK: 'true' },
        patience: 300_000,
        folder,
      },
    )
    if (typeof program === 'string') return program
    // On a busy machine the first spans take it longer than the agent waits.
    await fetch(`${own}/v1/traces`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...this.headers },
      body: FIRST,
    })
    return {
      origin: own,
      read() {
        const output = execFileSync(path.join(installed.programs, 'python'), ['-c', READ, database])
        const spans = JSON.parse(output.toString()) as Span[]
        const items = spans.map((span) => ({
          ...UNTOLD,
          traceId: span.trace_id.replace('tr-', ''),
          spanId: span.span_id,
          parentSpanId: span.parent_span_id ?? '',
          name: span.name,
          status: numberOf(STATUSES, span.status),
          start: milliseconds(span.start),
          end: milliseconds(span.end),
          attributes: attributesIn(span.content),
        }))
        return Promise.resolve(items)
      },
      stop: () => program.stop(),
    }
  },
}

const FIRST = JSON.stringify({
  resourceSpans: [
    {
      scopeSpans: [
        {
          spans: [
            {
              traceId: '1'.repeat(32),
              spanId: '1'.repeat(16),
              name: 'first',
              startTimeUnixNano: '1000000000',
              endTimeUnixNano: '2000000000',
            },
          ],
        },
      ],
    },
  ],
})

/** Prints its spans. */
const READ = `
import json, sqlite3, sys
connection = sqlite3.connect(sys.argv[1])
connection.row_factory = sqlite3.Row
query = """
  select trace_id, span_id, parent_span_id, name, status, content,
    cast(start_time_unix_nano as text) start, cast(end_time_unix_nano as text) end
  from spans
"""
print(json.dumps([dict(row) for row in connection.execute(query)]))
`

interface Span {
  trace_id: string
  span_id: string
  parent_span_id: string | null
  name: string
  status: string
  start: string
  end: string
  content: string
}

/** It has each value as JSON, and adds one of its own. */
function attributesIn(content: string): Attributes {
  const { attributes } = JSON.parse(content) as { attributes: Record<string, string> }
  return Object.fromEntries(
    Object.entries(attributes)
      .filter(([key]) => key !== 'mlflow.traceRequestId')
      .map(([key, value]) => [key, JSON.parse(value) as AttributeValue]),
  )
}
