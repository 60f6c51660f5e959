/** Bundles the TypeScript: the npm package's files, and the demo's client-side app. */
import { copyFile, readFile, writeFile } from 'node:fs/promises'
import path from 'node:path'

import * as esbuild from 'esbuild'
import { minify } from 'terser'

import { fail, node, root } from './run.mjs'
import { brotli } from './size.mjs'

const source = path.join(root, 'js-wrapper/src')
const output = path.join(root, 'js-wrapper/dist')

/** ESM, CommonJS and the script-tag file, of every variant; the adapter to OpenTelemetry's API; the type declarations, and the texts that npm shows. */
export async function buildPackage() {
  await Promise.all([
    ...['README.md', 'LICENSE'].map((file) =>
      copyFile(path.join(root, file), path.join(root, 'js-wrapper', file)),
    ),
    ...bundle('standard', { esm: 'index.js', cjs: 'index.cjs', iife: 'headwater.min.js' }, output),
    ...bundle('elastic', { esm: 'elastic.js', cjs: 'elastic.cjs', iife: 'headwater.elastic.min.js' }, output),
    ...bundle('full', { esm: 'full.js', cjs: 'full.cjs', iife: 'headwater.full.min.js' }, output),
    ...['js', 'cjs'].map((ending) =>
      esbuild.build({
        bundle: true,
        minify: true,
        target: 'es2022',
        entryPoints: [path.join(source, 'opentelemetry.ts')],
        external: ['@opentelemetry/api'],
        format: ending === 'js' ? 'esm' : 'cjs',
        outfile: path.join(output, `opentelemetry.${ending}`),
      }),
    ),
  ])
  node(path.join(root, 'node_modules/typescript/bin/tsc'), ['-p', path.join(root, 'js-wrapper')])
}

/** Names that only we use, in objects that never leave us. */
const PRIVATE = [
  'wallClock',
  'firstMatch',
  'startTimer',
  'newPreflight',
  'parameters',
  'pairs',
  'settled',
  'added',
  'own',
  'settleRecord',
  'closePage',
  'tend',
  'isRoot',
  'isOwn',
  'requestFailed',
  'leaving',
]
/**
 * What each is called in a variant: of what was tried, the smallest. What esbuild would choose changes with every line of any
 * variant, and with it the size of all.
 */
const LETTERS = { standard: 'bVLetl$zos', elastic: 'gRSisYTnjWZwzNp', full: 'MCspJlUzrtyQkgmW' }

/** Bundles one variant into a folder; `files` names the file of each format. `ways`: see below; without any it is done. */
export function bundle(variant, files, folder, ways = WAYS) {
  const mangleCache = Object.fromEntries(
    [...LETTERS[variant]].map((letter, index) => [PRIVATE[index], letter]),
  )
  return Object.entries(files).map(async ([format, file]) => {
    const outfile = path.join(folder, file)
    await esbuild.build({
      bundle: true,
      minify: true,
      target: 'es2022',
      charset: 'ascii',
      legalComments: 'none',
      mangleProps: new RegExp(`^(${Object.keys(mangleCache).join('|')})$`),
      mangleCache,
      define: { FULL: String(variant === 'full'), PROTOCOLS: String(variant !== 'standard') },
      plugins: [
        {
          name: 'variant',
          setup({ onLoad, onResolve }) {
            onResolve({ filter: /generated\/standard\/module\.js$/ }, () => ({
              path: path.join(source, 'generated', variant, 'module.ts'),
            }))
            onLoad({ filter: /js-wrapper\/src\/(hooks\/)?[^/]+\.ts$/ }, async ({ path: file }) => ({
              contents: await shortenCalls(await readFile(file, 'utf8'), variant),
              loader: 'ts',
            }))
          },
        },
      ],
      entryPoints: [
        path.join(source, ENTRIES[variant]?.[format] ?? (format === 'iife' ? 'script.ts' : 'index.ts')),
      ],
      format: format === 'iife' ? format : 'esm',
      outfile,
    })
    if (!ways.length) return
    await writeFile(outfile, await minifyAgain(await readFile(outfile, 'utf8'), format, ways))
  })
}

/** Those that have a file of their own. */
const ENTRIES = { elastic: { esm: 'elastic.ts', cjs: 'elastic.ts' } }

/** What esbuild makes of the same is 150 bytes of brotli longer: it allows for cycles, and for exports that change. */
function toCommonJs(text) {
  const [, script, names] =
    /^(.*)\bexport\{([^}]*)\};$/s.exec(text) ?? fail('The bundle ends in another way.')
  const exports = names.split(',').map((name) => name.split(' as ').reverse().join(':'))
  return `"use strict";${script}module.exports={__esModule:!0,${exports.join()}};`
}

/** Of what says the same, some compress better by up to 50 bytes of brotli: the smallest is taken. */
const WAYS = [
  {},
  { passes: 5 },
  { sequences: false },
  { comparisons: false },
  { inline: 1 },
  { collapse_vars: false },
]

/** How the module's text looks. */
const MODULE = /"[^"]{5000,}"/

/** Letters that no name may be, one at a time: of the names that this leads to, some compress better. */
const NOT_NAMES = ['', ...'CLdentors_$']

/** Takes 3 % more off than esbuild alone. */
async function minifyAgain(bundled, format, ways) {
  // Takes terser's time, and has a say in which names are short.
  const [bundledModule] = MODULE.exec(bundled) ?? fail('The bundle has no module.')
  // As long, as terser counts with its length.
  const placeholder = `"${'@'.repeat(bundledModule.length - 2)}"`
  const text = bundled.replace(bundledModule, placeholder)
  // What would end a script that stands in a page.
  const module = bundledModule.replace(/<(?=\/script|!--)/gi, '\\x3C')
  let best
  const attempt = async (text, options, reserved = []) => {
    const { code } = await minify(text, {
      ecma: 2020,
      format: { ascii_only: true },
      mangle: { toplevel: true, reserved },
      module: format !== 'iife',
      ...options,
    })
    const whole = (format === 'cjs' ? toCommonJs(code) : code).replace(placeholder, () => module)
    const moved = moveModuleLast(whole, format)
    const size = brotli(moved)
    if (!best || size < best.size) best = { code, moved, size }
  }
  for (const way of ways) {
    const compress = {
      passes: 3,
      ecma: 2020,
      toplevel: true,
      unsafe_arrows: true,
      unsafe_methods: true,
      ...way,
    }
    await attempt(text, { compress })
  }
  const { code } = best
  // Others are bundled and minified once more.
  if (format === 'iife') for (const letter of NOT_NAMES) await attempt(code, { compress: false }, [letter])
  return best.moved
}

/**
 * Puts the module's text behind the script, which compresses better by up to 100 bytes. Nothing reads it before
 * `init`; the script-tag file may call that itself, and gets it as a parameter.
 */
function moveModuleLast(text, format) {
  const [module] = MODULE.exec(text)
  // Declared behind others, ahead of others, alone; else it stands within an expression.
  const name = /([$\w]+)="[^"]{5000,}"[,;]/.exec(text)?.[1] ?? '$module'
  const script = text
    .replace(`,${name}=${module}`, '')
    .replace(`${name}=${module},`, '')
    .replace(new RegExp(`(const|let|var) [$\\w]+="[^"]{5000,}";`), '')
    .replace(module, name)
  if (format !== 'iife') return `${script}var ${name}=${module};`
  const [, strict = '', body] =
    /^("use strict";)?\(\(\)=>\{(.*)\}\)\(\);?$/s.exec(script.trim()) ??
    fail('The bundle begins in another way.')
  return `${COMPILE_HINT}\n${strict}(${name}=>{${body}})(${module});`
}

/**
 * Chromium compiles a script that it loads on another thread, but functions only as they are called, on the page's: most of
 * what starting takes. Not with this (https://v8.dev/blog/explicit-compile-hints).
 */
const COMPILE_HINT = '//# allFunctionsCalledOnLoad'

/** Calls the module's exports by the names that the build has given them. */
async function shortenCalls(text, variant) {
  const names = JSON.parse(await readFile(path.join(source, 'generated', variant, 'names.json'), 'utf8'))
  // What this variant does not have is in code that it does not reach.
  return text
    .replace(/(\.(?:call|ask|later)\(\s*)'(\w+)'/g, (call, start, name) =>
      names[name] ? `${start}'${names[name]}'` : call,
    )
    .replace(/\bwasm\.(memory|input|reserve)\b/g, (_, name) => `wasm.${names[name]}`)
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
