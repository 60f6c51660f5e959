/**
 * Compiles `crate/` to WebAssembly and wraps it into one TypeScript file, `module.ts`: the bytes as text, and
 * the function that instantiates them. Once for each variant, into `js-wrapper/src/generated/standard` and so on.
 */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'

import { dropAlignments, encode } from './encode.mjs'
import { ask, fail, node, root, run } from './run.mjs'

const TARGET = 'wasm32-unknown-unknown'
const output = path.join(root, 'js-wrapper/src/generated')

/** What each module has of the features in `crate/Cargo.toml`. */
export const VARIANTS = { standard: [], full: ['full'], elastic: ['elastic', 'events', 'gzip', 'sessions'] }

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
    // But loads may not be made where they are not asked for (--ignore-implicit-traps): a text can end where the
    // memory ends.
    // Zeros compress better than the segments that leave them out.
    ...[
      '--low-memory-unused',
      '--skip-pass=memory-packing',
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
 * Of wasm-bindgen's glue nothing is left: what it does for numbers (addresses as unsigned, flags as booleans)
 * a memory of less than 2 GiB does not need, and JavaScript takes a number as a flag. Checked here.
 */
function writeModule(generated) {
  const module = readFileSync(path.join(generated, 'headwater.wasm'))
  const glue = readFileSync(path.join(generated, 'headwater_bg.js'), 'utf8')
  const declarations = readFileSync(path.join(generated, 'headwater_bg.wasm.d.ts'), 'utf8')
  const imports = WebAssembly.Module.imports(new WebAssembly.Module(module)).map(({ name }) => {
    const call = new RegExp(
      `^export function ${name}\\(([^)]*)\\) \\{\\s*(?:const ret = )?host\\.(\\w+)\\(([^)]*)\\);`,
      'm',
    )
    const [, parameters, imported, passed] = call.exec(glue) ?? []
    if (imported === undefined || parameters !== passed.replaceAll(/ >>> 0| !== 0/g, '')) {
      fail('The glue of wasm-bindgen has a new form: tools/build-module.mjs must follow.')
    }
    return imported
  })
  const { bytes, exported } = shortenNames(module)
  const short = Object.fromEntries(exported.map((name, index) => [name, shortName(index)]))
  writeFileSync(path.join(generated, 'headwater.wasm'), dropAlignments(bytes))
  writeFileSync(path.join(generated, 'names.json'), JSON.stringify(short))
  const types = declarations
    .split('\n')
    .map((line) => /^export const (\w+): (.*);$/.exec(line))
    .filter((match) => match && !match[1].startsWith('__'))
    .map(([, name, type]) => `  ${name}: ${type}`)
  writeFileSync(
    path.join(generated, 'module.ts'),
    `// Generated by tools/build-module.mjs.
// @ts-nocheck
/** By these names; the bundler puts the short ones in their place. */
export interface Exports {
${types.join('\n')}
}

export interface Imports {
  wallClock(): number
  random(address: number, length: number): void
  firstMatch(address: number, length: number): number
  /** Flags are 0 or 1. */
  sample(kind: number, name: number, length: number, url: number, urlLength: number): number
  beforeSend(span: number, length: number): number
  store(address: number, length: number): unknown
  origin(address: number, length: number): number
  startTimer(milliseconds: number): void
  format(number: number): number
  send(number: number, body: number, length: number, keepalive: number, areEvents: number): void
  sendLater(body: number, length: number, areEvents: number): void
  keep(record: number, length: number): boolean
  take(maximalAge: number): void
  settleRecord(key: number, done: number): void
  log(level: number, address: number, length: number): void
}

export const instantiate = (module: WebAssembly.Module, host: Imports): Exports =>
  new WebAssembly.Instance(module, {
    _: { ${imports.map((name, index) => `${shortName(index)}: host.${name}`).join(', ')} },
  }).exports

export const encoded = ${JSON.stringify(encode(dropAlignments(bytes)))}
`,
  )
}

/**
 * Gives imports and exports one-letter names, in their order: wasm-bindgen's imports carry a hash of 16
 * digits each, which no compression can do anything about, and what is exported is called more than once.
 *
 * @returns the module, and the names that its exports had.
 */
function shortenNames(bytes) {
  const IMPORT_SECTION = 2
  const EXPORT_SECTION = 7
  const FUNCTION = 0
  const exported = []
  const parts = [bytes.subarray(0, 8)]
  let position = 8
  const number = () => {
    let value = 0
    for (let shift = 0; ; shift += 7) {
      const byte = bytes[position++]
      value |= (byte & 0x7f) << shift
      if (byte < 0x80) return value
    }
  }
  const name = () => {
    const length = number()
    return Buffer.from(bytes.subarray(position, (position += length))).toString()
  }
  while (position < bytes.length) {
    const start = position
    const section = bytes[position++]
    const end = number() + position
    if (section !== IMPORT_SECTION && section !== EXPORT_SECTION) {
      parts.push(bytes.subarray(start, end))
      position = end
      continue
    }
    const content = [...leb(number())]
    for (let index = 0; position < end; index++) {
      if (section === IMPORT_SECTION) {
        name()
        name()
        content.push(...text('_'))
      } else exported.push(name())
      const kind = bytes[position++]
      if (section === IMPORT_SECTION && kind !== FUNCTION)
        fail('The module imports something that is no function.')
      content.push(...text(shortName(index)), kind, ...leb(number()))
    }
    parts.push(Buffer.from([section, ...leb(content.length), ...content]))
  }
  return { bytes: Buffer.concat(parts), exported }
}

const NAMES = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ'

function shortName(index) {
  return NAMES[index] ?? fail('There are more names than letters.')
}

function text(value) {
  return [...leb(value.length), ...Buffer.from(value)]
}

function leb(value) {
  const bytes = []
  for (; value >= 0x80; value >>= 7) bytes.push((value & 0x7f) | 0x80)
  return [...bytes, value]
}
