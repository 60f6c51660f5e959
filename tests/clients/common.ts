/** What the programs in this folder share: each uses one client as a page would, and says what it saw. */

/** Origins that answer alike. */
export interface Servers {
  /** The page's own. */
  own: string
  /** Configured for tracing. */
  api: string
  /** Configured nowhere. */
  other: string
  /** Two socket.io servers, one on a configured port. */
  sockets: { api: string; other: string }
}

/** What `/reply` answers. */
export interface Reply {
  method: string
  url: string
  body: string
  /** The request's own `x-own`. */
  own: string
}

/** The three origins that answer HTTP. */
export const origins = ({ own, api, other }: Servers): string[] => [own, api, other]

/** The result, or the error as the client words it. */
export async function outcome(run: () => unknown): Promise<unknown> {
  try {
    return await run()
  } catch (error) {
    if (!(error instanceof Error)) return error
    const { name, message, code, status } = error as Error & { code?: unknown; status?: unknown }
    return { name, message, code, status }
  }
}

/** Milliseconds in which a request surely has left; `/never` is not answered sooner. */
export const SHORT = 400
