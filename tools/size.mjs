/**
 * `npm run size`: bytes of every shipped file, and what this branch adds to them. Fails above the budget (DESIGN D4).
 * `npm run size -- --record` also keeps them in `tools/sizes.json`.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { brotliCompressSync, constants, gzipSync } from 'node:zlib'

import { VARIANTS } from './build-module.mjs'
import { ask, fail, isMain, root } from './run.mjs'

/** Bytes after brotli -11. Lowered whenever it can be; raised only for a signal that a variant did not have. */
const BUDGETS = {
  'headwater.min.js': 18_728,
  'index.js': 18_728,
  'index.cjs': 18_728,
  'headwater.elastic.min.js': 40_800,
  'elastic.js': 40_800,
  'elastic.cjs': 40_800,
  'headwater.full.min.js': 49_328,
  'full.js': 49_328,
  'full.cjs': 49_328,
}

/**
 * Prints the table and checks the budgets and the record, which hold for the module as it is shipped: with the ready-made
 * standard library, where the compiler's sources are missing, it only prints.
 */
export function size(record = false) {
  const base = baseCommit()
  const before = recorded(base)
  const added = `since ${base?.slice(0, 7)}`
  const rows = [
    ['file', 'raw', 'gzip -9', 'brotli -11', 'of it Wasm', 'of it JS', 'budget', before ? added : ''],
  ]
  const wrong = []
  const sizes = {}
  const readme = readFileSync(path.join(root, 'README.md'), 'utf8')
  for (const [file, budget] of Object.entries(BUDGETS)) {
    const text = readFileSync(path.join(root, 'js-wrapper/dist', file), 'latin1')
    const total = brotli(text)
    // The longest string of the file is the module; what is left without it is JavaScript.
    const [module] = text.match(/"[^"]{5000,}"/) ?? ['']
    const script = brotli(text.replace(module, '""'))
    const change = before?.[file] === undefined ? '' : total - before[file]
    rows.push([
      ...[file, text.length, gzipSync(text, { level: 9 }).length, total, total - script, script, budget],
      change > 0 ? `+${change}` : change,
    ])
    if (total > budget) wrong.push(`${file} is ${total - budget} bytes above its budget of ${budget}`)
    if (!readme.includes(`${budget.toLocaleString('en')} bytes |`))
      wrong.push(`README.md does not say that ${file} has at most ${budget.toLocaleString('en')} bytes`)
    sizes[file] = total
  }
  if (record) writeFileSync(path.join(root, RECORD), `${JSON.stringify(sizes, null, 2)}\n`)
  const now = recorded()
  for (const [file, total] of Object.entries(sizes)) {
    if (!(Math.abs(total - now?.[file]) <= TOLERANCE))
      wrong.push(
        `${file} has ${total} bytes, ${RECORD} says ${now?.[file]}: run \`npm run size -- --record\``,
      )
  }
  for (const variant of Object.keys(VARIANTS)) {
    const wasm = readFileSync(path.join(root, 'js-wrapper/src/generated', variant, 'headwater.wasm'))
    rows.push([
      `(the ${variant} module)`,
      wasm.length,
      gzipSync(wasm, { level: 9 }).length,
      brotli(wasm),
      ...['', '', '', ''],
    ])
  }
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => String(row[column]).length)))
  for (const row of rows) {
    console.log(
      row
        .map((cell, column) => {
          const text =
            typeof cell === 'number' ? cell.toLocaleString('en').padStart(widths[column] + 1) : cell
          return column ? String(text).padStart(widths[column] + 1) : String(text).padEnd(widths[column])
        })
        .join('  '),
    )
  }
  if (!wrong.length) return
  const plain = existsSync(path.join(root, 'js-wrapper/src/generated/plain'))
  if (!plain) fail(wrong.join('\n  '))
  console.log('Not as recorded, which this build with the ready-made standard library need not be.')
}

/** Where this branch left the main one; the last commit on that itself. */
function baseCommit() {
  const bases = ['origin/main', 'main'].map((main) => ask('git', ['merge-base', 'HEAD', main]))
  return bases.find(Boolean) ?? ask('git', ['rev-parse', 'HEAD'])
}

/** Bytes by file that a commit has kept, or the working copy; nothing if it has kept none. */
function recorded(commit) {
  const file = path.join(root, RECORD)
  const text = commit
    ? ask('git', ['show', `${commit}:${RECORD}`], { stdio: ['ignore', 'pipe', 'ignore'] })
    : existsSync(file) && readFileSync(file, 'utf8')
  return text ? JSON.parse(text) : undefined
}

/** Bytes of brotli by file: what a change adds is the difference of two commits'. */
const RECORD = 'tools/sizes.json'

/** Bytes that other versions of the compiler or of brotli may make a difference. */
const TOLERANCE = 128

/** Bytes of a file as web servers send it at best. */
export function brotli(data) {
  const params = {
    [constants.BROTLI_PARAM_QUALITY]: 11,
    [constants.BROTLI_PARAM_LGWIN]: 24,
    [constants.BROTLI_PARAM_SIZE_HINT]: data.length,
  }
  return brotliCompressSync(Buffer.from(data, 'latin1'), { params }).length
}

// Not awaited here: the package's build needs this module, which would wait for itself.
if (isMain(import.meta.url)) void main()

async function main() {
  const { build } = await import('./build.mjs')
  await build()
  console.log()
  size(process.argv.includes('--record'))
}
