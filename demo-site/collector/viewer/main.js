// @ts-check
// The frame around both views: which one shows, the stream that feeds them, and the keys that work everywhere.
// Addresses: `#/` is the list, `#/trace/{traceId}` a trace, `#/trace/{traceId}/{spanId}` a span in it.

import { fetchServices, openStream } from './api.js'
import { icon, isTextField } from './dom.js'
import { showKeys } from './keys-help.js'
import { serviceClass } from './service-colors.js'
import { toggleTheme } from './theme.js'
import { createTraceList } from './trace-list.js'
import { createTraceView } from './trace-view.js'

const list = createTraceList({ open: (traceId) => (location.hash = `#/trace/${traceId}`) })
const view = createTraceView({ close: () => (location.hash = '#/') })
document.querySelector('main')?.append(list.node, view.node)

const themeButton = /** @type {HTMLElement} */ (document.getElementById('theme-button'))
themeButton.append(icon('theme'))
themeButton.addEventListener('click', toggleTheme)
document.getElementById('keys-button')?.addEventListener('click', showKeys)

// Asked before the first row is drawn, so that colours do not hang on which trace comes first.
for (const service of (await fetchServices().catch(() => /** @type {string[]} */ ([]))).sort())
  serviceClass(service)

addEventListener('hashchange', route)
route()
list.load()
followStream()

document.addEventListener('keydown', (event) => {
  if (
    event.defaultPrevented ||
    event.ctrlKey ||
    event.metaKey ||
    event.altKey ||
    document.querySelector('dialog[open]')
  )
    return
  if (event.key === '?' && !isTextField(event.target)) {
    event.preventDefault()
    showKeys()
    return
  }
  const current = view.node.hidden ? list : view
  if (current.onKey(event)) event.preventDefault()
})

function route() {
  const [, traceId, spanId] = /^#\/trace\/([0-9a-f]{1,64})(?:\/([0-9a-f]+))?$/i.exec(location.hash) ?? []
  const wasOpen = !view.node.hidden
  list.node.hidden = traceId !== undefined
  view.node.hidden = traceId === undefined
  if (traceId !== undefined) view.open(traceId.toLowerCase(), spanId?.toLowerCase())
  else {
    view.leave()
    document.title = 'Traces · Headwater'
    if (wasOpen) list.restoreFocus()
  }
}

function followStream() {
  const live = /** @type {HTMLElement} */ (document.getElementById('live'))
  let interrupted = false
  openStream({
    onTrace: (summary) => {
      list.receive(summary)
      view.receive(summary.traceId)
    },
    onState: (connected) => {
      live.textContent = connected ? 'Live' : 'Reconnecting'
      live.classList.toggle('live-on', connected)
      // What arrived in between was never announced.
      if (connected && interrupted) list.load()
      interrupted = !connected
    },
  })
}
