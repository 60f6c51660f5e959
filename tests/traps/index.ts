/** All traps, in the order of the table. */
import { FETCH_ANSWERS } from './fetch-answers.js'
import { FETCH } from './fetch.js'
import { OTHERS } from './others.js'
import type { Trap } from './trap.js'
import { XHR } from './xhr.js'

export const TRAPS: readonly Trap[] = [...FETCH, ...FETCH_ANSWERS, ...XHR, ...OTHERS].sort((left, right) =>
  key(left).localeCompare(key(right)),
)

/** E, F, V, X, each by number and then by letter. */
function key({ id }: Trap): string {
  const [, kind = '', number = '', letter = ''] = /^([A-Z])(\d+)([a-z]?)$/.exec(id) ?? []
  return `${'FXEV'.indexOf(kind)}${number.padStart(3, '0')}${letter}`
}
