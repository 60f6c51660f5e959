/** Options and functions of Elastic's agent that only `headwater/elastic` has. */
import { createRequire } from 'node:module'

import { browser } from '../support/browsers.js'
import { INTAKE, intakeOf, linesOf, type Event } from '../support/intake.js'
import { source } from '../support/source.js'
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

test('every option of Elastic’s agent is allowed, with its default', async ({ open, stage }) => {
  const { default: Config } = createRequire(import.meta.url)(
    '@elastic/apm-rum-core/dist/lib/common/config-service.js',
  ) as {
    default: new () => { config: Record<string, unknown> }
  }
  // `pageLoadSampled: false` counts with ours.
  const { serviceName, serverUrl, flushInterval, pageLoadSampled, ...defaults } = new Config().config
  expect([serviceName, serverUrl, flushInterval, pageLoadSampled]).toEqual([
    '',
    'http://localhost:8200',
    500,
    false,
  ])
  expect(Object.keys(defaults).length).toBeGreaterThan(25)
  const visit = await open(page(stage, `...${source(defaults)}`))
  await flush(visit)
  expect(visit.console).toEqual([])
  expect(names(events(stage, visit), 'transaction')).toHaveLength(1)
})

test('options without an effect are no unknown ones', async ({ open, stage }) => {
  const visit = await open(
    page(
      stage,
      `breakdownMetrics: true, queueLimit: 3,
      apmRequest: null, sendCredentials: false, context: { user: { id: 7 }, custom: { a: 1 }, tags: { team: 'river' } }`,
    ),
  )
  await flush(visit)
  expect(visit.console).toEqual([])
  const [, metadata] = events(stage, visit)[0] ?? []
  expect(metadata).toMatchObject({ user: { id: '7' }, labels: { team: 'river' } })
})

test('attributes of the script tag are options, too', async ({ open, stage }) => {
  const attributes = {
    'service-name': '{service}',
    'server-url': stage.origin,
    'flush-interval': NEVER,
    'ignore-transactions': 'first, second',
    context: '{&quot;user&quot;:{&quot;id&quot;:7},&quot;tags&quot;:{&quot;team&quot;:&quot;river&quot;}}',
    'send-credentials': '',
    'queue-limit': '3',
    'report-transactions-without-spans': 'false',
  }
  const text = Object.entries(attributes).map(([name, value]) => `data-${name}="${String(value)}"`)
  for (const more of ['', `<script>elasticApm.init({ ignoreTransactions: ['third'] })</script>`]) {
    const visit = await open({
      head: `<script src="/headwater.elastic.min.js" ${text.join(' ')}></script>${more}`,
    })
    await visit.page.evaluate(async () => {
      await elasticApm.flush()
      for (const name of ['first', 'second', 'third']) elasticApm.startTransaction(name)?.end()
      elasticApm.startTransaction('managed', 'custom', { managed: true })?.end()
      await elasticApm.flush()
    })
    expect(visit.console).toEqual([])
    const all = events(stage, visit)
    expect(all[0]?.[1]).toMatchObject({ user: { id: '7' }, labels: { team: 'river' } })
    const own = names(all, 'transaction').filter((name) => /first|second|third|managed/.test(String(name)))
    // What \`init\` is given counts.
    expect(own.sort()).toEqual(more ? ['first', 'second'] : ['third'])
  }
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

for (const wanted of [undefined, false, true])
  test(`reportTransactionsWithoutSpans: ${String(wanted)}`, async ({ open, stage }) => {
    const recorded = async (file: string, server: string) => {
      const given = wanted === undefined ? '' : `reportTransactionsWithoutSpans: ${String(wanted)},`
      const visit = await open({
        head: `<script src="/${file}"></script><script>
          elasticApm.init({ serviceName: '{service}', serverUrl: '${server}', flushInterval: 20, ${given} })
        </script>`,
        body: '<button type="button" name="idle">Idle</button>',
      })
      // Until the page load is over.
      await visit.page.waitForTimeout(1_500)
      await visit.page.locator('button').click()
      await visit.page.waitForTimeout(400)
      await visit.page.evaluate(async () => {
        const pause = () => new Promise((resolve) => setTimeout(resolve, 20))
        for (const name of ['empty', 'full']) {
          const managed = elasticApm.startTransaction(name, 'custom', { managed: true })
          const span = name === 'full' ? managed?.startSpan('within') : undefined
          await pause()
          span?.end()
          managed?.end()
        }
        const own = elasticApm.startTransaction('own', 'custom')
        await pause()
        own?.end()
        history.pushState(null, '', '/products/42')
        await pause()
        elasticApm.getCurrentTransaction()?.end()
        await pause()
      })
      const all = () =>
        postsOf(stage, server.slice(stage.origin.length) + INTAKE, `"${visit.service}"`).flatMap(({ body }) =>
          names(linesOf(body), 'transaction'),
        )
      await expect.poll(all).toContain('own')
      await visit.page.waitForTimeout(1_300)
      return all().filter((name) => !String(name).includes('page'))
    }
    const click = 'Click - button["idle"]'
    const all = [click, 'empty', 'full', 'own', '/products/42']
    const without = (...out: string[]) => all.filter((name) => !out.includes(name)).sort()
    const theirs = await recorded('elastic-apm-rum.js', `${stage.origin}/theirs`)
    const ours = await recorded('headwater.elastic.min.js', stage.origin)
    // Of a click without consequences Elastic's agent only learns when something else starts.
    expect([...theirs].sort()).toEqual(wanted ? without() : without(click, 'empty', '/products/42'))
    expect([...ours].sort()).toEqual(
      wanted ? without() : wanted === false ? without(click, 'empty', '/products/42') : without(click),
    )
  })

test('monitorLongtasks: false', async ({ open, stage }) => {
  for (const [more, told] of [
    ['', browser === 'chromium'],
    ['monitorLongtasks: false', false],
  ] as const) {
    const visit = await open({
      ...page(stage, more),
      body: '<script>for (const end = performance.now() + 90; performance.now() < end;);</script>',
    })
    await visit.page.evaluate(async () => {
      const longTask = () =>
        new Promise<void>((resolve) =>
          setTimeout(() => {
            for (const end = performance.now() + 90; performance.now() < end;);
            setTimeout(resolve, 100)
          }),
        )
      await longTask()
      await elasticApm.flush()
      const managed = elasticApm.startTransaction('managed', 'custom', { managed: true })
      await longTask()
      managed?.end()
      await elasticApm.flush()
    })
    const all = events(stage, visit)
    const [, load] = all.find(([, { type }]) => type === 'page-load') ?? []
    const spans = all.filter(([, { name }]) => String(name).startsWith('Longtask'))
    const experience = load?.['experience'] as Record<string, unknown> | undefined
    expect([!!experience?.['longtask'], experience?.['tbt'] !== undefined, spans.length > 0], more).toEqual([
      told,
      told,
      told,
    ])
  }
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

test('transactions show what they have, as Elastic’s do', async ({ open, stage }) => {
  const shown = async (file: string, server: string) => {
    const visit = await open({
      head: `<script src="/${file}"></script><script>
        elasticApm.init({
          serviceName: '{service}', serverUrl: '${server}', flushInterval: 20, pageLoadParentId: 'b7ad6b7169203332',
        })
      </script>`,
    })
    // Elastic's page load goes on for a second, and the first ones must not be in it.
    await visit.page.waitForTimeout(1_300)
    const members = await visit.page.evaluate(async () => {
      const pause = () => new Promise((resolve) => setTimeout(resolve, 20))
      const untouched = elasticApm.startTransaction('untouched', 'custom')
      const before = untouched && [untouched.context, untouched.marks, untouched.spans, untouched.parentId]
      const checkout = elasticApm.startTransaction('checkout', 'custom', { managed: true })
      if (!checkout) throw new Error('gone')
      checkout.addLabels({ step: 2, list: [1, 2] })
      checkout.addContext({ custom: { cart: { items: 3 } } }, { custom: { more: true }, tags: { step: 3 } })
      checkout.mark('half.way')
      checkout.addMarks({ custom: { end: 5 }, agent: { paint: 7 } })
      const price = checkout.startSpan('price', 'app.cart')
      const inner = elasticApm.startSpan('inner', 'app', { parentId: price.id })
      const context = JSON.stringify(checkout.context)
      const halfWay = Number((checkout.marks?.['custom'] as Record<string, number> | undefined)?.['half_way'])
      const marks = [halfWay >= 0, JSON.stringify({ ...checkout.marks, custom: { half: 0, end: 5 } })]
      await pause()
      inner?.end()
      price.addLabels({ currency: 'EUR' })
      price.end()
      const open = elasticApm.startSpan('open', 'app')
      checkout.redefine('', undefined)
      const same = [checkout.name, checkout.type]
      checkout.redefine('ordered', 'order', { canReuse: true })
      await pause()
      const ended: unknown[] = []
      elasticApm.observe('transaction:end', ({ name, spans }) => {
        if (name === 'ordered') ended.push(...spans.map(({ name }) => name))
      })
      Object.assign(checkout.context?.['tags'] ?? {}, { late: 'yes' })
      open?.end()
      checkout.end()
      await pause()
      return {
        before,
        context,
        marks,
        same,
        now: [checkout.name, checkout.type],
        ended,
        // Elastic's are in the order of their starts once they are sent.
        spans: checkout.spans.map(({ name, context }) => name + JSON.stringify(context)).sort(),
        parents: [
          price.parentId === checkout.id,
          inner?.parentId === price.id,
          open?.parentId === checkout.id,
        ],
      }
    })
    return { visit, members }
  }
  const theirs = await shown('elastic-apm-rum.js', `${stage.origin}/theirs`)
  const { visit, members } = await shown('headwater.elastic.min.js', stage.origin)
  expect(members).toEqual(theirs.members)
  await flush(visit)
  const [, sent] = events(stage, visit).find(([, { name }]) => name === 'ordered') ?? []
  expect(sent).toMatchObject({
    type: 'order',
    context: { tags: { step: 3, late: 'yes' }, custom: { cart: '{"items":3}', more: true } },
    marks: { custom: { end: 5 }, agent: { paint: 7 } },
  })
})

test('what a page does to the members of a transaction stays its own', async ({ open, stage }) => {
  const visit = await open(page(stage, `pageLoadParentId: 'b7ad6b7169203332'`))
  const parent = await visit.page.evaluate(() => {
    const parent = elasticApm.getCurrentTransaction()?.parentId
    const own = elasticApm.startTransaction('own') as unknown as Record<string, unknown> | undefined
    const cyclic: Record<string, unknown> = {}
    cyclic['self'] = cyclic
    Object.assign(own ?? {}, {
      marks: 5,
      spans: [],
      context: { tags: null, custom: { cyclic }, user: { id: 8 } },
    })
    elasticApm.startTransaction('other')?.end()
    ;(own as unknown as { end: () => void } | undefined)?.end()
    return parent
  })
  expect(parent).toBe('b7ad6b7169203332')
  await flush(visit)
  const [, sent] = events(stage, visit).find(([, { name }]) => name === 'own') ?? []
  expect(sent).toMatchObject({ context: { user: { id: '8' } } })
  expect(visit.errors).toEqual([])
})

declare const elasticApm: import('headwater/elastic').ElasticAgent
declare const asked: unknown[]
