/** Shows spans to the page's `beforeSend`. */
import type { BeforeSend, SpanData } from './types.js'

/** OTLP's JSON. */
interface Raw extends Omit<SpanData, 'attributes'> {
  attributes?: { key: string; value: AnyValue }[]
}

interface AnyValue {
  stringValue?: string
  boolValue?: boolean
  intValue?: string
  doubleValue?: number
  arrayValue?: { values?: AnyValue[] }
}

/**
 * @returns nothing if the span stays as it is; `-` if it is dropped, also if `beforeSend` has failed: it may be there to
 * keep something secret; else what `Attributes::replaced` of the module reads.
 */
export function askBeforeSend(beforeSend: BeforeSend, json: string, log: Console): string {
  try {
    const raw = JSON.parse(json) as Raw
    const attributes = Object.fromEntries(raw.attributes?.map(({ key, value }) => [key, plain(value)]) ?? [])
    const span: SpanData = { ...raw, attributes }
    const before = JSON.stringify([span.name, attributes])
    const verdict = beforeSend(span)
    if (verdict === false || verdict === null) return '-'
    if (JSON.stringify([span.name, span.attributes]) === before) return ''
    return ['+' + clean(span.name), ...Object.entries(span.attributes).map(packed)].join('\x01')
  } catch (error) {
    // Once.
    if (!failed.has(beforeSend)) log.error('[headwater] beforeSend failed; its spans are dropped', error)
    failed.add(beforeSend)
    return '-'
  }
}

function plain(value: AnyValue): string | number | boolean | string[] {
  const { stringValue, boolValue, intValue, doubleValue, arrayValue } = value
  if (arrayValue) return arrayValue.values?.map((item) => item.stringValue ?? '') ?? []
  return stringValue ?? boolValue ?? Number(intValue ?? doubleValue)
}

function packed([key, value]: [string, unknown]): string {
  const name = clean(key) + '\x02'
  switch (typeof value) {
    case 'boolean':
      return 'b' + name + Number(value)
    case 'number':
      return Number.isSafeInteger(value)
        ? 'i' + name + BigInt.asUintN(64, BigInt(value))
        : 'd' + name + new BigUint64Array(new Float64Array([value]).buffer)[0]
  }
  return Array.isArray(value) ? 'l' + name + value.map(clean).join('|') : 's' + name + clean(value)
}

const failed = new WeakSet<BeforeSend>()

/** Without what separates the parts. */
const clean = (text: unknown) => String(text).replace(/[\x01\x02]/g, ' ')
