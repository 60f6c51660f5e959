// @ts-check
/**
 * The account: a small app with routes of its own, built with the agent from npm.
 *
 * The agent starts first. The page load continues the trace of `<meta name="traceparent">`; every later `pushState`
 * is a route change of its own.
 */

import { init as initApm } from 'headwater'

import { routes } from './routes.js'
import { failure, text } from './view.js'

const { api, collector, version } = /** @type {Record<string, string>} */ ({ ...document.body.dataset })

initApm({
  serviceName: 'shop-web',
  serviceVersion: version,
  environment: 'demo',
  serverUrl: collector,
  distributedTracingOrigins: [api],
  propagateTracestate: true,
  // The viewer is to show at once what the page does; yours has time.
  flushInterval: 500,
})

/** Counts navigations, so that an answer that comes late does not overwrite a newer page. */
let navigation = 0

document.addEventListener('click', (event) => {
  const link = /** @type {Element} */ (event.target).closest('a')
  const isOurs = link?.origin === location.origin && /^\/account(\/|$)/.test(link.pathname)
  if (
    !link ||
    !isOurs ||
    event.button !== 0 ||
    event.ctrlKey ||
    event.metaKey ||
    event.shiftKey ||
    event.altKey
  )
    return
  event.preventDefault()
  if (link.pathname !== location.pathname) history.pushState(null, '', link.href)
  show()
})
addEventListener('popstate', show)
show()

async function show() {
  const current = (navigation += 1)
  const path = location.pathname.replace(/\/$/, '')
  for (const tab of document.querySelectorAll('.tabs a')) {
    const target = tab.getAttribute('href') ?? ''
    const isCurrent = target === '/account' ? path === target : path.startsWith(target)
    if (isCurrent) tab.setAttribute('aria-current', 'page')
    else tab.removeAttribute('aria-current')
  }

  const app = /** @type {HTMLElement} */ (document.querySelector('#app'))
  app.ariaBusy = 'true'
  const { title, view } = await load(path)
  if (current !== navigation) return
  document.title = `${title} · Spring & Stream`
  app.replaceChildren(text('h1', title), ...view)
  app.ariaBusy = 'false'
}

/**
 * @param {string} path
 * @returns {Promise<{ title: string, view: Node[] }>}
 */
async function load(path) {
  for (const [pattern, title, render] of routes) {
    const match = pattern.exec(path)
    if (!match) continue
    try {
      return { title: title(match), view: await render(match) }
    } catch (error) {
      return { title: title(match), view: [failure(error)] }
    }
  }
  return { title: 'Not here', view: [text('p', 'The account has no such page.')] }
}
