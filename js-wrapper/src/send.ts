/** Performs the sends that the module decides on. */
import { hand } from './hooks/patch.js'

export interface Sender {
  send(url: string, body: Uint8Array, keepalive: boolean): void
  /** Resolves when all sends under way have ended. */
  settled(): Promise<void>
}

/**
 * @param headers - the caller's, for each request.
 * @param ended - called with the bytes that had `keepalive`, and the HTTP status or 0.
 */
export function createSender(
  headers: Record<string, string>,
  ended: (keepaliveBytes: number, status: number) => void,
): Sender {
  // The one from before our patch: we never trace ourselves.
  const { fetch } = globalThis
  const pending = new Set<Promise<void>>()
  return {
    send(url, body, keepalive) {
      const { length } = body
      const end = (status: number) => ended(keepalive ? length : 0, status)
      // `fetch` copies the body before it returns. No credentials: the collector needs none, and
      // with them it could not answer `Access-Control-Allow-Origin: *`.
      const started = new Promise<Response>((resolve) =>
        resolve(
          // Of another agent of ours below us it is no request of the page's.
          hand('POST ' + url, () =>
            fetch(url, {
              method: 'POST',
              body: body as Uint8Array<ArrayBuffer>,
              headers: { 'Content-Type': 'application/x-protobuf', ...headers },
              keepalive,
              credentials: 'omit',
            }),
          ),
        ),
      )
      const sent: Promise<void> = started.then(
        (response) => end(response.status),
        () => end(0),
      )
      pending.add(sent)
      void sent.then(() => pending.delete(sent))
    },
    async settled() {
      await Promise.all(pending)
    },
  }
}
