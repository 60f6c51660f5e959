/** A browser script made of a TypeScript file and the packages that it imports. */
import path from 'node:path'

import { build } from 'esbuild'

import { root } from './demo.js'

/**
 * Bundles a file of `tests/`; what it exports becomes a global of this name.
 *
 * In memory, once for each worker: no copy can be out of date, or half written by another worker.
 */
export function bundle(file: string, globalName: string, minify = false): Promise<string> {
  const key = `${globalName}: ${file}: ${minify}`
  const known = bundles.get(key)
  if (known) return known
  const made = make(file, globalName, minify)
  bundles.set(key, made)
  return made
}

async function make(file: string, globalName: string, minify: boolean): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [path.join(root, 'tests', file)],
    ...OPTIONS,
    minify,
    format: 'iife',
    globalName,
  })
  const [script] = outputFiles
  if (!script) throw new Error(`${file} made no bundle`)
  return script.text
}

/**
 * The same as modules, for what loads parts of itself when it needs them.
 *
 * @returns the text of each by its name, the entry first.
 */
export async function bundleModules(file: string): Promise<[name: string, text: string][]> {
  const { outputFiles } = await build({
    entryPoints: [path.join(root, 'tests', file)],
    ...OPTIONS,
    minify: true,
    format: 'esm',
    splitting: true,
    outdir: path.join(root, 'tests/.cache'),
  })
  const entry = path.basename(file).replace(/\.ts$/, '.js')
  const files = outputFiles.map(({ path: name, text }): [string, string] => [path.basename(name), text])
  return files.sort(([a], [b]) => Number(b === entry) - Number(a === entry))
}

const OPTIONS = {
  bundle: true,
  write: false,
  platform: 'browser',
  target: 'es2022',
  define: { 'process.env.NODE_ENV': '"production"', global: 'globalThis' },
  logLevel: 'error',
} as const

const bundles = new Map<string, Promise<string>>()
