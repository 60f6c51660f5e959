/** Reports the page load when it is over: the navigation, its resources, and the milestones. */
import type { Module } from '../load-wasm.js'
import { reportNavigation, type Level1 } from './experience.js'
import { observe } from './observe.js'
import { listen, nativeTimer, quietly } from './patch.js'

/**
 * Installs the hook.
 *
 * @param linking - whether responses name traces of other environments.
 * @param describe - takes what else is known of it, and gives what the page's code has to say, when it is over.
 * @returns a function that reports now what there is, for a page that is left before its load event.
 */
export function hookPageLoad(
  module: Module,
  linking: boolean,
  describe: ((attributes: Record<string, unknown>) => string) | undefined,
  undo: (() => void)[],
): () => void {
  let reported = false
  let url: string | undefined
  const startedHidden = FULL && document.visibilityState === 'hidden'
  const report = () => {
    if (reported) return
    reported = true
    const [navigation] = performance.getEntriesByType('navigation') as PerformanceNavigationTiming[]
    const resources = performance.getEntriesByType('resource') as PerformanceResourceTiming[]
    for (const entry of navigation ? [navigation, ...resources] : resources)
      reportResource(module, entry, linking)
    if (PROTOCOLS && navigation) reportPhases(module, navigation)
    if (PROTOCOLS && !FULL) reportNavigation(module, navigation)
    const description =
      PROTOCOLS && describe
        ? '\n' + describe(FULL && navigation ? attributesOf(navigation, startedHidden) : {})
        : ''
    module.call(
      'endPageLoad',
      `${url ?? location.href}\n${navigation?.type ?? ''}` + description,
      navigation?.domInteractive ?? 0,
      navigation?.domContentLoadedEventEnd ?? 0,
      navigation?.domComplete ?? 0,
      navigation?.loadEventEnd ?? 0,
      navigation?.loadEventEnd || performance.now(),
    )
  }
  // The load event's own end is known one task later.
  let timer: number | undefined
  // What that takes is too much for one task, unless nobody sees the page, whose timers are slow then. What happens in between is
  // none of the page load's.
  const prepare = (delay: number) => {
    timer = nativeTimer('setTimeout')(() => {
      url ??= location.href
      if (document.hidden || module.wake(report)) quietly(report)
      else prepare(0)
    }, delay)
  }
  const loaded = () => prepare(PROTOCOLS && !FULL ? AFTER_LOAD : 0)
  if (document.readyState === 'complete') loaded()
  else listen(undo, 'load', loaded)
  undo.push(() => nativeTimer('clearTimeout')(timer))
  return report
}

/**
 * Reports what the browser's entries say of requests: their timing, and `Server-Timing`, which a page may see here and not
 * in a header. An observer hears of all of them, also when the buffer of the page is full.
 *
 * @returns a function that reports now what the browser has not told of yet: to a busy page it comes late.
 */
export function hookTiming(module: Module, linking: boolean, undo: (() => void)[]): () => void {
  const report = (entries: PerformanceEntryList) => {
    for (const entry of entries as PerformanceResourceTiming[])
      if (/^(fetch|xmlhttprequest)$/.test(entry.initiatorType)) reportResource(module, entry, linking, true)
  }
  return observe(module, undo, report, () => ['resource'])
}

/** Milliseconds for which Elastic's page loads go on behind the load event (`PAGE_LOAD_DELAY` of its agent). */
const AFTER_LOAD = 1_000

/** As the header has it; empty if the server doesn't let us know (`Timing-Allow-Origin`). */
export function serverTimingOf(entry: PerformanceEntry | undefined): string {
  const metrics = (entry as PerformanceResourceTiming | undefined)?.serverTiming ?? []
  return metrics
    .map(
      ({ name, description, duration }) =>
        `${name};desc=${JSON.stringify(description)}` + (duration ? `;dur=${duration}` : ''),
    )
    .join()
}

/** In the order of `PHASES` in `crate/src/signal/page_load.rs`. */
function reportPhases(module: Module, entry: PerformanceNavigationTiming): void {
  // The new interface has no moment when parsing starts.
  const { domLoading = 0, navigationStart = 0 } = (performance as Level1).timing ?? {}
  const phases: [start: number, end: number][] = [
    [entry.redirectStart, entry.redirectEnd],
    [entry.domainLookupStart, entry.domainLookupEnd],
    [entry.connectStart, entry.connectEnd],
    [domLoading - navigationStart, entry.domInteractive],
    [entry.domContentLoadedEventStart, entry.domContentLoadedEventEnd],
    [entry.loadEventStart, entry.loadEventEnd],
  ]
  phases.forEach(([start, end], phase) => module.call('phase', '', phase, start, end))
}

/** What else is known of a page load: what is usual is left out. */
function attributesOf(entry: PerformanceNavigationTiming, startedHidden: boolean): Record<string, unknown> {
  const { redirectCount, activationStart } = entry as PerformanceNavigationTiming & {
    activationStart?: number
  }
  const timing = serverTimingOf(entry)
  return {
    ...(redirectCount && { 'browser.navigation_timing.redirect_count': redirectCount }),
    // Of a page that was loaded before it was asked for (https://wicg.github.io/nav-speculation/prerendering.html).
    ...(activationStart && { 'browser.navigation_timing.activation_start': activationStart }),
    ...((startedHidden || document.visibilityState === 'hidden') && { 'headwater.page.hidden': true }),
    ...(timing && { 'http.response.header.server-timing': [timing] }),
  }
}

/** @param isRequest - if it is told of as the entry of a request. */
function reportResource(
  module: Module,
  entry: PerformanceResourceTiming,
  linking: boolean,
  isRequest?: boolean,
): void {
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
      ...(FULL && isRequest ? [momentsOf(entry)] : PROTOCOLS && !FULL ? [entry.decodedBodySize] : []),
    ].join('\n'),
    // Firefox has documents fetched some milliseconds before their navigation.
    Math.max(
      // Elastic's documents are requested when there is a connection.
      (PROTOCOLS && !FULL && (entry as Partial<PerformanceNavigationTiming>).type && entry.requestStart) ||
        entry.fetchStart,
      0,
    ),
    entry.responseEnd || entry.startTime,
    responseStatus ?? 0,
    entry.transferSize,
    entry.encodedBodySize,
  )
}

/** For `Moments` in `crate/src/signal/timing.rs`: whole microseconds. */
function momentsOf(entry: PerformanceResourceTiming): string {
  return [
    ...[
      entry.redirectStart,
      entry.redirectEnd,
      entry.workerStart,
      entry.fetchStart,
      entry.domainLookupStart,
      entry.domainLookupEnd,
      entry.connectStart,
      entry.secureConnectionStart,
      entry.connectEnd,
      entry.requestStart,
      entry.responseStart,
      entry.responseEnd,
    ].map((time) => Math.round(time * 1_000)),
    entry.decodedBodySize,
    // Later than the type definitions (2023).
    (entry as { deliveryType?: string }).deliveryType,
  ].join()
}
