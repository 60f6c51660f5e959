/** A phone: a small screen that is touched, and a processor that is a quarter as fast. */
import { values } from '../support/stage.js'
import { agentScript, expect, test, type Visit } from '../support/test.js'

test.use({ viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true, deviceScaleFactor: 3 })

/** From now on. */
async function slowDown({ page }: Visit): Promise<void> {
  const session = await page.context().newCDPSession(page)
  await session.send('Emulation.setCPUThrottlingRate', { rate: 4 })
}

test('what the page sees is the same, and each request has its header and its span', async ({
  open,
  demo,
  stage,
}) => {
  const body = '<button style="width: 100%; height: 200px">Buy</button>'
  const options = { serviceName: '{service}', serverUrl: demo.collector, flushInterval: 20 }
  const [plain, traced] = [
    await open({ body }),
    await open({ head: '<meta name="viewport" content="width=device-width">' + agentScript(options), body }),
  ]
  const use = async (visit: Visit) => {
    await slowDown(visit)
    await visit.page.evaluate(() => {
      document.querySelector('button')?.addEventListener('click', (event) => {
        Object.assign(globalThis, {
          bought: (async () => {
            const seen: unknown[] = [event.isTrusted]
            for (let index = 0; index < 10; index += 1)
              seen.push((await fetch(`/echo?phone-${index}`, { method: 'POST', body: 'x' })).status)
            return [...seen, await viaXhr('GET', '/echo?phone-xhr')]
          })(),
        })
      })
    })
    await visit.page.locator('button').tap()
    return visit.page.evaluate(() => bought)
  }
  const expected = await use(plain)
  stage.received.length = 0
  expect(await use(traced)).toEqual(expected)
  expect(traced.errors).toEqual([])
  expect(traced.console).toEqual([])
  for (const name of [...Array(10).keys(), 'xhr'])
    expect(values(stage.only(`phone-${name}`), 'traceparent')).toHaveLength(1)
  const spans = await traced.spans((all) =>
    all.some(({ attributes }) => String(attributes['url.full']).includes('phone-xhr')),
  )
  expect(spans.filter(({ name }) => name === 'POST')).toHaveLength(10)
  expect(await traced.page.evaluate(() => innerWidth)).toBe(390)
})

declare const bought: Promise<unknown[]>
