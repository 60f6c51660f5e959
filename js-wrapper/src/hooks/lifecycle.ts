/** Sends what waits when the page is hidden or left: there may be no other moment. */
import type { Module } from '../load-wasm.js'
import { listen } from './patch.js'

/**
 * Installs the hook.
 *
 * @param tend - ends what is over: see `Spans`.
 * @returns a function that does what is done when the page is left.
 */
export function hookLifecycle(
  module: Module,
  endPageLoad: () => void,
  tend: ((hidden: number, left: number) => void) | undefined,
  undo: (() => void)[],
): () => void {
  // On a phone, hidden is the last that a page hears of. Not `unload`: it would keep the page out of
  // the back/forward cache (https://web.dev/articles/bfcache).
  const hidden = () => {
    if (document.visibilityState !== 'hidden') return
    if (PROTOCOLS) tend?.(1, 0)
    module.call('flush', '', 1)
  }
  const left = () => {
    endPageLoad()
    if (PROTOCOLS) tend?.(1, 1)
    module.call('leave')
  }
  // In the capture phase, ahead of the page's own listeners, which may stop the event.
  listen(undo, 'visibilitychange', hidden, true, document)
  listen(undo, 'pagehide', left, true)
  const network = () => module.call('setOnline', '', +navigator.onLine)
  listen(undo, 'online', network)
  listen(undo, 'offline', network)
  return left
}
