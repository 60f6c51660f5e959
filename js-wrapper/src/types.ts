/** The public types. */
import type { Config } from './options.js'

export type { Config }

/** An agent, as `init` returns it. No method ever throws. */
export interface Agent {
  /**
   * Starts the agent, synchronously: what the next line requests is observed. A configuration that is
   * not allowed is explained on the console and leaves the agent inactive. A second call is ignored
   * with a warning, unless {@link stop} was called.
   *
   * @returns the agent itself.
   */
  init(config: Config): Agent
  /** Whether it runs: started, configured well, not stopped and not failed. */
  isActive(): boolean
  /** Whether this environment can run it: a document, WebAssembly and `fetch`. */
  isEnabled(): boolean
  /**
   * Sends everything that waits, now.
   *
   * @returns a promise, never rejected, for the end of all sends under way.
   */
  flush(): Promise<void>
  /** Sends what waits, removes every patch and listener and frees the module. `init` starts it again. */
  stop(): void
}
