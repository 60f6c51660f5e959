// @ts-check
// From OTLP JSON logs to the log records of each span. Pure.

import { valueText } from './attributes.js'
import { toNanos } from './format.js'

/** @typedef {{ name: string, body: string, severity: string, unixNano: bigint, attributes: import('./attributes.js').KeyValue[] }} LogRecord */

/**
 * Records that name no span are filed under the empty string.
 * @param {any} otlp
 * @returns {Map<string, LogRecord[]>} by span id
 */
export function logsBySpan(otlp) {
  /** @type {Map<string, LogRecord[]>} */
  const logs = new Map()
  for (const { scopeLogs } of otlp?.resourceLogs ?? []) {
    for (const { logRecords } of scopeLogs ?? []) {
      for (const record of logRecords ?? []) {
        const entry = {
          name: record.eventName ?? '',
          body: valueText(record.body),
          severity: record.severityText || severityName(record.severityNumber),
          unixNano: toNanos(record.timeUnixNano) || toNanos(record.observedTimeUnixNano),
          attributes: record.attributes ?? [],
        }
        const list = logs.get(record.spanId ?? '')
        if (list) list.push(entry)
        else logs.set(record.spanId ?? '', [entry])
      }
    }
  }
  for (const list of logs.values())
    list.sort((a, b) => (a.unixNano < b.unixNano ? -1 : a.unixNano > b.unixNano ? 1 : 0))
  return logs
}

/** @param {unknown} number 1 to 24, four to a name */
function severityName(number) {
  return typeof number === 'number' && number > 0
    ? (['TRACE', 'DEBUG', 'INFO', 'WARN', 'ERROR', 'FATAL'][Math.floor((number - 1) / 4)] ?? '')
    : ''
}
