// @ts-check
// The list of traces: newest first, live, filtered. Rows never move under the pointer: what arrives meanwhile waits
// behind a button.

import { deleteTraces, fetchTraces } from './api.js'
import { confirmInPage } from './confirm.js'
import { element, icon, isTextField } from './dom.js'
import { emptyState } from './empty-state.js'
import { toNanos } from './format.js'
import { createTraceRow, updateAge, updateTraceRow } from './trace-row.js'

/** @typedef {import('./api.js').TraceSummary} TraceSummary */

const PAGE = 200

/** @param {{ open: (traceId: string) => void }} actions */
export function createTraceList({ open }) {
  /** @type {Map<string, TraceSummary>} */
  const traces = new Map()
  /** Ids in the order on show, before filtering. @type {string[]} */
  let order = []
  /** @type {Map<string, HTMLLIElement>} */
  const rows = new Map()
  let limit = PAGE
  let loaded = false
  let paused = false
  let pointerInside = false
  /** The row in the tab order. */
  let active = ''
  /** The row that the reader went to, as opposed to the first one by default. */
  let visited = ''
  let failure = ''

  const search = element('input', {
    type: 'search',
    class: 'field search',
    placeholder: 'Filter by name, service or trace id',
    'aria-label': 'Filter traces',
    autocomplete: 'off',
    spellcheck: 'false',
    oninput: onSearch,
  })
  const service = element('select', { class: 'field', 'aria-label': 'Service', onchange: () => load() })
  const errorsOnly = element('input', { type: 'checkbox', onchange: () => render() })
  const pause = element('button', {
    type: 'button',
    class: 'button',
    text: 'Pause',
    'aria-pressed': 'false',
    onclick: onPause,
  })
  const clear = element('button', { type: 'button', class: 'button', text: 'Clear', onclick: onClear })
  const count = element('span', { class: 'list-count', role: 'status' })
  const pill = element('button', { type: 'button', class: 'new-pill', hidden: true, onclick: showArrived })
  const items = element('ol', { class: 'trace-rows' })
  const empty = element('div', { class: 'empty' })
  const more = element('button', {
    type: 'button',
    class: 'button more',
    text: 'Load older traces',
    hidden: true,
    onclick: onMore,
  })
  const scroller = element(
    'div',
    { class: 'trace-scroll' },
    element(
      'div',
      { class: 'trace-columns', 'aria-hidden': 'true' },
      ...['Started', 'Trace', 'Services', 'Duration', 'Spans', 'Errors', 'Id'].map((text, index) =>
        element('span', { class: `column-${index}`, text }),
      ),
    ),
    items,
    empty,
    more,
  )
  const node = element(
    'section',
    { class: 'list-view', 'aria-label': 'Traces' },
    element(
      'div',
      { class: 'toolbar' },
      element('label', { class: 'search-box' }, icon('search'), search),
      service,
      element('label', { class: 'check' }, errorsOnly, 'Errors only'),
      count,
      element('span', { class: 'toolbar-space' }),
      pause,
      clear,
    ),
    element('div', { class: 'trace-frame' }, pill, scroller),
  )

  items.addEventListener('pointerenter', () => (pointerInside = true))
  items.addEventListener('pointerleave', () => {
    pointerInside = false
    showArrivedIfIdle()
  })
  scroller.addEventListener('scroll', () => showArrivedIfIdle(), { passive: true })
  items.addEventListener('focusin', (event) => {
    const row = event.target instanceof Element ? event.target.closest('li') : null
    if (!row?.dataset.traceId) return
    visited = row.dataset.traceId
    activate(visited)
  })
  new ResizeObserver(() => loaded && !node.hidden && render()).observe(scroller)
  setInterval(() => {
    const now = Date.now()
    if (!node.hidden) for (const row of rows.values()) updateAge(row, now)
  }, 5000)

  return { node, load, receive, restoreFocus, onKey }

  async function load() {
    try {
      const summaries = await fetchTraces({ service: service.value, limit })
      traces.clear()
      for (const summary of summaries) traces.set(summary.traceId, summary)
      failure = ''
    } catch (error) {
      failure = `The collector did not answer. ${error instanceof Error ? error.message : ''}`
    }
    loaded = true
    showArrived()
  }

  /** @param {TraceSummary} summary */
  function receive(summary) {
    if (service.value && !summary.services?.includes(service.value)) return
    const known = order.includes(summary.traceId)
    traces.set(summary.traceId, summary)
    if (paused || node.hidden || (!known && isHeld())) {
      updatePill()
      return
    }
    if (!known) order = sorted()
    render(known ? undefined : summary.traceId)
  }

  function isHeld() {
    return paused || pointerInside || scroller.scrollTop > 4
  }

  function showArrivedIfIdle() {
    if (!isHeld() && !pill.hidden) showArrived()
  }

  function showArrived() {
    if (!pill.hidden) scroller.scrollTop = 0
    order = sorted()
    render()
  }

  function sorted() {
    const newestFirst = [...traces.values()].sort((a, b) => {
      const [first, second] = [toNanos(a.startTimeUnixNano), toNanos(b.startTimeUnixNano)]
      return first < second ? 1 : first > second ? -1 : 0
    })
    for (const old of newestFirst.splice(limit)) traces.delete(old.traceId)
    return newestFirst.map((summary) => summary.traceId)
  }

  /** @param {string} [freshId] the row that just arrived */
  function render(freshId) {
    const text = search.value.trim().toLowerCase()
    const shown = order.filter((id) => {
      const summary = traces.get(id)
      if (!summary || (errorsOnly.checked && !summary.errorCount)) return false
      return (
        !text ||
        [id, summary.rootName, ...(summary.services ?? [])].some((part) => part?.toLowerCase().includes(text))
      )
    })
    const longest = barScale(shown)
    const room = chipRoom()
    const now = Date.now()
    const wanted = new Set(shown)
    for (const [id, row] of rows) {
      if (wanted.has(id)) continue
      row.remove()
      rows.delete(id)
    }
    let cursor = items.firstElementChild
    for (const id of shown) {
      const summary = /** @type {TraceSummary} */ (traces.get(id))
      let row = rows.get(id)
      if (!row) {
        row = createTraceRow(id)
        if (id === freshId) {
          row.classList.add('fresh')
          row.addEventListener('animationend', () => row?.classList.remove('fresh'), { once: true })
        }
        rows.set(id, row)
      }
      updateTraceRow(row, summary, longest, room, now)
      if (row === cursor) cursor = cursor.nextElementSibling
      else items.insertBefore(row, cursor)
    }
    activate(rows.has(visited) ? visited : (shown[0] ?? ''))
    listServices()
    updatePill()
    count.textContent =
      loaded && order.length > 0
        ? shown.length === order.length
          ? `${shown.length} traces`
          : `${shown.length} of ${order.length}`
        : ''
    more.hidden = order.length < limit
    empty.hidden = shown.length > 0 || !loaded
    if (!empty.hidden)
      empty.replaceChildren(emptyState(failure, order.length > 0 || service.value !== '', resetFilters))
    scroller.classList.toggle('is-empty', shown.length === 0)
  }

  /** One very slow trace must not flatten all other bars: the ninth decile is full width. @param {string[]} ids */
  function barScale(ids) {
    const durations = ids.map((id) => Number(traces.get(id)?.durationNanos ?? 0)).sort((a, b) => a - b)
    return durations[Math.floor((durations.length - 1) * 0.9)] || 1
  }

  /** Read once for all rows: asking each row for its width would cost a layout each. */
  function chipRoom() {
    const column = scroller.querySelector('.column-2')?.clientWidth ?? 0
    return column > 0 ? column : Math.max(90, scroller.clientWidth - 190)
  }

  function updatePill() {
    const shown = new Set(order)
    let arrived = 0
    for (const id of traces.keys()) if (!shown.has(id)) arrived += 1
    pill.hidden = arrived === 0
    pill.replaceChildren(icon('up'), `${arrived} new`)
  }

  function listServices() {
    const names = new Set([...service.options].map((option) => option.value).filter(Boolean))
    const before = names.size
    for (const summary of traces.values()) for (const name of summary.services ?? []) names.add(name)
    if (names.size === before && service.options.length > 0) return
    const chosen = service.value
    service.replaceChildren(
      element('option', { value: '', text: 'All services' }),
      ...[...names].sort().map((name) => element('option', { value: name, text: name })),
    )
    service.value = chosen
  }

  /** @param {string} id */
  function activate(id) {
    link(active)?.setAttribute('tabindex', '-1')
    active = id
    link(active)?.setAttribute('tabindex', '0')
  }

  /** @param {string} id */
  function link(id) {
    return rows.get(id)?.querySelector('a')
  }

  function onSearch() {
    // An id alone, or the traceparent that holds it.
    const [, traceId] =
      /^(?:00-)?([0-9a-f]{32})(?:-[0-9a-f]{16}-[0-9a-f]{2})?$/i.exec(search.value.trim()) ?? []
    if (traceId) {
      search.value = ''
      open(traceId.toLowerCase())
    }
    visited = ''
    render()
  }

  function onPause() {
    paused = !paused
    pause.setAttribute('aria-pressed', String(paused))
    pause.textContent = paused ? 'Resume' : 'Pause'
    if (!paused) showArrived()
  }

  async function onClear() {
    if (
      !(await confirmInPage(
        'Delete every trace and log in this collector? This cannot be undone.',
        'Delete everything',
      ))
    )
      return
    try {
      await deleteTraces()
    } catch (error) {
      failure = String(error)
    }
    load()
  }

  function onMore() {
    limit += PAGE * 2
    load()
  }

  function resetFilters() {
    search.value = ''
    service.value = ''
    errorsOnly.checked = false
    load()
  }

  function restoreFocus() {
    if (!paused) showArrivedIfIdle()
    link(active)?.focus({ preventScroll: false })
  }

  /** @param {KeyboardEvent} event */
  function onKey(event) {
    if (event.key === 'Escape' && event.target === search) {
      search.value = ''
      render()
      search.blur()
      return true
    }
    if (event.key === 'ArrowDown' && event.target === search) {
      link(active)?.focus()
      return true
    }
    if (isTextField(event.target) && event.target !== errorsOnly) return false
    if (event.key === '/') {
      search.focus()
      search.select()
      return true
    }
    const steps = {
      ArrowDown: 1,
      ArrowUp: -1,
      PageDown: 12,
      PageUp: -12,
      Home: -Infinity,
      End: Infinity,
      j: 1,
      k: -1,
    }
    if (!Object.hasOwn(steps, event.key) || rows.size === 0) return false
    const step = steps[/** @type {keyof typeof steps} */ (event.key)]
    const ids = [...items.children].map((row) => /** @type {HTMLElement} */ (row).dataset.traceId ?? '')
    // The first press only shows where the reader is.
    const inside = items.contains(document.activeElement)
    const index = Math.min(ids.length - 1, Math.max(0, ids.indexOf(active) + (inside ? step : 0)))
    link(ids[index])?.focus()
    return true
  }
}
