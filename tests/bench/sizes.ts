/** Bytes of what a page has to load for an agent. */
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { brotliCompressSync, gzipSync } from 'node:zlib'

import { root } from '../support/demo.js'
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
  return {
    minified: total(first, (text) => Buffer.byteLength(text)),
    gzip: total(first, (text) => gzipSync(text, { level: 9 }).length),
    brotli: total(first, brotli),
    all: total(texts.keys(), brotli),
  }
}

/** Bytes of brotli of the files that its makers publish for a script tag, without any configuration; nothing if there are none. */
export function publishedSize({ published }: Agent): number | undefined {
  return published
    ?.map((file) => brotli(readFileSync(path.join(root, 'node_modules', file))))
    .reduce((sum, bytes) => sum + bytes)
}

function brotli(text: string | Buffer): number {
  return brotliCompressSync(text).length
}
