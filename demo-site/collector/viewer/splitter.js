// @ts-check
// The edge between names and bars, which can be dragged.

import { element } from './dom.js'

/**
 * Sets `--name-width` on the container.
 * @param {HTMLElement} container
 * @param {() => void} onResize
 */
export function createSplitter(container, onResize) {
  const splitter = element('i', { class: 'splitter', title: 'Drag to resize' })
  splitter.addEventListener('pointerdown', (down) => {
    down.preventDefault()
    splitter.setPointerCapture(down.pointerId)
    const move = (/** @type {PointerEvent} */ event) => {
      const box = container.getBoundingClientRect()
      container.style.setProperty(
        '--name-width',
        `${Math.min(box.width * 0.75, Math.max(120, event.clientX - box.left))}px`,
      )
      onResize()
    }
    splitter.addEventListener('pointermove', move)
    splitter.addEventListener('lostpointercapture', () => splitter.removeEventListener('pointermove', move), {
      once: true,
    })
  })
  return splitter
}
