/**
 * A server for test pages: each starts the agent with options of its own, and may send to endpoints that
 * do what a test needs. No request is intercepted in the browser, as that would change its CORS checks.
 */
import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import path from 'node:path'
import { readFile } from 'node:fs/promises'
import { gunzipSync } from 'node:zlib'

import { root } from './demo.js'

export interface ReceivedRequest {
  method: string
  /** Path and query. */
  url: string
  /** Name (in lower case) and value of each header line: one that came twice stands here twice. */
  headers: [name: string, value: string][]
  body: Buffer
}

export interface Page {
  /** Goes into `<head>`, ahead of everything else. */
  head?: string
  body?: string
  headers?: Record<string, string>
}

/** Ends the response, whose CORS headers are set. */
export type Answer = (request: ReceivedRequest, response: ServerResponse) => void | Promise<void>

export class Stage {
  readonly origin: string
  /** All requests so far, but not those for pages and scripts. */
  readonly received: ReceivedRequest[] = []
  readonly #server: Server
  readonly #pages: Page[] = []
  readonly #scripts: string[] = []
  readonly #routes = new Map<string, Answer>()

  private constructor(server: Server) {
    this.#server = server
    this.origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    server.on('request', (request, response) => void this.#answer(request, response))
  }

  static async start(): Promise<Stage> {
    const server = createServer()
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    return new Stage(server)
  }

  async stop(): Promise<void> {
    this.#server.close()
    this.#server.closeAllConnections()
    await once(this.#server, 'close')
  }

  /** Adds a page. @returns its address. */
  page(page: Page): string {
    return `${this.origin}/page/${this.#pages.push(page) - 1}`
  }

  /** Adds a script, which may be a service worker of any scope. @returns its address. */
  script(text: string): string {
    return `${this.origin}/script/${this.#scripts.push(text) - 1}`
  }

  /** Answers this path in a way of the test's own; preflights still are allowed everything. */
  route(pathname: string, answer: Answer): void {
    this.#routes.set(pathname, answer)
  }

  /** The request with this in its URL; fails unless there is exactly one. Preflights do not count. */
  only(text: string): ReceivedRequest {
    const found = this.received.filter(({ method, url }) => method !== 'OPTIONS' && url.includes(text))
    const [first] = found
    if (!first || found.length !== 1) throw new Error(`${found.length} requests with ${text}`)
    return first
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { url = '/', method = '' } = request
    const { pathname, searchParams } = new URL(url, this.origin)
    const [, first, second] = pathname.split('/')
    if (first === 'page') {
      const { head = '', body = '', headers } = this.#pages[Number(second)] ?? {}
      response.writeHead(200, { 'content-type': 'text/html; charset=utf-8', ...headers })
      response.end(
        `<!doctype html><html lang="en"><head>${head}<title>Test</title></head><body>${body}</body></html>`,
      )
      return
    }
    const script = first === 'script' ? this.#scripts[Number(second)] : undefined
    if (script !== undefined) {
      response.writeHead(200, {
        'content-type': 'text/javascript; charset=utf-8',
        'service-worker-allowed': '/',
      })
      response.end(script)
      return
    }
    const file = FILES[pathname]
    if (file) {
      response.writeHead(200, { 'content-type': 'text/javascript; charset=utf-8' })
      response.end(await readFile(path.join(root, file)))
      return
    }

    // The browser asks for it when it likes.
    if (pathname === '/favicon.ico') {
      response.writeHead(204).end()
      return
    }
    const chunks: Buffer[] = []
    try {
      for await (const chunk of request) chunks.push(chunk as Buffer)
    } catch {
      // The page went away while it was sending.
      return
    }
    const raw = request.rawHeaders
    const headers = raw.flatMap((name, index): [string, string][] =>
      index % 2 ? [] : [[name.toLowerCase(), raw[index + 1] ?? '']],
    )
    const body = Buffer.concat(chunks)
    const received = { method, url, headers, body }
    this.received.push(received)
    response.setHeader('access-control-allow-origin', '*')
    response.setHeader('access-control-allow-headers', '*, content-type, x-own')
    response.setHeader('access-control-allow-methods', '*')
    // Each preflight counts: the browser may not remember the last page's.
    response.setHeader('access-control-max-age', '0')
    response.setHeader('cache-control', 'no-store')
    const route = method === 'OPTIONS' ? undefined : this.#routes.get(pathname)
    if (route) {
      await route(received, response)
      return
    }
    switch (first) {
      case 'never':
        // No answer, until the page gives up.
        return
      case 'status':
        response
          .writeHead(Number(second))
          .end(HAS_NO_BODY.test(second ?? '') ? undefined : `status ${second}`)
        return
      case 'redirect':
        response.writeHead(302, { location: searchParams.get('to') ?? '/echo' }).end()
        return
      case 'broken':
        request.socket.destroy()
        return
      case 'endless': {
        // One line each 20 ms, for as long as somebody reads.
        const timer = setInterval(() => response.write('drop\n'), 20)
        response.on('close', () => clearInterval(timer))
        return
      }
      case 'bytes':
        response
          .writeHead(200, { 'content-type': 'application/octet-stream' })
          .end(Buffer.from([0, 1, 254, 255]))
        return
      case 'v1':
        response.writeHead(200, { 'content-type': 'application/x-protobuf' }).end()
        return
      default:
        response.writeHead(200, { 'content-type': 'application/json' })
        response.end(JSON.stringify({ method, url, headers, body: body.toString('latin1') }))
    }
  }
}

/** The values of a header, one for each time that it came. */
export function values(request: ReceivedRequest, name: string): string[] {
  return request.headers.filter(([own]) => own === name).map(([, value]) => value)
}

/** The body as it was before it was compressed. */
export function bodyOf(request: ReceivedRequest): Buffer {
  return values(request, 'content-encoding').includes('gzip') ? gunzipSync(request.body) : request.body
}

/** What was posted to this path and has the name of this service in it, as it was before it was compressed. */
export function postsOf(stage: Stage, path: string, service: string): ReceivedRequest[] {
  return stage.received
    .filter(({ url, method }) => url === path && method === 'POST')
    .map((request) => ({ ...request, body: bodyOf(request) }))
    .filter(({ body }) => body.includes(service))
}

const FILES: Partial<Record<string, string>> = {
  '/headwater.min.js': 'js-wrapper/dist/headwater.min.js',
  '/headwater.full.min.js': 'js-wrapper/dist/headwater.full.min.js',
  '/headwater.elastic.min.js': 'js-wrapper/dist/headwater.elastic.min.js',
  '/axios.min.js': 'node_modules/axios/dist/axios.min.js',
  '/web-vitals.js': 'node_modules/web-vitals/dist/web-vitals.attribution.iife.js',
  '/elastic-apm-rum.js': 'node_modules/@elastic/apm-rum/dist/bundles/elastic-apm-rum.umd.min.js',
}

const HAS_NO_BODY = /^(204|304)$/
