// @ts-check
// The panel beside (on narrow windows: below) the waterfall with all that is known about one span.

import { attributeText, groupAttributes } from './attributes.js'
import { copyButton, element, icon } from './dom.js'
import { formatDateTime, formatDuration, nanosToMillis } from './format.js'
import { serviceClass } from './service-colors.js'
import { KIND_NAMES } from './span-row.js'

/**
 * @typedef {import('./trace-model.js').Span} Span
 * @typedef {import('./attributes.js').KeyValue} KeyValue
 * @typedef {import('./logs-model.js').LogRecord} LogRecord
 */

const STATUS_NAMES = ['unset', 'ok', 'error']

/** @param {{ onClose: () => void, onSpan: (span: Span) => void }} actions */
export function createSpanDetails({ onClose, onSpan }) {
  const node = element('aside', { class: 'details', 'aria-label': 'Span details', hidden: true })
  let filter = ''
  /** Which sections the reader closed or opened; kept from span to span. @type {Map<string, boolean>} */
  const opened = new Map()

  return { node, show, hide }

  function hide() {
    node.hidden = true
  }

  /**
   * @param {Span} span
   * @param {import('./trace-model.js').Trace} trace
   * @param {LogRecord[]} logs
   */
  function show(span, trace, logs) {
    const sameSpan = node.dataset.key === span.key && !node.hidden
    const { scrollTop } = node
    const filtering =
      document.activeElement instanceof HTMLInputElement && node.contains(document.activeElement)
    node.dataset.key = span.key
    node.hidden = false
    node.replaceChildren(
      element(
        'header',
        { class: `details-head ${serviceClass(span.service)}` },
        element(
          'div',
          { class: 'details-title' },
          element('h2', { text: span.name }),
          element(
            'button',
            {
              type: 'button',
              class: 'icon-button',
              title: 'Close (Esc)',
              'aria-label': 'Close details',
              onclick: onClose,
            },
            icon('close'),
          ),
        ),
        element(
          'div',
          { class: 'details-tags' },
          element('span', { class: `chip ${serviceClass(span.service)}`, text: span.service }),
          span.kind > 0 && element('span', { class: 'tag', text: KIND_NAMES[span.kind] ?? '' }),
          span.statusCode === 1 && element('span', { class: 'tag tag-ok', text: 'ok' }),
        ),
      ),
      ...(span.failed ? [failureBox(span)] : []),
      figures(span, trace),
      ...(span.attributes.length > 0 ? [attributesSection(span)] : []),
      ...(span.events.length > 0
        ? [
            section(
              'Events',
              span.events.length,
              true,
              ...span.events.map((event) =>
                entry(
                  event.name,
                  formatDuration(event.at - span.start),
                  event.attributes,
                  event.name === 'exception',
                ),
              ),
            ),
          ]
        : []),
      ...(logs.length > 0
        ? [section('Logs', logs.length, true, ...logs.map((log) => logEntry(log, span, trace)))]
        : []),
      ...(span.links.length > 0
        ? [section('Links', span.links.length, true, ...span.links.map(linkEntry))]
        : []),
      section('Resource', span.resource.length, false, table(span.resource)),
      section('Identity', undefined, false, identity(span)),
    )
    node.scrollTop = sameSpan ? scrollTop : 0
    if (filtering && sameSpan) node.querySelector('input')?.focus()
  }

  /** @param {Span} span */
  function attributesSection(span) {
    const result = element('div', {})
    const fill = () => {
      const groups = groupAttributes(span.attributes, filter)
      result.replaceChildren(
        ...(groups.length > 0
          ? groups.map(groupTable)
          : [element('p', { class: 'quiet', text: 'No attribute fits the filter.' })]),
      )
    }
    fill()
    const field =
      span.attributes.length > 5 || filter
        ? element('input', {
            type: 'search',
            class: 'field field-small',
            placeholder: 'Filter attributes',
            'aria-label': 'Filter attributes',
            value: filter,
            oninput: (/** @type {Event} */ event) => {
              filter = /** @type {HTMLInputElement} */ (event.target).value
              fill()
            },
          })
        : null
    return section('Attributes', span.attributes.length, true, field, result)
  }

  /**
   * @param {string} title
   * @param {number | undefined} count
   * @param {boolean} open unless the reader decided otherwise
   * @param {...(Node | null)} children
   */
  function section(title, count, open, ...children) {
    const details = element(
      'details',
      { class: 'section', open: opened.get(title) ?? open },
      element(
        'summary',
        {},
        icon('toggle'),
        title,
        count !== undefined && element('span', { class: 'section-count', text: String(count) }),
      ),
      ...children,
    )
    details.addEventListener('toggle', () => opened.set(title, details.open))
    return details
  }

  /**
   * @param {Span} span
   * @param {import('./trace-model.js').Trace} trace
   */
  function figures(span, trace) {
    const duration = span.end - span.start
    const share = (/** @type {number} */ part, /** @type {number} */ whole) =>
      whole > 0 ? `${((part / whole) * 100).toFixed(part / whole < 0.1 ? 1 : 0)} %` : ''
    return element(
      'dl',
      { class: 'figures' },
      ...figure(
        'Duration',
        formatDuration(duration),
        trace.root === span ? '' : `${share(duration, trace.duration)} of the trace`,
      ),
      ...figure(
        'Self time',
        formatDuration(span.selfTime),
        span.children.length > 0 ? share(span.selfTime, duration) : 'no children',
      ),
      ...figure(
        'Starts at',
        formatDuration(span.start),
        formatDateTime(nanosToMillis(trace.startUnixNano) + span.start / 1e6).slice(11),
      ),
      ...(span.parent
        ? figure(
            'Parent',
            element('button', {
              type: 'button',
              class: 'text-button',
              text: span.parent.name,
              onclick: () => onSpan(/** @type {Span} */ (span.parent)),
            }),
            '',
          )
        : span.orphan
          ? figure('Parent', 'not received', '')
          : []),
      ...(span.shift !== 0
        ? figure(
            'Clock',
            `${span.shift > 0 ? '+' : ''}${formatDuration(span.shift)}`,
            'moved into its request: the clocks of the two services differ',
          )
        : []),
    )
  }
}

/**
 * @param {string} name
 * @param {string | Node} value
 * @param {string} note
 */
function figure(name, value, note) {
  return [
    element(
      'div',
      {},
      element('dt', { text: name }),
      element(
        'dd',
        {},
        element('span', { class: 'figure-value' }, value),
        note ? element('span', { class: 'figure-note', text: note }) : null,
      ),
    ),
  ]
}

/** @param {Span} span */
function failureBox(span) {
  const exception = span.events.find((event) => event.name === 'exception')
  const type =
    attributeText(exception?.attributes, 'exception.type') ?? attributeText(span.attributes, 'error.type')
  const message = span.statusMessage || attributeText(exception?.attributes, 'exception.message') || ''
  return element(
    'div',
    { class: 'failure' },
    icon('error'),
    element(
      'div',
      {},
      element('strong', { text: type ? `Failed: ${type}` : 'Failed' }),
      message ? element('p', { text: message }) : null,
    ),
  )
}

/** @param {import('./attributes.js').AttributeGroup} group */
function groupTable(group) {
  return element(
    'div',
    { class: 'attribute-group' },
    group.name ? element('h3', { text: group.name }) : null,
    rowsTable(group.entries),
  )
}

/** @param {KeyValue[]} attributes */
function table(attributes) {
  return rowsTable(
    groupAttributes(attributes)
      .flatMap((group) => group.entries)
      .sort((a, b) => (a.key < b.key ? -1 : 1)),
  )
}

/** @param {{ key: string, text: string }[]} entries */
function rowsTable(entries) {
  return element(
    'table',
    { class: 'attributes' },
    element(
      'tbody',
      {},
      ...entries.map(({ key, text }) =>
        element(
          'tr',
          {},
          element('th', { scope: 'row' }, ...breakable(key)),
          element(
            'td',
            {},
            element('span', { class: 'value', text }),
            copyButton(`Copy the value of ${key}`, () => text),
          ),
        ),
      ),
    ),
  )
}

/** Long keys break behind their dots and underscores, not within a word. @param {string} key */
function breakable(key) {
  return key.split(/(?<=[._])/).flatMap((part) => [part, document.createElement('wbr')])
}

/**
 * @param {string} name
 * @param {string} when
 * @param {KeyValue[]} attributes
 * @param {boolean} failed
 */
function entry(name, when, attributes, failed) {
  return element(
    'div',
    { class: failed ? 'entry entry-failed' : 'entry' },
    element(
      'div',
      { class: 'entry-head' },
      element('span', { class: 'entry-name', text: name || '(no name)' }),
      element('span', { class: 'entry-time', text: when, title: 'After the start of the span' }),
    ),
    attributes.length > 0 ? table(attributes) : null,
  )
}

/**
 * @param {LogRecord} log
 * @param {Span} span
 * @param {import('./trace-model.js').Trace} trace
 */
function logEntry(log, span, trace) {
  const offset =
    log.unixNano > 0n
      ? formatDuration(Number(log.unixNano - trace.startUnixNano) + span.shift - span.start)
      : ''
  const node = entry(
    [log.name, log.body].filter(Boolean).join(': '),
    offset,
    log.attributes,
    /^(error|fatal)/i.test(log.severity),
  )
  if (log.severity)
    node.firstElementChild?.prepend(element('span', { class: 'tag', text: log.severity.toLowerCase() }))
  return node
}

/** @param {import('./trace-model.js').SpanLink} link */
function linkEntry({ traceId, spanId, attributes }) {
  // Ids come from the wire: what is no id gets no address.
  const valid = /^[0-9a-f]{1,64}$/i.test(traceId)
  const address = `#/trace/${traceId}${/^[0-9a-f]+$/i.test(spanId) ? `/${spanId}` : ''}`
  const text = `${traceId.slice(0, 8)}… / ${spanId}`
  return element(
    'div',
    { class: 'entry' },
    element(
      'div',
      { class: 'entry-head' },
      valid
        ? element('a', { class: 'id', href: address, text, title: traceId })
        : element('span', { class: 'id', text }),
    ),
    attributes.length > 0 ? table(attributes) : null,
  )
}

/** @param {Span} span */
function identity(span) {
  const rows = [
    ['trace id', span.traceId],
    ['span id', span.spanId],
    ['parent span id', span.parentSpanId],
    ['trace state', span.traceState],
    ['flags', span.flags ? describeFlags(span.flags) : ''],
    [
      'status',
      [STATUS_NAMES[span.statusCode] ?? String(span.statusCode), span.statusMessage]
        .filter(Boolean)
        .join(': '),
    ],
    ['scope', [span.scope.name, span.scope.version].filter(Boolean).join(' ')],
  ]
  return rowsTable(rows.filter(([, text]) => text).map(([key, text]) => ({ key, text })))
}

/** The W3C bits and the two that OTLP adds. @param {number} flags */
function describeFlags(flags) {
  const names = [
    flags & 0x01 && 'sampled',
    flags & 0x02 && 'random trace id',
    flags & 0x100 && (flags & 0x200 ? 'remote parent' : 'local parent'),
  ].filter(Boolean)
  return `0x${flags.toString(16).padStart(2, '0')}${names.length > 0 ? ` (${names.join(', ')})` : ''}`
}
