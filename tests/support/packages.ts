/** Programs and libraries that only tests need, each fetched once, in the version it says, into a folder of its own. */
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'

import { root } from './demo.js'

/** Where they are kept. */
export const CACHE = path.join(root, 'tests/.cache')

const WINDOWS = process.platform === 'win32'

/**
 * An environment of our own with a package of Python's.
 *
 * @returns its folder of programs, and that of its libraries, or why there is none on this machine.
 */
export function setUpPython(name: string, version: string): { programs: string; libraries: string } | string {
  const environment = path.join(CACHE, `${name}-${version}`)
  const programs = path.join(environment, WINDOWS ? 'Scripts' : 'bin')
  const failure = prepare(environment, () => [
    ['`python3 -m venv`', WINDOWS ? 'python' : 'python3', ['-m', 'venv', environment]],
    [
      `installing ${name}`,
      path.join(programs, 'python'),
      ['-m', 'pip', 'install', '-q', `${name}==${version}`],
    ],
  ])
  if (failure !== undefined) return failure
  const library = path.join(environment, 'lib')
  const [python = ''] = existsSync(library) ? readdirSync(library) : []
  return { programs, libraries: path.join(library, python, 'site-packages') }
}

/** A package for Node, whose scripts are not run. @returns its folder, or why there is none on this machine. */
export function setUpNode(name: string, version: string): { folder: string } | string {
  const prefix = path.join(CACHE, `${name}-${version}`)
  const failure = prepare(prefix, () => [
    [
      `installing ${name}`,
      WINDOWS ? 'npm.cmd' : 'npm',
      ['install', '--silent', '--ignore-scripts', '--prefix', prefix, `${name}@${version}`],
    ],
  ])
  return failure ?? { folder: path.join(prefix, 'node_modules', name) }
}

/** A program in Rust, which is compiled. @returns its folder of programs, or why there is none on this machine. */
export function setUpCargo(name: string, version: string): { programs: string } | string {
  const prefix = path.join(CACHE, `${name}-${version}`)
  const failure = prepare(prefix, () => [
    [
      `installing ${name}`,
      'cargo',
      ['install', '--quiet', '--locked', '--root', prefix, '--version', version, name],
    ],
  ])
  return failure ?? { programs: path.join(prefix, 'bin') }
}

type Step = [what: string, program: string, parameters: string[]]

/** Takes these steps unless they have been taken. @returns why one of them failed. */
function prepare(folder: string, steps: () => Step[]): string | undefined {
  const ready = path.join(folder, 'ready')
  if (existsSync(ready)) return undefined
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  for (const [what, program, parameters] of steps()) {
    try {
      execFileSync(program, parameters, { stdio: 'pipe' })
    } catch (error) {
      const [last = ''] = String((error as { stderr?: unknown }).stderr ?? error)
        .trim()
        .split('\n')
        .slice(-1)
      return `${what} failed: ${last}`
    }
  }
  writeFileSync(ready, '')
  return undefined
}
