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

/**
 * An environment of our own with a package of Python's.
 *
 * @returns its folder of programs, or why there is none on this machine.
 */
export function setUpPython(name: string, version: string): { programs: string } | string {
  const environment = path.join(CACHE, `${name}-${version}`)
  const ready = path.join(environment, 'ready')
  const windows = process.platform === 'win32'
  const programs = path.join(environment, windows ? 'Scripts' : 'bin')
  if (existsSync(ready)) return { programs }
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
  mkdirSync(CACHE, { recursive: true })
  const failure =
    step('`python3 -m venv`', windows ? 'python' : 'python3', ['-m', 'venv', environment]) ??
    step(`installing ${name}`, path.join(programs, 'python'), [
      ...['-m', 'pip', 'install', '-q', `${name}==${version}`],
    ])
  if (failure) return failure
  writeFileSync(ready, '')
  return { programs }
}

/** @returns a decoder, or why there is none on this machine. */
export function setUpDecoder(): ((bodies: Buffer[], signal?: 'traces' | 'logs') => Decoded[]) | string {
  const environment = setUpPython('opentelemetry-proto', VERSION)
  if (typeof environment === 'string') return environment
  const python = path.join(environment.programs, 'python')
  return (bodies, signal = 'traces') => {
    const folder = path.join(CACHE, `bodies-${process.pid}`)
    mkdirSync(folder, { recursive: true })
    const files = bodies.map((body, index) => {
      const file = path.join(folder, `${index}.${signal}.bin`)
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

const CACHE = path.join(root, 'tests/.cache')
const VERSION = '1.45.0'
