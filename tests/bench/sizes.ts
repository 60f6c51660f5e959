/** Bytes of what a page has to load for an agent. */
import { brotliCompressSync, gzipSync } from 'node:zlib'

import type { Agent } from './agents.js'

export interface Size {
  minified: number
  gzip: number
  brotli: number
  /** Brotli with what is loaded later. */
  all: number
}

export async function sizeOf(agent: Agent): Promise<Size> {
  const texts = new Map(await agent.files())
  const [entry = ''] = texts.keys()
  const first = new Set([entry])
  for (const name of first) {
    // Without a parenthesis behind `import`: that comes later, if at all.
    for (const [, other = ''] of (texts.get(name) ?? '').matchAll(/(?:from|import)\s*"\.\/([^"]+)"/g)) {
      if (texts.has(other)) first.add(other)
    }
  }
  const total = (names: Iterable<string>, bytes: (text: string) => number) =>
    [...names].reduce((sum, name) => sum + bytes(texts.get(name) ?? ''), 0)
  const brotli = (text: string) => brotliCompressSync(text).length
  return {
    minified: total(first, (text) => Buffer.byteLength(text)),
    gzip: total(first, (text) => gzipSync(text, { level: 9 }).length),
    brotli: total(first, brotli),
    all: total(texts.keys(), brotli),
  }
}
