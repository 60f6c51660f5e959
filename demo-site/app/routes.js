// @ts-check
/** The account's routes: overview (fetch), orders (XHR), one order (fetch), settings (axios). */

import { viaAxios, viaFetch, viaXhr } from './requests.js'
import { element, euros, facts, failure, table, text } from './view.js'

/** @typedef {(match: RegExpExecArray) => Promise<Node[]>} View */

/**
 * Path, title and view of each route.
 * @type {[RegExp, (match: RegExpExecArray) => string, View][]}
 */
export const routes = [
  [/^\/account$/, () => 'Your account', overview],
  [/^\/account\/orders$/, () => 'Your orders', orders],
  [/^\/account\/orders\/(\d+)$/, (match) => `Order ${match[1]}`, order],
  [/^\/account\/settings$/, () => 'Settings', settings],
]

/** @type {View} */
async function overview() {
  const account = await viaFetch('/api/account')
  return [
    facts([
      ['Name', account.name],
      ['Orders', String(account.orders)],
      ['Spent', euros(account.spent)],
    ]),
    text(
      'p',
      'This part of the shop is one page whose routes change in the browser. What each of them asks for is traced.',
    ),
  ]
}

/** @type {View} */
async function orders() {
  const all = await viaXhr('/api/orders')
  const rows = all.map((/** @type {any} */ one) => [
    element('a', { href: `/account/orders/${one.id}` }, String(one.id)),
    one.placed,
    one.status,
    euros(one.total),
  ])
  const missing = element(
    'p',
    {},
    element('a', { href: '/account/orders/404' }, 'An order that does not exist'),
  )
  return [table(['Order', 'Placed', 'Status', 'Total'], rows), missing]
}

/** @type {View} */
async function order(match) {
  const { order, items } = await viaFetch(`/api/orders/${match[1]}`)
  const rows = items.map((/** @type {any} */ item) => [
    element('a', { href: `/product/${item.product}` }, item.name),
    String(item.quantity),
    euros(item.price * item.quantity),
  ])
  return [
    facts([
      ['Placed', order.placed],
      ['Status', order.status],
      ['Total', euros(order.total)],
    ]),
    table(['Product', 'Quantity', 'Price'], rows),
    element('p', {}, element('a', { href: '/account/orders' }, 'All orders')),
  ]
}

/** @type {View} */
async function settings() {
  const current = await viaAxios('get', '/api/settings')
  const name = element('input', { id: 'name', name: 'name', value: current.name, maxlength: '80' })
  const newsletter = element('input', { type: 'checkbox', name: 'newsletter' })
  newsletter.checked = current.newsletter
  const outcome = element('p', { role: 'status' })
  const form = element(
    'form',
    { class: 'panel form' },
    element('label', { for: 'name' }, 'Name'),
    name,
    element('label', { class: 'choice' }, newsletter, text('span', 'Letters from the river')),
    text('button', 'Save'),
    outcome,
  )
  form.addEventListener('submit', async (event) => {
    event.preventDefault()
    try {
      const saved = await viaAxios('put', '/api/settings', {
        name: name.value,
        newsletter: newsletter.checked,
      })
      outcome.className = 'good'
      outcome.textContent = `Saved. Hello, ${saved.name}.`
    } catch (error) {
      outcome.replaceChildren(failure(error))
    }
  })
  return [form]
}
