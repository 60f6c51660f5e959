/** Rotel, somebody else's collector (https://github.com/streamfold/rotel), which passes on what it gets. */
import { existsSync } from 'node:fs'
import path from 'node:path'

import { freePort } from './free-port.js'
import { setUpPython } from './packages.js'
import { Program } from './program.js'

export const ROTEL = '0.0.1a15'

export class Rotel {
  /** Where it takes OTLP over HTTP. */
  readonly origin: string
  readonly #program: Program

  private constructor(origin: string, program: Program) {
    this.origin = origin
    this.#program = program
  }

  /** @param sink - what it posts to. @returns why there is none on this machine. */
  static async start(sink: string): Promise<Rotel | string> {
    const environment = setUpPython('rotel', ROTEL)
    if (typeof environment === 'string') return environment
    const agent = path.join(environment.libraries, 'rotel/rotel-agent')
    if (!existsSync(agent)) return `${agent} is missing`
    const [http, grpc] = [await freePort(), await freePort()]
    const origin = `http://127.0.0.1:${http}`
    const program = await Program.start(
      agent,
      [
        ...['start', '--otlp-http-endpoint', `127.0.0.1:${http}`],
        ...['--otlp-grpc-endpoint', `127.0.0.1:${grpc}`],
        ...['--exporter', 'otlp', '--otlp-exporter-protocol', 'http', '--otlp-exporter-endpoint', sink],
        ...['--otlp-exporter-compression', 'none', '--batch-timeout', '50ms'],
      ],
      { url: origin },
    )
    return typeof program === 'string' ? program : new Rotel(origin, program)
  }

  async stop(): Promise<void> {
    await this.#program.stop()
  }
}
