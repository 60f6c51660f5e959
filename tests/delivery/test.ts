/** `test` with a world to play scenarios in. */
import type { Browser } from '@playwright/test'

import config from '../playwright.config.js'
import { browser as name } from '../support/browsers.js'
import { FaultCollector } from '../support/fault-collector.js'
import { test as base } from '../support/test.js'
import type { World } from './play.js'

export { expect } from '../support/test.js'

interface WorkerFixtures {
  keeper: Browser
  /** So many worlds: what happens in one does not concern the others. */
  worlds: (count: number) => Promise<World[]>
  world: World
}

export const test = base.extend<object, WorkerFixtures>({
  // Playwright turns the back/forward cache of Chromium off.
  keeper: [
    async ({ playwright, browser }, use) => {
      if (name !== 'chromium') return use(browser)
      const { launchOptions } = config.use ?? {}
      const keeper = await playwright.chromium.launch({
        ...launchOptions,
        ignoreDefaultArgs: ['--disable-back-forward-cache'],
      })
      await use(keeper)
      await keeper.close()
    },
    { scope: 'worker' },
  ],
  worlds: [
    async ({ browser, keeper, stage }, use) => {
      const worlds: World[] = []
      await use(async (count) => {
        while (worlds.length < count) {
          worlds.push({ browser, keeper, stage, collector: await FaultCollector.start() })
        }
        return worlds.slice(0, count)
      })
      for (const { collector } of worlds) await collector.stop()
    },
    { scope: 'worker' },
  ],
  world: [
    async ({ worlds }, use) => {
      const [world] = await worlds(1)
      if (world) await use(world)
    },
    { scope: 'worker' },
  ],
})
