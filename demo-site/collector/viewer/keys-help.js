// @ts-check
// The dialog that `?` opens.

import { element } from './dom.js'

/** @type {[string, [string[], string][]][]} */
const KEYS = [
  [
    'List of traces',
    [
      [['↑', '↓'], 'move between traces'],
      [['Enter'], 'open the trace'],
      [['/'], 'filter; a pasted trace id opens'],
    ],
  ],
  [
    'Trace',
    [
      [['↑', '↓'], 'move between spans'],
      [['←', '→'], 'collapse, expand; to the parent, to the first child'],
      [['Enter'], 'show the details of the span'],
      [['e', 'Shift e'], 'next, previous error'],
      [['/'], 'find spans; Enter goes to the next one'],
      [['z'], 'zoom to the span'],
      [['+', '−', '0'], 'zoom in, zoom out, whole trace'],
      [['Esc'], 'close the details, undo the zoom, back to the list'],
    ],
  ],
]

export function showKeys() {
  const dialog = element(
    'dialog',
    {
      class: 'dialog',
      'aria-label': 'Keyboard shortcuts',
      onclose: () => dialog.remove(),
      onclick: (/** @type {Event} */ event) => event.target === dialog && dialog.close(),
    },
    element(
      'form',
      { method: 'dialog' },
      ...KEYS.map(([title, rows]) =>
        element(
          'section',
          {},
          element('h2', { text: title }),
          element(
            'dl',
            { class: 'keys' },
            ...rows.flatMap(([keys, meaning]) => [
              element('dt', {}, ...keys.map((key) => element('kbd', { text: key }))),
              element('dd', { text: meaning }),
            ]),
          ),
        ),
      ),
      element('div', { class: 'dialog-buttons' }, element('button', { class: 'button', text: 'Close' })),
    ),
  )
  document.body.append(dialog)
  dialog.showModal()
}
