/** `addFilter`, as Elastic's agent has it. */
import { readIntake, type Event } from '../support/intake.js'
import { source } from '../support/source.js'
import { postsOf, values, type Stage } from '../support/stage.js'
import { expect, test, type Visit } from '../support/test.js'

const NEVER = 3_600_000

/** Starts a build; `before` and `after` add filters. */
function head(stage: Stage, after: string, before = ''): { head: string } {
  const options = { serviceName: '{service}', serverUrl: stage.origin, flushInterval: NEVER }
  return {
    head: `<script src="/headwater.elastic.min.js"></script><script>
      const { apm } = headwater
      ${before}
      apm.init(${source(options)})
      ${after}
    </script>`,
  }
}

/** Else it takes a second more, and the requests in that. */
const endPageLoad = ({ page }: Visit) => page.evaluate(() => headwater.apm.flush())

const work = ({ page }: Visit) =>
  page.evaluate(async () => {
    await fetch('/echo?filter=first')
    await fetch('/echo?filter=second')
    return headwater.apm.flush()
  })

/** The lines that have come from this page, but for the metadata. */
function eventsOf(stage: Stage, { service }: Visit): Event[] {
  return postsOf(stage, '/intake/v2/rum/events', `"${service}"`)
    .map((request) => {
      expect(values(request, 'content-encoding')).toEqual([])
      return readIntake(request.body.toString())
    })
    .flatMap(([, ...events]) => events)
}

const namesOf = (events: Event[]) => events.map(([kind, { name }]) => `${kind} ${String(name)}`)

for (const [when, ...order] of [
  ['before init', '', 'apm.addFilter(globalThis.filter)'],
  ['after init', 'apm.addFilter(globalThis.filter)', ''],
] as const) {
  test(`filters that are added ${when} see transactions with their spans, and may change them`, async ({
    open,
    stage,
  }) => {
    const filter = `globalThis.filter = (payload) => {
      ;(globalThis.shownPayloads ??= []).push(structuredClone(payload))
      for (const transaction of payload.transactions) {
        for (const span of transaction.spans) span.context.tags = { changed: true }
        if (transaction.type === 'http-request') transaction.name = 'é ' + transaction.name
      }
      return payload
    };`
    const [after, before] = order
    const visit = await open(head(stage, after, filter + before))
    await endPageLoad(visit)
    await work(visit)
    const shown = await visit.page.evaluate(() => shownPayloads)
    const transactions = shown.flatMap(({ transactions }) => transactions)
    expect(shown.every(({ errors }) => errors.length === 0)).toBe(true)
    const load = transactions.find(({ type, duration }) => type === 'page-load' && duration)
    expect(load).toMatchObject({ context: { page: { url: visit.page.url() } } })
    expect(load?.spans?.map(({ type }) => type)).toContain('hard-navigation')
    const requests = transactions.filter(({ type }) => type === 'http-request')
    expect(requests).toHaveLength(2)
    for (const { id, spans } of requests)
      expect(spans).toMatchObject([{ type: 'external', transaction_id: id }])

    const events = eventsOf(stage, visit)
    const name = `GET ${stage.origin}/echo`
    expect(namesOf(events).filter((own) => own.includes('GET'))).toEqual([
      `transaction é ${name}`,
      `span ${name}`,
      `transaction é ${name}`,
      `span ${name}`,
    ])
    for (const [kind, { context }] of events) {
      if (kind === 'span') expect(context).toMatchObject({ tags: { changed: true } })
    }
    expect(visit.errors).toEqual([])
  })
}

test('a span whose transaction has not ended is in one that is not sent', async ({ open, stage }) => {
  const filter = `apm.addFilter((payload) => {
    for (const one of payload.transactions) one.spans = one.spans.filter(({ context }) => !context.http?.url.includes('second'))
    return payload
  })`
  const visit = await open({ ...head(stage, filter), body: '<img src="/never" alt="">' }, 'domcontentloaded')
  await work(visit)
  const names = namesOf(eventsOf(stage, visit)).filter((name) => !name.includes('Longtask'))
  expect(names).toEqual([`span GET ${stage.origin}/echo`])
})

test('a falsy value drops what would be sent, and falsy members are not sent', async ({ open, stage }) => {
  const filter = `
    apm.addFilter((payload) => !globalThis.nothing && payload)
    apm.addFilter((payload) => {
      payload.transactions = payload.transactions.map((one) => one.type !== 'page-load' && one)
      if (payload.transactions[1]) payload.transactions[1].spans = [null]
      return payload
    })`
  const visit = await open(head(stage, filter))
  await endPageLoad(visit)
  const { waiting } = await work(visit)
  expect(waiting).toBe(0)
  const kinds = eventsOf(stage, visit).map(([kind]) => kind)
  expect(kinds.sort()).toEqual(['span', 'transaction', 'transaction'])
  await visit.page.evaluate(() => Object.assign(globalThis, { nothing: true }))
  expect(await work(visit)).toMatchObject({ waiting: 0, lost: 0 })
  expect(eventsOf(stage, visit)).toHaveLength(3)
})

test('a filter that throws drops what would be sent, and the console says so once', async ({
  open,
  stage,
}) => {
  const filter = `
    apm.addFilter((payload) => { if (globalThis.bad) throw new Error('of the page'); return payload })
    apm.addFilter('no function')`
  const visit = await open(head(stage, filter, 'globalThis.bad = true'))
  await work(visit)
  await work(visit)
  expect(eventsOf(stage, visit)).toEqual([])
  expect(visit.errors).toEqual([])
  expect(visit.console.filter((line) => line.includes('[headwater]'))).toEqual([
    expect.stringContaining('addFilter: not a function'),
    expect.stringContaining('a filter failed'),
  ])
  await visit.page.evaluate(() => {
    Object.assign(globalThis, { bad: false })
    headwater.apm.captureError(new Error('shown'))
  })
  await work(visit)
  expect(eventsOf(stage, visit).map(([kind]) => kind)).toContain('error')
})

test('what filters have made of it cannot be sent: it is dropped, and the next is sent', async ({
  open,
  stage,
}) => {
  const filter = `apm.addFilter((payload) => (globalThis.bad ? { transactions: 7 } : payload))`
  const visit = await open(head(stage, filter, 'globalThis.bad = true'))
  expect(await work(visit)).toMatchObject({ waiting: 0 })
  expect(eventsOf(stage, visit)).toEqual([])
  await visit.page.evaluate(() => Object.assign(globalThis, { bad: false }))
  await work(visit)
  expect(namesOf(eventsOf(stage, visit))).toHaveLength(4)
  expect(visit.errors).toEqual([])
})

declare const shownPayloads: {
  transactions: {
    type: string
    id: string
    duration?: number
    context: object
    spans?: { type: string }[]
  }[]
  errors: unknown[]
}[]
