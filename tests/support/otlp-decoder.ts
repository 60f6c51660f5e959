/** Somebody else's decoder for what we send: OpenTelemetry's definitions for Python, in an environment of our own. */
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'

import { root } from './demo.js'

export interface Decoded {
  /** Paths of fields that the definitions do not have. */
  unknown: string[]
  /** Whether encoding it again gives the same bytes. */
  same: boolean
  request: unknown
}

/** @returns a decoder, or why there is none on this machine. */
export function setUpDecoder(): ((bodies: Buffer[]) => Decoded[]) | string {
  const cache = path.join(root, 'tests/.cache')
  const environment = path.join(cache, `otlp-${VERSION}`)
  const ready = path.join(environment, 'ready')
  const windows = process.platform === 'win32'
  const python = path.join(environment, windows ? 'Scripts/python.exe' : 'bin/python')
  if (!existsSync(ready)) {
    const step = (what: string, program: string, parameters: string[]) => {
      try {
        execFileSync(program, parameters, { stdio: 'pipe' })
        return undefined
      } catch (error) {
        const [first = ''] = String((error as { stderr?: unknown }).stderr ?? error)
          .trim()
          .split('\n')
          .slice(-1)
        return `${what} failed: ${first}`
      }
    }
    rmSync(environment, { recursive: true, force: true })
    mkdirSync(cache, { recursive: true })
    const failure =
      step('`python3 -m venv`', windows ? 'python' : 'python3', ['-m', 'venv', environment]) ??
      step('installing opentelemetry-proto', python, [
        '-m',
        'pip',
        'install',
        '-q',
        `opentelemetry-proto==${VERSION}`,
      ])
    if (failure) return failure
    writeFileSync(ready, '')
  }
  return (bodies) => {
    const folder = path.join(cache, `bodies-${process.pid}`)
    mkdirSync(folder, { recursive: true })
    const files = bodies.map((body, index) => {
      const file = path.join(folder, `${index}.bin`)
      writeFileSync(file, body)
      return file
    })
    const script = path.join(root, 'tests/support/decode_otlp.py')
    const output = execFileSync(python, [script, ...files], { encoding: 'utf8' })
    rmSync(folder, { recursive: true })
    const lines = output.trim().split('\n')
    return lines.map((line) => JSON.parse(line) as Decoded)
  }
}

const VERSION = '1.45.0'
