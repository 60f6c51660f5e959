/** `performance.measure` as spans, and to Elastic long tasks, too, as its agent has them. */
import type { Module } from '../load-wasm.js'
import type { Spans } from '../span.js'
import { observe } from './observe.js'

/**
 * Installs the hook. What belongs to nothing that is going on is left out: each would be a trace of its own.
 *
 * @returns a function that records now what the browser has not told of yet.
 */
export function hookMeasures(
  module: Module,
  spans: Spans,
  undo: (() => void)[],
  withTasks: boolean,
): () => void {
  const read = (entries: PerformanceEntryList) => {
    for (const { entryType, name, startTime, duration } of entries) {
      const isTask = entryType === 'longtask'
      if (!isTask && duration < SHORTEST) continue
      const type = isTask ? entryType : 'app'
      const span = spans.current()?.startSpan(isTask ? `Longtask(${name})` : name, { type, startTime })
      span?.end(startTime + duration)
    }
  }
  return observe(module, undo, read, () => (FULL || !withTasks ? ['measure'] : ['measure', 'longtask']))
}

/** Milliseconds: Elastic's `USER_TIMING_THRESHOLD`. */
const SHORTEST = 60
