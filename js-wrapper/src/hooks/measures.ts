/** `performance.measure` as spans, and to Elastic long tasks, too, as its agent has them. */
import type { Spans } from '../span.js'
import { quietly } from './patch.js'

/** Installs the hook. What belongs to nothing that is going on is left out: each would be a trace of its own. */
export function hookMeasures(spans: Spans, undo: (() => void)[], withTasks: boolean): void {
  const observer = new PerformanceObserver((list) =>
    quietly(() => {
      for (const { entryType, name, startTime, duration } of list.getEntries()) {
        const isTask = entryType === 'longtask'
        if (!isTask && duration < SHORTEST) continue
        const type = isTask ? entryType : 'app'
        const span = spans.current()?.startSpan(isTask ? `Longtask(${name})` : name, { type, startTime })
        span?.end(startTime + duration)
      }
    }),
  )
  undo.push(() => observer.disconnect())
  for (const type of FULL || !withTasks ? ['measure'] : ['measure', 'longtask'])
    // It warns of types that the browser does not know.
    if (PerformanceObserver.supportedEntryTypes.includes(type)) observer.observe({ type })
}

/** Milliseconds: Elastic's `USER_TIMING_THRESHOLD`. */
const SHORTEST = 60
