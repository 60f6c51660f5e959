/** Reads and extends what `fetch` takes as headers, without touching the caller's object. */

/** Of the module's answer: name, line feed, value, and so on. */
export type HeaderLines = readonly string[]

/** What a caller has set: the value of `traceparent` or `tracestate`. */
export interface CallerHeaders {
  get(name: string): string | undefined
  /** The same with these headers, each replacing one of its name. */
  with(lines: HeaderLines): HeadersInit
}

/**
 * Takes a copy of what `fetch` would read from `headers`, in its shape, so that names keep their case
 * and a wrong one fails as it would.
 *
 * @returns nothing if `fetch` would refuse it.
 */
export function copyHeaders(headers: unknown): CallerHeaders | undefined {
  if (headers === undefined) return ofPairs([], Object.fromEntries)
  if (headers === null || (typeof headers !== 'object' && typeof headers !== 'function')) return undefined
  if (headers instanceof Headers) return ofPairs([...headers], (pairs) => new Headers(pairs))
  if (Symbol.iterator in headers) {
    // Once: it may be a generator.
    const pairs = Array.from(headers as Iterable<Iterable<string>>, (pair) => [...pair] as [string, string])
    return ofPairs(pairs, (copy) => copy)
  }
  return ofPairs(Object.entries({ ...headers }) as [string, string][], Object.fromEntries)
}

function ofPairs(
  pairs: [string, string][],
  build: (pairs: [string, string][]) => HeadersInit,
): CallerHeaders {
  const matching = (name: string) => (pair: readonly unknown[]) => String(pair[0]).toLowerCase() === name
  return {
    get: (name) => {
      const found = pairs.filter(matching(name)).map((pair) => String(pair[1]))
      return found.length ? found.join(', ') : undefined
    },
    with(lines) {
      let copy = pairs
      for (let index = 0; index < lines.length; index += 2) {
        const name = lines[index]!
        const same = matching(name)
        copy = copy.filter((pair) => !same(pair)).concat([[name, lines[index + 1]!]])
      }
      return build(copy)
    },
  }
}
