/** What the benchmarks do with ours, which `agents.ts` starts: its file is the one that is shipped. */
import type { Agent } from 'headwater'

import { page } from '../contract.js'
import { attributesOf } from './attributes.js'

const { apm } = (globalThis as unknown as { headwater: { apm: Agent } }).headwater
page.bench = {
  flush: () => apm.flush(),
  span(name, attributes) {
    apm.startTransaction?.(name, 'custom')?.setAttributes(attributesOf(attributes)).end()
  },
}
