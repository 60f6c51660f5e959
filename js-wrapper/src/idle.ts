/** What is due gives way to the page’s own work. */
import { quietly } from './hooks/patch.js'

/** @returns a function that runs another when the page has time for it, within a second anyhow; if it is hidden, at once. */
export function idleRunner(undo: (() => void)[]): (run: () => void) => void {
  // The browser's own; zone.js does not patch them. Safari has none.
  const { requestIdleCallback, cancelIdleCallback } = globalThis
  let handle: number | undefined
  undo.push(() => quietly(() => cancelIdleCallback(handle ?? 0)))
  return (run) => {
    handle = document.hidden ? 0 : quietly(() => requestIdleCallback(run, { timeout: 1_000 }))
    if (!handle) run()
  }
}
