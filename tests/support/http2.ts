/** A server that speaks HTTP/2, which browsers want for bodies that are streamed up. */
import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readFileSync, rmSync } from 'node:fs'
import { createSecureServer, type Http2SecureServer } from 'node:http2'
import type { AddressInfo } from 'node:net'
import path from 'node:path'

import { root } from './demo.js'

export interface Http2Server {
  origin: string
  stop(): void
}

/**
 * Serves `html` at `/`, the agent, and at any other path a JSON object with the request's body and headers.
 *
 * @returns nothing if no certificate can be made on this machine.
 */
export async function startHttp2(html: string): Promise<Http2Server | undefined> {
  const certificate = makeCertificate()
  if (!certificate) return undefined
  const server: Http2SecureServer = createSecureServer(certificate)
  server.on('stream', (stream, headers) => {
    const { ':path': target = '/', ':method': method } = headers
    const answer = (type: string, body: string | Buffer) => {
      stream.respond({ ':status': 200, 'content-type': type })
      stream.end(body)
    }
    if (target === '/') return answer('text/html; charset=utf-8', html)
    if (target === '/headwater.min.js') {
      return answer('text/javascript', readFileSync(path.join(root, 'js-wrapper/dist/headwater.min.js')))
    }
    const chunks: Buffer[] = []
    stream.on('data', (chunk: Buffer) => chunks.push(chunk))
    stream.on('end', () => {
      const { traceparent = '', tracestate = '' } = headers
      const body = Buffer.concat(chunks).toString()
      answer('application/json', JSON.stringify({ method, body, traceparent, tracestate }))
    })
    stream.on('error', () => undefined)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    origin: `https://127.0.0.1:${(server.address() as AddressInfo).port}`,
    stop: () => void server.close(),
  }
}

function makeCertificate(): { key: Buffer; cert: Buffer } | undefined {
  const folder = path.join(root, `tests/.cache/certificate-${process.pid}`)
  const [key, cert] = [path.join(folder, 'key.pem'), path.join(folder, 'cert.pem')]
  mkdirSync(folder, { recursive: true })
  const kind = [
    'req',
    '-x509',
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:prime256v1',
    '-nodes',
    '-days',
    '2',
  ]
  const name = ['-subj', '/CN=127.0.0.1', '-addext', 'subjectAltName=IP:127.0.0.1']
  try {
    execFileSync('openssl', [...kind, ...name, '-keyout', key, '-out', cert], { stdio: 'ignore' })
    return { key: readFileSync(key), cert: readFileSync(cert) }
  } catch {
    return undefined
  } finally {
    rmSync(folder, { recursive: true })
  }
}
