/**
 * Writes bytes as printable ASCII: `decode` in js-wrapper/src/load-wasm.ts reads it back.
 *
 * A byte below 90 is one character; a blank in front adds 90, an exclamation mark 180. The backslash
 * is left out, and the quotation mark lies below the first character. For this module: 12,790 bytes
 * after brotli, hex 13,422, base64 15,931 (the bytes themselves: 12,272).
 *
 * @param {Uint8Array} bytes
 * @returns {string}
 */
export function encode(bytes) {
  let text = ''
  for (const byte of bytes) {
    const escapes = Math.floor(byte / 90)
    const code = 35 + (byte % 90)
    text += ['', ' ', '!'][escapes] + String.fromCharCode(code >= 92 ? code + 1 : code)
  }
  return text
}
