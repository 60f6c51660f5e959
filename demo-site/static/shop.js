// @ts-check
/**
 * What the pages' scripts share: requests by each of the three clients, and a list on the page that says what was
 * asked, by whom, and what came back.
 */

/**
 * Where the other servers are, as the page was told.
 * @type {{ api: string, other: string, collector: string, refusing: string }}
 */
export const origins = /** @type {any} */ ({ ...document.body.dataset })

/**
 * The element that `selector` names; the page's template and its script belong together, so it is there.
 * @param {string} selector
 * @param {ParentNode} [within]
 * @returns {any}
 */
export function element(selector, within = document) {
  const found = within.querySelector(selector)
  if (!found) throw new Error(`This page has no ${selector}`)
  return found
}

/**
 * @param {number} cents
 * @returns {string}
 */
export function euros(cents) {
  return `€ ${(cents / 100).toFixed(2)}`
}

/**
 * `fetch`, shown on the page. Resolves and rejects as `fetch` does.
 * @param {string} url
 * @param {RequestInit} [init]
 * @returns {Promise<Response>}
 */
export async function viaFetch(url, init) {
  const line = report('fetch', init?.method ?? 'GET', url)
  try {
    const response = await fetch(url, init)
    line.end(String(response.status), response.ok)
    return response
  } catch (error) {
    line.end(said(error), false)
    throw error
  }
}

/**
 * `fetch` of JSON. Rejects unless the status is a good one.
 * @param {string} url
 * @param {RequestInit} [init]
 * @returns {Promise<any>}
 */
export async function json(url, init) {
  const response = await viaFetch(url, init)
  const body = await response.json()
  if (!response.ok) throw new Error(body.error ?? `The server answered ${response.status}`)
  return body
}

/**
 * `XMLHttpRequest`, shown on the page. Resolves with any status, rejects when there is none.
 * @param {string} method
 * @param {string} url
 * @param {{ body?: unknown, timeout?: number, abortAfter?: number }} [options]
 * @returns {Promise<{ status: number, body: any }>}
 */
export function viaXhr(method, url, { body, timeout = 0, abortAfter } = {}) {
  const line = report('XHR', method, url)
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest()
    request.open(method, url)
    request.timeout = timeout
    request.responseType = 'json'
    request.onload = () => {
      line.end(String(request.status), request.status < 400)
      resolve({ status: request.status, body: request.response })
    }
    for (const failure of ['error', 'abort', 'timeout']) {
      request.addEventListener(failure, () => {
        line.end(failure, false)
        reject(new Error(failure))
      })
    }
    if (body === undefined) {
      request.send()
    } else {
      request.setRequestHeader('content-type', 'application/json')
      request.send(JSON.stringify(body))
    }
    if (abortAfter !== undefined) setTimeout(() => request.abort(), abortAfter)
  })
}

/**
 * axios, shown on the page. Resolves and rejects as axios does.
 * @param {string} method
 * @param {string} url
 * @param {object} [config]
 * @returns {Promise<{ status: number, data: any }>}
 */
export async function viaAxios(method, url, config) {
  const line = report('axios', method, url)
  try {
    const axios = /** @type {any} */ (window).axios
    if (!axios) throw new Error('axios is missing: npm install')
    const response = await axios({ method, url, ...config })
    line.end(String(response.status), true)
    return response
  } catch (/** @type {any} */ error) {
    line.end(error.response ? String(error.response.status) : said(error), false)
    throw error
  }
}

/**
 * Adds a line to the page's list of requests.
 * @param {string} client
 * @param {string} method
 * @param {string} url
 * @returns {{ end(outcome: string, good: boolean): void }}
 */
export function report(client, method, url) {
  const list = element('#wire ol')
  element('#wire').hidden = false
  const started = performance.now()
  const line = document.createElement('li')
  line.append(
    part('client', client),
    part('what', `${method.toUpperCase()} ${url.replace(location.origin, '')}`),
    part('outcome', '…'),
  )
  list.prepend(line)
  while (list.childElementCount > LINES) list.lastElementChild.remove()
  return {
    end(outcome, good) {
      const took = Math.round(performance.now() - started)
      line.className = good ? 'good' : 'bad'
      element('.outcome', line).textContent = `${outcome} · ${took} ms`
    },
  }
}

/**
 * What an error says, with its kind where that helps.
 * @param {any} error
 * @returns {string}
 */
export function said(error) {
  return error?.name && error.name !== 'Error'
    ? `${error.name}: ${error.message}`
    : String(error?.message ?? error)
}

/**
 * Shows how many things are in the cart.
 * @param {number} count
 */
export function showBasketCount(count) {
  const badge = element('#basket-count')
  badge.textContent = String(count)
  badge.dataset.count = String(count)
}

/**
 * A product as a card of a list, as the server renders it.
 * @param {{ id: number, name: string, summary: string, price: number }} product
 * @returns {HTMLLIElement}
 */
export function card(product) {
  const item = document.createElement('li')
  item.className = 'card'
  item.dataset.product = String(product.id)

  const link = document.createElement('a')
  link.href = `/product/${product.id}`
  const picture = new Image(320, 240)
  picture.alt = ''
  picture.src = `/assets/products/${product.id}.svg`
  const name = document.createElement('h3')
  name.textContent = product.name
  link.append(picture, name)

  const summary = document.createElement('p')
  summary.className = 'quiet'
  summary.textContent = product.summary

  const line = document.createElement('p')
  line.className = 'line'
  const badge = part('badge', '')
  badge.dataset.stock = ''
  line.append(part('price', euros(product.price)), badge)

  item.append(link, summary, line)
  return item
}

/**
 * @param {string} className
 * @param {string} text
 * @returns {HTMLSpanElement}
 */
function part(className, text) {
  const span = document.createElement('span')
  span.className = className
  span.textContent = text
  return span
}

const LINES = 8
