/** `npm run lint`: formatters and linters of both languages, none of which changes anything. */
import path from 'node:path'

import { ask, isMain, node, root, run, say } from './run.mjs'
import { setUpNode, setUpRust } from './setup.mjs'

/** Runs them all; stops at the first that complains. Needs the generated files of a build. */
export function lint() {
  say('Checking the Rust code')
  if (ask('cargo', ['fmt', '--version'])) run('cargo', ['fmt', '--check', '--all'])
  else console.log('  (rustfmt is not installed: `rustup component add rustfmt`)')
  if (ask('cargo', ['clippy', '--version'])) {
    const clippy = ['clippy', '--locked', '--quiet']
    run('cargo', [...clippy, '--workspace', '--all-targets', '--', '-D', 'warnings'])
    // The boundary exists on this target only.
    const target = ['-p', 'headwater', '--lib', '--target', 'wasm32-unknown-unknown']
    run('cargo', [...clippy, ...target, '--', '-D', 'warnings'])
  } else console.log('  (clippy is not installed: `rustup component add clippy`)')
  run('cargo', ['run', '--locked', '--quiet', '-p', 'headwater', '--example', 'options', '--', '--check'])

  say('Checking the TypeScript and JavaScript code')
  const packages = path.join(root, 'node_modules')
  node(path.join(packages, 'typescript/bin/tsc'), ['-p', 'js-wrapper', '--noEmit'])
  node(path.join(packages, 'typescript/bin/tsc'), ['-p', 'tests', '--noEmit'])
  node(path.join(packages, 'eslint/bin/eslint.js'), ['--max-warnings', '0', '.'])
  node(path.join(packages, 'prettier/bin/prettier.cjs'), ['--check', '--log-level', 'warn', '.'])
}

if (isMain(import.meta.url)) {
  setUpNode()
  setUpRust()
  const { build } = await import('./build.mjs')
  await build()
  lint()
}
