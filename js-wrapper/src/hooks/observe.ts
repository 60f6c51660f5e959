/** Observes the browser's entries of performance: what it has told of before the page is seen comes then. */
import type { Module } from '../load-wasm.js'
import { quietly } from './patch.js'

/**
 * Begins when the page is seen, at the latest: see `Module.late`.
 *
 * @param begin - called then; the types to observe, of which the browser may know some.
 * @param known - called for each that it knows.
 * @returns a function that reads now what the browser has not told of yet: to a busy page it comes late.
 */
export function observe(
  module: Module,
  undo: (() => void)[],
  read: (entries: PerformanceEntryList) => void,
  begin: () => readonly string[],
  known?: (type: string) => void,
): () => void {
  let observer: PerformanceObserver | undefined
  const take = (entries: PerformanceEntryList = []) => quietly(() => read(entries))
  const catchUp = () => {
    module.late()
    take(observer?.takeRecords())
  }
  module.late(() => {
    observer = new PerformanceObserver((list) => take(list.getEntries()))
    undo.push(() => observer?.disconnect())
    // Without the browser's own count every event counts.
    const durationThreshold = performance.interactionCount === undefined ? 0 : 40
    for (const type of begin())
      // It warns of types that it does not know.
      if (PerformanceObserver.supportedEntryTypes.includes(type)) {
        known?.(type)
        observer.observe({ type, buffered: true, durationThreshold } as PerformanceObserverInit)
      }
    // Ahead of what instantiates the module, such as a transaction that it does not belong to.
    catchUp()
  })
  return catchUp
}
