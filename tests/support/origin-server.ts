/** A server with a CORS policy as narrow as a real one: what a request carries too much fails. */
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import path from 'node:path'

import { root } from './demo.js'

export interface Received {
  method: string
  /** Path and query. */
  url: string
  /** Names and values as they came. */
  headers: [name: string, value: string][]
}

export class OriginServer {
  readonly origin: string
  /** What is served at `/`. */
  page = ''
  /** What `Access-Control-Allow-Headers` says; nothing if it is empty. */
  allowed: readonly string[] = []
  /** All requests but those for the page and the agent, preflights among them. */
  received: Received[] = []
  readonly #server: Server

  private constructor(server: Server) {
    this.#server = server
    this.origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    server.on('request', (request, response) => void this.#answer(request, response))
  }

  static async start(): Promise<OriginServer> {
    const server = createServer()
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    return new OriginServer(server)
  }

  async stop(): Promise<void> {
    this.#server.close()
    this.#server.closeAllConnections()
    await once(this.#server, 'close')
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { url = '/', method = '', rawHeaders } = request
    if (url === '/') {
      response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' }).end(this.page)
      return
    }
    if (url === AGENT) {
      const script = await readFile(path.join(root, 'js-wrapper/dist', AGENT))
      response.writeHead(200, { 'content-type': 'text/javascript; charset=utf-8' }).end(script)
      return
    }
    const headers = rawHeaders.flatMap((name, index): Received['headers'] =>
      index % 2 ? [] : [[name, rawHeaders[index + 1] ?? '']],
    )
    this.received.push({ method, url, headers })
    // Or the request after it would still stand in the way of the next page.
    await once(request.resume(), 'end')
    response.setHeader('access-control-allow-origin', '*')
    if (method === 'OPTIONS') {
      response.setHeader('access-control-allow-methods', 'PUT')
      if (this.allowed.length) response.setHeader('access-control-allow-headers', this.allowed.join(', '))
      // Each counts: the browser may not remember the last one.
      response.setHeader('access-control-max-age', '0')
    }
    response.writeHead(200, { 'cache-control': 'no-store' }).end('ok')
  }
}

/** Everything, the formats of other vendors, too. */
export const AGENT = '/headwater.full.min.js'
