/**
 * `headwater/elastic`: the exports of `headwater`, and those of `@elastic/apm-rum`, which Elastic's integrations of frameworks
 * import.
 *
 * @packageDocumentation
 */
import { apm as agent, createAgent, init as start } from './index.js'
import type { ElasticAgent, ElasticConfig } from './elastic-types.js'

export { createAgent } from './index.js'
export type * from './elastic-types.js'
export type * from './types.js'

/** The agent that {@link init} starts. */
export const apm = agent as unknown as ElasticAgent

/** The same as {@link apm}. */
export const apmBase = apm

/** Makes a further agent, as `createAgent()` does. Its parameters are Elastic's, and count for nothing. */
export const ApmBase = function () {
  return createAgent()
} as unknown as new (serviceFactory: ElasticAgent['serviceFactory'], disable: boolean) => ElasticAgent

/** Starts {@link apm}; the same as `apm.init`. */
export const init = start as unknown as (config?: ElasticConfig) => ElasticAgent

/** The same as {@link init}, under the name that Elastic's documentation gives it. */
export const initApm = init

export default init
