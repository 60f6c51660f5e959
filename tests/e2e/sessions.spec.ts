/** The visitor's session: on everything, over pages and tabs, with its start and its end told. */
import { intakeOf } from '../support/intake.js'
import { source } from '../support/source.js'
import { postsOf, type Stage } from '../support/stage.js'
import { expect, test, type Options, type Visit } from '../support/test.js'

const NEVER = 3_600_000
const KEY = 'headwater.session'
const OLD = '6ba7b810-9dad-41d1-80b4-00c04fd430c8'
const MINUTE = 60_000

interface Page {
  head: string
  headers?: Record<string, string>
}

const page = (stage: Stage, options: Options = {}, file = 'headwater.full.min.js', before = ''): Page => ({
  head: `<script>${before}</script><script src="/${file}"></script><script>
    initApm({ ...${source({ serviceName: '{service}', serverUrl: stage.origin, flushInterval: NEVER, ...(file.includes('full') ? { protocol: 'http/json' } : {}), disableInstrumentations: ['web-vitals'], ...options })} })
  </script>`,
})

/** Has storage hold this session before the agent starts. */
const stored = (started: number, active: number) =>
  `localStorage.setItem('${KEY}', '${OLD} ' + (Date.now() - ${started}) + ' ' + (Date.now() - ${active}) + ' 3')`

interface Item {
  name: string
  time: number
  attributes: Record<string, unknown>
}

interface Raw {
  name?: string
  eventName?: string
  startTimeUnixNano?: string
  timeUnixNano?: string
  attributes?: { key: string; value: Record<string, unknown> }[]
}

/** What has come of a page: OTLP's JSON. */
async function received({ page, service }: Visit, stage: Stage): Promise<{ spans: Item[]; events: Item[] }> {
  await page.evaluate(() => headwater.apm.flush())
  const items = (url: string, resources: string, scopes: string, records: string) =>
    postsOf(stage, url, service)
      .flatMap(({ body }) => (JSON.parse(body.toString()) as Record<string, object[]>)[resources] ?? [])
      .flatMap((resource) => (resource as Record<string, object[]>)[scopes] ?? [])
      .flatMap((scope) => (scope as Record<string, Raw[]>)[records] ?? [])
      .map((raw) => ({
        name: raw.name ?? raw.eventName ?? '',
        time: Number(raw.startTimeUnixNano ?? raw.timeUnixNano) / 1e6,
        attributes: Object.fromEntries(
          (raw.attributes ?? []).map(({ key, value }) => [key, Object.values(value)[0]]),
        ),
      }))
  return {
    spans: items('/v1/traces', 'resourceSpans', 'scopeSpans', 'spans'),
    events: items('/v1/logs', 'resourceLogs', 'scopeLogs', 'logRecords'),
  }
}

const sessionsOf = (items: Item[]) => [...new Set(items.map(({ attributes }) => attributes['session.id']))]
const own = ({ page }: Visit) => page.evaluate(() => headwater.apm.getSessionId?.())
const inStorage = ({ page }: Visit) => page.evaluate((key) => localStorage.getItem(key), KEY)
const request = ({ page }: Visit) => page.evaluate(() => fetch('/echo').then(({ status }) => status))

test('it is on every span and event, and goes on over pages and tabs', async ({ open, stage }) => {
  const first = await open(page(stage))
  const id = await own(first)
  expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
  await request(first)
  await first.page.evaluate(() => headwater.apm.captureError(new Error('oops')))
  const { spans, events } = await received(first, stage)
  expect(spans.length).toBeGreaterThan(2)
  expect(sessionsOf([...spans, ...events])).toEqual([id])
  expect(events.map(({ name }) => name)).toEqual(['session.start', 'exception'])
  expect(events[0]?.attributes).toEqual({ 'session.id': id })
  expect(await inStorage(first)).toMatch(new RegExp(`^${id} \\d+ \\d+ 1$`))

  const second = await open(page(stage))
  expect(await own(second)).toBe(id)
  const later = await received(second, stage)
  expect(sessionsOf(later.spans)).toEqual([id])
  expect(later.events).toEqual([])
  expect(await inStorage(second)).toMatch(/ 2$/)
})

for (const [reason, started, active] of [
  ['half an hour without activity', 60 * MINUTE, 31 * MINUTE],
  ['four hours', 241 * MINUTE, MINUTE],
] as const)
  test(`it ends after ${reason}, and says when`, async ({ open, stage }) => {
    const visit = await open(page(stage, {}, undefined, stored(started, active)))
    const id = await own(visit)
    expect(id).not.toBe(OLD)
    const { spans, events } = await received(visit, stage)
    expect(sessionsOf(spans)).toEqual([id])
    const [end, start] = events
    expect(end).toMatchObject({ name: 'session.end', attributes: { 'session.id': OLD } })
    expect(start).toMatchObject({
      name: 'session.start',
      attributes: { 'session.id': id, 'session.previous_id': OLD },
    })
    const ago = (start?.time ?? 0) - (end?.time ?? 0)
    expect(ago).toBeGreaterThan(active - 5_000)
    expect(ago).toBeLessThan(active + 5_000)
  })

test('it is gone on with where there is still activity', async ({ open, stage }) => {
  const visit = await open(page(stage, {}, undefined, stored(239 * MINUTE, 29 * MINUTE)))
  expect(await own(visit)).toBe(OLD)
  expect((await received(visit, stage)).events).toEqual([])
})

test('a tab that is open takes over the session that another one has begun', async ({ open, stage }) => {
  const first = await open(page(stage))
  const before = await own(first)
  // It was over when the second page came.
  const second = await open(page(stage, {}, undefined, stored(60 * MINUTE, 31 * MINUTE)))
  const id = await own(second)
  expect(id).not.toBe(before)
  await expect
    .poll(async () => {
      await request(first)
      return own(first)
    })
    .toBe(id)
  const { spans, events } = await received(first, stage)
  expect(spans.at(-1)?.attributes['session.id']).toBe(id)
  expect(events.map(({ name }) => name)).toEqual(['session.start'])
})

test('without storage each page has one of its own', async ({ open, stage }) => {
  const visit = await open({
    ...page(stage, { distributedTracingOrigins: [stage.origin] }),
    headers: { 'content-security-policy': 'sandbox allow-scripts' },
  })
  const id = await own(visit)
  const { spans, events } = await received(visit, stage)
  expect(sessionsOf([...spans, ...events])).toEqual([id])
  expect(visit.errors).toEqual([])
  expect(visit.console.filter((line) => line.includes('[headwater]'))).toEqual([])
})

test('it waits for consent, and is forgotten without', async ({ open, stage }) => {
  const visit = await open(page(stage, { consent: 'pending' }))
  await request(visit)
  expect([await own(visit), await inStorage(visit)]).toEqual([undefined, null])
  await visit.page.evaluate(() => headwater.apm.setConsent('granted'))
  await request(visit)
  const id = await own(visit)
  expect(await inStorage(visit)).toContain(id)
  await visit.page.evaluate(() => headwater.apm.setConsent('denied'))
  await request(visit)
  expect([await own(visit), await inStorage(visit)]).toEqual([undefined, null])
})

test('session: false has none', async ({ open, stage }) => {
  const visit = await open(page(stage, { session: false }))
  await request(visit)
  const { spans, events } = await received(visit, stage)
  expect(sessionsOf(spans)).toEqual([undefined])
  expect(events).toEqual([])
  expect([await own(visit), await inStorage(visit)]).toEqual([undefined, null])
})

test('Elastic’s transactions have it as theirs, with the number of the page', async ({ open, stage }) => {
  const elastic = () => page(stage, {}, 'headwater.elastic.min.js')
  const first = await open(elastic())
  const second = await open(elastic())
  await request(second)
  await second.page.evaluate(() => headwater.apm.captureError(new Error('oops')))
  const id = await own(first)
  for (const [visit, sequence] of [
    [first, 1],
    [second, 2],
  ] as const) {
    await visit.page.evaluate(() => headwater.apm.flush())
    const events = intakeOf(stage, visit.service)
    const load = events.find(([kind, { type }]) => kind === 'transaction' && type === 'page-load')
    expect(load?.[1]['session']).toEqual({ id, sequence })
    const others = events.flatMap(([kind, event]) => (/span|error/.test(kind) ? [event] : []))
    expect(others.length).toBeGreaterThan(0)
    for (const { context } of others as unknown as { context: { tags: object } }[])
      expect(context.tags).toMatchObject({ session_id: id })
  }
})
