// @ts-check
// A question inside the page, in place of `window.confirm`.

import { element } from './dom.js'

/**
 * Asks before something cannot be undone; resolves to the answer.
 * @param {string} question
 * @param {string} action label of the button that does it
 * @returns {Promise<boolean>}
 */
export function confirmInPage(question, action) {
  return new Promise((resolve) => {
    const dialog = element(
      'dialog',
      { class: 'dialog', 'aria-label': action },
      element(
        'form',
        { method: 'dialog' },
        element('p', { text: question }),
        element(
          'div',
          { class: 'dialog-buttons' },
          element('button', { class: 'button', value: 'no', text: 'Cancel', autofocus: true }),
          element('button', { class: 'button button-danger', value: 'yes', text: action }),
        ),
      ),
    )
    dialog.addEventListener('close', () => {
      dialog.remove()
      resolve(dialog.returnValue === 'yes')
    })
    document.body.append(dialog)
    dialog.showModal()
  })
}
