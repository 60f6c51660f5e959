/** Round trips of the module through its text: `node --test tools/encode.test.mjs`, after a build. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'

import { decode, decoderOf, dropAlignments, encode } from './encode.mjs'
import { root } from './run.mjs'

/** What makes the body of a function, with the numbers that need care. */
const i32Load = [0x41, 0x80, 0x80, 0xc0, 0x00, 0x28, 0x00, 0xff, 0x01]
const i32Store = [0x36, 0x00, 0x80, 0x01]
/** Constants that are added or subtracted next, and one that is not. */
const addends = [0x41, 0x80, 0x01, 0x6a, 0x41, 0x7f, 0x6b, 0x41, 0x6a]
const brTable = [0x0e, 0x02, 0x00, 0x01, 0x00]
const negativeFloat = [0x44, 0, 0, 0, 0, 0, 0, 0xf0, 0xbf]
const memoryCopy = [0xfc, 0x0a, 0x00, 0x00]
const saturating = [0xfc, 0x06]

for (const file of ['standard/headwater.wasm', 'full/headwater.wasm']) {
  const bytes = new Uint8Array(readFileSync(path.join(root, 'js-wrapper/src/generated', file)))
  test(`${file} comes back byte for byte, as printable ASCII`, () => {
    const text = encode(bytes)
    assert.match(text, /^[ !#-[\]-~]*$/)
    assert.deepEqual(decode(text), bytes)
  })
  test(`${file} comes back part by part`, () => {
    const decodePart = decoderOf(encode(bytes))
    let parts = 1
    let result
    while (!(result = decodePart(true))) parts++
    assert.deepEqual(result, bytes)
    assert.ok(parts > 5, `${parts}`)
  })
  test(`${file} comes back when the rest is asked for`, () => {
    const decodePart = decoderOf(encode(bytes))
    assert.equal(decodePart(true), undefined)
    assert.deepEqual(decodePart(), bytes)
  })
  test(`${file} is valid without its alignments`, () => {
    const smaller = dropAlignments(bytes)
    assert.ok(WebAssembly.validate(smaller))
    assert.deepEqual(decode(encode(smaller)), smaller)
  })
}

test('every byte of a section survives', () => {
  const bytes = withBody([], [...Array(256).keys()])
  assert.deepEqual(decode(encode(bytes)), bytes)
})

test('operands of all forms survive', () => {
  for (const part of [
    i32Load,
    i32Store,
    addends,
    brTable,
    negativeFloat,
    memoryCopy,
    saturating,
    [0x3f, 0x00],
    [0x11, 0x81, 0x01, 0x00],
  ]) {
    const bytes = withBody(part)
    assert.deepEqual(decode(encode(bytes)), bytes)
  }
})

test('an alignment is refused, and dropped before', () => {
  for (const opcode of [0x28, 0x3e]) {
    const bytes = withBody([opcode, 0x02, 0x08])
    assert.throws(() => encode(bytes), /alignment/)
    assert.deepEqual(decode(encode(dropAlignments(bytes))), withBody([opcode, 0x00, 0x08]))
  }
})

test('functions of every length of size survive', () => {
  for (const length of [0, 124, 125, 126, 127, 16_380, 16_384, 70_000]) {
    const bytes = withBody(Array(length).fill(0x01))
    assert.deepEqual(decode(encode(bytes)), bytes)
  }
})

test('an unknown instruction is refused', () => {
  for (const part of [[0x06], [0x07], [0xfb, 0x00], [0xfc, 0x12], [0xfd, 0x0c], [0xfe, 0x03], [0xc5]]) {
    assert.throws(() => encode(withBody(part)), /does not know the instruction/)
  }
})

test('what would not come back is refused', () => {
  // A size in more bytes than it needs.
  const padded = [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, 10, 0x84, 0x00, 1, 2, 0, 0x0b]
  assert.throws(() => encode(new Uint8Array(padded)), /other bytes/)
  assert.throws(() => encode(new Uint8Array(padded.slice(0, 8))), /no code/)
})

/** Need not be valid: a module of one function, and a custom section. */
function withBody(instructions, custom = []) {
  const body = [1, 2, 0x7f, ...instructions, 0x0b]
  const code = [1, ...leb(body.length), ...body]
  const end = custom.length ? [0, ...leb(custom.length), ...custom] : []
  return new Uint8Array([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, 10, ...leb(code.length), ...code, ...end])
}

function leb(value) {
  return value < 128 ? [value] : [(value & 127) | 128, ...leb(value >> 7)]
}
