/** The formats of trace headers, written down once more: what a server has to receive for given ids. */

export interface Context {
  /** 32 hex digits. */
  traceId: string
  /** 16 hex digits. */
  spanId: string
  sampled: boolean
}

export type Headers = Record<string, string>

export const FORMATS = {
  tracecontext: ({ traceId, spanId, sampled }: Context) => ({
    traceparent: `00-${traceId}-${spanId}-0${sampled ? 3 : 2}`,
  }),
  datadog: ({ traceId, spanId, sampled }: Context) => ({
    'x-datadog-trace-id': decimal(traceId.slice(16)),
    'x-datadog-parent-id': decimal(spanId),
    'x-datadog-sampling-priority': sampled ? '1' : '0',
    'x-datadog-origin': 'rum',
    'x-datadog-tags': `_dd.p.tid=${traceId.slice(0, 16)}`,
  }),
  b3: ({ traceId, spanId, sampled }: Context) => ({ b3: `${traceId}-${spanId}-${+sampled}` }),
  b3multi: ({ traceId, spanId, sampled }: Context) => ({
    'X-B3-TraceId': traceId,
    'X-B3-SpanId': spanId,
    'X-B3-Sampled': `${+sampled}`,
  }),
}

export type Format = keyof typeof FORMATS

/** The ids in the first format that is there: all others have to agree. */
export function contextIn(headers: Headers): Context {
  const {
    traceparent = headers['elastic-apm-traceparent'],
    b3 = [headers['X-B3-TraceId'], headers['X-B3-SpanId'], headers['X-B3-Sampled']].join('-'),
  } = headers
  const datadog = [
    /^_dd\.p\.tid=([0-9a-f]{16})$/.exec(headers['x-datadog-tags'] ?? '')?.[1],
    hex(headers['x-datadog-trace-id']),
    '-',
    hex(headers['x-datadog-parent-id']),
    '-',
    headers['x-datadog-sampling-priority'],
  ].join('')
  for (const [text, pattern] of [
    [traceparent, /^00-([0-9a-f]{32})-([0-9a-f]{16})-0([23])$/],
    [b3, /^([0-9a-f]{32})-([0-9a-f]{16})-([01])$/],
    [datadog, /^([0-9a-f]{32})-([0-9a-f]{16})-([01])$/],
  ] as const) {
    const [, traceId, spanId, last] = pattern.exec(text ?? '') ?? []
    if (!traceId || !spanId) continue
    if (/^0+$/.test(traceId) || /^0+$/.test(spanId)) throw new Error(`zero in ${text}`)
    return { traceId, spanId, sampled: last === '1' || last === '3' }
  }
  throw new Error(`no context in ${JSON.stringify(headers)}`)
}

function decimal(digits: string): string {
  return BigInt(`0x${digits}`).toString()
}

function hex(digits = ''): string {
  return /^[1-9]\d*$/.test(digits) ? BigInt(digits).toString(16).padStart(16, '0') : ''
}
