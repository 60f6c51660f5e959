/**
 * Nobody can tell that the agent is there: `compare` runs a function in a page without it and in one with
 * it, where it has to see the same.
 */
import { agentScript, expect, test as base, type Visit } from './test.js'

export { expect }

/** Runs the function in both pages, and returns what it saw in the one with the agent. */
type Compare = <Result>(
  observe: (origins: { api: string; other: string }) => Result | Promise<Result>,
) => Promise<Result>

export const test = base.extend<{ compare: Compare; traced: Visit }>({
  traced: async ({ open, demo }, use) => {
    const options = {
      serviceName: '{service}',
      serverUrl: demo.collector,
      distributedTracingOrigins: [demo.api],
      propagateTracestate: true,
    }
    await use(await open({ head: agentScript(options) }))
  },
  compare: async ({ open, traced, demo }, use) => {
    const plain = await open({})
    await use(async (observe) => {
      const origins = { api: demo.api, other: demo.other }
      // The address is no difference that counts.
      const run = async ({ page }: Visit) => {
        const saw = await page.evaluate(observe as (given: typeof origins) => unknown, origins)
        return JSON.parse(JSON.stringify(saw ?? null).replaceAll(page.url(), 'PAGE')) as unknown
      }
      const expected = await run(plain)
      const saw = await run(traced)
      expect(saw).toEqual(expected)
      expect(await traced.page.evaluate(() => headwater.apm.isActive()), 'the agent still runs').toBe(true)
      // Firefox tells of what happens in one task in any order.
      expect(traced.errors.sort()).toEqual(plain.errors.sort())
      expect(traced.console.filter((line) => line.includes('[headwater]'))).toEqual([])
      return saw as never
    })
  },
})
