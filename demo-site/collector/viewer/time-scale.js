// @ts-check
// The visible range of time, in nanoseconds since the start of the trace, and the ticks on it. Pure.

/** @typedef {{ start: number, end: number }} TimeRange */

/**
 * Ticks at multiples of 1, 2 or 5 times a power of ten.
 * @param {TimeRange} range
 * @param {number} most how many ticks there is room for
 */
export function ticks(range, most) {
  const length = range.end - range.start
  if (!(length > 0)) return { step: 1, values: [range.start] }
  const raw = length / Math.max(1, most)
  const power = 10 ** Math.floor(Math.log10(raw))
  const step = power * (raw <= power ? 1 : raw <= 2 * power ? 2 : raw <= 5 * power ? 5 : 10)
  const values = []
  // Counted, not summed up, so that rounding errors do not pile up.
  // The added 0 turns −0 into 0.
  for (let n = Math.ceil(range.start / step - 1e-9) + 0; n * step <= range.end + step * 1e-9; n += 1)
    values.push(n * step)
  return { step, values }
}

/**
 * Keeps a range inside the trace and no shorter than a thousandth of a millisecond.
 * @param {TimeRange} range
 * @param {number} duration of the trace
 * @returns {TimeRange}
 */
export function clampRange(range, duration) {
  const length = Math.min(duration, Math.max(range.end - range.start, Math.min(1000, duration)))
  const start = Math.min(Math.max(0, range.start), duration - length)
  return { start, end: start + length }
}

/**
 * @param {TimeRange} range
 * @param {number} center the moment that stays where it is
 * @param {number} factor above 1 zooms out
 * @param {number} duration of the trace
 */
export function zoomRange(range, center, factor, duration) {
  return clampRange(
    { start: center - (center - range.start) * factor, end: center + (range.end - center) * factor },
    duration,
  )
}
