/** Options and functions of Elastic's agent that only `headwater/elastic` has. */
import { INTAKE, intakeOf, type Event } from '../support/intake.js'
import { postsOf, values, type Stage } from '../support/stage.js'
import { expect, test, type Visit } from '../support/test.js'

const NEVER = 3_600_000

/** Starts it by Elastic's name; `more` is added to the options' source. */
const page = (stage: Stage, more = '') => ({
  head: `<script src="/headwater.elastic.min.js"></script><script>
    elasticApm.init({ serviceName: '{service}', serverUrl: '${stage.origin}', flushInterval: ${NEVER}, ${more} })
  </script>`,
})

const flush = (visit: Visit) => visit.page.evaluate(() => elasticApm.flush())

const events = (stage: Stage, { service }: Visit): Event[] => intakeOf(stage, `"${service}"`)

const names = (all: Event[], wanted: string) =>
  all.filter(([kind]) => kind === wanted).map(([, { name }]) => name)

test('options without an effect are no unknown ones', async ({ open, stage }) => {
  const visit = await open(
    page(
      stage,
      `breakdownMetrics: true, queueLimit: 3, monitorLongtasks: false, reportTransactionsWithoutSpans: true,
      apmRequest: null, sendCredentials: false, context: { user: { id: 7 }, custom: { a: 1 }, tags: { team: 'river' } }`,
    ),
  )
  await flush(visit)
  expect(visit.console).toEqual([])
  const [, metadata] = events(stage, visit)[0] ?? []
  expect(metadata).toMatchObject({ user: { id: '7' }, labels: { team: 'river' } })
})

test('ignored transactions are not sent, nor are their spans', async ({ open, stage }) => {
  const visit = await open(page(stage, `ignoreTransactions: ['whole', /^part/g]`))
  await visit.page.evaluate(() => {
    for (const name of ['whole', 'whole of it', 'part one', 'part two', 'other'])
      elasticApm.startTransaction(name)?.end()
    const ignored = elasticApm.startTransaction('whole')
    ignored?.startSpan('below')?.end()
    ignored?.end()
    // At run time, too.
    elasticApm.config({ ignoreTransactions: ['other'] })
    return elasticApm.flush()
  })
  const own = (all: Event[]) =>
    names(all, 'transaction').filter((name) => /whole|part|other/.test(String(name)))
  expect(own(events(stage, visit)).sort()).toEqual(['part one', 'part two', 'whole', 'whole', 'whole of it'])
  expect(names(events(stage, visit), 'span')).toContain('below')
  await visit.page.evaluate(() => {
    elasticApm.config({ ignoreTransactions: ['whole', /^part/g] })
    const ignored = elasticApm.startTransaction('whole')
    ignored?.startSpan('hidden')?.end()
    ignored?.end()
    for (const name of ['part three', 'part four', 'others']) elasticApm.startTransaction(name)?.end()
    return elasticApm.flush()
  })
  const all = events(stage, visit)
  expect(own(all).slice(5)).toEqual(['others'])
  expect(names(all, 'span')).not.toContain('hidden')
})

test('apmRequest adds headers, and drops what it does not allow', async ({ open, stage }) => {
  const visit = await open(
    page(
      stage,
      `apmRequest({ xhr, url, method, headers, payload }) {
        globalThis.asked = [url, method, payload.length > 100, headers['Content-Encoding']]
        headers['X-Own'] = 'one'
        xhr.setRequestHeader('X-Second', 'two')
        if (globalThis.broken) throw new Error('of the page')
        return !globalThis.forbidden
      }`,
    ),
  )
  const record = (name: string) =>
    visit.page.evaluate((name) => {
      elasticApm.startTransaction(name)?.end()
      return elasticApm.flush()
    }, name)
  await record('allowed')
  const [post] = postsOf(stage, INTAKE, `"${visit.service}"`)
  expect(post && [values(post, 'x-own'), values(post, 'x-second')]).toEqual([['one'], ['two']])
  expect(await visit.page.evaluate(() => asked)).toEqual([stage.origin + INTAKE, 'POST', true, 'gzip'])
  for (const what of ['forbidden', 'broken']) {
    await visit.page.evaluate((what) => Object.assign(globalThis, { [what]: true }), what)
    expect(await record(what), what).toMatchObject({ waiting: 0 })
  }
  await visit.page.evaluate(() => elasticApm.config({ apmRequest: null }))
  await record('again')
  const sent = names(events(stage, visit), 'transaction')
  expect(sent).toContain('allowed')
  expect(sent).toContain('again')
  expect(sent.join()).not.toMatch(/forbidden|broken/)
  expect(visit.errors).toEqual([])
})

test('config() at run time', async ({ open, stage }) => {
  const visit = await open(page(stage))
  const text = await visit.page.evaluate(async () => {
    elasticApm.config({ transactionSampleRate: 0 })
    const off = elasticApm.startTransaction('off')?.sampled
    elasticApm.config({ transactionSampleRate: 1, distributedTracing: false })
    const on = elasticApm.startTransaction('on')?.sampled
    elasticApm.config({ transactionSampleRate: 7 })
    await fetch('/echo?without')
    return [off, on, elasticApm.isActive()]
  })
  expect(text).toEqual([false, true, true])
  expect(values(stage.only('without'), 'traceparent')).toEqual([])
  expect(visit.console).toEqual([
    expect.stringMatching(/transactionSampleRate: 7 is not allowed.*is ignored/),
  ])
})

test('the server’s configuration counts for what comes next, and for the next page', async ({
  open,
  stage,
}) => {
  const path = '/config/v1/rum/agents'
  stage.route(path, ({ url }, response) => {
    const known = url.includes('ifnonematch=%22one%22')
    response.setHeader('access-control-expose-headers', 'Etag')
    response.writeHead(known ? 304 : 200, { etag: '"one"', 'content-type': 'application/json' })
    response.end(known ? undefined : '{"transaction_sample_rate":"0"}')
  })
  const more = `centralConfig: true, environment: 'a b'`
  const named = { ...page(stage, more), head: page(stage, more).head.replace('{service}', 'central') }
  const visit = await open(named)
  const sampled = () => visit.page.evaluate(() => elasticApm.startTransaction('own')?.sampled)
  await expect.poll(sampled).toBe(false)
  const [first] = stage.received.filter(({ url }) => url.startsWith(path))
  expect(first?.url).toBe(`${path}?service.name=central&service.environment=a+b&ifnonematch=`)
  expect(first && values(first, 'traceparent')).toEqual([])
  // The page load of the next one is not sampled: it knew before it asked.
  await visit.page.reload()
  expect(await visit.page.evaluate(() => elasticApm.startTransaction('first')?.sampled)).toBe(false)
  expect(await visit.page.evaluate(() => elasticApm.fetchCentralConfig())).toEqual({
    transaction_sample_rate: '0',
  })
  expect(visit.errors).toEqual([])
})

declare const elasticApm: import('headwater/elastic').ElasticAgent
declare const asked: unknown[]
