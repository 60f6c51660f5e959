// @ts-check
/** The cart: quantities (XHR), the shipping estimate (axios to the second origin). */

import { element, euros, origins, said, showBasketCount, viaAxios, viaXhr } from './shop.js'

const items = document.querySelector('#items')
if (items) {
  items.addEventListener('change', (event) => change(/** @type {HTMLInputElement} */ (event.target)))
  showShipping()
}

/** @param {HTMLInputElement} input */
async function change(input) {
  const line = /** @type {HTMLElement} */ (input.closest('[data-product]'))
  const product = Number(line.dataset.product)
  const { body } = await viaXhr('PUT', `/api/cart/${product}`, { body: { quantity: Number(input.value) } })
  const item = body.items.find((/** @type {any} */ other) => other.product === product)
  if (item) {
    element('[data-line]', line).textContent = euros(item.price * item.quantity)
  } else {
    line.remove()
  }
  showBasketCount(body.count)
  const total = element('#total')
  total.textContent = euros(body.total)
  total.dataset.cents = String(body.total)
  await showShipping()
}

async function showShipping() {
  const shipping = element('#shipping')
  try {
    const total = element('#total').dataset.cents
    const { data } = await viaAxios('GET', `${origins.api}/shipping`, { params: { total } })
    shipping.textContent = data.cost === 0 ? `free, ${data.days} days` : `${data.text}, ${data.days} days`
  } catch (error) {
    shipping.textContent = `no estimate: ${said(error)}`
  }
}
