/** Finds what a request asks a GraphQL server for. */
import { clean } from '../attributes.js'
import { quietly } from './patch.js'

/** The URL, the body, and the type that its caller has set for that, if it has. */
export type ReadGraphql = (url: string, body: unknown, type: () => string | undefined) => string

/**
 * @param readsBody - if bodies that are strings are read, too.
 * @returns a function that gives what `Operation::parse` in `crate/src/signal/graphql.rs` reads, behind a line feed; else
 * nothing.
 */
export function graphqlReader(readsBody: boolean): ReadGraphql {
  return (url, body, type) =>
    quietly(() => {
      const { searchParams } = new URL(url)
      const inUrl = said({
        query: searchParams.get('query'),
        operationName: searchParams.get('operationName'),
        extensions: JSON.parse(searchParams.get('extensions') || '{}') as unknown,
      })
      if (inUrl || !readsBody || typeof body !== 'string') return inUrl
      if (/^\s*application\/graphql\s*(;|$)/i.test(type() ?? '')) return said({ query: body })
      // Most bodies are something else.
      return /^\s*[[{][^]*"(query|operationName)"/.test(body)
        ? said(...[JSON.parse(body) as Said].flat())
        : ''
    }) ?? ''
}

/** https://graphql.github.io/graphql-over-http/draft/#sec-Request-Parameters */
interface Said {
  query?: unknown
  operationName?: unknown
  extensions?: unknown
}

/** Of one operation, or of a batch. */
function said(...operations: Said[]): string {
  const some = operations.slice(0, MANY)
  const all = some.map(({ query, operationName, extensions }) => {
    const isPersisted = !!(extensions as { persistedQuery?: unknown } | null | undefined)?.persistedQuery
    const name = typeof operationName === 'string' ? clean(operationName).replace(/\s/g, ' ') : ''
    if (typeof query === 'string') return `${name}\n${clean(query.slice(0, MOST / some.length))}`
    return isPersisted ? name + '\n' : ''
  })
  return all.every(Boolean) ? '\n' + [...new Set(all)].join('\x03') : ''
}

/** Characters of all documents. */
const MOST = 4_000
/** Operations of a batch that are looked at. */
const MANY = 5
