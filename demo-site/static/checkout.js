// @ts-check
/** Checkout: pays by fetch; a declined card is answered with a 500. */

import { element, euros, json, said, showBasketCount } from './shop.js'

const form = /** @type {any} */ (document.querySelector('#checkout'))
form?.addEventListener('submit', async (/** @type {Event} */ event) => {
  event.preventDefault()
  const button = element('button', form)
  const outcome = element('#outcome')
  button.disabled = true
  outcome.className = ''
  outcome.textContent = 'Paying …'
  try {
    const order = await json('/api/checkout', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ payment: form.payment.value }),
    })
    outcome.className = 'good'
    outcome.textContent = `Thank you. Order ${order.id} is being packed: ${euros(order.total)}.`
    showBasketCount(0)
  } catch (error) {
    outcome.className = 'bad'
    outcome.textContent = said(error)
    button.disabled = false
  }
})
