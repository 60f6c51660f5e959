/** A page that the browser keeps when it is left, and shows again on the way back. */
import config from '../playwright.config.js'
import { expect, goBack, test } from '../support/test.js'

// Playwright turns the cache off.
const { launchOptions } = config.use ?? {}
test.use({ launchOptions: { ...launchOptions, ignoreDefaultArgs: ['--disable-back-forward-cache'] } })

test('a page that comes back goes on where it was, and says nothing twice', async ({
  visit,
  stage,
  demo,
}) => {
  const { page } = await visit({ serverUrl: stage.origin, flushInterval: 3_600_000 })
  const url = page.url()
  await page.evaluate(() => fetch('/echo?kept=1.'))
  await page.goto(`${demo.api}/`)
  await goBack(page, url)
  expect(await page.evaluate(() => typeof viaXhr), 'the agent keeps no page out of the cache').toBe(
    'function',
  )
  await page.evaluate(() => fetch('/echo?kept=2.'))
  await page.close()
  const sent = () => {
    const bodies = stage.received
      .filter(({ url }) => url === '/v1/traces')
      .map(({ body }) => body.toString('latin1'))
    return bodies
      .flatMap((body) => [...body.matchAll(/kept=\d|documentLoad/g)].map(([found]) => found))
      .sort()
  }
  await expect.poll(sent).toEqual(['documentLoad', 'kept=1', 'kept=2'])
})
