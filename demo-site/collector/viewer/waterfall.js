// @ts-check
// The tree of spans over time. Only the rows in sight are in the document, so that 5,000 spans scroll like 50.

import { element } from './dom.js'
import { createSpanRow } from './span-row.js'
import { createSplitter } from './splitter.js'
import { createTimeAxis } from './time-axis.js'
import { clampRange, zoomRange } from './time-scale.js'
import { visibleSpans } from './trace-model.js'

/**
 * @typedef {import('./trace-model.js').Span} Span
 * @typedef {import('./trace-model.js').Trace} Trace
 * @typedef {import('./time-scale.js').TimeRange} TimeRange
 */

const OVERSCAN = 12
const narrow = matchMedia('(max-width: 640px)')

/** @param {{ onSelect: (span: Span) => void, onOpen: (span: Span) => void, onRange: (range: TimeRange) => void, onCollapse: () => void }} actions */
export function createWaterfall({ onSelect, onOpen, onRange, onCollapse }) {
  const axis = createTimeAxis({ onRange: setRange, onReset: () => setRange(undefined) })
  const nameHead = element('div', { class: 'name-head', role: 'columnheader' }, 'Span')
  const head = element(
    'div',
    { class: 'waterfall-head', role: 'row', 'aria-rowindex': '1' },
    nameHead,
    axis.node,
  )
  const body = element('div', { class: 'waterfall-body', role: 'rowgroup' })
  const node = element(
    'div',
    { class: 'waterfall', role: 'treegrid', 'aria-label': 'Spans', 'aria-colcount': '2' },
    head,
    axis.gridlines,
    body,
  )
  nameHead.append(createSplitter(node, redraw))

  /** @type {Trace | undefined} */
  let trace
  /** @type {Span[]} */
  let rows = []
  /** @type {Map<string, number>} */
  let rowOf = new Map()
  /** @type {Set<string>} */
  let collapsed = new Set()
  /** @type {ReadonlySet<string>} */
  let matches = new Set()
  /** @type {Map<Span, { start: number, end: number }[]>} */
  let critical = new Map()
  /** @type {TimeRange} */
  let range = { start: 0, end: 0 }
  let active = ''
  let selected = ''
  let rowHeight = 28
  let laneWidth = 0
  let frame = 0
  /** @type {Map<string, HTMLElement>} */
  const drawn = new Map()

  node.addEventListener('scroll', schedule, { passive: true })
  new ResizeObserver(() => {
    const width = axis.node.clientWidth
    if (width === laneWidth) drawWindow()
    else redraw()
    // The details took room from the rows: the one they belong to stays in sight.
    if (selected) bringIntoView(rowOf.get(selected))
  }).observe(node)
  narrow.addEventListener('change', redraw)
  body.addEventListener('click', onClick)
  body.addEventListener('focusin', (event) => {
    const key = keyOf(event.target)
    if (key !== undefined) activate(key)
  })
  body.addEventListener('dblclick', (event) => {
    if (event.target instanceof Element && event.target.closest('.lane')) setRange(undefined)
  })
  node.addEventListener('wheel', onWheel, { passive: false })

  return {
    node,
    show,
    setRange,
    zoom,
    zoomToActive,
    reveal,
    select,
    focusActive,
    moveBy,
    collapseOrParent,
    expandOrChild,
    collapseAll,
    expandAll,
    openActive: () => openKey(active),
    activeSpan: () => rows[rowOf.get(active) ?? -1],
    hasCollapsed: () => collapsed.size > 0,
    isZoomed: () => trace !== undefined && range.end - range.start < trace.duration,
    /** @param {ReadonlySet<string>} keys */
    setMatches(keys) {
      matches = keys
      redraw()
    },
    /** @param {Map<Span, { start: number, end: number }[]>} path */
    setCritical(path) {
      critical = path
      redraw()
    },
  }

  /**
   * @param {Trace} next
   * @param {boolean} fresh another trace, as opposed to more spans of the same
   */
  function show(next, fresh) {
    const whole = !trace || fresh || range.end - range.start >= trace.duration
    trace = next
    if (fresh) {
      collapsed = new Set()
      matches = new Set()
      active = next.spans[0]?.key ?? ''
      selected = ''
      node.scrollTop = 0
    }
    range = whole ? { start: 0, end: next.duration } : clampRange(range, next.duration)
    onRange(range)
    relayout()
  }

  /** @param {TimeRange | undefined} next undefined for the whole trace */
  function setRange(next) {
    if (!trace) return
    range = next ? clampRange(next, trace.duration) : { start: 0, end: trace.duration }
    onRange(range)
    redraw()
  }

  /** @param {number} factor */
  function zoom(factor) {
    if (!trace) return
    const span = rows[rowOf.get(active) ?? 0]
    const middle = span
      ? Math.min(range.end, Math.max(range.start, (span.start + span.end) / 2))
      : (range.start + range.end) / 2
    setRange(zoomRange(range, middle, factor, trace.duration))
  }

  function zoomToActive() {
    const span = rows[rowOf.get(active) ?? -1]
    if (!span) return
    const margin = Math.max((span.end - span.start) * 0.08, 1000)
    setRange({ start: span.start - margin, end: span.end + margin })
  }

  /** Opens what hides the span and scrolls to it. @param {Span} span */
  function reveal(span) {
    let opened = false
    for (let above = span.parent; above; above = above.parent) opened = collapsed.delete(above.key) || opened
    if (opened) relayout()
    focusKey(span.key)
  }

  /** Marks the span whose details are open. @param {string} key empty for none */
  function select(key) {
    drawn.get(selected)?.setAttribute('aria-selected', 'false')
    selected = key
    drawn.get(selected)?.setAttribute('aria-selected', 'true')
  }

  function focusActive() {
    focusKey(active)
  }

  /** @param {number} step */
  function moveBy(step) {
    const from = rowOf.get(active) ?? 0
    const to = Math.min(rows.length - 1, Math.max(0, from + step))
    if (rows[to]) focusKey(rows[to].key)
  }

  function collapseOrParent() {
    const span = rows[rowOf.get(active) ?? -1]
    if (!span) return
    if (span.children.length > 0 && !collapsed.has(span.key)) toggle(span)
    else if (span.parent) focusKey(span.parent.key)
  }

  function expandOrChild() {
    const span = rows[rowOf.get(active) ?? -1]
    if (!span || span.children.length === 0) return
    if (collapsed.has(span.key)) toggle(span)
    else focusKey(span.children[0].key)
  }

  function collapseAll() {
    if (!trace) return
    // The first level stays open: a single row would say nothing.
    collapsed = new Set(
      trace.spans.filter((span) => span.children.length > 0 && span.depth > 0).map((span) => span.key),
    )
    let span = trace.spans.find((one) => one.key === active)
    for (let above = span?.parent; above; above = above.parent) if (collapsed.has(above.key)) span = above
    active = span?.key ?? active
    relayout()
  }

  function expandAll() {
    collapsed = new Set()
    relayout()
  }

  /** @param {Span} span */
  function toggle(span) {
    if (!collapsed.delete(span.key)) collapsed.add(span.key)
    activate(span.key)
    relayout()
  }

  /** The set of rows changed. */
  function relayout() {
    if (!trace) return
    rows = visibleSpans(trace, collapsed)
    rowOf = new Map(rows.map((span, index) => [span.key, index]))
    if (!rowOf.has(active)) active = rows[0]?.key ?? ''
    redraw()
    onCollapse()
  }

  /** All rows anew. */
  function redraw() {
    if (!trace) return
    const focused = body.contains(document.activeElement)
    rowHeight = narrow.matches ? 46 : 28
    laneWidth = axis.node.clientWidth
    node.setAttribute('aria-rowcount', String(rows.length + 1))
    body.style.height = `${rows.length * rowHeight}px`
    axis.gridlines.style.height = body.style.height
    axis.draw(range, laneWidth)
    body.replaceChildren()
    drawn.clear()
    drawWindow()
    if (focused) drawn.get(active)?.focus({ preventScroll: true })
  }

  function schedule() {
    frame ||= requestAnimationFrame(() => {
      frame = 0
      drawWindow()
    })
  }

  function drawWindow() {
    if (!trace) return
    const top = Math.max(0, node.scrollTop - head.offsetHeight)
    const first = Math.max(0, Math.floor(top / rowHeight) - OVERSCAN)
    const last = Math.min(
      rows.length - 1,
      Math.ceil((node.scrollTop + node.clientHeight) / rowHeight) + OVERSCAN,
    )
    const wanted = []
    for (let index = first; index <= last; index += 1) wanted.push(index)
    // The active row stays in the document wherever it is, for it may hold the focus.
    const activeIndex = rowOf.get(active)
    if (activeIndex !== undefined && activeIndex < first) wanted.unshift(activeIndex)
    else if (activeIndex !== undefined && activeIndex > last) wanted.push(activeIndex)

    const keys = new Set(wanted.map((index) => rows[index].key))
    for (const [key, row] of drawn) {
      if (keys.has(key)) continue
      row.remove()
      drawn.delete(key)
    }
    // What is drawn stands in order already, so only new rows are inserted and none that holds the focus is moved.
    let cursor = body.firstElementChild
    for (const index of wanted) {
      const span = rows[index]
      const known = drawn.get(span.key)
      if (known) {
        cursor = known.nextElementSibling
        continue
      }
      const row = createSpanRow(span, {
        collapsed: collapsed.has(span.key),
        matched: matches.has(span.key),
        range,
        laneWidth,
        rowNumber: index,
        critical: critical.get(span),
      })
      row.style.transform = `translateY(${index * rowHeight}px)`
      row.setAttribute('aria-selected', String(span.key === selected))
      if (span.key === active) row.tabIndex = 0
      drawn.set(span.key, row)
      body.insertBefore(row, cursor)
    }
  }

  /** @param {string} key */
  function activate(key) {
    const before = drawn.get(active)
    if (before) before.tabIndex = -1
    active = key
    const row = drawn.get(active)
    if (row) row.tabIndex = 0
  }

  /** @param {string} key */
  function focusKey(key) {
    const index = rowOf.get(key)
    if (index === undefined) return
    activate(key)
    bringIntoView(index)
    drawWindow()
    drawn.get(key)?.focus({ preventScroll: true })
    onSelect(rows[index])
  }

  /** By hand: scrollIntoView would put the row below the sticky axis. @param {number | undefined} index */
  function bringIntoView(index) {
    if (index === undefined) return
    const top = index * rowHeight
    const room = node.clientHeight - head.offsetHeight
    // Some of what comes next shows too.
    const margin = Math.min(rowHeight * 3, Math.max(0, (room - rowHeight) / 2))
    if (top < node.scrollTop) node.scrollTop = Math.max(0, top - margin)
    else if (top + rowHeight > node.scrollTop + room) node.scrollTop = top - room + rowHeight + margin
  }

  /** @param {string} key */
  function openKey(key) {
    const span = rows[rowOf.get(key) ?? -1]
    if (span) onOpen(span)
  }

  /** @param {EventTarget | null} target */
  function keyOf(target) {
    const row = target instanceof Element ? target.closest('.span-row') : null
    return row instanceof HTMLElement ? row.dataset.key : undefined
  }

  /** @param {MouseEvent} event */
  function onClick(event) {
    const key = keyOf(event.target)
    if (key === undefined) return
    const span = rows[rowOf.get(key) ?? -1]
    if (
      span &&
      event.target instanceof Element &&
      event.target.closest('.toggle:not(.toggle-none), .hidden-count, .hidden-errors')
    ) {
      toggle(span)
      drawn.get(key)?.focus({ preventScroll: true })
    } else {
      drawn.get(key)?.focus({ preventScroll: true })
      openKey(key)
    }
  }

  /** With Ctrl, as maps do; a pinch on a touchpad arrives as the same. @param {WheelEvent} event */
  function onWheel(event) {
    if (!trace || !event.ctrlKey) return
    event.preventDefault()
    const box = axis.node.getBoundingClientRect()
    const share = Math.min(1, Math.max(0, (event.clientX - box.left) / box.width))
    setRange(
      zoomRange(
        range,
        range.start + share * (range.end - range.start),
        Math.exp(event.deltaY * 0.004),
        trace.duration,
      ),
    )
  }
}
