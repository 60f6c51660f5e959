/** Reads and extends what `fetch` takes as headers, without touching the caller's object. */

/** A header's name and value. */
export type Header = readonly [name: string, value: string]

/** Reads the module's answer: name, line feed, value, and so on; nothing if there is nothing to add. */
export function toHeaders(answer: string): Header[] {
  const lines = answer.split('\n')
  return lines.flatMap((name, index) => (index % 2 || !name ? [] : [[name, lines[index + 1] ?? '']]))
}

/** What a caller has set: the value of `traceparent` or `tracestate`. */
export interface CallerHeaders {
  get(name: string): string | undefined
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
type Pair = readonly unknown[]

function ofPairs(pairs: Pair[], build: (pairs: Pair[]) => HeadersInit): CallerHeaders {
  const named = (name: string) => (pair: Pair) => String(pair[0]).toLowerCase() === name
  return {
    get: (name) => {
      const found = pairs.filter(named(name)).map((pair) => String(pair[1]))
      return found.length ? found.join(', ') : undefined
    },
    with: (added) => build([...pairs.filter((pair) => !added.some(([name]) => named(name)(pair))), ...added]),
  }
}
