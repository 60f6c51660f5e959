/** A browser script made of a TypeScript file and the packages that it imports. */
import path from 'node:path'

import { build } from 'esbuild'

import { root } from './demo.js'

/**
 * Bundles a file of `tests/`; what it exports becomes a global of this name.
 *
 * In memory, once for each worker: no copy can be out of date, or half written by another worker.
 */
export function bundle(file: string, globalName: string): Promise<string> {
  const key = `${globalName}: ${file}`
  const known = bundles.get(key)
  if (known) return known
  const made = make(file, globalName)
  bundles.set(key, made)
  return made
}

async function make(file: string, globalName: string): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [path.join(root, 'tests', file)],
    bundle: true,
    write: false,
    format: 'iife',
    globalName,
    platform: 'browser',
    target: 'es2022',
    define: { 'process.env.NODE_ENV': '"production"', global: 'globalThis' },
    logLevel: 'error',
  })
  const [script] = outputFiles
  if (!script) throw new Error(`${file} made no bundle`)
  return script.text
}

const bundles = new Map<string, Promise<string>>()
