/** Reports what web vitals are made of. What becomes of it is decided in `crate/src/signal/vitals.rs`. */
import type { Exports } from '../generated/full/module.js'
import type { Module } from '../load-wasm.js'
import { observe } from './observe.js'
import { listen, nativeTimer } from './patch.js'

/**
 * Installs the hook.
 *
 * @param hasSoft - whether soft navigations count as visits of their own.
 * @returns a function that reports now what there is, for an agent that ends. Not for `pagehide`: of the page's last
 * moments the browser tells after it, when the page is hidden.
 */
export function hookVitals(module: Module, undo: (() => void)[], hasSoft?: boolean): () => void {
  const { prerendering, visibilityState } = document as Later
  const tell = (kind: number, text?: string, ...numbers: (number | undefined)[]) =>
    module.later('vital', text, kind, ...(numbers as Numbers))
  // In the capture phase of the window: ahead of everybody, and of what flushes.
  const hear = (type: string, listener: (event: Event) => void) => listen(undo, type, listener, true)
  const count = () => performance.interactionCount as number | undefined

  const tellNavigation = () => {
    const [entry] = performance.getEntriesByType('navigation') as Navigation[]
    if (entry)
      tell(
        NAVIGATION,
        ((document as Later).wasDiscarded ? 'restore' : entry.type.replace('_', '-')) +
          (hasSoft ? '\n' + entry.name : ''),
        entry.activationStart ?? 0,
        entry.responseStart,
        entry.domInteractive,
        entry.domContentLoadedEventStart,
        entry.domComplete,
        entry.workerStart || entry.fetchStart,
        entry.domainLookupStart,
        entry.connectStart,
        entry.connectEnd,
      )
    return entry
  }

  let largest: Paint | undefined
  let resource: PerformanceResourceTiming | undefined
  let soft: Entry | undefined
  /** The latest ones: the browser's own list has an end. */
  const resources: PerformanceResourceTiming[] = []
  const findResource = () => {
    // The page may clear them.
    resource =
      [...(performance.getEntriesByType('resource') as PerformanceResourceTiming[]), ...resources]
        .filter(
          ({ name, requestStart, startTime }) =>
            name === largest?.url && (requestStart || startTime) <= largest.startTime,
        )
        .pop() ?? resource
  }
  const endLargest = () => {
    tellNavigation()
    findResource()
    tell(
      LARGEST_IS_FINAL,
      '',
      resource ? resource.requestStart || resource.startTime : 0,
      resource?.responseEnd ?? 0,
    )
  }

  const read = (all: PerformanceEntryList) => {
    const entries = all as Entry[]
    let candidate: Paint | null | undefined
    const tellLargest = () => {
      if (!candidate) return
      largest = candidate
      resource = undefined
      findResource()
      const { element, id, url, startTime } = candidate
      // Some are gone by now.
      tell(LARGEST, `${url}\n${element ? selectorOf(element) : id && '#' + id}`, startTime)
    }
    // Those of different types come in any order.
    entries.sort((a, b) => a.startTime + a.duration - b.startTime - b.duration)
    for (const entry of entries) {
      const { entryType, name, startTime, duration } = entry
      if (entryType === 'paint') {
        if (name !== 'first-contentful-paint') continue
        tellNavigation()
        tell(FIRST_PAINT, '', startTime)
      } else if (entryType === 'largest-contentful-paint') {
        candidate = entry
      } else if (entryType === INTERACTION_PAINT) {
        // What an earlier interaction has led to is painted late.
        if (entry.interactionId === soft?.interactionId) candidate = entry.largestContentfulPaint ?? candidate
      } else if (entryType === SOFT_NAVIGATION) {
        tellLargest()
        endLargest()
        soft = entry
        largest = resource = undefined
        tell(SOFT, name, startTime, entry.presentationTime || entry.paintTime, count())
        candidate = entry.getLargestInteractionContentfulPaint()?.largestContentfulPaint
      } else if (entryType === 'resource') {
        if (resources.push(entry as never) > RESOURCES) resources.shift()
      } else if (entryType === 'layout-shift') {
        const { sources, value, hadRecentInput } = entry
        const source = sources.find(({ node }) => node?.nodeType === 1) ?? sources[0]
        tell(SHIFT, selectorOf(source?.node), startTime, value, +hadRecentInput, sources.length)
      } else if (/^event|^first/.test(entryType)) {
        tell(
          EVENT,
          `${name}\n${selectorOf(entry.target) || (entry.targetSelector ?? '')}`,
          startTime,
          duration,
          entry.processingStart,
          entry.processingEnd,
          entry.interactionId,
          count(),
          +(entryType !== 'event'),
        )
      } else {
        for (const script of entry.scripts ?? []) {
          const { sourceURL, invoker, invokerType, sourceFunctionName } = script
          const lines = [sourceURL, invoker, invokerType, sourceFunctionName]
          tell(SCRIPT, lines.map((line) => line.slice(0, 999)).join('\n'), script.startTime, script.duration)
        }
        tell(FRAME, '', startTime, duration, entry.blockingDuration)
      }
    }
    tellLargest()
  }
  let catchUp: (() => void) | undefined
  const leave = (at = Infinity) => {
    catchUp?.()
    tellNavigation()
    tell(HIDDEN, '', at, count())
  }

  // What is prerendered begins when somebody looks at it.
  const begin = () => {
    const start = tellNavigation()?.activationStart ?? 0
    const hidden = performance
      .getEntriesByType('visibility-state')
      .find(({ name, startTime }) => name === 'hidden' && startTime >= start)
    const supported = PerformanceObserver.supportedEntryTypes
    const startedHidden = visibilityState === 'hidden' && !prerendering
    const firstHidden = hidden?.startTime ?? (startedHidden ? 0 : Infinity)
    tell(FIRST_HIDDEN, '', firstHidden, +!supported.includes('layout-shift'))
    const types = ['paint', 'largest-contentful-paint', 'layout-shift', 'event', 'first-input']
    types.push(supported.includes(LONG_FRAME) ? LONG_FRAME : 'longtask')
    // Earlier versions had a property in place of the method: https://github.com/WICG/soft-navigations
    const { PerformanceSoftNavigation } = globalThis as unknown as Partial<Record<string, () => void>>
    if (hasSoft && 'getLargestInteractionContentfulPaint' in (PerformanceSoftNavigation?.prototype ?? {}))
      types.push(SOFT_NAVIGATION, INTERACTION_PAINT, 'resource')

    // No larger paint counts after it; not at once, as somebody waits for an answer to it.
    const input = ({ isTrusted }: Event) => {
      if (!isTrusted || !largest) return
      const visit = soft
      const end = () => {
        // It may have led to another one, whose paints have only begun.
        if (visit === soft) endLargest()
      }
      ;(nativeTimer('requestIdleCallback') ?? nativeTimer('setTimeout'))(end, {
        timeout: 1_000,
      })
    }
    hear('keydown', input)
    hear('click', input)
    hear('pageshow', (event) => {
      if (!(event as PageTransitionEvent).persisted) return
      const { timeStamp } = event
      tell(RESTORED, '', timeStamp, count())
      const frame = nativeTimer('requestAnimationFrame')
      frame(() => frame(() => tell(RESTORED_PAINT, '', performance.now() - timeStamp)))
    })
    // What it takes is known one task later.
    const loaded = () => {
      nativeTimer('setTimeout')(() => {
        tellNavigation()
        tell(LOADED)
      })
    }
    if (document.readyState === 'complete') loaded()
    else hear('load', loaded)
    return types
  }
  const watch = () => (catchUp = observe(module, undo, read, begin))
  if (prerendering) hear('prerenderingchange', watch)
  else watch()
  hear('visibilitychange', ({ timeStamp }) => {
    if (!catchUp) return
    catchUp()
    endLargest()
    if (document.visibilityState === 'hidden') leave(timeStamp)
  })
  return () => {
    catchUp?.()
    endLargest()
    leave()
  }
}

/** A short path of CSS selectors to an element, which may be gone before it is asked for. */
export function selectorOf(node: Node | null | undefined): string {
  let path = ''
  for (; node && node.nodeType !== Node.DOCUMENT_NODE; node = node.parentNode) {
    const { id, classList, nodeName, nodeType } = node as Element
    const name =
      nodeType === Node.ELEMENT_NODE ? nodeName.toLowerCase() : nodeName.toUpperCase().replace('#', '')
    const part = id ? '#' + id : [name, ...[...(classList ?? [])].sort()].join('.')
    if (path.length + part.length > 99) return path || part
    path = path ? part + '>' + path : part
    if (id) break
  }
  return path
}

// See `Vitals::take` in `crate/src/signal/vitals.rs`.
const NAVIGATION = 0
const FIRST_HIDDEN = 1
const FIRST_PAINT = 2
const LARGEST = 3
const LARGEST_IS_FINAL = 4
const SHIFT = 5
const EVENT = 6
const SCRIPT = 7
const FRAME = 8
const LOADED = 9
const HIDDEN = 10
const RESTORED = 11
const RESTORED_PAINT = 12
const SOFT = 13

const LONG_FRAME = 'long-animation-frame'
const SOFT_NAVIGATION = 'soft-navigation'
const INTERACTION_PAINT = 'interaction-contentful-paint'
/** As many as `web-vitals` keeps. */
const RESOURCES = 50

/** What is left out becomes NaN. */
type Numbers =
  Parameters<Exports['vital']> extends [number, number, number, ...infer Rest extends number[]] ? Rest : never

interface Later extends Document {
  /** https://wicg.github.io/nav-speculation/prerendering.html */
  prerendering?: boolean
  /** https://wicg.github.io/web-lifecycle/ */
  wasDiscarded?: boolean
}

interface Navigation extends PerformanceNavigationTiming {
  activationStart?: number
}

/** `largest-contentful-paint` */
interface Paint extends PerformanceEntry {
  element: Element | null
  id: string
  url: string
}

/** Of any of the types observed. */
interface Entry extends PerformanceEventTiming, Paint {
  // `layout-shift`
  value: number
  hadRecentInput: boolean
  sources: readonly { node: Node | null }[]
  // `interaction-contentful-paint` and `soft-navigation`: https://wicg.github.io/soft-navigations/
  largestContentfulPaint: Paint | null
  getLargestInteractionContentfulPaint(): Entry | null
  presentationTime: number | null
  paintTime: number
  // `event`, in newer browsers
  targetSelector?: string
  // `long-animation-frame`
  blockingDuration?: number
  scripts?: readonly Script[]
}

/** https://w3c.github.io/long-animation-frames/ */
interface Script extends PerformanceEntry {
  sourceURL: string
  sourceFunctionName: string
  invoker: string
  invokerType: string
}
