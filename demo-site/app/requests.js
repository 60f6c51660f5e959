// @ts-check
/** The account's requests, by three clients, each shown in the page's list of requests. */

import axios from 'axios'

/**
 * @param {string} url
 * @returns {Promise<any>}
 */
export async function viaFetch(url) {
  const end = report('fetch', 'GET', url)
  try {
    const response = await fetch(url)
    end(String(response.status), response.ok)
    const body = await response.json()
    if (!response.ok) throw new Error(body.error)
    return body
  } catch (/** @type {any} */ error) {
    end(error.message, false)
    throw error
  }
}

/**
 * @param {string} url
 * @returns {Promise<any>}
 */
export function viaXhr(url) {
  const end = report('XHR', 'GET', url)
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest()
    request.open('GET', url)
    request.responseType = 'json'
    request.onload = () => {
      end(String(request.status), request.status < 400)
      if (request.status < 400) resolve(request.response)
      else reject(new Error(request.response?.error ?? `The server answered ${request.status}`))
    }
    request.onerror = () => {
      end('network error', false)
      reject(new Error('network error'))
    }
    request.send()
  })
}

/**
 * @param {'get' | 'put'} method
 * @param {string} url
 * @param {unknown} [data]
 * @returns {Promise<any>}
 */
export async function viaAxios(method, url, data) {
  const end = report('axios', method.toUpperCase(), url)
  try {
    const response = await axios({ method, url, data })
    end(String(response.status), true)
    return response.data
  } catch (/** @type {any} */ error) {
    end(String(error.response?.status ?? error.message), false)
    throw new Error(error.response?.data?.error ?? error.message)
  }
}

/**
 * Adds a line to the page's list, and returns what ends it. The first end counts.
 * @param {string} client
 * @param {string} method
 * @param {string} url
 * @returns {(outcome: string, good: boolean) => void}
 */
function report(client, method, url) {
  const section = /** @type {HTMLElement} */ (document.querySelector('#wire'))
  const list = /** @type {HTMLElement} */ (section.querySelector('ol'))
  section.hidden = false
  const started = performance.now()
  const line = document.createElement('li')
  const parts = [client, `${method} ${url}`, '…'].map((content, index) => {
    const span = document.createElement('span')
    span.className = ['client', 'what', 'outcome'][index]
    span.textContent = content
    return span
  })
  line.append(...parts)
  list.prepend(line)
  while (list.childElementCount > LINES) list.lastElementChild?.remove()
  return (outcome, good) => {
    if (line.className) return
    line.className = good ? 'good' : 'bad'
    parts[2].textContent = `${outcome} · ${Math.round(performance.now() - started)} ms`
  }
}

const LINES = 8
