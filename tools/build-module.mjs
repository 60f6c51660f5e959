/**
 * Compiles `crate/` to WebAssembly and wraps it into one TypeScript file, `module.ts`: the bytes as text, and
 * the function that instantiates them. Twice, into `js-wrapper/src/generated/standard` and `…/full`.
 */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'

import { dropAlignments, encode } from './encode.mjs'
import { ask, fail, node, root, run } from './run.mjs'

const TARGET = 'wasm32-unknown-unknown'
const output = path.join(root, 'js-wrapper/src/generated')

/** What each module has of the features in `crate/Cargo.toml`. */
export const VARIANTS = { standard: [], full: ['full'] }

/** @param {boolean} abort whether to build the standard library without panic messages; see setup. */
export function buildModule(abort) {
  rmSync(output, { force: true, recursive: true })
  for (const [name, features] of Object.entries(VARIANTS))
    buildVariant(abort, path.join(output, name), features)
  // For the size check.
  if (!abort) writeFileSync(path.join(output, 'plain'), '')
}

/** Builds a module with these features into a folder. */
export function buildVariant(abort, generated, features) {
  compile(abort, features)
  bindgen(abort, generated)
  optimise(generated)
  writeModule(generated)
}

function compile(abort, features) {
  const parameters = [
    'build',
    '--locked',
    '-p',
    'headwater',
    '--lib',
    '--profile',
    'ship',
    '--target',
    TARGET,
    '--no-default-features',
    ...features.flatMap((feature) => ['--features', feature]),
  ]
  // The flags of .cargo/config.toml have to be in force, which the environment would replace.
  const { RUSTFLAGS: _, CARGO_ENCODED_RUSTFLAGS: __, ...env } = process.env
  if (!abort) return run('cargo', parameters, { env })
  // Inlining before LLVM, which opt-level=z leaves off, takes 600 bytes of brotli off.
  const flags = `target.${TARGET}.rustflags=["-Zunstable-options", "-Cpanic=immediate-abort", "-Zinline-mir=yes"]`
  run(
    'cargo',
    [...parameters, '-Zbuild-std=std,panic_abort', '--target-dir', 'target/abort', '--config', flags],
    { env: { ...env, RUSTC_BOOTSTRAP: '1' } },
  )
}

function bindgen(abort, generated) {
  // The environment may name another place for what Cargo builds, except where we name one.
  const target = abort
    ? path.join(root, 'target/abort')
    : JSON.parse(ask('cargo', ['metadata', '--no-deps', '--format-version', '1'], { maxBuffer: 1 << 26 }))
        .target_directory
  mkdirSync(generated, { recursive: true })
  run('cargo', [
    ...['run', '--locked', '--quiet', '-p', 'headwater-wasm-build', '--'],
    ...[path.join(target, TARGET, 'ship/headwater.wasm'), generated],
  ])
}

/** Drops the exports that only wasm-bindgen's own glue would use, and what hangs on them. */
function optimise(generated) {
  const features = [
    'bulk-memory',
    'reference-types',
    'nontrapping-float-to-int',
    'sign-ext',
    'mutable-globals',
    'multivalue',
  ].map((feature) => `--enable-${feature}`)
  const input = path.join(generated, 'headwater_bg.wasm')
  const output = path.join(generated, 'headwater.wasm')
  const names = exportsOf(input)
  const graph = path.join(generated, 'exports.json')
  writeFileSync(
    graph,
    JSON.stringify([
      { name: 'wrapper', root: true, reaches: names },
      ...names.map((name) => ({ name, export: name })),
    ]),
  )
  const binaryen = path.join(root, 'node_modules/binaryen/bin')
  node(path.join(binaryen, 'wasm-metadce'), [input, ...features, '-f', graph, '-o', output], {
    stdio: 'ignore',
  })
  node(path.join(binaryen, 'wasm-opt'), [
    ...[output, '-o', output, ...features],
    // Rust's stack lies below its data, so that no address near zero is ever used as an object's.
    // Nor does it ever rely on a load or a division to trap.
    ...[
      '--low-memory-unused',
      '--ignore-implicit-traps',
      '--flatten',
      '--rereloop',
      '-Oz',
      '-Oz',
      '--converge',
    ],
    ...['--strip-producers', '--strip-target-features'],
  ])
}

/** The exports of ours; wasm-bindgen's and Rust's own begin with underscores. */
function exportsOf(file) {
  return WebAssembly.Module.exports(new WebAssembly.Module(readFileSync(file)))
    .map((entry) => entry.name)
    .filter((name) => !name.startsWith('__'))
}

/**
 * wasm-bindgen's glue is a module with state of its own; as the body of a function it serves several
 * instances, and the names it uses freely (`host`) become that function's parameters.
 */
function writeModule(generated) {
  const module = readFileSync(path.join(generated, 'headwater.wasm'))
  const glue = readFileSync(path.join(generated, 'headwater_bg.js'), 'utf8')
  const declarations = readFileSync(path.join(generated, 'headwater_bg.wasm.d.ts'), 'utf8')
  const imports = WebAssembly.Module.imports(new WebAssembly.Module(module)).map((entry) => entry.name)
  const functions = imports.map(
    (name) => new RegExp(`^export (function ${name}\\([^]*?^\\})$`, 'm').exec(glue)?.[1],
  )
  if (!imports.length || functions.includes(undefined)) {
    fail('The glue of wasm-bindgen has a new form: tools/build-module.mjs must follow.')
  }
  const bytes = dropAlignments(renameImports(module))
  writeFileSync(path.join(generated, 'headwater.wasm'), bytes)
  const exported = declarations
    .split('\n')
    .map((line) => /^export const (\w+): (.*);$/.exec(line))
    .filter((match) => match && !match[1].startsWith('__'))
    .map(([, name, type]) => `  ${name}: ${type}`)
  writeFileSync(
    path.join(generated, 'module.ts'),
    `// Generated by tools/build-module.mjs.
// @ts-nocheck
export interface Exports {
${exported.join('\n')}
}

export interface Imports {
  wallClock(): number
  random(address: number, length: number): void
  firstMatch(address: number, length: number): number
  sample(isPageLoad: boolean, name: number, length: number, url: number, urlLength: number): number
  store(address: number, length: number): unknown
  origin(address: number, length: number): number
  startTimer(milliseconds: number): void
  send(url: number, length: number, body: number, bodyLength: number, keepalive: boolean): void
  log(level: number, address: number, length: number): void
}

export function instantiate(module: WebAssembly.Module, host: Imports): Exports {
${functions.join('\n')}
  return new WebAssembly.Instance(module, {
    _: { ${imports.map((name, index) => `${shortName(index)}: ${name}`).join(', ')} },
  }).exports
}

export const encoded = ${JSON.stringify(encode(bytes))}
`,
  )
}

/**
 * Gives the imports one-letter names, in their order: wasm-bindgen's carry a hash of 16 digits each,
 * which no compression can do anything about.
 */
function renameImports(bytes) {
  const IMPORT_SECTION = 2
  let position = 8
  const number = () => {
    let value = 0
    for (let shift = 0; ; shift += 7) {
      const byte = bytes[position++]
      value |= (byte & 0x7f) << shift
      if (byte < 0x80) return value
    }
  }
  const skipText = () => {
    const length = number()
    position += length
  }
  while (position < bytes.length) {
    const start = position
    const section = bytes[position++]
    const end = number() + position
    if (section !== IMPORT_SECTION) {
      position = end
      continue
    }
    const content = [...leb(number())]
    for (let index = 0; position < end; index++) {
      skipText()
      skipText()
      const kind = bytes[position++]
      if (kind !== 0) fail('The module imports something that is no function.')
      content.push(...text('_'), ...text(shortName(index)), kind, ...leb(number()))
    }
    const head = [section, ...leb(content.length)]
    return Buffer.concat([bytes.subarray(0, start), Buffer.from([...head, ...content]), bytes.subarray(end)])
  }
  return fail('The module imports nothing.')
}

function shortName(index) {
  return String.fromCharCode(97 + index)
}

function text(value) {
  return [...leb(value.length), ...Buffer.from(value)]
}

function leb(value) {
  const bytes = []
  for (; value >= 0x80; value >>= 7) bytes.push((value & 0x7f) | 0x80)
  return [...bytes, value]
}
