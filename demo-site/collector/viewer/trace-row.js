// @ts-check
// One row of the list: a link to the trace, so that it opens in a new tab as any link does.

import { element, icon } from './dom.js'
import { formatAgo, formatCount, formatDateTime, formatDuration, nanosToMillis, plural } from './format.js'
import { serviceClass } from './service-colors.js'

/** Estimates in pixels, good enough to decide how many names fit: dot and padding of a chip, one character. */
const CHIP_FRAME = 29
const CHIP_CHARACTER = 6.6
const MOST_DOTS = 6

/** @param {string} traceId */
export function createTraceRow(traceId) {
  const parts = ['started', 'title', 'services', 'duration', 'spans', 'errors', 'id'].map((name) =>
    element('span', { class: `cell cell-${name}` }),
  )
  return element(
    'li',
    { 'data-trace-id': traceId },
    element('a', { class: 'trace-row', href: `#/trace/${traceId}`, tabindex: '-1' }, ...parts),
  )
}

/**
 * @param {HTMLLIElement} row
 * @param {import('./api.js').TraceSummary} summary
 * @param {number} fullBar the duration that fills the bar
 * @param {number} room pixels for the chips of the services
 * @param {number} now
 */
export function updateTraceRow(row, summary, fullBar, room, now) {
  const duration = Number(summary.durationNanos)
  setBar(row, duration / fullBar)
  const version = `${summary.spanCount}/${summary.errorCount}/${summary.durationNanos}/${summary.rootName}/${summary.services?.length}/${room}`
  // Most rows are as they were; rebuilding only what changed keeps 200 rows cheap.
  if (row.dataset.version === version) return
  row.dataset.version = version
  row.dataset.started = String(nanosToMillis(summary.startTimeUnixNano))

  const [started, title, services, time, spans, errors, id] = /** @type {HTMLElement[]} */ ([
    ...(row.firstElementChild?.children ?? []),
  ])
  started.title = formatDateTime(Number(row.dataset.started))
  updateAge(row, now)
  title.replaceChildren(
    element('span', {
      class: 'trace-name',
      text: summary.rootName || '(root not received yet)',
      title: summary.rootName,
    }),
    summary.rootService ? element('span', { class: 'trace-service', text: summary.rootService }) : '',
  )
  const names = orderServices(summary)
  services.title = names.join(', ')
  const fitting = countFitting(names, room)
  const rest = names.slice(fitting)
  services.replaceChildren(
    ...names
      .slice(0, fitting)
      .map((name) => element('span', { class: `chip ${serviceClass(name)}`, text: name })),
  )
  if (rest.length > 0)
    services.append(
      element(
        'span',
        { class: 'chip chip-more' },
        ...rest.slice(0, MOST_DOTS).map((name) => element('i', { class: serviceClass(name) })),
        `+${rest.length}`,
      ),
    )
  time.replaceChildren(
    element('span', { class: 'duration-text', text: formatDuration(duration) }),
    element(
      'span',
      { class: `duration-bar ${serviceClass(summary.rootService ?? '')}`, 'aria-hidden': 'true' },
      element('i'),
    ),
  )
  setBar(row, duration / fullBar)
  spans.title = plural(summary.spanCount, 'span')
  spans.replaceChildren(
    formatCount(summary.spanCount),
    element('span', { class: 'unit', text: summary.spanCount === 1 ? ' span' : ' spans' }),
  )
  errors.replaceChildren(
    summary.errorCount > 0
      ? element(
          'span',
          { class: 'error-badge', title: plural(summary.errorCount, 'failed span') },
          icon('error'),
          formatCount(summary.errorCount),
          element('span', {
            class: 'visually-hidden',
            text: summary.errorCount === 1 ? ' error' : ' errors',
          }),
        )
      : element('span', { class: 'no-errors', text: '–', 'aria-hidden': 'true' }),
  )
  id.textContent = summary.traceId.slice(0, 8)
  id.title = summary.traceId
  row.classList.toggle('failed', summary.errorCount > 0)
}

/**
 * @param {HTMLLIElement} row
 * @param {number} now
 */
export function updateAge(row, now) {
  const started = row.firstElementChild?.firstElementChild
  if (started) started.textContent = formatAgo(Number(row.dataset.started), now)
}

/**
 * @param {HTMLLIElement} row
 * @param {number} share
 */
function setBar(row, share) {
  const bar = /** @type {HTMLElement | null} */ (row.querySelector('.duration-bar i'))
  if (bar) bar.style.width = `${Math.max(2, Math.min(1, share) * 100).toFixed(1)}%`
}

/**
 * How many chips fit with their whole names; the rest become dots.
 * @param {string[]} names
 * @param {number} room
 */
function countFitting(names, room) {
  let used = 0
  for (const [index, name] of names.entries()) {
    used += name.length * CHIP_CHARACTER + CHIP_FRAME
    const dots = Math.min(names.length - index - 1, MOST_DOTS)
    if (used + (dots > 0 ? dots * 10 + 34 : 0) > room) return Math.max(1, index)
  }
  return names.length
}

/** The service of the root first. @param {import('./api.js').TraceSummary} summary */
function orderServices({ services = [], rootService }) {
  return rootService && services.includes(rootService)
    ? [rootService, ...services.filter((name) => name !== rootService)]
    : services
}
