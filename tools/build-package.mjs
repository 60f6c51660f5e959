/** Bundles the TypeScript: the npm package's files, and the demo's client-side app. */
import { copyFile } from 'node:fs/promises'
import path from 'node:path'

import * as esbuild from 'esbuild'

import { node, root } from './run.mjs'

const source = path.join(root, 'js-wrapper/src')
const output = path.join(root, 'js-wrapper/dist')

/** ESM, CommonJS, the script-tag file, the type declarations, and the texts that npm shows. */
export async function buildPackage() {
  const common = { bundle: true, minify: true, target: 'es2022', charset: 'ascii', legalComments: 'none' }
  const index = { ...common, entryPoints: [path.join(source, 'index.ts')] }
  await Promise.all([
    ...['README.md', 'LICENSE'].map((file) =>
      copyFile(path.join(root, file), path.join(root, 'js-wrapper', file)),
    ),
    esbuild.build({ ...index, format: 'esm', outfile: path.join(output, 'index.js') }),
    esbuild.build({ ...index, format: 'cjs', outfile: path.join(output, 'index.cjs') }),
    esbuild.build({
      ...common,
      entryPoints: [path.join(source, 'script.ts')],
      format: 'iife',
      outfile: path.join(output, 'headwater.min.js'),
    }),
  ])
  node(path.join(root, 'node_modules/typescript/bin/tsc'), ['-p', path.join(root, 'js-wrapper')])
}

/** The client-side section of the shop, which imports the npm package. */
export async function buildDemoApp() {
  await esbuild.build({
    bundle: true,
    minify: true,
    target: 'es2022',
    format: 'esm',
    entryPoints: [path.join(root, 'demo-site/app/account.js')],
    outfile: path.join(root, 'demo-site/dist/account.js'),
  })
}
