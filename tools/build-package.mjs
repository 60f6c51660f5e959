/** Bundles the TypeScript: the npm package's files, and the demo's client-side app. */
import { copyFile } from 'node:fs/promises'
import path from 'node:path'

import * as esbuild from 'esbuild'

import { node, root } from './run.mjs'

const source = path.join(root, 'js-wrapper/src')
const output = path.join(root, 'js-wrapper/dist')

/** ESM, CommonJS and the script-tag file, of both kinds; the type declarations, and the texts that npm shows. */
export async function buildPackage() {
  await Promise.all([
    ...['README.md', 'LICENSE'].map((file) =>
      copyFile(path.join(root, file), path.join(root, 'js-wrapper', file)),
    ),
    ...bundle('standard', { esm: 'index.js', cjs: 'index.cjs', iife: 'headwater.min.js' }, output),
    ...bundle('full', { esm: 'full.js', cjs: 'full.cjs', iife: 'headwater.full.min.js' }, output),
  ])
  node(path.join(root, 'node_modules/typescript/bin/tsc'), ['-p', path.join(root, 'js-wrapper')])
}

/** Bundles one variant into a folder; `files` names the file of each format. */
export function bundle(variant, files, folder) {
  return Object.entries(files).map(([format, file]) =>
    esbuild.build({
      bundle: true,
      minify: true,
      target: 'es2022',
      charset: 'ascii',
      legalComments: 'none',
      // Names that only we use, in objects that never leave us.
      mangleProps: /^(wallClock|firstMatch|startTimer|newPreflight|crossOrigin|parameters|pairs|settled)$/,
      define: { FULL: String(variant !== 'standard') },
      plugins: [
        {
          name: 'variant',
          setup: ({ onResolve }) =>
            onResolve({ filter: /generated\/standard\/module\.js$/ }, () => ({
              path: path.join(source, 'generated', variant, 'module.ts'),
            })),
        },
      ],
      entryPoints: [path.join(source, format === 'iife' ? 'script.ts' : 'index.ts')],
      format,
      outfile: path.join(folder, file),
    }),
  )
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
