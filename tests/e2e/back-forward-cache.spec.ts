/** A page that the browser keeps when it is left, and shows again on the way back. */
import config from '../playwright.config.js'
import { source } from '../support/source.js'
import type { Span } from '../support/spans.js'
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

test('its return is a route of its own', async ({ open, stage, demo }) => {
  const options = source({ serviceName: '{service}', serverUrl: demo.collector, flushInterval: 20 })
  const { page, spans } = await open({
    head: `<script src="/headwater.full.min.js"></script><script>initApm(${options})</script>`,
  })
  const url = page.url()
  await page.goto(`${stage.origin}/echo`)
  await goBack(page, url)
  const isReturn = ({ attributes }: Span) => attributes['browser.navigation.same_document'] === false
  const found = (await spans((spans) => spans.some(isReturn))).filter(isReturn)
  expect(found).toHaveLength(1)
  expect(found[0]?.attributes).toMatchObject({ 'url.full': url, 'browser.navigation.type': 'traverse' })
  expect(found[0]?.parentSpanId).toBe('')
})
