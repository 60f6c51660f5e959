/** A value as JavaScript source, for a test page's inline script: JSON and what JSON leaves out. */
export function source(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(source).join(', ')}]`
  if (value !== null && typeof value === 'object' && !(value instanceof RegExp)) {
    const members = Object.entries(value).map(
      ([name, member]) => `${JSON.stringify(name)}: ${source(member)}`,
    )
    return `{ ${members.join(', ')} }`
  }
  // `<` would be the one way out of the script element.
  return (typeof value === 'string' ? JSON.stringify(value) : String(value)).replaceAll('<', '\\u003c')
}
