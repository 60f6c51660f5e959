// @ts-check
// The whole trace at a glance: a line a span, and the part of time that the waterfall shows. Drag to zoom, drag the
// zoomed part to pan.

import { element } from './dom.js'
import { onRangeDrag } from './range-drag.js'
import { COLOR_COUNT, serviceClass } from './service-colors.js'
import { clampRange } from './time-scale.js'

/** @typedef {import('./time-scale.js').TimeRange} TimeRange */

/** @param {{ onRange: (range: TimeRange) => void, onReset: () => void }} actions */
export function createMinimap({ onRange, onReset }) {
  const canvas = element('canvas')
  const before = element('i', { class: 'minimap-shade' })
  const after = element('i', { class: 'minimap-shade' })
  const brush = element('i', { class: 'minimap-brush' })
  const node = element(
    'div',
    { class: 'minimap', 'aria-hidden': 'true', title: 'Drag to zoom, double click for the whole trace' },
    canvas,
    before,
    after,
    brush,
  )
  /** @type {import('./trace-model.js').Trace | undefined} */
  let trace
  /** @type {TimeRange} */
  let range = { start: 0, end: 0 }
  /** The range when a pan began. @type {TimeRange | undefined} */
  let panned

  onRangeDrag(node, {
    onMove(from, to) {
      if (!trace) return
      const { duration } = trace
      const at = from * duration
      const zoomed = range.end - range.start < duration
      if (!panned && !node.classList.contains('brushing') && zoomed && at > range.start && at < range.end)
        panned = range
      if (panned) {
        const offset = (to - from) * duration
        onRange(clampRange({ start: panned.start + offset, end: panned.end + offset }, duration))
      } else {
        node.classList.add('brushing')
        place({ start: Math.min(from, to) * duration, end: Math.max(from, to) * duration })
      }
    },
    onEnd(from, to) {
      if (trace && !panned)
        onRange(
          clampRange(
            { start: Math.min(from, to) * trace.duration, end: Math.max(from, to) * trace.duration },
            trace.duration,
          ),
        )
      panned = undefined
      node.classList.remove('brushing')
    },
    onCancel() {
      panned = undefined
      node.classList.remove('brushing')
      place(range)
    },
  })
  node.addEventListener('dblclick', onReset)
  new ResizeObserver(draw).observe(node)
  document.addEventListener('themechange', draw)

  return {
    node,
    /** @param {import('./trace-model.js').Trace} next */
    show(next) {
      trace = next
      draw()
    },
    /** @param {TimeRange} next */
    setRange(next) {
      range = next
      place(range)
    },
  }

  /** @param {TimeRange} shown */
  function place({ start, end }) {
    const duration = trace?.duration || 1
    const [left, right] = [(start / duration) * 100, (1 - end / duration) * 100]
    const whole = left <= 0.001 && right <= 0.001
    for (const part of [before, after, brush]) part.hidden = whole
    before.style.width = brush.style.left = `${left}%`
    after.style.width = brush.style.right = `${right}%`
  }

  function draw() {
    const { clientWidth: width, clientHeight: height } = node
    const context = canvas.getContext('2d')
    if (!trace || !context || width === 0) return
    const density = devicePixelRatio || 1
    canvas.width = width * density
    canvas.height = height * density
    context.scale(density, density)
    const { fills, failure } = readColors()
    const padding = 4
    const step = (height - 2 * padding) / Math.max(trace.spans.length, 8)
    const thickness = Math.max(1, Math.min(4, step - 0.5))
    const scale = width / (trace.duration || 1)
    // Errors last, so that nothing hides them.
    for (const failed of [false, true]) {
      for (const span of trace.spans) {
        if (span.failed !== failed) continue
        context.fillStyle = failed ? failure : fills[serviceClass(span.service)]
        context.fillRect(
          span.start * scale,
          padding + span.index * step,
          Math.max(failed ? 3 : 1, (span.end - span.start) * scale),
          failed ? Math.max(2, thickness) : thickness,
        )
      }
    }
  }

  /** A canvas knows no CSS variables: the colours of the theme are read off a probe. */
  function readColors() {
    const probe = element('i', { class: 'color-probe' })
    node.append(probe)
    /** @type {Record<string, string>} */
    const fills = {}
    for (let slot = 0; slot < COLOR_COUNT; slot += 1) {
      probe.className = `color-probe service-${slot}`
      fills[`service-${slot}`] = getComputedStyle(probe).color
    }
    probe.className = 'color-probe color-probe-failed'
    const failure = getComputedStyle(probe).color
    probe.remove()
    return { fills, failure }
  }
}
