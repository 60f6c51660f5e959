// @ts-check
// Numbers and times as people read them. Pure; durations come in nanoseconds.

/**
 * @param {number} nanos
 * @returns {string}
 */
export function formatDuration(nanos) {
  if (!Number.isFinite(nanos)) return '–'
  if (nanos < 0) return `−${formatDuration(-nanos)}`
  if (nanos === 0) return '0 ms'
  // The limits sit half a rounding step below the unit, so that 999.96 ms reads "1 s", never "1000 ms".
  if (nanos < 999.5) return `${threeDigits(nanos)} ns`
  if (nanos < 999.5e3) return `${threeDigits(nanos / 1e3)} µs`
  if (nanos < 999.5e6) return `${threeDigits(nanos / 1e6)} ms`
  if (nanos < 59.95e9) return `${threeDigits(nanos / 1e9)} s`
  const seconds = Math.round(nanos / 1e9)
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${pad(seconds % 60, 2)} s`
  const minutes = Math.round(seconds / 60)
  return `${Math.floor(minutes / 60)} h ${pad(minutes % 60, 2)} min`
}

/**
 * A point on an axis: every tick of an axis shares its unit and its decimals, which the step decides.
 * @param {number} nanos
 * @param {number} step distance between two ticks
 * @param {number} largest the end of the axis, which decides the unit
 */
export function formatTick(nanos, step, largest) {
  const [unit, size] =
    largest >= 1e9 ? ['s', 1e9] : largest >= 1e6 ? ['ms', 1e6] : largest >= 1e3 ? ['µs', 1e3] : ['ns', 1]
  const decimals = Math.min(6, Math.max(0, Math.ceil(-Math.log10(step / size) - 1e-9)))
  return nanos === 0 ? `0 ${unit}` : `${(nanos / size).toFixed(decimals)} ${unit}`
}

/** @param {number} bytes */
export function formatBytes(bytes) {
  if (bytes < 1000) return `${bytes} B`
  if (bytes < 999.5e3) return `${threeDigits(bytes / 1e3)} kB`
  if (bytes < 999.5e6) return `${threeDigits(bytes / 1e6)} MB`
  return `${threeDigits(bytes / 1e9)} GB`
}

/**
 * @param {number} thenMillis
 * @param {number} nowMillis
 */
export function formatAgo(thenMillis, nowMillis) {
  const seconds = Math.round((nowMillis - thenMillis) / 1000)
  if (seconds < -60) return 'in the future'
  if (seconds < 3) return 'now'
  if (seconds < 60) return `${seconds} s ago`
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h ago`
  return `${Math.floor(seconds / 86_400)} d ago`
}

/**
 * Local date and time with milliseconds.
 * @param {number} millis
 */
export function formatDateTime(millis) {
  const date = new Date(millis)
  if (Number.isNaN(date.getTime())) return '–'
  const day = `${date.getFullYear()}-${pad(date.getMonth() + 1, 2)}-${pad(date.getDate(), 2)}`
  return `${day} ${pad(date.getHours(), 2)}:${pad(date.getMinutes(), 2)}:${pad(date.getSeconds(), 2)}.${pad(date.getMilliseconds(), 3)}`
}

/** @param {number} count */
export function formatCount(count) {
  return count.toLocaleString('en-US')
}

/**
 * @param {number} count
 * @param {string} noun
 */
export function plural(count, noun) {
  return `${formatCount(count)} ${noun}${count === 1 ? '' : 's'}`
}

/**
 * Unix nanoseconds, which do not fit a Number, as milliseconds, which do.
 * @param {string | number | bigint | undefined} nanos
 */
export function nanosToMillis(nanos) {
  return Number(toNanos(nanos) / 1000n) / 1000
}

/**
 * A protobuf uint64 in JSON: a decimal string, though some exporters write a number. Nonsense becomes 0.
 * @param {string | number | bigint | undefined | null} value
 */
export function toNanos(value) {
  if (typeof value === 'bigint') return value
  if (typeof value === 'number') return Number.isFinite(value) ? BigInt(Math.trunc(value)) : 0n
  return typeof value === 'string' && /^\d{1,20}$/.test(value) ? BigInt(value) : 0n
}

/** @param {number} value */
function threeDigits(value) {
  const text = value >= 99.95 ? value.toFixed(0) : value >= 9.995 ? value.toFixed(1) : value.toFixed(2)
  return text.includes('.') ? text.replace(/\.?0+$/, '') : text
}

/**
 * @param {number} value
 * @param {number} width
 */
function pad(value, width) {
  return String(value).padStart(width, '0')
}
