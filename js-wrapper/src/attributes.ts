/** Attributes on their way into the module. */

/** As `Attributes::given` of the module reads them. */
export function packAttributes(attributes: Record<string, unknown>): string {
  return Object.entries(attributes).map(packed).join('\x01')
}

/** Without what separates the parts. */
export const clean = (text: unknown): string => String(text).replace(/[\x01-\x03]/g, ' ')

/** Parts of a text, each of so many characters at most. */
export const packParts = (parts: readonly unknown[], most: number): string =>
  parts.map((part) => clean(part ?? '').slice(0, most)).join('\x01')

function packed([key, value]: [string, unknown]): string {
  const name = clean(key) + '\x02'
  switch (typeof value) {
    case 'boolean':
      return 'b' + name + Number(value)
    case 'number':
      return Number.isSafeInteger(value)
        ? 'i' + name + BigInt.asUintN(64, BigInt(value))
        : 'd' + name + new BigUint64Array(new Float64Array([value]).buffer)[0]
  }
  return Array.isArray(value) ? 'l' + name + value.map(clean).join('|') : 's' + name + clean(value)
}
