// @ts-check
/** The product list: search (fetch), stock badges (fetch to the second origin), newsletter (XHR). */

import { card, element, json, origins, said, viaXhr } from './shop.js'

const form = element('#search')
const products = element('#products')

/** @type {AbortController | undefined} */
let searching
/** @type {number | undefined} */
let typing

form.addEventListener('submit', (/** @type {Event} */ event) => {
  event.preventDefault()
  search()
})
form.q.addEventListener('input', () => {
  clearTimeout(typing)
  typing = setTimeout(search, 250)
})

element('#newsletter').addEventListener('submit', async (/** @type {Event} */ event) => {
  event.preventDefault()
  const newsletter = /** @type {any} */ (event.target)
  const answer = element('[role=status]', newsletter)
  try {
    const { body } = await viaXhr('POST', '/api/newsletter', { body: { email: newsletter.email.value } })
    answer.textContent = body.message ?? body.error
  } catch (error) {
    answer.textContent = said(error)
  }
})

showStock()

/** Asks for products, and forgets an older question that is still open. */
async function search() {
  clearTimeout(typing)
  searching?.abort()
  searching = new AbortController()
  try {
    const found = await json(`/api/search?q=${encodeURIComponent(form.q.value)}`, {
      signal: searching.signal,
    })
    products.replaceChildren(...found.map(card))
    element('#found').textContent = `${found.length} products`
    await showStock()
  } catch (/** @type {any} */ error) {
    if (error.name !== 'AbortError') element('#found').textContent = said(error)
  }
}

/** Fills the badges of the products shown. */
async function showStock() {
  const cards = [...products.querySelectorAll('[data-product]')]
  if (cards.length === 0) return
  const ids = cards.map((item) => item.dataset.product).join(',')
  const stock = await json(`${origins.api}/stock?ids=${ids}`).catch(() => [])
  for (const { id, stock: left } of stock) {
    const badge = products.querySelector(`[data-product="${id}"] [data-stock]`)
    if (!badge) continue
    badge.textContent = left === 0 ? 'sold out' : left < 10 ? `only ${left}` : 'in stock'
    badge.dataset.stock = left === 0 ? 'none' : left < 10 ? 'few' : 'many'
  }
}
