/** What waits long is safe with the browser within a second: https://wicg.github.io/pending-beacon/ */
import { agentScript, expect, test } from '../support/test.js'
import type { Stage } from '../support/stage.js'

const head = (serverUrl: string) => ({
  head: agentScript({ serviceName: '{service}', serverUrl, flushInterval: 60_000 }, 'headwater.full.min.js'),
})

/** How often the span of each number has come. */
function came(stage: Stage, run: string): number[] {
  const bodies = stage.received
    .filter(({ url }) => url === '/v1/traces')
    .map(({ body }) => body.toString('latin1'))
  return [1, 2, 3].map((number) => bodies.join().split(`/echo?later=${run}-${number}.`).length - 1)
}

test('a page that crashes has sent what it had a second before', async ({ open, stage }) => {
  const { page } = await open(head(stage.origin))
  await page.evaluate(() => Promise.all([1, 2].map((number) => fetch(`/echo?later=crash-${number}.`))))
  await page.waitForTimeout(1_500)
  expect(came(stage, 'crash'), 'it waits').toEqual([0, 0, 0])
  const crashed = page.waitForEvent('crash')
  const session = await page.context().newCDPSession(page)
  session.send('Page.crash').catch(() => undefined)
  await crashed
  await expect.poll(() => came(stage, 'crash')).toEqual([1, 1, 0])
})

test('a page that is left has sent it once', async ({ open, stage }) => {
  const { page } = await open(head(stage.origin))
  await page.evaluate(() => fetch('/echo?later=left-1.'))
  await page.waitForTimeout(1_500)
  await page.evaluate(() => fetch('/echo?later=left-2.'))
  await page.waitForTimeout(1_500)
  await page.evaluate(() => fetch('/echo?later=left-3.'))
  await page.goto('about:blank')
  await expect.poll(() => came(stage, 'left')).toEqual([1, 1, 1])
  await page.waitForTimeout(1_000)
  expect(came(stage, 'left')).toEqual([1, 1, 1])
})

test('what nobody consents to any more the browser does not send either', async ({ open, stage }) => {
  const { page } = await open(head(stage.origin))
  await page.evaluate(() => fetch('/echo?later=denied-1.'))
  await page.waitForTimeout(1_500)
  await page.evaluate(() => headwater.apm.setConsent('denied'))
  const crashed = page.waitForEvent('crash')
  const session = await page.context().newCDPSession(page)
  session.send('Page.crash').catch(() => undefined)
  await crashed
  await new Promise((resolve) => setTimeout(resolve, 1_000))
  expect(came(stage, 'denied')).toEqual([0, 0, 0])
})

test('a collector whose clock says otherwise is noticed', async ({ open, stage }) => {
  let offset = 0
  stage.route('/clock/v1/traces', (_request, response) => {
    response.setHeader('date', new Date(Date.now() + offset * 1_000).toUTCString())
    response.writeHead(200).end()
  })
  const visit = await open(head(`${stage.origin}/clock`))
  const flush = (path: string) =>
    visit.page.evaluate(async (url) => {
      await fetch(url)
      await headwater.apm.flush()
    }, path)
  await flush('/echo?clock=right')
  offset = -600
  await flush('/echo?clock=wrong')
  await flush('/echo?clock=known')
  const of = (text: string) =>
    stage.received.find(({ url, body }) => url.startsWith('/clock') && body.includes(text))
  expect(of('clock=wrong')?.body.includes('headwater.clock_offset')).toBe(false)
  expect(of('clock=known')?.body.includes('headwater.clock_offset')).toBe(true)
})
