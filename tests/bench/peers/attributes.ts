/** So many attributes, made once: what is measured is what the agent makes of them. */
export function attributesOf(count: number): Record<string, string> {
  let made = known.get(count)
  if (!made) {
    made = Object.fromEntries(Array.from({ length: count }, (_, index) => [`key.${index}`, `value ${index}`]))
    known.set(count, made)
  }
  return made
}

const known = new Map<number, Record<string, string>>()
