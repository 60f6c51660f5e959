/**
 * The floor: a tracer written by hand that does the least that can be called one. What costs less records less.
 *
 * It patches `fetch` and `XMLHttpRequest`, adds a `traceparent` with random ids to requests to the page's own origin,
 * keeps name, times, method, URL and status of each in an object, and sends all as JSON when told to, or every second.
 *
 * It does not: look at a `Request` or at headers that are there already, know of redirects, aborts, errors' types, streams,
 * sampling, the page load, resources, clicks or sessions, redact URLs, retry, keep what could not be sent, mind limits, or leave
 * properties of what it patches alone. It is no agent to use.
 */
import { page } from './contract.js'

interface Span {
  name: string
  traceId: string
  spanId: string
  start: number
  end: number
  url: string
  status: number
}

let spans: Span[] = []
const nativeFetch = globalThis.fetch

/** Random bytes for 256 requests at a time. */
const pool = new Uint8Array(24 * 256)
let used = pool.length
const hex = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'))

function random(bytes: number): string {
  if (used + bytes > pool.length) {
    crypto.getRandomValues(pool)
    used = 0
  }
  let text = ''
  for (const end = used + bytes; used < end; used += 1) text += hex[pool[used] ?? 0]
  return text
}

function start(method: string, url: string): Span {
  return {
    name: method,
    traceId: random(16),
    spanId: random(8),
    start: performance.now(),
    end: 0,
    url,
    status: 0,
  }
}

function finish(span: Span, status: number): void {
  span.end = performance.now()
  span.status = status
  spans.push(span)
}

const header = ({ traceId, spanId }: Span) => `00-${traceId}-${spanId}-01`
const isOwn = (url: string) => url.startsWith('/') || url.startsWith(location.origin)

type Init = Omit<RequestInit, 'headers'> & { headers?: Record<string, string> }

const tracedFetch = (input: string | URL, init: Init = {}): Promise<Response> => {
  const url = String(input)
  const span = start(init.method ?? 'GET', url)
  const promise = nativeFetch(
    input,
    isOwn(url) ? { ...init, headers: { ...init.headers, traceparent: header(span) } } : init,
  )
  promise.then(
    (response) => finish(span, response.status),
    () => finish(span, 0),
  )
  return promise
}
globalThis.fetch = tracedFetch as typeof fetch

const open = Reflect.get(XMLHttpRequest.prototype, 'open') as (...parameters: unknown[]) => void
const send = Reflect.get(XMLHttpRequest.prototype, 'send') as (...parameters: unknown[]) => void
const opened = new WeakMap<XMLHttpRequest, [method: string, url: string]>()
Object.assign(XMLHttpRequest.prototype, {
  open(this: XMLHttpRequest, method: string, url: string, ...rest: unknown[]) {
    opened.set(this, [method, url])
    Reflect.apply(open, this, [method, url, ...rest])
  },
  send(this: XMLHttpRequest, body: unknown) {
    const [method, url] = opened.get(this) ?? ['', '']
    const span = start(method, url)
    if (isOwn(url)) this.setRequestHeader('traceparent', header(span))
    this.addEventListener('loadend', () => finish(span, this.status))
    Reflect.apply(send, this, [body])
  },
})

function flush(): void {
  if (!spans.length) return
  const body = JSON.stringify({ service: 'bench', spans })
  spans = []
  void nativeFetch(`${page.collector}/v1/floor`, { method: 'POST', body, keepalive: body.length < 60_000 })
}
setInterval(flush, 1_000)

page.bench = {
  flush,
  span: (name, attributes) => finish({ ...start(name, ''), ...(attributes ? { attributes } : {}) }, 0),
}
