/** What has ended when a page is left arrives, and arrives once. */
import { has, only } from '../support/spans.js'
import { postsOf, type Stage } from '../support/stage.js'
import { agentScript, expect, test, type Options } from '../support/test.js'

/** Nothing is sent on time: what arrives was sent because the page was left. */
const NEVER = 3_600_000

test('closing the page at once loses nothing', async ({ visit, stage }) => {
  for (const runBeforeUnload of [false, true]) {
    const name = `closing-${runBeforeUnload}`
    const { page } = await visit(sendTo(stage))
    await page.evaluate(async (own) => {
      const numbers = Array.from({ length: 20 }, (_, number) => number)
      await Promise.all(numbers.map((number) => fetch(`/echo?exit=${own}&number=${number}.`)))
    }, name)
    await page.close({ runBeforeUnload })
    await expectOnce(stage, name, 20)
  }
})

test('reloading loses nothing', async ({ visit, stage }) => {
  const { page } = await visit(sendTo(stage))
  await page.evaluate(async () => {
    for (let number = 0; number < 5; number++) await fetch(`/echo?exit=reload&number=${number}.`)
  })
  await page.reload()
  await expectOnce(stage, 'reload', 5)
})

test('a click that starts requests and leaves at once loses none of those that were answered', async ({
  visit,
  stage,
  demo,
}) => {
  const { page } = await visit(sendTo(stage), {
    body: `<a href="${demo.shop}">Leave</a>
      <script>
        document.querySelector('a').addEventListener('click', () => {
          for (let number = 0; number < 15; number++) {
            const xhr = new XMLHttpRequest()
            xhr.open('GET', '/echo?exit=click&number=' + number + '.', false)
            xhr.send()
          }
          fetch('/never?exit=click&number=15.').catch(() => {})
        })
      </script>`,
  })
  await page.getByRole('link', { name: 'Leave' }).click()
  await page.waitForURL(`${demo.shop}/**`)
  // The one still under way as the page was left is told of too.
  await expectOnce(stage, 'click', 16)
})

test('many requests, more than one keepalive request may carry, all arrive', async ({
  visit,
  stage,
  demo,
}) => {
  const { page } = await visit(sendTo(stage))
  await page.evaluate(async () => {
    const path = 'x'.repeat(400)
    const numbers = Array.from({ length: 250 }, (_, number) => number)
    await Promise.all(numbers.map((number) => fetch(`/echo/${path}?exit=many&number=${number}.`)))
  })
  await page.goto(demo.shop)
  // What one page may not send any more, the next one does.
  await visit(sendTo(stage))
  await expectOnce(stage, 'many', 250)
  const bodies = stage.received.filter(({ url, body }) => url === '/v1/traces' && body.includes('exit=many'))
  expect(bodies.length, 'they do not fit into one').toBeGreaterThan(1)
  for (const { body } of bodies) expect(body.length).toBeLessThanOrEqual(60 * 1024)
})

test('hiding the page sends what waits, and coming back does not send it again', async ({ visit, stage }) => {
  const { page } = await visit(sendTo(stage))
  await page.evaluate(() => fetch('/echo?exit=hidden&number=0.'))
  // Chromium under test never hides a page, so the event is made up.
  const become = (state: string) =>
    page.evaluate((now) => {
      Object.defineProperty(document, 'visibilityState', { value: now, configurable: true })
      document.dispatchEvent(new Event('visibilitychange', { bubbles: true }))
    }, state)
  await become('visible')
  expect(numbersOf(stage, 'hidden'), 'a page that is shown keeps waiting').toEqual([])
  await become('hidden')
  await expectOnce(stage, 'hidden', 1)
  await become('visible')
  await become('hidden')
  await page.evaluate(() => fetch('/echo?exit=hidden&number=1.'))
  await page.close()
  await expectOnce(stage, 'hidden', 2)
})

test('a page that stops the events of leaving it is heard all the same', async ({ visit, stage, demo }) => {
  const { page } = await visit(sendTo(stage), {
    body: `<script>
        for (const event of ['pagehide', 'visibilitychange', 'unload']) {
          addEventListener(event, (raised) => raised.stopImmediatePropagation(), true)
        }
      </script>`,
  })
  await page.evaluate(() => fetch('/echo?exit=stopped&number=0.'))
  await page.goto(demo.shop)
  await expectOnce(stage, 'stopped', 1)
})

// By going elsewhere: Chromium raises no event at all in a tab that is closed while its page still loads.
test('a page that is left before its load event has a page load', async ({ demo, stage, start }) => {
  const { page, service, spans } = await start(
    { flushInterval: NEVER },
    { body: '<img src="/never?picture" alt="">' },
  )
  await page.evaluate(() => fetch('/echo?during'))
  expect(await page.evaluate(() => document.readyState)).toBe('interactive')
  await page.goto(demo.shop)
  const all = await spans((found) => has(found, service, 'documentLoad'))
  const load = only(all, service, 'documentLoad')
  expect(load.attributes['url.full']).toContain(stage.origin)
  expect(load.attributes['browser.navigation_timing.load_event_end']).toBeUndefined()
  expect(load.attributes['browser.navigation_timing.dom_interactive']).toBeDefined()
  expect(only(all, service, 'documentFetch').parentSpanId).toBe(load.spanId)
  expect(only(all, service, 'GET', '?during').parentSpanId).toBe(load.spanId)
})

test('while a page is still loading, what has ended is sent on time', async ({ start }) => {
  const { page, service, spans } = await start({}, { body: '<img src="/never?picture" alt="">' })
  await page.evaluate(() => fetch('/echo?while-loading'))
  const all = await spans((found) => has(found, service, 'GET'))
  expect(has(all, service, 'documentLoad')).toBe(false)
})

test('spans that wait are sent on time, without anything happening', async ({ visit, stage }) => {
  const { page } = await visit({ ...sendTo(stage), flushInterval: 30 })
  await page.evaluate(() => fetch('/echo?exit=timer&number=0.'))
  await expectOnce(stage, 'timer', 1)
  await page.evaluate(() => fetch('/echo?exit=timer&number=1.'))
  await expectOnce(stage, 'timer', 2)
})

test('by default only the first spans are sent soon', async ({ open, stage }) => {
  const { page } = await open({ head: agentScript({ serviceName: '{service}', serverUrl: stage.origin }) })
  const request = (number: number) =>
    page.evaluate((path) => fetch(path), `/echo?exit=default&number=${number}.`)
  await request(0)
  await expect.poll(() => numbersOf(stage, 'default'), { timeout: 10_000 }).toEqual([0])
  for (const number of [1, 2]) {
    await request(number)
    await page.waitForTimeout(1_500)
  }
  expect(numbersOf(stage, 'default'), 'they wait').toEqual([0])
  await expect.poll(() => numbersOf(stage, 'default')).toEqual([0, 1, 2])
})

test('flush sends at once, and resolves when the collector has answered', async ({ visit, stage }) => {
  const { page } = await visit(sendTo(stage))
  await page.evaluate(async () => {
    await fetch('/echo?exit=flush&number=0.')
    await headwater.apm.flush()
  })
  expect(numbersOf(stage, 'flush')).toEqual([0])
})

test('what the collector has answered leaves room for the next request', async ({ visit, stage }) => {
  const { page, console } = await visit(sendTo(stage))
  const waiting = await page.evaluate(async () => {
    const path = 'x'.repeat(400)
    const counts = []
    // Together far above what the browser grants.
    for (let round = 0; round < 6; round++) {
      const numbers = Array.from({ length: 50 }, (_, index) => round * 50 + index)
      await Promise.all(numbers.map((number) => fetch(`/echo/${path}?exit=room&number=${number}.`)))
      counts.push((await headwater.apm.flush()).waiting)
    }
    return counts
  })
  expect(waiting).toEqual([0, 0, 0, 0, 0, 0])
  expect(console).toEqual([])
})

test('a collector that is away is told of once, and the page goes on', async ({ visit, stage }) => {
  const shop = await visit({ serverUrl: `${stage.origin}/status/503`, flushInterval: 0 })
  const statuses = await shop.page.evaluate(async () => {
    const first = (await fetch('/echo?away=1')).status
    await headwater.apm.flush()
    const second = (await fetch('/echo?away=2')).status
    await headwater.apm.flush()
    return [first, second, headwater.apm.isActive()]
  })
  expect(statuses).toEqual([200, 200, true])
  expect(shop.console.filter((line) => line.includes('[headwater]'))).toEqual([
    expect.stringMatching(/^warning: .*collector did not accept/),
  ])
  expect(shop.errors).toEqual([])
})

function sendTo(stage: Stage): Options {
  return { serverUrl: stage.origin, flushInterval: NEVER }
}

/** The numbers of the requests of which spans have arrived, each as often as it came. */
function numbersOf(stage: Stage, name: string): number[] {
  const numbers = stage.received
    .filter(({ url }) => url === '/v1/traces')
    .flatMap(({ body }) => [...body.toString('latin1').matchAll(/exit=([\w-]+)&number=(\d+)\./g)])
    .filter(([, own]) => own === name)
    .map(([, , number]) => Number(number))
  return numbers.sort((a, b) => a - b)
}

/** Waits for all numbers, and fails if one comes twice. */
async function expectOnce(stage: Stage, name: string, count: number): Promise<void> {
  const all = Array.from({ length: count }, (_, number) => number)
  await expect.poll(() => numbersOf(stage, name)).toEqual(all)
}

test('where fetch has no keepalive, beacons take what is left', async ({ open, stage }) => {
  const options = { serviceName: '{service}', serverUrl: stage.origin, flushInterval: NEVER }
  const visit = await open({
    head: `<script>
        delete Request.prototype.keepalive
        const native = navigator.sendBeacon
        navigator.sendBeacon = (url, body) => {
          const taken = native.call(navigator, url, body)
          sessionStorage.beacons = (sessionStorage.beacons ?? '') + body.type + taken + ' '
          return taken
        }
      </script>${agentScript(options, 'headwater.full.min.js')}`,
  })
  const beacons = () => visit.page.evaluate(() => sessionStorage.getItem('beacons') ?? '')
  await visit.page.evaluate(async () => {
    await fetch('/echo?early')
    await (
      globalThis as unknown as { headwater: { apm: { flush: () => Promise<unknown> } } }
    ).headwater.apm.flush()
    await fetch('/echo?last')
  })
  expect(await beacons(), 'a page that stays has no need of them').toBe('')
  await visit.page.goto(new URL('/echo', visit.page.url()).href)
  expect(await beacons()).toMatch(/^(application\/x-protobuftrue )+$/)
  await expect
    .poll(() => postsOf(stage, '/v1/traces', visit.service).map(({ body }) => body.toString()))
    .toContainEqual(expect.stringContaining('/echo?last'))
})
