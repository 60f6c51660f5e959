/**
 * Writes the module as text, from which `decoderOf` of js-wrapper/src/decode.ts, where the format is
 * described, reads it back. After brotli it is some thousand bytes smaller, decoder included, than the bytes in
 * their order.
 */
import { readFileSync } from 'node:fs'
import path from 'node:path'

import { transformSync } from 'esbuild'

import { root } from './run.mjs'

const { END, OPERANDS, RAW, decoderOf } = await readDecoder()

/** What comes of it. */
export const decode = (text) => decoderOf(text)()

export { decoderOf }

const STREAMS = 16
const [OPCODES, , , , , , CONSTANTS, ADDENDS, LOADS, STORES, , , DECLARATIONS, BYTES, BEFORE, AFTER] =
  Array(STREAMS).keys()
const CODE_SECTION = 10
const I32_ADD = 0x6a
const I32_SUB = 0x6b

/** Of an instruction's operand; 0 for none. */
const streamOf = (opcode) => OPERANDS.charCodeAt(opcode) - 48 || 0
const hasAlignment = (stream) => stream === LOADS || stream === STORES

/**
 * @param {Uint8Array} bytes
 * @returns {string}
 * @throws if the module holds what this does not know, or does not come back byte for byte.
 */
export function encode(bytes) {
  const { start, end, functions } = readCode(bytes)
  const streams = Array.from({ length: STREAMS }, () => [])
  streams[BEFORE].push(...bytes.subarray(0, start), CODE_SECTION)
  streams[AFTER].push(...bytes.subarray(end))
  const pushBytes = (stream, part) => {
    if (part.length > 255) throw new Error(`tools/encode.mjs: an instruction of ${part.length} bytes`)
    streams[stream].push(part.length, ...part)
  }
  for (const { declarations, instructions } of functions) {
    pushBytes(DECLARATIONS, declarations)
    const last = instructions.pop()
    if (last.length !== 1 || last[0] !== 0x0b) throw new Error('tools/encode.mjs: a function without an end')
    for (const [index, instruction] of instructions.entries()) {
      const [opcode, ...operands] = instruction
      const stream = streamOf(opcode)
      if (!stream && operands.length) {
        streams[OPCODES].push(RAW)
        pushBytes(BYTES, instruction)
        continue
      }
      streams[OPCODES].push(opcode)
      if (hasAlignment(stream) && operands.shift() !== 0)
        throw new Error('tools/encode.mjs: an alignment that is not 0')
      const [next] = instructions[index + 1] ?? []
      streams[stream === CONSTANTS && (next === I32_ADD || next === I32_SUB) ? ADDENDS : stream].push(
        ...operands,
      )
    }
    streams[OPCODES].push(END)
  }
  const text = streams.map((stream, index) => asText(stream, index < BEFORE ? 0 : 35)).join('}')
  if (Buffer.compare(decode(text), bytes)) throw new Error('tools/encode.mjs: decoding gives other bytes')
  return text
}

function asText(bytes, base) {
  let text = ''
  for (const byte of bytes) {
    const value = (byte - base) & 0xff
    const code = 35 + (value % 90)
    text += ['', ' ', '!'][Math.floor(value / 90)] + String.fromCharCode(code === 92 ? 126 : code)
  }
  return text
}

/**
 * Sets the alignments of all loads and stores to one byte. They are hints that no engine heeds, and the
 * specification gives them no meaning.
 *
 * @param {Uint8Array} bytes
 * @returns {Uint8Array}
 */
export function dropAlignments(bytes) {
  // Not `slice`, which for a Buffer is a view.
  const result = new Uint8Array(bytes)
  for (const { instructions } of readCode(result).functions) {
    for (const instruction of instructions) if (hasAlignment(streamOf(instruction[0]))) instruction[1] = 0
  }
  return result
}

/** Where the code section lies, and its functions' instructions, each as a view of its bytes. */
function readCode(bytes) {
  let position = 8
  const number = () => {
    let value = 0
    for (let factor = 1; ; factor *= 128) {
      const byte = bytes[position++]
      value += (byte & 0x7f) * factor
      if (byte < 0x80) return value
    }
  }
  const numbers = (count) => {
    while (count--) number()
  }
  /** Moves behind an instruction. */
  const skip = () => {
    const start = position
    const opcode = bytes[position++]
    const stream = streamOf(opcode)
    if (stream) return numbers(hasAlignment(stream) ? 2 : 1)
    switch (opcode) {
      case 0x0e: // br_table
        return numbers(number() + 1)
      case 0x11: // call_indirect
        return numbers(2)
      case 0x1c: // select, with types
        return numbers(number())
      case 0x25: // table.get
      case 0x26: // table.set
      case 0x3f: // memory.size
      case 0x40: // memory.grow
      case 0xd0: // ref.null
      case 0xd2: // ref.func
        return number()
      case 0x43: // f32.const
        return (position += 4)
      case 0x44: // f64.const
        return (position += 8)
      case 0xfc: {
        // Conversions, and the instructions for memories and tables.
        const count = [0, 0, 0, 0, 0, 0, 0, 0, 2, 1, 2, 1, 2, 1, 2, 1, 1, 1][number()]
        if (count !== undefined) return numbers(count)
        break
      }
      case 0x00: // unreachable
      case 0x01: // nop
      case 0x05: // else
      case 0x0b: // end
      case 0x0f: // return
      case 0x1a: // drop
      case 0x1b: // select
      case 0xd1: // ref.is_null
        return
      default:
        // Arithmetic, comparisons, conversions.
        if (opcode >= 0x45 && opcode <= 0xc4) return
    }
    const name = [...bytes.subarray(start, position)]
      .map((byte) => byte.toString(16).padStart(2, '0'))
      .join(' ')
    throw new Error(`tools/encode.mjs does not know the instruction ${name}`)
  }
  while (position < bytes.length) {
    const start = position
    const section = bytes[position++]
    const end = number() + position
    if (section !== CODE_SECTION) {
      position = end
      continue
    }
    const functions = Array.from({ length: number() }, () => {
      const functionEnd = number() + position
      const from = position
      numbers(2 * number())
      const declarations = bytes.subarray(from, position)
      const instructions = []
      while (position < functionEnd) {
        const begin = position
        skip()
        instructions.push(bytes.subarray(begin, position))
      }
      return { declarations, instructions }
    })
    return { start, end, functions }
  }
  throw new Error('tools/encode.mjs: the module has no code')
}

/** What the browser will run: TypeScript, which Node does not read. */
function readDecoder() {
  const source = readFileSync(path.join(root, 'js-wrapper/src/decode.ts'), 'utf8')
  const { code } = transformSync(source, { loader: 'ts', target: 'es2022' })
  return import('data:text/javascript,' + encodeURIComponent(code + '\nexport { END, OPERANDS, RAW }'))
}
