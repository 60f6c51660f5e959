// @ts-check
/** A product: reviews (XHR to the second origin), recommendations (axios, slow), into the cart (fetch). */

import { card, element, json, origins, said, showBasketCount, viaAxios, viaXhr } from './shop.js'

const product = element('article.product').dataset.product

element('#add').addEventListener('submit', async (/** @type {Event} */ event) => {
  event.preventDefault()
  const form = /** @type {any} */ (event.target)
  const button = element('button', form)
  try {
    const cart = await json('/api/cart', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ product: Number(product), quantity: Number(form.quantity.value) }),
    })
    showBasketCount(cart.count)
    button.textContent = 'Added ✓'
  } catch (error) {
    button.textContent = said(error)
  }
})

showReviews()
showRecommendations()

async function showReviews() {
  const box = element('#reviews')
  try {
    const { body } = await viaXhr('GET', `${origins.api}/reviews/${product}`)
    box.replaceChildren(...body.map(review))
  } catch (error) {
    box.textContent = `No reviews: ${said(error)}`
  }
  box.ariaBusy = 'false'
}

async function showRecommendations() {
  const list = element('#recommendations')
  try {
    const { data } = await viaAxios('GET', `/api/recommendations/${product}`)
    list.replaceChildren(...data.map(card))
  } catch (error) {
    list.textContent = `No recommendations: ${said(error)}`
  }
  list.ariaBusy = 'false'
}

/**
 * @param {{ author: string, stars: number, text: string }} review
 * @returns {HTMLElement}
 */
function review({ author, stars, text }) {
  const figure = document.createElement('figure')
  const quote = document.createElement('blockquote')
  quote.textContent = text
  const caption = document.createElement('figcaption')
  const rating = document.createElement('span')
  rating.className = 'stars'
  rating.role = 'img'
  rating.ariaLabel = `${stars} of 5 stars`
  rating.textContent = '★'.repeat(stars) + '☆'.repeat(5 - stars)
  caption.append(rating, ` ${author}`)
  figure.append(quote, caption)
  return figure
}
