/** Shows spans and events to the page's `beforeSend`. */
import { clean, packAttributes } from './attributes.js'
import type { BeforeSend, EventData, SpanData } from './types.js'

/** OTLP's JSON. */
interface Raw {
  name?: string
  eventName?: string
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
 * keep something secret; else what `Attributes::given` of the module reads.
 */
export function askBeforeSend(beforeSend: BeforeSend, json: string, log: Console): string {
  try {
    const raw = JSON.parse(json) as Raw
    const attributes = Object.fromEntries(raw.attributes?.map(({ key, value }) => [key, plain(value)]) ?? [])
    const span = { ...raw, name: raw.name ?? raw.eventName, attributes } as SpanData | EventData
    const before = JSON.stringify([span.name, attributes])
    const verdict = beforeSend(span)
    if (verdict === false || verdict === null) return '-'
    if (JSON.stringify([span.name, span.attributes]) === before) return ''
    return '+' + clean(span.name) + '\x01' + packAttributes(span.attributes)
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

const failed = new WeakSet<BeforeSend>()
