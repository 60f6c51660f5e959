/** What our agent has recorded arrives, and arrives once, however pages end and collectors fail. */
import { SCENARIOS } from '../delivery/scenarios.js'
import { Play, play, sleep } from '../delivery/play.js'
import { expect, test } from '../delivery/test.js'

for (const scenario of SCENARIOS) {
  test(`${scenario.id}: ${scenario.title}`, async ({ world }) => {
    test.setTimeout(90_000)
    const { created, lost, twice, again } = await play(world, 'headwater', scenario)
    expect(twice, 'spans taken again').toBe(0)
    if (scenario.refused) expect(again, 'spans sent again').toBe(0)
    else if (scenario.unknowable) expect(lost, 'those before are safe').toBeLessThanOrEqual(created / 2)
    else expect(lost, `spans lost, of ${created}`).toBe(0)
  })
}

for (const [form, retryAfter] of [
  ['seconds', 2],
  ['a date', { date: 3 }],
] as const) {
  test(`nothing is sent before the time of a Retry-After in ${form}`, async ({ world }) => {
    await world.collector.reset()
    const own = new Play(world, 'headwater')
    const page = await own.open()
    await own.fail('status:503', () => own.work(page, 5), { retryAfter })
    const posts = async () => {
      const { requests } = await world.collector.received()
      return requests.filter(({ method }) => method === 'POST')
    }
    const told = Math.max(...(await posts()).filter(({ status }) => status === 503).map(({ time }) => time))
    await own.work(page, 5)
    await expect.poll(async () => (await own.outcome()).lost, { timeout: 10_000 }).toBe(0)
    const later = (await posts()).filter(({ time }) => time > told)
    // A date has no fractions of a second.
    for (const { time } of later) expect(time - told).toBeGreaterThanOrEqual(2_000)
    await own.end()
  })
}

test('what was stored and is under way when its page is left, the next page has at once', async ({
  world,
}) => {
  const { collector } = world
  await collector.reset()
  const own = new Play(world, 'headwater')
  const page = await own.open()
  await collector.plan([{ fault: 'refuse' }])
  await own.work(page, 20)
  await sleep(1_500)
  await page.close({ runBeforeUnload: true })
  await collector.plan([{ fault: 'hang' }])
  const posts = async () => (await collector.received(own.run)).requests.length
  const before = await posts()
  const next = await own.open()
  await expect.poll(posts, { timeout: 5_000 }).toBeGreaterThan(before)
  await next.close({ runBeforeUnload: true })
  await collector.plan()
  await own.open()
  await expect.poll(async () => (await own.outcome()).lost, { timeout: 5_000 }).toBe(0)
  await own.end()
})
