// @ts-check
// The axis above the bars with its ticks and the gridlines below them; dragging over it chooses a range.

import { element } from './dom.js'
import { formatTick } from './format.js'
import { onRangeDrag } from './range-drag.js'
import { ticks } from './time-scale.js'

/** @typedef {import('./time-scale.js').TimeRange} TimeRange */

const TICK_WIDTH = 96
const LABEL_WIDTH = 48

/** @param {{ onRange: (range: TimeRange) => void, onReset: () => void }} actions */
export function createTimeAxis({ onRange, onReset }) {
  const selection = element('i', { class: 'axis-selection', hidden: true })
  const labels = element('div', { class: 'axis-ticks' })
  const node = element(
    'div',
    {
      class: 'axis',
      role: 'columnheader',
      'aria-label': 'Time',
      title: 'Drag to zoom, double click for the whole trace',
    },
    labels,
    selection,
  )
  const gridlines = element('div', { class: 'gridlines', 'aria-hidden': 'true' })
  /** @type {TimeRange} */
  let range = { start: 0, end: 0 }

  node.addEventListener('dblclick', onReset)
  onRangeDrag(node, {
    onMove(from, to) {
      selection.hidden = false
      selection.style.left = `${Math.min(from, to) * 100}%`
      selection.style.width = `${Math.abs(to - from) * 100}%`
    },
    onEnd(from, to) {
      selection.hidden = true
      const at = (/** @type {number} */ share) => range.start + share * (range.end - range.start)
      onRange({ start: at(Math.min(from, to)), end: at(Math.max(from, to)) })
    },
    onCancel: () => (selection.hidden = true),
  })

  return {
    node,
    gridlines,
    /**
     * @param {TimeRange} next
     * @param {number} width of the lanes
     */
    draw(next, width) {
      range = next
      const length = range.end - range.start || 1
      const { step, values } = ticks(range, width / TICK_WIDTH)
      labels.replaceChildren()
      gridlines.replaceChildren()
      for (const value of values) {
        const share = (value - range.start) / length
        const line = element('i')
        line.style.left = `${share * 100}%`
        gridlines.append(line)
        // The last one would stick out over the edge.
        if ((1 - share) * width < LABEL_WIDTH) continue
        const label = element('span', { class: 'tick', text: formatTick(value, step, range.end) })
        label.style.left = line.style.left
        labels.append(label)
      }
    },
  }
}
