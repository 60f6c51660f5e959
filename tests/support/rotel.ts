/** Rotel, somebody else's collector (https://github.com/streamfold/rotel), which passes on what it gets. */
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync } from 'node:fs'
import path from 'node:path'

import { freePort } from './free-port.js'
import { setUpPython } from './otlp-decoder.js'

export const ROTEL = '0.0.1a15'

export class Rotel {
  /** Where it takes OTLP over HTTP. */
  readonly origin: string
  readonly #process: ChildProcess

  private constructor(origin: string, process: ChildProcess) {
    this.origin = origin
    this.#process = process
  }

  /** @param sink - what it posts to. @returns why there is none on this machine. */
  static async start(sink: string): Promise<Rotel | string> {
    const environment = setUpPython('rotel', ROTEL)
    if (typeof environment === 'string') return environment
    const library = path.join(environment.programs, '../lib')
    const [python = ''] = existsSync(library) ? readdirSync(library) : []
    const program = path.join(library, python, 'site-packages/rotel/rotel-agent')
    if (!existsSync(program)) return `${program} is missing`
    const [http, grpc] = [await freePort(), await freePort()]
    const child = spawn(
      program,
      [
        ...[
          'start',
          '--otlp-http-endpoint',
          `127.0.0.1:${http}`,
          '--otlp-grpc-endpoint',
          `127.0.0.1:${grpc}`,
        ],
        ...['--exporter', 'otlp', '--otlp-exporter-protocol', 'http', '--otlp-exporter-endpoint', sink],
        ...['--otlp-exporter-compression', 'none', '--batch-timeout', '50ms'],
      ],
      { stdio: 'ignore' },
    )
    const origin = `http://127.0.0.1:${http}`
    for (const end = Date.now() + 10_000; Date.now() < end;) {
      if (child.exitCode !== null) return 'it has ended'
      const there = await fetch(origin).then(
        () => true,
        () => false,
      )
      if (there) return new Rotel(origin, child)
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
    child.kill()
    return 'it does not answer'
  }

  async stop(): Promise<void> {
    this.#process.kill()
    if (this.#process.exitCode === null) await once(this.#process, 'exit')
  }
}
