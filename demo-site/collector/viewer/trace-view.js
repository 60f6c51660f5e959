// @ts-check
// The page of one trace: its head, the minimap, the waterfall and the details, and the keys that drive them.

import { fetchLogs, fetchTrace } from './api.js'
import { copyButton, element, icon, isTextField } from './dom.js'
import { formatCount, formatDateTime, formatDuration, nanosToMillis, plural } from './format.js'
import { logsBySpan } from './logs-model.js'
import { createMinimap } from './minimap.js'
import { serviceClass } from './service-colors.js'
import { createSpanDetails } from './span-details.js'
import { buildTrace, criticalPath, nextSpan } from './trace-model.js'
import { createWaterfall } from './waterfall.js'

/**
 * @typedef {import('./trace-model.js').Span} Span
 * @typedef {import('./trace-model.js').Trace} Trace
 */

/** Spans of a trace arrive in many small messages; the trace is read again at most this often. */
const REFRESH_MILLIS = 700

/** @param {{ close: () => void }} actions */
export function createTraceView({ close }) {
  let traceId = ''
  /** @type {Trace | undefined} */
  let trace
  /** @type {Map<string, import('./logs-model.js').LogRecord[]>} */
  let logs = new Map()
  let refresh = 0
  /** @type {Set<string>} */
  let found = new Set()
  let showCritical = true

  const title = element('div', { class: 'trace-head' })
  const legend = element('ul', { class: 'legend', 'aria-label': 'Services' })
  const search = element('input', {
    type: 'search',
    class: 'field search',
    placeholder: 'Find spans',
    'aria-label': 'Find spans',
    autocomplete: 'off',
    spellcheck: 'false',
    oninput: onSearch,
  })
  const foundCount = element('span', { class: 'list-count', role: 'status' })
  const collapse = element('button', {
    type: 'button',
    class: 'button',
    text: 'Collapse all',
    onclick: () => (waterfall.hasCollapsed() ? waterfall.expandAll() : waterfall.collapseAll()),
  })
  const criticalButton = element('button', {
    type: 'button',
    class: 'button',
    'aria-pressed': 'true',
    title: 'The line under the bars: what the trace waited for',
    text: 'Critical path',
    onclick: onCritical,
  })
  const reset = element(
    'button',
    {
      type: 'button',
      class: 'button',
      title: 'Show the whole trace (0)',
      hidden: true,
      onclick: () => waterfall.setRange(undefined),
    },
    icon('reset'),
    'Whole trace',
  )
  const minimap = createMinimap({
    onRange: (range) => waterfall.setRange(range),
    onReset: () => waterfall.setRange(undefined),
  })
  const details = createSpanDetails({ onClose: closeDetails, onSpan: (span) => waterfall.reveal(span) })
  const waterfall = createWaterfall({
    // While the details are open, they follow the keyboard.
    onSelect: (span) => !details.node.hidden && showDetails(span),
    onOpen: showDetails,
    onRange: (range) => {
      minimap.setRange(range)
      reset.hidden = !trace || range.end - range.start >= trace.duration
    },
    onCollapse: () => (collapse.textContent = waterfall.hasCollapsed() ? 'Expand all' : 'Collapse all'),
  })
  const notice = element('p', { class: 'notice', role: 'status', hidden: true })
  const content = element(
    'div',
    { class: 'trace-content' },
    element(
      'div',
      { class: 'toolbar' },
      element('label', { class: 'search-box' }, icon('search'), search),
      foundCount,
      element('span', { class: 'toolbar-space' }),
      reset,
      criticalButton,
      collapse,
    ),
    minimap.node,
    element('div', { class: 'trace-body' }, waterfall.node, details.node),
  )
  const node = element(
    'section',
    { class: 'trace-view', 'aria-label': 'Trace', hidden: true },
    element(
      'div',
      { class: 'trace-top' },
      element(
        'a',
        { class: 'icon-button back', href: '#/', title: 'All traces (Esc)', 'aria-label': 'All traces' },
        icon('back'),
      ),
      title,
      legend,
    ),
    notice,
    content,
  )

  return { node, open, leave, receive, onKey }

  /**
   * @param {string} id
   * @param {string} [spanId] to select
   */
  async function open(id, spanId) {
    if (id !== traceId) {
      leave()
      traceId = id
      content.hidden = true
      title.replaceChildren()
      legend.replaceChildren()
      tell('Loading…')
    }
    await read()
    if (traceId !== id || !trace) return
    const span = spanId && trace.spans.find((one) => one.spanId === spanId)
    if (span) {
      waterfall.reveal(span)
      showDetails(span)
    } else waterfall.focusActive()
  }

  function leave() {
    clearTimeout(refresh)
    refresh = 0
    traceId = ''
    trace = undefined
    found = new Set()
    search.value = ''
    foundCount.textContent = ''
    details.hide()
    node.classList.remove('with-details')
  }

  /** @param {string} updated */
  function receive(updated) {
    if (updated !== traceId || refresh) return
    refresh = window.setTimeout(() => {
      refresh = 0
      read()
    }, REFRESH_MILLIS)
  }

  async function read() {
    const id = traceId
    let otlp
    let logsOtlp
    try {
      ;[otlp, logsOtlp] = await Promise.all([fetchTrace(id), fetchLogs(id)])
    } catch (error) {
      if (id === traceId && !trace)
        tell(`The trace could not be loaded. ${error instanceof Error ? error.message : ''}`)
      return
    }
    if (id !== traceId) return
    const next = otlp ? buildTrace(otlp) : undefined
    if (!next || next.spans.length === 0) {
      if (!trace) tell(`The collector has no trace ${id}. Should its spans still arrive, it opens here.`)
      return
    }
    const fresh = trace === undefined
    trace = next
    logs = logsBySpan(logsOtlp)
    notice.hidden = true
    content.hidden = false
    drawHead(next)
    waterfall.setCritical(showCritical ? criticalPath(next.root) : new Map())
    // The minimap first: the waterfall tells it the range, which is a part of this trace.
    minimap.show(next)
    waterfall.show(next, fresh)
    if (search.value) onSearch()
    const shown = !details.node.hidden && next.spans.find((span) => span.key === details.node.dataset.key)
    if (shown) showDetails(shown)
  }

  /** @param {string} text */
  function tell(text) {
    notice.textContent = text
    notice.hidden = false
  }

  /** @param {Trace} shown */
  function drawHead(shown) {
    const name = shown.root?.name ?? shown.traceId
    document.title = `${name} · Headwater`
    const started = nanosToMillis(shown.startUnixNano)
    title.replaceChildren(
      element(
        'div',
        { class: 'trace-title' },
        element('h1', { text: name, title: name }),
        element(
          'span',
          { class: 'trace-id' },
          element('code', { text: shown.traceId, title: shown.traceId }),
          copyButton('Copy the trace id', () => shown.traceId),
        ),
      ),
      element(
        'p',
        { class: 'trace-facts' },
        element('span', { class: 'fact-strong', text: formatDuration(shown.duration) }),
        element('span', { text: plural(shown.spans.length, 'span') }),
        shown.failed > 0
          ? element(
              'button',
              {
                type: 'button',
                class: 'error-badge',
                title: 'Next error (e)',
                onclick: () => goTo(1, (span) => span.failed),
              },
              icon('error'),
              plural(shown.failed, 'error'),
            )
          : element('span', { text: 'no errors' }),
        element('time', { text: formatDateTime(started), datetime: new Date(started).toISOString() }),
      ),
    )
    legend.replaceChildren(
      ...shown.services.map((service) =>
        element(
          'li',
          { class: `chip ${serviceClass(service.name)}`, title: plural(service.count, 'span') },
          service.name,
          element('span', { class: 'chip-count', text: formatCount(service.count) }),
        ),
      ),
    )
  }

  /** @param {Span} span */
  function showDetails(span) {
    if (!trace) return
    // Records without a span belong to the trace as a whole, which its root stands for.
    const records = [...(logs.get(span.spanId) ?? []), ...(span === trace.root ? (logs.get('') ?? []) : [])]
    details.show(span, trace, records)
    waterfall.select(span.key)
    node.classList.add('with-details')
    history.replaceState(null, '', `#/trace/${traceId}/${span.spanId}`)
  }

  function closeDetails() {
    details.hide()
    waterfall.select('')
    node.classList.remove('with-details')
    history.replaceState(null, '', `#/trace/${traceId}`)
    waterfall.focusActive()
  }

  function onSearch() {
    const text = search.value.trim().toLowerCase()
    found = new Set(
      text && trace
        ? trace.spans
            .filter(
              (span) =>
                span.name.toLowerCase().includes(text) ||
                span.service.toLowerCase().includes(text) ||
                span.spanId === text,
            )
            .map((span) => span.key)
        : [],
    )
    foundCount.textContent = text ? `${formatCount(found.size)} found` : ''
    waterfall.setMatches(found)
  }

  function onCritical() {
    showCritical = !showCritical
    criticalButton.setAttribute('aria-pressed', String(showCritical))
    waterfall.setCritical(showCritical && trace ? criticalPath(trace.root) : new Map())
  }

  /**
   * @param {1 | -1} direction
   * @param {(span: Span) => boolean} fits
   */
  function goTo(direction, fits) {
    const span = trace && nextSpan(trace, waterfall.activeSpan()?.index ?? -1, direction, fits)
    if (span) waterfall.reveal(span)
    return span
  }

  /** @param {KeyboardEvent} event */
  function onKey(event) {
    const { target, key } = event
    if (target === search) {
      if (key === 'Enter') {
        // The focus stays in the field, so that Enter goes on to the next one.
        goTo(event.shiftKey ? -1 : 1, (span) => found.has(span.key))
        search.focus()
      } else if (key === 'Escape') {
        search.value = ''
        onSearch()
        waterfall.focusActive()
      } else if (key === 'ArrowDown') waterfall.focusActive()
      else return false
      return true
    }
    if (key === 'Escape') {
      if (!details.node.hidden) closeDetails()
      else if (waterfall.isZoomed()) waterfall.setRange(undefined)
      else close()
      return true
    }
    if (isTextField(target)) return false
    const inDetails = target instanceof Node && details.node.contains(target)
    // Buttons and links keep their own Enter, and the panel its own scrolling.
    const onControl = target instanceof HTMLElement && target.closest('button, a, summary') !== null
    if (inDetails && /^(Arrow|Page|Home|End|Enter)/.test(key)) return false
    if (onControl && (key === 'Enter' || key === ' ')) return false
    return runKey(key)
  }

  /** @param {string} key */
  function runKey(key) {
    const page = Math.max(1, Math.floor(waterfall.node.clientHeight / 28) - 3)
    switch (key) {
      case 'ArrowDown':
      case 'j':
        waterfall.moveBy(1)
        break
      case 'ArrowUp':
      case 'k':
        waterfall.moveBy(-1)
        break
      case 'PageDown':
        waterfall.moveBy(page)
        break
      case 'PageUp':
        waterfall.moveBy(-page)
        break
      case 'Home':
        waterfall.moveBy(-Infinity)
        break
      case 'End':
        waterfall.moveBy(Infinity)
        break
      case 'ArrowLeft':
        waterfall.collapseOrParent()
        break
      case 'ArrowRight':
        waterfall.expandOrChild()
        break
      case 'Enter':
      case ' ':
        waterfall.openActive()
        break
      case 'e':
        goTo(1, (span) => span.failed)
        break
      case 'E':
        goTo(-1, (span) => span.failed)
        break
      case '/':
        search.focus()
        search.select()
        break
      case 'z':
        waterfall.zoomToActive()
        break
      case '+':
      case '=':
        waterfall.zoom(0.5)
        break
      case '-':
        waterfall.zoom(2)
        break
      case '0':
        waterfall.setRange(undefined)
        break
      default:
        return false
    }
    return true
  }
}
