/** What a page load says of its navigation: its phases, redirects, and pages that nobody sees. */
import { intakeOf } from '../support/intake.js'
import { source } from '../support/source.js'
import type { Span } from '../support/spans.js'
import { expect, test, type Options } from '../support/test.js'

const script = (options: Options, file: string, before = '') =>
  `<script>${before}</script><script src="/${file}"></script><script>initApm(${source({ serviceName: '{service}', flushInterval: 20, ...options })})</script>`

const BODY = `<script>
  addEventListener('DOMContentLoaded', () => { for (const end = performance.now() + 30; performance.now() < end;); })
  addEventListener('load', () => { for (const end = performance.now() + 30; performance.now() < end;); })
</script>`

const load = (spans: Span[]) => spans.find(({ name }) => name === 'documentLoad')
const milliseconds = ({ start, end }: Span) => Number(end - start) / 1e6

test('the phases of the navigation are spans, each where it belongs', async ({ open, demo }) => {
  const visit = await open({
    head: script({ serverUrl: demo.collector }, 'headwater.full.min.js'),
    headers: { 'server-timing': 'db;desc="orders";dur=4.5' },
    body: BODY,
  })
  const spans = await visit.spans((spans) => !!load(spans))
  const root = load(spans)
  const document = spans.find(({ name }) => name === 'documentFetch')
  const phases = spans.filter(({ attributes }) => !attributes['url.full'])
  const parents = Object.fromEntries(phases.map(({ name, parentSpanId }) => [name, parentSpanId]))
  expect(parents).toMatchObject({
    domProcessing: root?.spanId,
    domContentLoaded: root?.spanId,
    loadEvent: root?.spanId,
  })
  // A connection that is there already is no phase, nor is a name that is an address.
  for (const name of ['connect', 'domainLookup'])
    expect([undefined, document?.spanId]).toContain(parents[name])
  expect(parents['redirect']).toBeUndefined()
  const timing = await visit.page.evaluate(
    () => performance.getEntriesByType('navigation')[0]?.toJSON() as Record<string, number>,
  )
  for (const [name, start, end] of [
    ['domContentLoaded', 'domContentLoadedEventStart', 'domContentLoadedEventEnd'],
    ['loadEvent', 'loadEventStart', 'loadEventEnd'],
  ] as const) {
    const phase = phases.find((phase) => phase.name === name)
    expect(phase && milliseconds(phase)).toBeCloseTo((timing[end] ?? 0) - (timing[start] ?? 0), 2)
    expect(phase && milliseconds(phase)).toBeGreaterThanOrEqual(30)
  }
  expect(root?.attributes['http.response.header.server-timing']).toEqual(['db;desc="orders";dur=4.5'])
  for (const name of Object.keys(root?.attributes ?? {}))
    expect(name, 'what is usual is left out').not.toMatch(/redirect|activation|hidden/)
})

test('redirects are a phase, and counted', async ({ open, demo, stage }) => {
  const visit = await open({ head: script({ serverUrl: demo.collector }, 'headwater.full.min.js') })
  const { pathname } = new URL(visit.page.url())
  stage.route('/moved', async (_, response) => {
    await new Promise((resolve) => setTimeout(resolve, 40))
    response.writeHead(302, { location: pathname }).end()
  })
  await visit.page.goto(`${stage.origin}/moved`)
  const isRedirected = (span: Span) => span.attributes['browser.navigation_timing.redirect_count'] === 1
  const spans = await visit.spans((spans) => spans.some(isRedirected))
  const root = spans.find(isRedirected)
  const redirect = spans.find(({ name }) => name === 'redirect')
  expect(redirect?.parentSpanId).toBe(root?.spanId)
  expect(redirect && milliseconds(redirect)).toBeGreaterThanOrEqual(35)
})

test('a page that is loaded in the background says so', async ({ open, demo }) => {
  const hidden = `Object.defineProperty(document, 'visibilityState', { get: () => 'hidden', configurable: true })`
  const visit = await open({ head: script({ serverUrl: demo.collector }, 'headwater.full.min.js', hidden) })
  const spans = await visit.spans((spans) => !!load(spans))
  expect(load(spans)?.attributes['headwater.page.hidden']).toBe(true)
})

test('headwater/elastic: they have the names and types of Elastic’s', async ({ open, stage }) => {
  const visit = await open({
    head: script({ serverUrl: stage.origin }, 'headwater.elastic.min.js'),
    body: BODY,
  })
  await visit.page.evaluate(() => headwater.apm.flush())
  const events = intakeOf(stage, visit.service)
  const spans = events.filter(([kind, { type }]) => kind === 'span' && type === 'hard-navigation')
  const names = spans.map(([, { name }]) => name)
  for (const name of [
    'Requesting and receiving the document',
    'Parsing the document, executing sync. scripts',
    'Fire "DOMContentLoaded" event',
    'Fire "load" event',
  ])
    expect(names).toContain(name)
  const transaction = events.find(([kind]) => kind === 'transaction')?.[1]
  for (const [, span] of spans)
    expect(span).toMatchObject({
      subtype: 'browser-timing',
      transaction_id: transaction?.['id'],
      parent_id: transaction?.['id'],
    })
  const count = events.filter(([kind]) => kind === 'span').length
  expect(transaction?.['span_count']).toEqual({ started: count })
})
