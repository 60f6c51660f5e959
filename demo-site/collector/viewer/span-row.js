// @ts-check
// One row of the waterfall: name and bar of a span.

import { attributeText } from './attributes.js'
import { element, icon } from './dom.js'
import { formatDuration, plural } from './format.js'
import { serviceClass } from './service-colors.js'

/** @typedef {import('./trace-model.js').Span} Span */

const DEEPEST_INDENT = 18
const MOST_EVENT_MARKS = 40
const LABEL_CHARACTER = 6.7

export const KIND_LETTERS = ['', '', 'S', 'C', 'P', 'Q']
export const KIND_NAMES = ['unspecified', 'internal', 'server', 'client', 'producer', 'consumer']

/**
 * @param {Span} span
 * @param {{ collapsed: boolean, matched: boolean, range: import('./time-scale.js').TimeRange, laneWidth: number, rowNumber: number,
 *   critical: { start: number, end: number }[] | undefined }} look
 */
export function createSpanRow(span, look) {
  const { collapsed } = look
  const expandable = span.children.length > 0
  const hidesErrors = collapsed && span.failedBelow > 0
  const siblings = span.parent?.children
  const target = urlTarget(span)
  const row = element('div', {
    class: [
      'span-row',
      serviceClass(span.service),
      span.failed && 'failed',
      hidesErrors && 'hides-errors',
      look.matched && 'matched',
      span.orphan && 'orphan',
    ]
      .filter(Boolean)
      .join(' '),
    role: 'row',
    tabindex: '-1',
    'data-span-id': span.spanId,
    'data-key': span.key,
    'aria-level': span.depth + 1,
    'aria-rowindex': look.rowNumber + 2,
    'aria-setsize': siblings?.length,
    'aria-posinset': siblings && siblings.indexOf(span) + 1,
    'aria-expanded': expandable ? String(!collapsed) : undefined,
    'aria-label': rowLabel(span, hidesErrors),
  })
  const guides = element('span', { class: 'guides' })
  guides.style.setProperty('--depth', String(Math.min(span.depth, DEEPEST_INDENT)))
  const name = element(
    'div',
    { class: 'name-cell', role: 'gridcell' },
    guides,
    expandable
      ? element('span', { class: 'toggle', title: collapsed ? 'Expand' : 'Collapse' }, icon('toggle'))
      : element('span', { class: 'toggle toggle-none' }),
    span.failed && errorMark('Failed'),
    KIND_LETTERS[span.kind]
      ? element('abbr', { class: 'kind', title: KIND_NAMES[span.kind], text: KIND_LETTERS[span.kind] })
      : null,
    element('span', { class: 'span-name', text: span.name, title: span.name }),
    target && element('span', { class: 'span-target', text: target, title: target }),
    span.orphan &&
      element('span', {
        class: 'orphan-mark',
        text: 'parent not received',
        title: `The parent ${span.parentSpanId} has not arrived`,
      }),
    // Named once where the service changes: repeating it on every row would be noise.
    span.service !== span.parent?.service && element('span', { class: 'span-service', text: span.service }),
    collapsed &&
      expandable &&
      element('span', {
        class: 'hidden-count',
        text: `+${span.subtreeEnd - span.index - 1}`,
        title: plural(span.subtreeEnd - span.index - 1, 'hidden span'),
      }),
    hidesErrors &&
      element(
        'span',
        { class: 'hidden-errors', title: `Hides ${plural(span.failedBelow, 'failed span')}` },
        icon('error'),
        String(span.failedBelow),
      ),
  )
  const lane = element('div', { class: 'lane', role: 'gridcell' })
  drawBar(lane, span, look)
  row.append(name, lane)
  return row
}

/**
 * @param {HTMLElement} lane
 * @param {Span} span
 * @param {{ range: import('./time-scale.js').TimeRange, laneWidth: number, critical: { start: number, end: number }[] | undefined }} look
 */
function drawBar(lane, span, { range, laneWidth, critical }) {
  const length = range.end - range.start || 1
  const percent = (/** @type {number} */ at) =>
    ((Math.min(range.end, Math.max(range.start, at)) - range.start) / length) * 100
  const text = formatDuration(span.end - span.start)
  if (span.end < range.start || span.start > range.end) {
    const early = span.end < range.start
    lane.append(
      element('span', {
        class: `bar-label label-outside ${early ? 'at-left' : 'at-right'}`,
        text: early ? `‹ ${text}` : `${text} ›`,
      }),
    )
    return
  }
  const [left, right] = [percent(span.start), percent(span.end)]
  const bar = element('div', {
    class: `bar${span.start < range.start ? ' cut-left' : ''}${span.end > range.end ? ' cut-right' : ''}`,
  })
  bar.style.left = `${left}%`
  bar.style.width = `${right - left}%`
  lane.append(bar)
  for (const { start, end } of critical ?? []) {
    if (end < range.start || start > range.end) continue
    const segment = element('i', { class: 'critical' })
    segment.style.left = `${percent(start)}%`
    segment.style.width = `${percent(end) - percent(start)}%`
    lane.append(segment)
  }
  for (const event of span.events.slice(0, MOST_EVENT_MARKS)) {
    if (event.at < range.start || event.at > range.end) continue
    const mark = element('i', {
      class: `event-mark${event.name === 'exception' ? ' event-exception' : ''}`,
      title: `${event.name} at ${formatDuration(event.at - span.start)}`,
    })
    mark.style.left = `${percent(event.at)}%`
    lane.append(mark)
  }
  const room = text.length * LABEL_CHARACTER + 14
  const [from, to] = [(left / 100) * laneWidth, (right / 100) * laneWidth]
  const label = element('span', { class: 'bar-label', text })
  lane.append(label)
  if (to - from >= room && span.events.length === 0) {
    label.classList.add('label-inside')
    label.style.left = `${left}%`
  } else if (laneWidth - to >= room) {
    label.style.left = `max(${right}%, ${left}% + 3px)`
  } else if (from >= room) {
    label.classList.add('label-before')
    label.style.right = `${100 - left}%`
  } else {
    label.classList.add('label-inside')
    label.style.left = `${left}%`
  }
}

/**
 * What a span is about that its low-cardinality name must not say.
 *
 * @param {Span} span
 */
function urlTarget(span) {
  const url = attributeText(span.attributes, 'url.full')
  return url && URL.canParse(url) ? new URL(url).pathname : ''
}

/** @param {string} title */
function errorMark(title) {
  return element('span', { class: 'error-mark', title }, icon('error'))
}

/**
 * @param {Span} span
 * @param {boolean} hidesErrors
 */
function rowLabel(span, hidesErrors) {
  const parts = [span.name, span.service, formatDuration(span.end - span.start)]
  if (span.failed) parts.push('failed')
  if (hidesErrors) parts.push(`hides ${plural(span.failedBelow, 'failed span')}`)
  if (span.orphan) parts.push('parent not received')
  return parts.join(', ')
}
