// @ts-check
/** One function for each button of the Trouble page; what it returns or throws is shown beside the button. */

import { element, origins, said, viaAxios, viaFetch, viaXhr } from './shop.js'

/** @type {Record<string, () => Promise<string>>} */
const troubles = {
  async 'error-500'() {
    const response = await viaFetch('/api/trouble/500')
    if (!response.ok) throw new Error(`${response.status}, though fetch resolved`)
    return String(response.status)
  },
  async 'error-500-axios'() {
    const { status } = await viaAxios('POST', '/api/trouble/500')
    return String(status)
  },
  async 'error-404'() {
    const { status, body } = await viaXhr('GET', '/api/trouble/404')
    if (status >= 400) throw new Error(`${status}: ${body.error}`)
    return String(status)
  },
  async 'broken-json'() {
    const response = await viaFetch('/api/trouble/broken-json')
    return JSON.stringify(await response.json())
  },
  async slow() {
    const response = await viaFetch('/api/trouble/slow')
    return (await response.json()).message
  },
  async 'abort-fetch'() {
    const controller = new AbortController()
    setTimeout(() => controller.abort(), 300)
    return String((await viaFetch('/api/trouble/slow', { signal: controller.signal })).status)
  },
  async 'abort-xhr'() {
    return String((await viaXhr('GET', '/api/trouble/slow', { abortAfter: 300 })).status)
  },
  async 'timeout-xhr'() {
    return String((await viaXhr('GET', '/api/trouble/slow', { timeout: 500 })).status)
  },
  async stream() {
    const response = await viaFetch('/api/trouble/stream')
    const outcome = element('[data-outcome="stream"]')
    const reader = /** @type {ReadableStream<Uint8Array>} */ (response.body).getReader()
    let chunks = 0
    while (!(await reader.read()).done) {
      chunks += 1
      outcome.textContent = `${chunks} drops …`
    }
    return `${chunks} drops, one after the other`
  },
  async 'network-error'() {
    return String((await viaFetch(`${origins.refusing}/`)).status)
  },
  async 'third-origin'() {
    const response = await viaFetch(`${origins.other}/ad.json`)
    const { requests } = await (await fetch(`${origins.other}/__log`)).json()
    const header = requests.at(-1).headers.traceparent
    if (header) throw new Error(`${response.status}, but it saw ${header}`)
    return `${response.status}, and it saw no traceparent`
  },
  async 'second-origin'() {
    const response = await viaFetch(`${origins.api}/stock?ids=1`)
    const { requests } = await (await fetch(`${origins.api}/__log`)).json()
    const header = requests.at(-1).headers.traceparent
    if (!header) throw new Error(`${response.status}, but it saw no traceparent: is the agent built?`)
    return `${response.status}, and it saw ${header}`
  },
  async 'own-traceparent'() {
    const own = `00-${hex(16)}-${hex(8)}-01`
    const response = await viaFetch('/api/trouble/echo', { headers: { traceparent: own } })
    const { traceparent } = await response.json()
    if (traceparent !== own) throw new Error(`the server saw ${traceparent}`)
    return `${traceparent} arrived alone`
  },
  async throw() {
    setTimeout(() => {
      throw new Error('A page error, on purpose')
    })
    return 'thrown: see the console'
  },
  async reject() {
    Promise.reject(new Error('A rejection, on purpose'))
    return 'rejected: see the console'
  },
}

element('main').addEventListener('click', async (/** @type {Event} */ event) => {
  const button = /** @type {Element} */ (event.target).closest('button')
  const name = button?.dataset.trouble
  if (!button || !name) return
  const outcome = element(`[data-outcome="${name}"]`)
  button.disabled = true
  outcome.className = ''
  outcome.textContent = '…'
  try {
    outcome.textContent = await troubles[name]()
    outcome.className = 'good'
  } catch (/** @type {any} */ error) {
    outcome.textContent = said(error)
    outcome.className = 'bad'
  }
  button.disabled = false
})

/**
 * @param {number} bytes
 * @returns {string}
 */
function hex(bytes) {
  return Array.from(crypto.getRandomValues(new Uint8Array(bytes)), (byte) =>
    byte.toString(16).padStart(2, '0'),
  ).join('')
}
