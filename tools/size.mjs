/** `npm run size`: bytes of every shipped file. Fails above the budget (DESIGN D4). */
import { existsSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { brotliCompressSync, constants, gzipSync } from 'node:zlib'

import { VARIANTS } from './build-module.mjs'
import { fail, isMain, root } from './run.mjs'

/** Bytes after brotli -11. Lowered whenever it can be; raised only for a signal that a variant did not have. */
const BUDGETS = {
  'headwater.min.js': 18_688,
  'index.js': 18_688,
  'index.cjs': 18_688,
  'headwater.elastic.min.js': 36_352,
  'elastic.js': 36_352,
  'elastic.cjs': 36_352,
  'headwater.full.min.js': 43_264,
  'full.js': 43_264,
  'full.cjs': 43_264,
}

/**
 * Prints the table and checks the budgets, which hold for the module as it is shipped: with the ready-made
 * standard library, where the compiler's sources are missing, it only prints.
 */
export function size() {
  const rows = [['file', 'raw', 'gzip -9', 'brotli -11', 'of it Wasm', 'of it JS', 'budget']]
  const over = []
  for (const [file, budget] of Object.entries(BUDGETS)) {
    const text = readFileSync(path.join(root, 'js-wrapper/dist', file), 'latin1')
    const total = brotli(text)
    // The longest string of the file is the module; what is left without it is JavaScript.
    const [module] = text.match(/"[^"]{5000,}"/) ?? ['']
    const script = brotli(text.replace(module, '""'))
    rows.push([file, text.length, gzipSync(text, { level: 9 }).length, total, total - script, script, budget])
    if (total > budget) over.push(`${file} is ${total - budget} bytes above its budget of ${budget}`)
  }
  for (const variant of Object.keys(VARIANTS)) {
    const wasm = readFileSync(path.join(root, 'js-wrapper/src/generated', variant, 'headwater.wasm'))
    rows.push([
      `(the ${variant} module)`,
      wasm.length,
      gzipSync(wasm, { level: 9 }).length,
      brotli(wasm),
      '',
      '',
      '',
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
  if (!over.length) return
  const plain = existsSync(path.join(root, 'js-wrapper/src/generated/plain'))
  if (!plain) fail(over.join('\n  '))
  console.log('Above the budget, which this build with the ready-made standard library need not hold.')
}

/** Bytes of a file as web servers send it at best. */
export function brotli(data) {
  const params = {
    [constants.BROTLI_PARAM_QUALITY]: 11,
    [constants.BROTLI_PARAM_LGWIN]: 24,
    [constants.BROTLI_PARAM_SIZE_HINT]: data.length,
  }
  return brotliCompressSync(Buffer.from(data, 'latin1'), { params }).length
}

if (isMain(import.meta.url)) {
  const { build } = await import('./build.mjs')
  await build()
  console.log()
  size()
}
