// @ts-check
// Dragging over an element to choose a part of its width: on the time axis and on the minimap.

/**
 * @param {HTMLElement} target
 * @param {{ onMove: (from: number, to: number) => void, onEnd: (from: number, to: number) => void, onCancel: () => void }} handlers
 *   positions are shares of the width, 0 to 1, in the order of the drag
 */
export function onRangeDrag(target, { onMove, onEnd, onCancel }) {
  target.addEventListener('pointerdown', (down) => {
    if (down.button !== 0 || (down.target instanceof Element && down.target.closest('button, .splitter')))
      return
    const box = target.getBoundingClientRect()
    const share = (/** @type {PointerEvent} */ event) =>
      Math.min(1, Math.max(0, (event.clientX - box.left) / box.width))
    const from = share(down)
    let moved = false
    target.setPointerCapture(down.pointerId)
    const listeners = new AbortController()
    const options = { signal: listeners.signal }
    target.addEventListener(
      'pointermove',
      (move) => {
        moved ||= Math.abs(move.clientX - down.clientX) > 3
        if (moved) onMove(from, share(move))
      },
      options,
    )
    target.addEventListener(
      'pointerup',
      (up) => {
        listeners.abort()
        if (moved) onEnd(from, share(up))
        else onCancel()
      },
      options,
    )
    target.addEventListener(
      'pointercancel',
      () => {
        listeners.abort()
        onCancel()
      },
      options,
    )
  })
}
