/** What a trap is: something in a page that a hook may get wrong, so that the page can tell. */

import type { BrowserName } from '../support/browsers.js'

/** What a trap gets to work with. */
export interface Given {
  /** The page's own origin. */
  own: string
  /** Another one, which the agent adds headers for, and which lets them in. */
  api: string
  /** Another one, which the agent is not to add headers for, and which refuses requests that have them. */
  other: string
  /** Belongs into each URL: {@link Helpers.received} finds the requests by it. */
  mark: string
}

/** What a span says of a request. */
export interface Recorded {
  name: string
  method: unknown
  /** The page's spelling, if the method is none of the usual ones. */
  original?: unknown
  status?: unknown
  error?: unknown
  failed: boolean
}

export interface Trap {
  /** Its row in the studies of other agents, or E1 and on, V1 and on for what those rows leave out. */
  id: string
  title: string
  /**
   * Runs in the page, has only what it is given and the global `helpers`, and returns what the page
   * observes.
   */
  page: (given: Given) => unknown
  /** Source that the page runs before the agent starts. */
  before?: string
  /** Whether it changes its page so that no other trap can share it. */
  alone?: boolean
  /** Whether its page comes over HTTP/2, which browsers want for bodies that are streamed up. */
  http2?: boolean
  /** Whether what the browser writes to the console counts. */
  console?: boolean
  /** The spans of its requests, in any order. Those of Elastic's agent are of another kind, and not compared. */
  spans?: Recorded[]
  /** Whether the spans have to be there as soon as the trap is over. */
  atOnce?: boolean
  /** Why we cannot be the same, if so: the test then expects that we are not. */
  limit?: string
  /** The browsers where that is so; all of them if it is left out. */
  limitIn?: readonly BrowserName[]
}

/** In the page, as `helpers`: made before the agent starts, so that it does not see what they do. */
export interface Helpers {
  /** What comes of a call: `resolved …`, `rejected …`, or `threw …` if it does so at once. */
  outcome(call: () => unknown): Promise<string>
  /** The same for calls that give no promise. */
  result(call: () => unknown): string
  /** Sends, and resolves with the status when the request has ended. */
  send(xhr: XMLHttpRequest, body?: XMLHttpRequestBodyInit | Document | null): Promise<number>
  /** What the servers got, preflights of `api` aside: method, path, body and these headers. */
  received(mark: string, ...headers: string[]): Promise<string[]>
  /** How many answers for this mark have been broken off by the browser. */
  closed(mark: string): Promise<number>
  /** How many bytes have been sent so far. */
  sent(mark: string): Promise<number>
  wait(milliseconds: number): Promise<void>
  /** Asks every 20 ms, for two seconds. */
  until(condition: () => unknown): Promise<boolean>
  describe(value: unknown): string
  nativeFetch: typeof fetch
}
