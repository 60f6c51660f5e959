/** Performs the requests to the collector that the module decides on. */
import { isAllowed } from './elastic-config.js'
import type { ElasticConfig } from './elastic-types.js'
import { applyFilters } from './filters.js'
import { hand, quietly } from './hooks/patch.js'
import type { Host } from './load-wasm.js'
import type { Config } from './options.js'
import type { Filter } from './types.js'

/** Those of `headwater/elastic`, and what it was configured with, which may change. */
export type Filters = Filter[] & { config?: ElasticConfig }

export interface Sender {
  send: Host['send']
  /** Of `headwater/full`. Has the browser send this when the page is gone, instead of the last one (https://wicg.github.io/pending-beacon/). */
  sendLater: (body: Uint8Array, areEvents: boolean) => void
  /** Whether the page is left just now. Of `headwater/full`. */
  leaving: boolean
  /** Resolves when all requests under way, and what they have led to, have ended. */
  settled(): Promise<void>
}

/**
 * @param target - the collector's URL, the media type of bodies, how they are compressed, and the URL of events.
 * @param ended - called with a request's number, its HTTP status or 0, and what its `Retry-After` says, in
 * milliseconds, or 0; in `headwater/full` also with the answer's body and `Date`.
 * @param filters - those of `headwater/elastic`; the body is not compressed if there are some.
 */
export function createSender(
  config: Config,
  target: () => string[],
  ended: (
    number: number,
    status: number,
    retryAfter: number,
    answer?: Uint8Array,
    date?: string | null,
  ) => void,
  filters: Filters,
): Sender {
  // The one from before our patch: we never trace ourselves.
  const { fetch } = globalThis
  const { headers, credentials = 'omit' } = config
  const pending = new Set<Promise<void>>()
  // `fetch` copies the body before it returns. No credentials by default: with them a collector could not answer
  // `Access-Control-Allow-Origin: *`.
  const request = (body: Uint8Array) => {
    const type = PROTOCOLS ? target()[1] : undefined
    const encoding = PROTOCOLS ? target()[2] : undefined
    return {
      method: 'POST',
      body: body as Uint8Array<ArrayBuffer>,
      headers: {
        'Content-Type': type || 'application/x-protobuf',
        ...(encoding && (FULL || !filters.length) && { 'Content-Encoding': encoding }),
        ...(typeof headers === 'function' ? quietly(headers) : headers),
      },
      credentials,
    }
  }
  const urlOf = (areEvents: boolean) => target()[PROTOCOLS && areEvents ? 3 : 0] ?? ''
  let later: AbortController | undefined
  const sender = {
    send(number, body, keepalive, areEvents) {
      const url = urlOf(areEvents)
      const start = async (): Promise<Response> => {
        if (PROTOCOLS && !FULL && filters.length && target()[1] === NDJSON) {
          const filtered = applyFilters(filters, body)
          // What they have dropped has gone where it should.
          if (!filtered) return new Response()
          body = filtered
        }
        const given = PROTOCOLS && !FULL ? request(body) : undefined
        // What the page has dropped has gone where it should.
        if (given && !isAllowed(filters.config, url, given.headers, body)) return new Response()
        if (FULL) {
          const [, type = '', encoding] = target()
          // Firefox before 133. A beacon has no headers, and nobody hears what becomes of it: only where there is nothing
          // better.
          if (
            sender.leaving &&
            !('keepalive' in Request.prototype || encoding || headers) &&
            navigator.sendBeacon(url, new Blob([body as Uint8Array<ArrayBuffer>], { type }))
          )
            return new Response()
        }
        // Of another agent of ours below us it is no request of the page's.
        return hand('POST ' + url, () =>
          fetch(url, {
            ...(given ?? request(body)),
            keepalive,
            // Missing in browsers before 2022.
            signal: (AbortSignal as Partial<typeof AbortSignal>).timeout?.(TIMEOUT) ?? null,
          }),
        )
      }
      const sent: Promise<void> = start().then(
        async (response) => {
          const after = response.headers.get('Retry-After') ?? ''
          const delay = +after * 1e3 || Date.parse(after) - Date.now() || 0
          // Until it has been read, Chromium counts the request among those with `keepalive`, which may have 64 KiB together. The
          // status has come: what breaks off behind it changes nothing.
          const answer = await response.arrayBuffer().catch(() => undefined)
          if (!FULL) return ended(number, response.status, delay)
          // A collector's answer is short; anything else is none.
          const body = new Uint8Array(answer?.slice(0, MOST_ANSWERED) ?? [])
          ended(number, response.status, delay, body, response.headers.get('Date'))
        },
        () => ended(number, 0, 0),
      )
      pending.add(sent)
      void sent.then(() => pending.delete(sent))
    },
    async settled() {
      while (pending.size) await Promise.all(pending)
    },
  } as Sender
  if (FULL) {
    sender.leaving = false
    sender.sendLater = (body, areEvents) => {
      later?.abort()
      const { fetchLater } = globalThis as { fetchLater?: (url: string, init: RequestInit) => unknown }
      if (!body.length || !fetchLater) return
      later = new AbortController()
      const { signal } = later
      // There is a quota, and a page's policy may forbid it.
      quietly(() => fetchLater(urlOf(areEvents), { ...request(body), signal }))
    }
  }
  return sender
}

/** Of Elastic's intake. */
const NDJSON = 'application/x-ndjson'
/** Bytes. */
const MOST_ANSWERED = 16_384
/** Milliseconds, OTLP's default. */
const TIMEOUT = 10_000
