/** Somebody else's server as a process of its own. */
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'

export interface Start {
  /** What answers once it is ready, with whatever status. */
  url: string
  environment?: Record<string, string>
  /** Milliseconds. */
  patience?: number
  folder?: string
}

export class Program {
  readonly #process: ChildProcess
  readonly #kill = () => {
    try {
      // It may have processes of its own.
      process.kill(-(this.#process.pid ?? NaN))
    } catch {
      // It has ended.
    }
  }

  private constructor(child: ChildProcess) {
    this.#process = child
    process.once('exit', this.#kill)
  }

  /** @returns why it does not run. */
  static async start(
    program: string,
    parameters: string[],
    { url, environment = {}, patience = 10_000, folder }: Start,
  ): Promise<Program | string> {
    const child = spawn(program, parameters, {
      stdio: 'ignore',
      detached: true,
      cwd: folder,
      env: { ...process.env, ...environment },
    })
    let failure = ''
    child.on('error', (error) => (failure = error.message))
    const own = new Program(child)
    for (const end = Date.now() + patience; Date.now() < end;) {
      if (failure) return failure
      if (child.exitCode !== null) return `it has ended with ${child.exitCode}`
      const there = await fetch(url).then(
        () => true,
        () => false,
      )
      if (there) return own
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
    await own.stop()
    return `it does not answer within ${patience / 1_000} s`
  }

  async stop(): Promise<void> {
    this.#kill()
    if (this.#process.exitCode === null && this.#process.signalCode === null)
      await once(this.#process, 'exit')
    process.off('exit', this.#kill)
  }
}
