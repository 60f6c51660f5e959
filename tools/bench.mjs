/**
 * `npm run bench`: what agents cost, ours and others, side by side. Writes `docs/performance.md` and its plots. Parameters: see
 * `npm run bench -- --help`.
 */
import path from 'node:path'
import { pathToFileURL } from 'node:url'

import { root } from './run.mjs'
import { setUpNode } from './setup.mjs'

setUpNode()
const { build } = await import('esbuild')
// Playwright's tests read TypeScript by themselves; this is none of them.
const outfile = path.join(root, 'tests/.cache/bench.mjs')
await build({
  entryPoints: [path.join(root, 'tests/bench/run.ts')],
  bundle: true,
  packages: 'external',
  platform: 'node',
  target: 'es2022',
  format: 'esm',
  outfile,
})
await import(pathToFileURL(outfile).href)
