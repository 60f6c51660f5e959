/** What Elastic's UI shows of a page load: the same page measured by `headwater/elastic` and by Elastic's agent. */
import { INTAKE, intakeOf, linesOf, type Event } from '../support/intake.js'
import { source } from '../support/source.js'
import { postsOf, type Stage } from '../support/stage.js'
import { expect, test, type Options, type Visit } from '../support/test.js'

const ours = (stage: Stage, options: Options = {}) =>
  `<script src="/headwater.elastic.min.js"></script><script>initApm(${source({
    serviceName: '{service}',
    serverUrl: stage.origin,
    flushInterval: 20,
    session: false,
    ...options,
  })})</script>`

/** It records nothing but the page load, if nothing else is said. */
const theirs = (
  stage: Stage,
  disableInstrumentations = ['fetch', 'xmlhttprequest', 'history', 'eventtarget', 'error'],
) =>
  `<script src="/elastic-apm-rum.js"></script><script>elasticApm.init(${source({
    serviceName: '{service}',
    serverUrl: `${stage.origin}/theirs`,
    flushInterval: 20,
    disableInstrumentations,
    breakdownMetrics: false,
  })})</script>`

/** Elastic's goes by this name, and so does ours: the second one takes the first for itself. */
const ALONE = '<script>delete globalThis.elasticApm</script>'

/** The largest image comes late, what is on top of it moves it, tasks take long; the load event waits for all of it. */
const BODY = `<div id="top"></div><p>Some text</p><button type="button">Slow</button>
  <img id="hero" width="600" height="400" src="/hero.svg?large"><img alt="" width="1" height="1" src="/late.svg">
  <script>
    const work = (milliseconds) => { for (const end = performance.now() + milliseconds; performance.now() < end;); }
    document.querySelector('button').addEventListener('click', () => work(130))
    const grow = (height) => { document.querySelector('#top').style.height = height + 'px' }
    for (const [at, height] of [[500, 20], [800, 35], [2200, 200], [2500, 210]]) setTimeout(grow, at, height)
    setTimeout(work, 900, 81.5)
    setTimeout(work, 1500, 120)
  </script>`

test.beforeEach(({ stage }) => {
  for (const [name, after] of [
    ['hero', 120],
    ['late', 2_700],
  ] as const)
    stage.route(`/${name}.svg`, async (_, response) => {
      await new Promise((resolve) => setTimeout(resolve, after))
      response.writeHead(200, { 'content-type': 'image/svg+xml' })
      // An image of few bytes for its size is taken for a background.
      const bytes = `<!--${'x'.repeat(20_000)}-->`
      response.end(`<svg xmlns="http://www.w3.org/2000/svg" width="600" height="400">${bytes}</svg>`)
    })
})

for (const [order, head] of [
  ['in front of', (stage: Stage) => ours(stage) + ALONE + theirs(stage)],
  ['behind', (stage: Stage) => theirs(stage) + ours(stage)],
] as const)
  test(`the same numbers, ${order} Elastic’s agent`, async ({ open, stage }) => {
    const visit = await open(
      { head: head(stage), body: BODY, headers: { 'server-timing': 'db;dur=4.5, cdn;desc="a hit", edge' } },
      'domcontentloaded',
    )
    const { page } = visit
    const { x, y } = await page.evaluate(
      () => document.body.querySelectorAll('button')[0]?.getBoundingClientRect() ?? new DOMRect(),
    )
    // Somebody clicks while the page is busy.
    await page.evaluate(() => void setTimeout(() => work(400), 30))
    await page.waitForTimeout(100)
    await page.mouse.click(x + 5, y + 5)
    const own = await received(stage, visit, '', 'page-load')
    const other = await received(stage, visit, '/theirs', 'page-load')

    const { cls, fid, tbt, longtask } = own.experience
    const { tbt: otherTime, ...others } = other.experience
    expect({ cls, fid, longtask }).toEqual(others)
    // It counts tasks from before the first paint, too, if it hears of them before it hears of the paint.
    const more = otherTime - tbt
    expect(more).toBeGreaterThanOrEqual(0)
    expect(more).toBeLessThanOrEqual(await page.evaluate(blockedBefore))
    expect(cls).toBeGreaterThan(0.01)
    expect(fid).toBeGreaterThan(20)
    expect(tbt).toBeGreaterThan(100)
    expect(longtask.count).toBeGreaterThan(2)
    const marks = own.marks
    expect(marks).toEqual(other.marks)
    expect(Object.keys(marks.agent)).toHaveLength(5)
    expect(Object.keys(marks.navigationTiming)).toHaveLength(15)
    const { response, page: place } = own.context
    expect({ response, page: { referer: '', ...place } }).toEqual(other.context)
    expect(response.headers).toEqual({ 'server-timing': 'db;dur=4.5, cdn;desc=a hit, edge' })
    expect(own.duration).toBeGreaterThanOrEqual(marks.agent.largestContentfulPaint)

    // All that hangs under it has been counted, whenever it was sent.
    const spans = events(stage, visit, '').filter(
      ([kind, event]) => kind === 'span' && event['transaction_id'] === own.id,
    )
    expect(own.span_count).toEqual({ started: spans.length })

    await page.mouse.click(x + 5, y + 5)
    await page.waitForTimeout(300)
    await hide(visit)
    const exit = await received(stage, visit, '', 'page-exit')
    const otherExit = await received(stage, visit, '/theirs', 'page-exit')
    const { tags, page: left } = exit.context
    expect(tags).toEqual(otherExit.context.tags)
    expect(tags?.['inp_value']).toBeGreaterThan(100)
    expect(left.url).toBe(page.url())
    expect(exit).toMatchObject({
      name: 'page-exit',
      duration: otherExit.duration,
      sampled: true,
      span_count: { started: 0 },
    })
    expect(exit.trace_id).not.toBe(own.trace_id)
  })

test('INP is that of the time since the page was hidden last, and none without an interaction', async ({
  open,
  stage,
}) => {
  const visit = await open({ head: ours(stage), body: BODY })
  const { page } = visit
  const count = () => events(stage, visit, '').filter(([, event]) => event['name'] === 'page-exit').length
  await hide(visit)
  await page.locator('button').click()
  await page.waitForTimeout(300)
  await hide(visit)
  await received(stage, visit, '', 'page-exit')
  await hide(visit)
  await page.evaluate(() => headwater.apm.flush())
  expect(count()).toBe(1)
  await page.locator('button').click()
  await page.waitForTimeout(300)
  await page.evaluate(() => headwater.apm.stop())
  await expect.poll(count).toBe(2)
})

test('a page that is left within the second says what it knows', async ({ open, stage }) => {
  const visit = await open({ head: ours(stage), body: BODY })
  expect(find(stage, visit, '', 'page-load')).toEqual([])
  await visit.page.goto(stage.page({ head: '' }))
  const load = await received(stage, visit, '', 'page-load')
  expect(load.experience.cls).toBeGreaterThan(0.01)
  expect(load.marks.agent.largestContentfulPaint).toBeGreaterThan(100)
  expect(load.span_count.started).toBeGreaterThan(2)
})

test('a page that is left before its load event, too', async ({ open, stage }) => {
  const visit = await open({ head: ours(stage), body: BODY }, 'domcontentloaded')
  await visit.page.waitForTimeout(1_000)
  await visit.page.goto(stage.page({ head: '' }))
  const load = await received(stage, visit, '', 'page-load')
  expect(load.experience.cls).toBeGreaterThan(0.01)
  const marks = load.marks
  expect(marks.agent['domInteractive']).toBeGreaterThan(0)
  expect(marks.navigationTiming['loadEventEnd']).toBeUndefined()
})

for (const agent of ['', '/theirs'])
  test(`it has what begins in the second behind the load event, as Elastic’s agent has it: ${agent || 'ours'}`, async ({
    open,
    stage,
  }) => {
    stage.route('/slow', async (_, response) => {
      await new Promise((resolve) => setTimeout(resolve, 900))
      response.end()
    })
    const head = agent ? theirs(stage, ['history', 'eventtarget', 'error']) : ours(stage)
    const visit = await open({ head, body: '<p>Some text</p>' })
    const started = await visit.page.evaluate(async () => {
      await new Promise((resolve) => setTimeout(resolve, 400))
      const now = performance.now()
      await fetch('/slow?behind')
      return now
    })
    await visit.page.waitForTimeout(300)
    // It has ended: the next one is on its own.
    await visit.page.evaluate(() => fetch('/slow?later'))
    const load = await received(stage, visit, agent, 'page-load')
    const later = await received(stage, visit, agent, 'http-request')
    expect(later.trace_id).not.toBe(load.trace_id)
    const all = events(stage, visit, agent).filter(([kind]) => kind === 'span')
    const requests = all.map(([, span]) => span).filter(({ type }) => type === 'external')
    expect(requests.map((span) => span['transaction_id']).sort()).toEqual([load.id, later.id].sort())
    expect(load.duration).toBeGreaterThanOrEqual(started + 890)
    expect(load.duration).toBeLessThan(started + 1_300)
  })

test('with its referrer, without what is secret in it', async ({ open, stage }) => {
  const first = await open({})
  const url = stage.page({ head: ours(stage).replaceAll('{service}', first.service) })
  await first.page.evaluate((url) => {
    history.replaceState(null, '', '?token=x')
    location.href = url
  }, url)
  const load = await received(stage, first, '', 'page-load')
  const referer = expect.stringMatching(/\?token=REDACTED$/) as unknown
  expect(load.context.page).toEqual({ url, referer })
})

test('without web vitals a page load is told at once', async ({ open, stage }) => {
  const visit = await open({
    head: ours(stage, { disableInstrumentations: ['web-vitals'], flushInterval: 60_000 }),
    body: BODY,
  })
  const { page } = visit
  await page.locator('button').click()
  await page.waitForTimeout(300)
  await hide(visit)
  const load = await received(stage, visit, '', 'page-load')
  expect(load.experience).toBeUndefined()
  const { agent, navigationTiming } = load.marks
  expect(Object.keys(agent).sort()).toEqual(['domComplete', 'domInteractive', 'timeToFirstByte'])
  expect(Object.keys(navigationTiming)).toHaveLength(15)
  expect(find(stage, visit, '', 'page-exit')).toEqual([])
})

for (const [options, names] of [
  [{ disableInstrumentations: ['page-load'] }, ['page-exit']],
  [{ instrument: false }, []],
  [{ protocol: 'http/protobuf' }, []],
] as const)
  test(`with ${source(options)}: ${names.join() || 'nothing'}`, async ({ open, stage }) => {
    const visit = await open({ head: ours(stage, options), body: BODY })
    await visit.page.locator('button').click()
    await visit.page.waitForTimeout(300)
    await hide(visit)
    await visit.page.waitForTimeout(1_200)
    const seen = events(stage, visit, '').filter(([kind]) => kind === 'transaction')
    expect(seen.map(([, event]) => event['name'])).toEqual(names)
    expect(visit.errors).toEqual([])
  })

/** Runs in the page: for how long tasks kept others waiting before the first paint. */
async function blockedBefore(): Promise<number> {
  const entries = (type: string) =>
    new Promise<PerformanceEntryList>((resolve) => {
      new PerformanceObserver((list) => resolve(list.getEntries())).observe({ type, buffered: true })
    })
  const paint = (await entries('paint')).find(({ name }) => name === 'first-contentful-paint')
  return (await entries('longtask'))
    .filter(({ startTime }) => startTime < Math.floor(paint?.startTime ?? 0))
    .reduce((sum, { duration }) => sum + duration - 50, 0)
}

/** As if another tab came to the front. */
async function hide({ page }: Visit): Promise<void> {
  await page.evaluate(() => {
    for (const state of ['hidden', 'visible']) {
      Object.defineProperty(document, 'visibilityState', { value: state, configurable: true })
      document.dispatchEvent(new Event('visibilitychange'))
    }
  })
}

function events(stage: Stage, { service }: Visit, agent: string): Event[] {
  if (!agent) return intakeOf(stage, service)
  // What only Elastic's agent writes is not for our reader.
  return postsOf(stage, agent + INTAKE, service).flatMap(({ body }) => linesOf(body))
}

function find(stage: Stage, visit: Visit, agent: string, type: string): Transaction[] {
  return events(stage, visit, agent)
    .filter(([kind, event]) => kind === 'transaction' && event['type'] === type)
    .map(([, event]) => event as unknown as Transaction)
}

/** The first transaction of this type, as soon as there is one. */
async function received(stage: Stage, visit: Visit, agent: string, type: string): Promise<Transaction> {
  await expect.poll(() => find(stage, visit, agent, type).length, { timeout: 10_000 }).toBeGreaterThan(0)
  const [first] = find(stage, visit, agent, type)
  if (!first) throw new Error('gone')
  return first
}

interface Transaction {
  id: string
  trace_id: string
  duration: number
  span_count: { started: number }
  experience: Experience
  marks: Marks
  context: Context
}

interface Experience {
  cls: number
  fid: number
  tbt: number
  longtask: { count: number; sum: number; max: number }
}

interface Marks {
  agent: Record<string, number> & { largestContentfulPaint: number }
  navigationTiming: Record<string, number>
}

interface Context {
  page: { url: string; referer?: string }
  response: { headers?: object }
  tags?: Record<string, unknown>
}

declare const work: (milliseconds: number) => void
