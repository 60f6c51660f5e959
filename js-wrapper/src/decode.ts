/** For each opcode the stream of its operand; 0 if it has none, 1 if an alignment comes before an offset. */
const OPERANDS = '0033300000004400500000000000000099922000111111111111111111111110076'

/** In place of opcodes: a function's last `end`; declarations of locals or an instruction, as their bytes. */
const END = 6
const RAW = 7

/**
 * Undoes `encode` of `tools/encode.mjs`.
 *
 * The code is taken apart, as what is alike compresses better side by side. The text is these streams of
 * bytes, with `}` between them:
 *
 * - 0: opcodes, with END and RAW
 * - 1 alignments, 2 globals, 3 block types, 4 labels, 5 functions called, 6 and 7 constants, 8 offsets,
 *   9 locals: LEB128, as in the module
 * - 10: the bytes of each RAW, with their number in front
 * - 11 and 12: the module before and after the content of its code section
 *
 * All sizes, and the number of functions, are left out. In the text a byte below 90 is the character 35
 * places further, but 126 for the backslash; a blank in front adds 90, an exclamation mark 180. It is
 * printable ASCII without backslash and quotation mark, and survives any charset. In the last two streams 35
 * is taken off first: texts stay as they are, and share their words with the script around them.
 */
export function decode(text: string): Uint8Array<ArrayBuffer> {
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

  copyText(11)
  const section = length
  let start = section
  let functions = 0
  for (let opcode; (opcode = read(0)) >= 0;) {
    if (opcode === RAW) {
      for (let count = read(10); count--;) bytes[length++] = read(10)
    } else if (opcode === END) {
      bytes[length++] = 11
      insert(start, length - start)
      start = length
      functions++
    } else {
      bytes[length++] = opcode
      for (let stream = Number(OPERANDS[opcode]); stream; stream = stream > 1 ? 0 : 8) {
        while ((bytes[length++] = read(stream)) > 127);
      }
    }
  }
  insert(section, functions)
  insert(section, length - section)
  copyText(12)
  return bytes.slice(0, length)
}
