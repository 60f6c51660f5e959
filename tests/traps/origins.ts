/** The servers of the traps: the page's own origin, one that lets trace headers in, and one that refuses them. */
import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

type Role = 'own' | 'api' | 'other'

interface Received {
  role: Role
  method: string
  url: string
  headers: IncomingMessage['headers']
  body: string
  closed: boolean
  sent: number
}

export class Origins {
  readonly own: string
  readonly api: string
  readonly other: string
  /** Served by the own origin at `/page/` and the name. */
  readonly pages = new Map<string, string>()
  /** Served at `/script/` and the name. */
  readonly scripts = new Map<string, string>()
  readonly #servers: Server[]
  readonly #received: Received[] = []

  private constructor(servers: [own: Server, api: Server, other: Server]) {
    this.#servers = servers
    const [own, api, other] = servers
    this.own = this.#open('own', own)
    this.api = this.#open('api', api)
    this.other = this.#open('other', other)
  }

  static async start(): Promise<Origins> {
    const start = async () => {
      const server = createServer()
      server.listen(0, '127.0.0.1')
      await once(server, 'listening')
      return server
    }
    return new Origins([await start(), await start(), await start()])
  }

  async stop(): Promise<void> {
    await Promise.all(
      this.#servers.map(async (server) => {
        server.close()
        server.closeAllConnections()
        await once(server, 'close')
      }),
    )
  }

  #open(role: Role, server: Server): string {
    server.on('request', (request, response) => void this.#answer(role, request, response))
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  }

  async #answer(role: Role, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { url = '/', method = '' } = request
    const { pathname, searchParams } = new URL(url, this.own)
    const [, first = '', second = ''] = pathname.split('/')
    const origin = request.headers.origin
    if (origin) {
      response.setHeader('access-control-allow-origin', origin)
      response.setHeader('access-control-allow-credentials', 'true')
    }
    if (first === 'page' || first === 'script') {
      const content = (first === 'page' ? this.pages : this.scripts).get(second)
      response.writeHead(content === undefined ? 404 : 200, {
        'content-type': `text/${first === 'page' ? 'html' : 'javascript'}; charset=utf-8`,
      })
      response.end(content)
      return
    }
    if (first === 'received') {
      response.setHeader('content-type', 'application/json')
      response.end(JSON.stringify(this.#report(searchParams)))
      return
    }
    const own: Received = { role, method, url, headers: request.headers, body: '', closed: false, sent: 0 }
    this.#received.push(own)
    // While it lasts: an answer that is complete has not been broken off.
    response.on('close', () => (own.closed = !response.writableFinished))
    const chunks: Buffer[] = []
    try {
      for await (const chunk of request) chunks.push(chunk as Buffer)
    } catch {
      return
    }
    own.body = Buffer.concat(chunks).toString('latin1')
    response.setHeader('cache-control', 'no-store')
    if (method === 'OPTIONS') {
      // Each counts: the browser is not to remember the last one.
      response.setHeader('access-control-max-age', '0')
      response.setHeader('access-control-allow-methods', 'GET, POST, PUT')
      response.setHeader('access-control-allow-headers', role === 'other' ? 'x-own' : ALLOWED)
      response.writeHead(204).end()
      return
    }
    answer(first, second, searchParams, own, response)
  }

  #report(asked: URLSearchParams) {
    const mark = asked.get('mark') ?? ''
    const names = (asked.get('headers') ?? '').split(',').filter((name) => name)
    const found = this.#received.filter(({ url }) => url.includes(mark))
    return {
      received: found
        .filter(({ role, method }) => !(role === 'api' && method === 'OPTIONS'))
        .map(({ role, method, url, headers, body }) =>
          [
            `${role} ${method} ${url}`,
            ...names.flatMap((name) => (name in headers ? [`${name}: ${String(headers[name])}`] : [])),
            ...(body ? [body] : []),
          ].join(' | '),
        ),
      closed: found.filter(({ closed }) => closed).length,
      sent: found.reduce((sum, { sent }) => sum + sent, 0),
    }
  }
}

function answer(
  kind: string,
  detail: string,
  query: URLSearchParams,
  own: Received,
  response: ServerResponse,
): void {
  switch (kind) {
    case 'never':
      return
    case 'broken':
      response.destroy()
      return
    case 'status':
      response.writeHead(Number(detail)).end(/^(204|205|304)$/.test(detail) ? undefined : `status ${detail}`)
      return
    case 'redirect':
      response.writeHead(302, { location: query.get('to') ?? '/echo' }).end()
      return
    case 'slow':
      setTimeout(() => response.end('slow'), 150)
      return
    case 'endless': {
      response.writeHead(200, { 'content-type': 'text/plain' })
      const timer = setInterval(() => response.write('drop\n'), 20)
      response.on('close', () => clearInterval(timer))
      return
    }
    case 'flood': {
      // As much as somebody reads, and no more.
      const write = () => {
        while (own.sent < FLOOD && !response.destroyed) {
          own.sent += CHUNK.length
          if (!response.write(CHUNK)) {
            response.once('drain', write)
            return
          }
        }
        response.end()
      }
      write()
      return
    }
    case 'wasm':
      response
        .writeHead(200, { 'content-type': 'application/wasm' })
        .end(Buffer.from([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0]))
      return
    case 'bytes':
      response
        .writeHead(200, { 'content-type': 'application/octet-stream' })
        .end(Buffer.from([0, 1, 254, 255]))
      return
    case 'xml':
      response.writeHead(200, { 'content-type': 'text/xml' }).end('<a><b/></a>')
      return
    case 'trace':
      response.setHeader('traceresponse', `00-${'1'.repeat(32)}-${'2'.repeat(16)}-01`)
      response.setHeader('server-timing', 'trace;desc=x')
      response.end('hidden headers')
      return
    default:
      response.writeHead(200, { 'content-type': 'application/json' }).end('{"kind":"echo"}')
  }
}

/** What any of the agents adds, and what the traps do. */
const ALLOWED =
  'x-own, content-type, traceparent, tracestate, baggage, b3, x-b3-traceid, x-b3-spanid, x-b3-parentspanid, x-b3-sampled, x-b3-flags, x-datadog-trace-id, x-datadog-parent-id, x-datadog-origin, x-datadog-sampling-priority, x-datadog-tags, elastic-apm-traceparent'
const CHUNK = Buffer.alloc(65_536)
const FLOOD = 32 * 1024 * 1024
