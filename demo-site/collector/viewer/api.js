// @ts-check
// The collector's query API.

/**
 * @typedef {{ traceId: string, rootName?: string, rootService?: string, services?: string[], startTimeUnixNano: string,
 *   endTimeUnixNano: string, durationNanos: string, spanCount: number, errorCount: number }} TraceSummary
 */

/**
 * Newest first.
 * @param {{ service?: string, limit?: number }} query
 * @returns {Promise<TraceSummary[]>}
 */
export async function fetchTraces({ service, limit }) {
  const query = new URLSearchParams()
  if (service) query.set('service', service)
  if (limit) query.set('limit', String(limit))
  return (await getJson(`/api/traces?${query}`)).traces ?? []
}

/**
 * OTLP JSON, or undefined when the collector does not know the trace.
 * @param {string} traceId
 */
export async function fetchTrace(traceId) {
  const response = await fetch(`/api/traces/${encodeURIComponent(traceId)}`)
  if (response.status === 404) return undefined
  if (!response.ok) throw new Error(`The collector answered ${response.status}`)
  return response.json()
}

/**
 * Logs are an extra: without them the trace still shows.
 * @param {string} traceId
 */
export async function fetchLogs(traceId) {
  return getJson(`/api/logs?traceId=${encodeURIComponent(traceId)}`).catch(() => ({}))
}

/** @returns {Promise<string[]>} */
export async function fetchServices() {
  return (await getJson('/api/services')).services ?? []
}

export async function deleteTraces() {
  const response = await fetch('/api/traces', { method: 'DELETE' })
  if (!response.ok) throw new Error(`The collector answered ${response.status}`)
}

/**
 * @param {{ onTrace: (summary: TraceSummary) => void, onState: (live: boolean) => void }} handlers
 */
export function openStream({ onTrace, onState }) {
  const source = new EventSource('/api/stream')
  source.addEventListener('open', () => onState(true))
  source.addEventListener('error', () => {
    onState(false)
    // EventSource gives up for good on an HTTP error, such as a proxy's 502 while the collector restarts.
    if (source.readyState === EventSource.CLOSED) setTimeout(() => openStream({ onTrace, onState }), 3000)
  })
  source.addEventListener('trace', (event) => onTrace(JSON.parse(event.data)))
}

/** @param {string} path */
async function getJson(path) {
  const response = await fetch(path)
  if (!response.ok) throw new Error(`The collector answered ${response.status}`)
  return response.json()
}
