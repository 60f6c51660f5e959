import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  formatAgo,
  formatBytes,
  formatDuration,
  formatTick,
  nanosToMillis,
  plural,
  toNanos,
} from '../format.js'
import { clampRange, ticks, zoomRange } from '../time-scale.js'

test('a duration has three digits and the unit that fits', () => {
  const expected = [
    [0, '0 ms'],
    [640, '640 ns'],
    [1500, '1.5 µs'],
    [12_345, '12.3 µs'],
    [4_560_000, '4.56 ms'],
    [238_000_000, '238 ms'],
    [1_234_000_000, '1.23 s'],
    [65e9, '1 min 05 s'],
    [3_720e9, '1 h 02 min'],
    [-2e6, '−2 ms'],
  ]
  for (const [nanos, text] of expected) assert.equal(formatDuration(nanos), text)
})

test('a duration just under a unit is rounded into it', () => {
  assert.equal(formatDuration(999_960_000), '1 s')
  assert.equal(formatDuration(999_600), '1 ms')
  assert.equal(formatDuration(59_990_000_000), '1 min 00 s')
})

test('what is no duration shows as a dash', () => {
  assert.equal(formatDuration(Number.NaN), '–')
})

test('all ticks of an axis share unit and decimals', () => {
  assert.equal(formatTick(0, 200e6, 1e9), '0 s')
  assert.equal(formatTick(200e6, 200e6, 1e9), '0.2 s')
  assert.equal(formatTick(50e6, 50e6, 400e6), '50 ms')
  assert.equal(formatTick(100e6, 100e6, 900e6), '100 ms')
})

test('nanoseconds survive as BigInt, whatever form they arrive in', () => {
  assert.equal(toNanos('1763715194123456789'), 1763715194123456789n)
  assert.equal(toNanos(1500), 1500n)
  for (const nonsense of ['', '-1', '1e9', 'abc', undefined, null, Number.NaN])
    assert.equal(toNanos(nonsense), 0n)
  assert.equal(nanosToMillis('1763715194123456789'), 1763715194123.456)
})

test('ages, sizes and plurals', () => {
  assert.equal(formatAgo(1000, 1500), 'now')
  assert.equal(formatAgo(0, 12_000), '12 s ago')
  assert.equal(formatAgo(0, 3 * 3_600_000), '3 h ago')
  assert.equal(formatBytes(18_213), '18.2 kB')
  assert.equal(plural(1, 'span'), '1 span')
  assert.equal(plural(5000, 'span'), '5,000 spans')
})

test('ticks stand at multiples of 1, 2 or 5', () => {
  assert.deepEqual(ticks({ start: 0, end: 1000 }, 5), { step: 200, values: [0, 200, 400, 600, 800, 1000] })
  assert.deepEqual(ticks({ start: 130, end: 270 }, 4).values, [150, 200, 250])
  assert.equal(ticks({ start: 0, end: 0 }, 5).values.length, 1)
})

test('a zoomed range stays within the trace', () => {
  assert.deepEqual(clampRange({ start: -500, end: 1500 }, 10_000), { start: 0, end: 2000 })
  assert.deepEqual(clampRange({ start: 9000, end: 12_000 }, 10_000), { start: 7000, end: 10_000 })
  assert.deepEqual(zoomRange({ start: 0, end: 8000 }, 4000, 0.5, 8000), { start: 2000, end: 6000 })
  assert.deepEqual(zoomRange({ start: 2000, end: 6000 }, 4000, 10, 8000), { start: 0, end: 8000 })
})
