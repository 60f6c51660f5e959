/** Reads and extends what `fetch` takes as headers, without touching the caller's object. */

/** A header's name and value. */
export type Header = readonly [name: string, value: string]

/** Reads the answer of `start_request`: a mark in the full build, then name, line feed, value, and so on. */
export function headersIn(answer: string): Header[] {
  const lines = answer.split('\n')
  if (FULL) lines.shift()
  return lines.flatMap((name, index) => (index % 2 || !name ? [] : [[name, lines[index + 1] ?? '']]))
}

/** Whether the answer is only what would be sent. */
export const isDryRun = (answer: string): boolean => /^[-?]/.test(answer)

/** Whether the request goes to another origin, where headers of ours may need a preflight. */
export const isCrossOrigin = (answer: string): boolean => /^[+?]/.test(answer)

/** Whether the caller propagates a context itself: what then goes out must be its alone. */
export function propagates(added: readonly Header[], has: (name: string) => boolean): boolean {
  return (
    has('traceparent') ||
    added.some(
      ([name]) =>
        !/^(tracestate|baggage)$/.test(name) &&
        // B3's two forms are one format.
        ((FULL && /b3/i.test(name) && (has('b3') || has('x-b3-traceid'))) || has(name.toLowerCase())),
    )
  )
}

/** Whether a request of this kind needs no preflight (Fetch §4.1, §2.2.2, and §5.4 for streams). */
export function isSimple(method: string, headers: Iterable<readonly unknown[]>, body: unknown): boolean {
  const all = [...headers]
  // A type of its own counts unless the caller has set one.
  if (body instanceof Blob && body.type && !all.some(([name]) => /^content-type$/i.test(String(name))))
    all.push(['content-type', body.type])
  return (
    /^(get|head|post)$/i.test(method) &&
    !(body instanceof ReadableStream) &&
    all.every(([name, value]) => {
      const lower = String(name).toLowerCase()
      return lower === 'content-type'
        ? /^\s*(application\/x-www-form-urlencoded|multipart\/form-data|text\/plain)\s*(;|$)/i.test(
            String(value),
          )
        : /^(accept|(accept|content)-language|range)$/.test(lower)
    })
  )
}

/** What a caller has set. */
export interface CallerHeaders {
  get(name: string): string | undefined
  pairs: readonly Pair[]
  /** The same with these headers, each replacing one of its name. */
  with(added: readonly Header[]): HeadersInit
}

/**
 * Takes a copy of what `fetch` would read from `headers`, in its shape, so that names keep their case
 * and a wrong one fails as it would.
 *
 * @returns nothing if `fetch` would refuse it.
 */
export function copyHeaders(headers: unknown): CallerHeaders | undefined {
  if (headers === undefined) return ofPairs([], fromPairs)
  if (headers === null || (typeof headers !== 'object' && typeof headers !== 'function')) return undefined
  if (headers instanceof Headers)
    return ofPairs([...headers], (pairs) => new Headers(pairs as [string, string][]))
  if (Symbol.iterator in headers) {
    // Once: it may be a generator.
    const pairs = Array.from(headers as Iterable<Iterable<string>>, (pair) => [...pair])
    return ofPairs(pairs, (copy) => copy as [string, string][])
  }
  return ofPairs(Object.entries({ ...headers }), fromPairs)
}

const fromPairs = (pairs: Pair[]) => Object.fromEntries(pairs) as Record<string, string>

/** Pairs are as the caller has them: two strings, or what `fetch` is going to refuse. */
export type Pair = readonly unknown[]

function ofPairs(pairs: Pair[], build: (pairs: Pair[]) => HeadersInit): CallerHeaders {
  const named = (name: string) => (pair: Pair) => String(pair[0]).toLowerCase() === name
  return {
    pairs,
    get: (name) => {
      const found = pairs.filter(named(name)).map((pair) => String(pair[1]))
      return found.length ? found.join(', ') : undefined
    },
    with: (added) => build([...pairs.filter((pair) => !added.some(([name]) => named(name)(pair))), ...added]),
  }
}
