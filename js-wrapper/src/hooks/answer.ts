/** Reads what a response says of the server's trace, for `Answer` in `crate/src/context/environment.rs`. */
import type { RemoteEnvironment } from '../types.js'

/** The final URL and the headers, a line each. `get` gives a header that the page may see. */
export type ReadAnswer = (url: string, get: (name: string) => string | null | undefined) => string

/** @param environments - those that are trusted, with the names of their headers. */
export function answerReader(environments: readonly RemoteEnvironment[]): ReadAnswer {
  const names = environments.map(({ header }) => header ?? 'x-dt-tracestate')
  return (url, get) =>
    [url, get('server-timing'), get('traceresponse'), names.map(get).find((value) => value)].join('\n')
}
