/**
 * Headwater, a browser RUM agent.
 *
 * ```js
 * import { init as initApm } from 'headwater'
 *
 * initApm({ serviceName: 'shop', serverUrl: 'https://collector.example' })
 * ```
 *
 * @packageDocumentation
 */
import { createAgent } from './agent.js'
import type { Agent, Config } from './types.js'

export { createAgent } from './agent.js'
export type * from './types.js'

/** The agent that {@link init} starts. */
export const apm: Agent = createAgent()

/** Starts {@link apm}; the same as `apm.init`. */
export const init = (config: Config): Agent => apm.init(config)

/** The same as {@link init}, under the name that Elastic's documentation gives it. */
export const initApm = init

export default init
