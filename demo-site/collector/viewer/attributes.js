// @ts-check
// OTLP attribute lists: values as text, and keys in groups that belong together. Pure.

/**
 * @typedef {{ stringValue?: string, intValue?: string | number, doubleValue?: number, boolValue?: boolean,
 *   arrayValue?: { values?: AnyValue[] }, kvlistValue?: { values?: KeyValue[] }, bytesValue?: string }} AnyValue
 * @typedef {{ key: string, value?: AnyValue }} KeyValue
 * @typedef {{ name: string, entries: { key: string, text: string }[] }} AttributeGroup
 */

/** What explains a failure comes first, then what names the request; the rest by alphabet. */
const FIRST_GROUPS = ['error', 'exception', 'http', 'url', 'db', 'rpc', 'messaging', 'transaction', 'browser']

/**
 * Groups by the first part of the key (`http.request.method` → `http`); keys that stand alone share one last group.
 * @param {KeyValue[] | undefined} attributes
 * @param {string} [filter] only keys or values that contain this
 * @returns {AttributeGroup[]}
 */
export function groupAttributes(attributes, filter = '') {
  const wanted = filter.trim().toLowerCase()
  /** @type {Map<string, { key: string, text: string }[]>} */
  const groups = new Map()
  for (const { key, value } of attributes ?? []) {
    const text = valueText(value)
    if (wanted && !key.toLowerCase().includes(wanted) && !text.toLowerCase().includes(wanted)) continue
    const dot = key.indexOf('.')
    const name = dot > 0 ? key.slice(0, dot) : ''
    const entries = groups.get(name)
    if (entries) entries.push({ key, text })
    else groups.set(name, [{ key, text }])
  }
  const lone = groups.get('') ?? []
  groups.delete('')
  for (const [name, entries] of groups) {
    if (entries.length > 1 || FIRST_GROUPS.includes(name)) continue
    lone.push(...entries)
    groups.delete(name)
  }
  const named = [...groups]
    .map(([name, entries]) => ({ name, entries }))
    .sort((a, b) => rank(a.name) - rank(b.name) || compare(a.name, b.name))
  if (lone.length > 0) named.push({ name: named.length > 0 ? 'other' : '', entries: lone })
  for (const group of named) group.entries.sort((a, b) => compare(a.key, b.key))
  return named
}

/**
 * @param {KeyValue[] | undefined} attributes
 * @param {string} key
 * @returns {string | undefined}
 */
export function attributeText(attributes, key) {
  const found = attributes?.find((attribute) => attribute.key === key)
  return found && valueText(found.value)
}

/**
 * @param {AnyValue | undefined | null} value
 * @returns {string}
 */
export function valueText(value) {
  if (value === undefined || value === null) return ''
  if (value.stringValue !== undefined) return String(value.stringValue)
  if (value.bytesValue !== undefined) return `base64:${value.bytesValue}`
  const plain = plainValue(value)
  return plain !== null && typeof plain === 'object' ? JSON.stringify(plain) : String(plain ?? '')
}

/**
 * @param {AnyValue | undefined} value
 * @returns {unknown}
 */
function plainValue(value) {
  if (!value) return null
  if (value.stringValue !== undefined) return value.stringValue
  if (value.boolValue !== undefined) return value.boolValue
  // A 64 bit integer stays text: a Number would round it.
  if (value.intValue !== undefined)
    return Number.isSafeInteger(Number(value.intValue)) ? Number(value.intValue) : String(value.intValue)
  if (value.doubleValue !== undefined) return value.doubleValue
  if (value.bytesValue !== undefined) return value.bytesValue
  if (value.arrayValue) return (value.arrayValue.values ?? []).map(plainValue)
  if (value.kvlistValue)
    return Object.fromEntries(
      (value.kvlistValue.values ?? []).map((entry) => [entry.key, plainValue(entry.value)]),
    )
  return null
}

/** @param {string} name */
function rank(name) {
  const index = FIRST_GROUPS.indexOf(name)
  return index < 0 ? FIRST_GROUPS.length : index
}

/**
 * @param {string} a
 * @param {string} b
 */
function compare(a, b) {
  return a < b ? -1 : a > b ? 1 : 0
}
