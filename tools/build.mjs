/** `npm run build`: the Wasm module, the npm package, the demo's app. */

import { isMain, run, say } from './run.mjs'
import { setUpNode, setUpRust } from './setup.mjs'

/** Builds everything that runs in a browser. */
export async function build() {
  setUpNode()
  const { abort } = setUpRust()
  // These need the packages that the line above has installed.
  const { buildModule } = await import('./build-module.mjs')
  const { buildPackage, buildDemoApp } = await import('./build-package.mjs')
  say('Building the Wasm module')
  buildModule(abort)
  say('Building the npm package and the demo app')
  await buildPackage()
  await buildDemoApp()
}

/** Builds what the browser tests talk to: the demo site with its collector, and the one that fails on request. */
export function buildDemo() {
  say('Building the demo site (a few minutes the first time)')
  run('cargo', ['build', '--locked', '-p', 'headwater-demo', '-p', 'headwater-fault-collector'])
}

if (isMain(import.meta.url)) {
  await build()
  buildDemo()
}
