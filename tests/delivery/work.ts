/** What pages do: numbered requests, whose spans have to arrive. */
import type { PeerWindow } from './agents.js'

/** Some numbers of a run: `from`, and as many as `count`. */
export interface Work {
  run: string
  from: number
  count: number
  /** Requests at a time, and milliseconds between their starts; all at once without. */
  batch?: number
  pace?: number
}

/** What a page has. */
export interface WorkWindow extends PeerWindow {
  /** Resolves when all have ended. */
  work: (work: Work) => Promise<void>
}

/** The tag that, ahead of the agent, answers these requests in the page: 10,000 of them are no burden then. */
export const LOCAL_ANSWERS = `<script>
  {
    const { fetch: native } = globalThis
    globalThis.fetch = (input, init) =>
      String(input).startsWith('/ok?') ? Promise.resolve(new Response('ok')) : native(input, init)
  }
</script>`

/** The tag that defines `work`; with a parameter, it is done at once, and the stage is told so. */
export function workScript(own?: Work): string {
  return `<script>(${define.toString()})(${JSON.stringify(own) ?? ''})</script>`
}

/** Runs in the page. */
function define(own?: Work): void {
  const page = globalThis as unknown as WorkWindow
  const wait = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))
  page.work = async ({ run, from, count, batch = count, pace = 0 }) => {
    const request = async (number: number) => {
      try {
        await (await fetch(`/ok?r=${run}&n=${number}`)).text()
      } catch {
        // Offline: the request has ended, too.
      }
    }
    const some = (first: number) => async () => {
      const last = Math.min(first + batch, from + count)
      await Promise.all(Array.from({ length: last - first }, (_, index) => request(first + index)))
    }
    for (let first = from; first < from + count; first += batch) {
      const next = wait(pace)
      await (page.around ?? ((work) => work()))(some(first))
      if (batch < count) await next
    }
  }
  if (!own) return
  // No agent has an eye on beacons.
  const tell = (what: string) => navigator.sendBeacon(`/${what}?r=${own.run}.`)
  addEventListener('load', () => {
    // A tab that is closed while its page loads goes without an event.
    void wait(500)
      .then(() => page.work(own))
      .then(() => tell('done'))
  })
  document.addEventListener('visibilitychange', () => tell(document.visibilityState))
}
