/** Reports the page load when it is over: the navigation, its resources, and the milestones. */
import type { Module } from '../load-wasm.js'
import { reportNavigation } from './experience.js'
import { listen, nativeTimer } from './patch.js'

/**
 * Installs the hook.
 *
 * @param linking - whether responses name traces of other environments.
 * @param describe - what the page's code has to say of it, when it is over.
 * @returns a function that reports now what there is, for a page that is left before its load event.
 */
export function hookPageLoad(
  module: Module,
  linking: boolean,
  describe: (() => string) | undefined,
  undo: (() => void)[],
): () => void {
  let reported = false
  const report = () => {
    if (reported) return
    reported = true
    const [navigation] = performance.getEntriesByType('navigation') as PerformanceNavigationTiming[]
    const resources = performance.getEntriesByType('resource') as PerformanceResourceTiming[]
    for (const entry of navigation ? [navigation, ...resources] : resources)
      reportResource(module, entry, linking)
    if (PROTOCOLS && !FULL) reportNavigation(module, navigation)
    module.call(
      'endPageLoad',
      `${location.href}\n${navigation?.type ?? ''}` + (PROTOCOLS && describe ? '\n' + describe() : ''),
      navigation?.domInteractive ?? 0,
      navigation?.domContentLoadedEventEnd ?? 0,
      navigation?.domComplete ?? 0,
      navigation?.loadEventEnd ?? 0,
      navigation?.loadEventEnd || performance.now(),
    )
  }
  // The load event's own end is known one task later.
  let timer: number | undefined
  const loaded = () => {
    timer = nativeTimer('setTimeout')(report)
  }
  if (document.readyState === 'complete') loaded()
  else listen(undo, 'load', loaded)
  undo.push(() => nativeTimer('clearTimeout')(timer))
  return report
}

/**
 * Reports the `Server-Timing` of requests, which a page may see here and not in a header.
 *
 * @returns a function that reports now what the browser has not told of yet: to a busy page it comes late.
 */
export function hookServerTiming(module: Module, undo: (() => void)[]): () => void {
  const report = (entries: PerformanceEntry[]) => {
    for (const entry of entries) {
      const timing = serverTimingOf(entry)
      if (timing) module.call('serverTiming', entry.name + '\n' + timing)
    }
  }
  const observer = new PerformanceObserver((list) => report(list.getEntries()))
  observer.observe({ type: 'resource' })
  undo.push(() => observer.disconnect())
  return () => report(observer.takeRecords())
}

/** As the header has it; empty if the server doesn't let us know (`Timing-Allow-Origin`). */
export function serverTimingOf(entry: PerformanceEntry | undefined): string {
  const metrics = (entry as PerformanceResourceTiming | undefined)?.serverTiming ?? []
  return metrics.map(({ name, description }) => `${name};desc=${JSON.stringify(description)}`).join()
}

function reportResource(module: Module, entry: PerformanceResourceTiming, linking: boolean): void {
  // Later than the type definitions: responseStatus (2022), renderBlockingStatus (2022).
  const { responseStatus, renderBlockingStatus } = entry as {
    responseStatus?: number
    renderBlockingStatus?: string
  }
  module.call(
    'resource',
    [
      entry.name,
      entry.initiatorType,
      entry.nextHopProtocol,
      renderBlockingStatus,
      FULL && linking ? serverTimingOf(entry) : '',
    ].join('\n'),
    entry.fetchStart || entry.startTime,
    entry.responseEnd || entry.startTime + entry.duration,
    responseStatus ?? 0,
    entry.transferSize,
    entry.encodedBodySize,
  )
}
