/**
 * `headwater/elastic`: reports how the page load is for its visitor, and what they do. What becomes of it is decided in
 * `crate/src/signal/experience.rs`.
 */
import type { Exports } from '../generated/full/module.js'
import type { Module } from '../load-wasm.js'
import { observe } from './observe.js'

/**
 * Installs the hook.
 *
 * @returns a function that reports now what there is, of a page that is hidden or an agent that ends, or with `true` for one
 * that goes on. At `pagehide`, too: of the page's last moments the browser tells after it, when the page is hidden.
 */
export function hookExperience(
  module: Module,
  undo: (() => void)[],
  withTasks: boolean,
): (goesOn?: boolean) => void {
  const tell = (kind: number, text?: string, ...numbers: (number | undefined)[]) =>
    module.later('vital', text, kind, ...(numbers as Numbers))
  const count = () => performance.interactionCount as number | undefined
  const read = (entries: PerformanceEntryList) => {
    for (const entry of entries as Entry[])
      tell(
        TYPES.indexOf(entry.entryType),
        entry.name,
        entry.startTime,
        entry.duration,
        entry.value,
        +entry.hadRecentInput,
        entry.processingStart,
        entry.interactionId,
        count(),
      )
  }
  const catchUp = observe(
    module,
    undo,
    read,
    () => TYPES.filter((type) => withTasks || type !== 'longtask'),
    (type) => tell(TYPES.indexOf(type)),
  )

  return (goesOn) => {
    catchUp()
    if (!goesOn) tell(HIDDEN, '', count())
  }
}

/**
 * Reports the navigation.
 *
 * @param entry - of the document, if the browser has one.
 */
export function reportNavigation(module: Module, entry: PerformanceNavigationTiming | undefined): void {
  const serverTiming = (entry?.serverTiming ?? []).map(
    ({ name, description, duration }) =>
      name + (description && `;desc=${description}`) + (duration ? `;dur=${duration}` : ''),
  )
  module.call(
    'vital',
    // Deprecated, but Elastic's marks are its: whole milliseconds, and with `domLoading`.
    [
      ...Object.entries({ ...(performance as Level1).timing?.toJSON() }),
      '',
      serverTiming.join(', '),
      document.referrer,
    ].join('\n'),
    NAVIGATION,
    ...([entry?.transferSize, entry?.encodedBodySize, entry?.decodedBodySize] as unknown as Numbers),
  )
}

// See `Experience::take` in `crate/src/signal/experience.rs`.
const TYPES = ['paint', 'largest-contentful-paint', 'first-input', 'layout-shift', 'longtask', 'event']
const NAVIGATION = 6
const HIDDEN = 7

/** What is left out becomes NaN. */
type Numbers =
  Parameters<Exports['vital']> extends [number, number, number, ...infer Rest extends number[]] ? Rest : never

/** https://www.w3.org/TR/navigation-timing/ */
export interface Level1 {
  timing?: { domLoading: number; navigationStart: number; toJSON(): object }
}

/** Of any of the types observed. */
interface Entry extends PerformanceEventTiming {
  // `layout-shift`
  value: number
  hadRecentInput: boolean
}
