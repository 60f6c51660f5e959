/** For each opcode the stream of its operand, as a character from `0` on; `0` if it has none. */
const OPERANDS = '00222000000033004000000000000000:;:11000888888888888889999999990065'

/** Functions in a part of the work: 10 KiB of them at most, and mostly less. */
const PART = 16

/** In place of opcodes: a function's last `end`; an instruction as its bytes. */
const END = 6
const RAW = 7

/**
 * Undoes `encode` of `tools/encode.mjs`, a part at a time: the whole takes some milliseconds, on a phone tens of them.
 *
 * The code is taken apart, as what is alike compresses better side by side. The text is these streams of
 * bytes, with `}` between them:
 *
 * - 0: opcodes, with END and RAW
 * - 1 globals, 2 block types, 3 labels, 4 functions called, 5 and 6 constants, 7 those that are added or subtracted next,
 *   8 offsets of loads, 9 of stores, 10 locals, 11 those that are set: LEB128, as in the module
 * - 12: the bytes that declare each function's locals, 13 those of each RAW, with their number in front
 * - 14 and 15: the module before and after the content of its code section
 *
 * All sizes, the number of functions, and alignments, which are 0, are left out. In the text a byte below 90 is the
 * character 35 places further, but 126 for the backslash; a blank in front adds 90, an exclamation mark 180. It is
 * printable ASCII without backslash and quotation mark, and survives any charset. In the last two streams 35
 * is taken off first: texts stay as they are, and share their words with the script around them.
 *
 * @returns a function that does the next part or else all that is left, and gives the module once it has the whole.
 */
export function decoderOf(text: string): (partly?: boolean) => Uint8Array<ArrayBuffer> | undefined {
  const streams = text.split('}')
  const positions: number[] = []
  const bytes = new Uint8Array(2 * text.length)
  let length = 0
  /** Not a number at the end of the stream. */
  const read = (stream: number): number => {
    const position = positions[stream] ?? 0
    const code = (streams[stream] ?? '').charCodeAt(position)
    positions[stream] = position + 1
    return code < 35 ? (code - 31) * 90 + read(stream) : (code > 125 ? 92 : code) - 35
  }
  const copyText = (stream: number) => {
    for (let byte; (byte = read(stream)) >= 0;) bytes[length++] = byte + 35
  }
  /** Puts a number where something starts. */
  const insert = (at: number, value: number) => {
    do {
      bytes.copyWithin(at + 1, at, length++)
      bytes[at++] = value > 127 ? value | 128 : value
    } while ((value >>= 7))
  }

  const copyBytes = (stream: number, count: number) => {
    while (count--) bytes[length++] = read(stream)
  }
  let next = read(0)
  const readOpcode = () => {
    const opcode = next
    next = read(0)
    return opcode
  }

  copyText(14)
  const section = length
  let functions = 0
  return (partly) => {
    for (let count; (count = read(12)) >= 0;) {
      const start = length
      copyBytes(12, count)
      for (let opcode; (opcode = readOpcode()) !== END;) {
        if (opcode === RAW) copyBytes(13, read(13))
        else {
          bytes[length++] = opcode
          const stream = OPERANDS.charCodeAt(opcode) - 48
          // The alignment.
          if (stream === 8 || stream === 9) length++
          if (stream) while ((bytes[length++] = read(stream === 6 && next >> 1 === 53 ? 7 : stream)) > 127);
        }
      }
      bytes[length++] = 11
      insert(start, length - start)
      functions++
      if (partly && !(functions % PART)) return undefined
    }
    insert(section, functions)
    insert(section, length - section)
    copyText(15)
    return bytes.slice(0, length)
  }
}
