// @ts-check
// What the list says when there is nothing in it.

import { copyButton, element } from './dom.js'

/**
 * @param {string} failure why the list could not be loaded, or empty
 * @param {boolean} filtered traces exist, but the filters hide them
 * @param {() => void} resetFilters
 */
export function emptyState(failure, filtered, resetFilters) {
  if (failure) return message('The collector is out of reach', failure)
  if (filtered)
    return message(
      'No trace fits the filters',
      '',
      element('button', { type: 'button', class: 'button', text: 'Reset filters', onclick: resetFilters }),
    )
  return message(
    'No traces yet',
    'They appear here the moment a span arrives. Open the demo shop in another tab, or let a page of yours report to this collector:',
    snippet(
      `import { init } from 'headwater';\n\ninit({\n  serviceName: 'my-page',\n  serverUrl: '${location.origin}',\n});`,
    ),
    element('p', { text: 'Any OpenTelemetry exporter will do as well:' }),
    snippet(`OTEL_EXPORTER_OTLP_ENDPOINT=${location.origin}`),
  )
}

/**
 * @param {string} title
 * @param {string} text
 * @param {...HTMLElement} more
 */
function message(title, text, ...more) {
  return element(
    'div',
    { class: 'empty-message' },
    element('img', { src: 'logo.svg', alt: '', width: '40', height: '40' }),
    element('h2', { text: title }),
    text ? element('p', { text }) : null,
    ...more,
  )
}

/** @param {string} code */
function snippet(code) {
  return element(
    'div',
    { class: 'snippet' },
    element('pre', {}, element('code', { text: code })),
    copyButton('Copy', () => code),
  )
}
