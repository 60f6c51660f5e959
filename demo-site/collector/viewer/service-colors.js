// @ts-check
// One colour a service, the same on every page. The colours themselves are `.service-N` in viewer.css.

export const COLOR_COUNT = 12

/** @type {Map<string, number>} */
const assigned = new Map()

/**
 * The class that carries the colour of a service.
 * @param {string} service
 */
export function serviceClass(service) {
  let slot = assigned.get(service)
  if (slot === undefined) {
    slot = freeSlot(service, new Set(assigned.values()))
    assigned.set(service, slot)
  }
  return `service-${slot}`
}

/**
 * The slot that the hash of the name wants; when another service has it, the next free one, so that few services
 * never look alike. When all are taken the hash alone decides.
 * @param {string} service
 * @param {ReadonlySet<number>} taken
 */
export function freeSlot(service, taken) {
  const wanted = hash(service) % COLOR_COUNT
  for (let step = 0; step < COLOR_COUNT; step += 1) {
    const slot = (wanted + step) % COLOR_COUNT
    if (!taken.has(slot)) return slot
  }
  return wanted
}

/**
 * FNV-1a.
 * @param {string} text
 */
function hash(text) {
  let value = 0x811c9dc5
  for (let index = 0; index < text.length; index += 1)
    value = Math.imul(value ^ text.charCodeAt(index), 0x01000193)
  return value >>> 0
}
