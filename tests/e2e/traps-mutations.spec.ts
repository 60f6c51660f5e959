/** The traps can fail: with one defence less, what the page sees is neither the native's nor ours. */
import { cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'

import { root } from '../support/demo.js'
import { startHeadwater } from '../traps/agents.js'
import { TRAPS } from '../traps/index.js'
import { MUTATIONS, type Mutation } from '../traps/mutations.js'
import { expect, test } from '../traps/test.js'

for (const mutation of MUTATIONS) {
  test(`${mutation.traps.join(', ')} can tell when ${mutation.what}`, async ({ gallery }) => {
    test.setTimeout(60_000)
    const build = mutation.full ? 'full' : 'standard'
    const service = `mutation-${process.pid}-${MUTATIONS.indexOf(mutation)}`
    const bundled = await bundle(mutation)
    const script = startHeadwater(bundled, build, gallery.origins, gallery.collector, service)
    for (const id of mutation.traps) {
      const trap = TRAPS.find((one) => one.id === id)
      if (!trap) throw new Error(`there is no trap ${id}`)
      const { seen, spans } = await gallery.runWith(trap, script, service, service)
      const [native, ours] = [await gallery.native(trap), await gallery.run(trap, build)]
      expect({ seen, spans }, id).not.toEqual({ seen: ours.seen, spans: ours.spans })
      // Where the page sees the same, it is the spans that differ.
      if (!trap.spans) expect(seen, id).not.toEqual(native.seen)
    }
    await gallery.closeOf(service)
  })
}

/** The script-tag file, with the mutation: built by the project's own tools, of a copy of the sources. */
async function bundle({ file, search, replace, full }: Mutation): Promise<string> {
  const copy = path.join(root, `tests/.cache/mutations-${process.pid}`)
  rmSync(copy, { recursive: true, force: true })
  for (const folder of ['tools', 'js-wrapper/src']) {
    cpSync(path.join(root, folder), path.join(copy, folder), { recursive: true })
  }
  const changed = path.join(copy, 'js-wrapper/src', file)
  const parts = readFileSync(changed, 'utf8').split(search)
  if (parts.length !== 2) throw new Error(`${parts.length - 1} times in ${file}: ${search}`)
  writeFileSync(changed, parts.join(replace))
  const tools = (await import(path.join(copy, 'tools/build-package.mjs'))) as {
    bundle(variant: string, files: { iife: string }, folder: string, ways: object[]): Promise<unknown>[]
  }
  await Promise.all(tools.bundle(full ? 'full' : 'standard', { iife: 'agent.js' }, copy, []))
  const script = readFileSync(path.join(copy, 'agent.js'), 'utf8')
  rmSync(copy, { recursive: true })
  return script
}
