/** Tables of what was measured. */
import { readFile, writeFile } from 'node:fs/promises'

/** Rows as a table for a terminal; the first one is its head. */
export function table(rows: readonly string[][]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)))
  const lines = rows.map((row) => row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | '))
  lines.splice(1, 0, widths.map((width) => '-'.repeat(width)).join(' | '))
  return lines.map((line) => line.trimEnd()).join('\n')
}

/** The same for Markdown. */
export function markdownTable(rows: readonly string[][]): string {
  const [head = [], ...body] = rows.map((row) => row.map((cell) => cell.replaceAll('|', '\\|')))
  return [head, head.map(() => '---'), ...body].map((row) => `| ${row.join(' | ')} |`).join('\n')
}

/** Replaces what a file has between `<!-- name -->` and `<!-- /name -->`. */
export async function replaceBetween(file: string, name: string, text: string): Promise<void> {
  const [begin, end] = [`<!-- ${name} -->\n`, `\n<!-- /${name} -->`]
  const before = await readFile(file, 'utf8')
  const [start, stop] = [before.indexOf(begin), before.indexOf(end)]
  if (start < 0 || stop < start) throw new Error(`${file} has no place for ${name}`)
  await writeFile(file, before.slice(0, start + begin.length) + text + before.slice(stop))
}
