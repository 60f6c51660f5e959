/** Reports that the page has gone to another URL within the same document. */
import type { Module } from '../load-wasm.js'
import { ROUTE, type Spans } from '../span.js'
import { listen, quietly, watch } from './patch.js'

/** Installs the hook. */
export function hookHistory(module: Module, spans: Spans, undo: (() => void)[]): void {
  // The same as `location.href`, of which the browser would have to make the object first.
  let url = document.URL
  const changed = (type: string, restored = false) =>
    quietly(() => {
      const from = restored ? '' : url
      url = document.URL
      if (from === url) return
      const [name, full, template] =
        module.ask('route', `${from}\n${url}`, +(type === 'push'))?.split('\n') ?? []
      if (!name) return
      spans.begin(ROUTE, name, performance.now(), {
        'url.full': full,
        ...(template && { 'url.template': template }),
        'browser.navigation.type': type,
        'browser.navigation.same_document': !restored,
      })
    })
  // A page that was kept when it was left (https://web.dev/articles/bfcache).
  listen(undo, 'pageshow', ({ persisted }: PageTransitionEvent) => {
    if (persisted) changed('traverse', true)
  })
  const { navigation } = globalThis as unknown as { navigation?: EventTarget }
  if (navigation) {
    const entered = ({ navigationType }: { navigationType: string | null }) => {
      // None if only the entry's state was changed.
      if (navigationType) changed(navigationType)
    }
    listen(undo, 'currententrychange', entered, false, navigation)
    return
  }
  for (const [name, type] of [
    ['pushState', 'push'],
    ['replaceState', 'replace'],
  ] as const) {
    watch(History.prototype, name, () => changed(type), undo)
  }
  // A link to `#/cart` pushes an entry, too, but its URL says so.
  listen(undo, 'popstate', () => changed('traverse'), true)
  listen(undo, 'hashchange', () => changed('traverse'), true)
}
