/**
 * What other agents stumble over: a page sees the same with ours as without an agent. The rows come from
 * studies of those agents; `traps-mutations.spec.ts` shows that they fail if a defence is removed.
 */
import { browser, BROWSERS } from '../support/browsers.js'
import { sorted } from '../traps/gallery.js'
import { TRAPS } from '../traps/index.js'
import { expect, test } from '../traps/test.js'

for (const build of ['standard', 'full'] as const) {
  for (const trap of TRAPS) {
    test(`${trap.id}, ${build}: ${trap.title}`, async ({ gallery }) => {
      test.fail(!!trap.limit && (trap.limitIn ?? BROWSERS).includes(browser), trap.limit)
      const [native, ours] = [await gallery.native(trap), await gallery.run(trap, build)]
      expect(ours.seen).toEqual(native.seen)
      if (trap.spans) expect(ours.spans).toEqual(sorted(trap.spans))
    })
  }
}
