/** `diagnostics()` tells what the agent does, and the standard build what it cannot do. */
import { readFileSync } from 'node:fs'
import path from 'node:path'

import { NATIVE_FETCH } from '../support/browsers.js'
import { root } from '../support/demo.js'
import { source } from '../support/source.js'
import { Stage, values } from '../support/stage.js'
import { agentScript, expect, test as base, type Options, type Visit } from '../support/test.js'

const test = base.extend<{ full: (options?: Options, body?: string) => Promise<Visit> }, { other: Stage }>({
  /** Another origin, which lets every header in. */
  other: [
    async ({}, use) => {
      const stage = await Stage.start()
      await use(stage)
      await stage.stop()
    },
    { scope: 'worker' },
  ],
  full: async ({ open, demo }, use) => {
    await use(async (options = {}, body = '') => {
      const start = { serviceName: '{service}', serverUrl: demo.collector, flushInterval: 20, ...options }
      const visit = await open({ head: `${fullBuild()}<script>initApm(${source(start)})</script>`, body })
      expect(await visit.page.evaluate(() => headwater.apm.isActive()), visit.console.join()).toBe(true)
      return visit
    })
  },
})

/** The stage does not serve it. */
function fullBuild(): string {
  const file = readFileSync(path.join(root, 'js-wrapper/dist/headwater.full.min.js'))
  return `<script src="data:text/javascript;base64,${file.toString('base64')}"></script>`
}

interface Counts {
  requests: number
  withHeaders: number
  dryRun: number
  newPreflights: number
  beacons: number
  refusedBeacons: number
}

const counts = (requests: number, withHeaders = 0, dryRun = 0, newPreflights = 0): Counts => ({
  requests,
  withHeaders,
  dryRun,
  newPreflights,
  beacons: 0,
  refusedBeacons: 0,
})

/** How much has been sent when the page asks is a matter of time. */
const some: unknown = expect.any(Number)
const TOTALS = {
  ignoredTraces: 0,
  droppedSpans: 0,
  droppedAttributes: 0,
  sentSpans: some,
  waitingSpans: some,
  refusedSpans: 0,
}
const NOTHING = { origins: {}, ...TOTALS }

const diagnosticsOf = ({ page }: Visit) =>
  page.evaluate(() => (headwater.apm as unknown as FullAgent).diagnostics())

/** Preflights that a server got for what has this in its URL. */
const preflights = (stage: Stage, text: string) =>
  stage.received.filter(({ method, url }) => method === 'OPTIONS' && url.includes(text))

test('requests are counted by origin, with and without headers', async ({ full, stage, other, demo }) => {
  const shop = await full(
    { distributedTracingOrigins: [other.origin] },
    '<script>globalThis.requested = fetch("/echo?during-load")</script>',
  )
  await shop.page.evaluate(
    async ([target, foreign]) => {
      await requested
      await fetch('/echo?one')
      await viaXhr('POST', '/echo?two')
      await fetch(`${target}/echo?three`)
      await viaXhr('GET', `${target}/echo?four`)
      await fetch(`${foreign}/ad.json?five`)
      await viaXhr('GET', `${foreign}/ad.json?six`)
    },
    [other.origin, demo.other] as const,
  )
  expect(await diagnosticsOf(shop)).toEqual({
    origins: {
      [stage.origin]: counts(3, 3),
      [other.origin]: counts(2, 2, 0, 2),
      [demo.other]: counts(2),
    },
    ...TOTALS,
  })
  expect(shop.console).toEqual([])
})

test('what gets no headers of ours does not count as with them', async ({ full, stage, other }) => {
  const shop = await full({ distributedTracingOrigins: [other.origin] })
  await shop.page.evaluate(async (target) => {
    await fetch(`${target}/echo?no-cors`, { mode: 'no-cors' })
    const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01'
    await fetch(`${target}/echo?theirs`, { headers: { traceparent } })
    await viaXhr('GET', `${target}/echo?theirs-by-xhr`, { traceparent })
  }, other.origin)
  expect((await diagnosticsOf(shop)).origins).toEqual({ [other.origin]: counts(3) })

  const unsampled = await full({ transactionSampleRate: 0, unsampledPropagation: 'none' })
  await unsampled.page.evaluate(() => fetch('/echo?unsampled'))
  expect((await diagnosticsOf(unsampled)).origins).toEqual({ [stage.origin]: counts(1) })

  const off = await full({ distributedTracing: false })
  await off.page.evaluate(() => fetch('/echo?off'))
  expect((await diagnosticsOf(off)).origins).toEqual({ [stage.origin]: counts(1) })
})

for (const [name, target] of [
  ['an origin', (origin: string) => ({ match: origin, dryRun: true })],
  ['a RegExp', (origin: string) => ({ match: new RegExp(`^${origin}$`), dryRun: true })],
  [
    'formats of its own',
    (origin: string) => ({ match: origin, dryRun: true, propagators: ['datadog', 'b3'] }),
  ],
] as const) {
  test(`a dry run sends nothing and counts: ${name}`, async ({ full, stage, other, demo }) => {
    const shop = await full({
      distributedTracingOrigins: [target(other.origin), demo.api],
      propagateTracestate: true,
    })
    const mark = `dry-run-${name.replaceAll(' ', '-')}`
    await shop.page.evaluate(
      async ([origin, query]) => {
        await fetch(`${origin}/echo?${query}=fetch&`)
        await viaXhr('GET', `${origin}/echo?${query}=xhr&`)
        await fetch(`${origin}/echo?${query}=put&`, { method: 'PUT' })
        await fetch(`/echo?${query}=own&`)
      },
      [other.origin, mark] as const,
    )
    for (const by of ['fetch', 'xhr', 'put']) {
      const names = other.only(`${mark}=${by}&`).headers.map(([header]) => header)
      expect(names.filter((header) => /^(traceparent|tracestate|b3|x-.*|baggage)$/.test(header))).toEqual([])
    }
    expect(preflights(other, mark).map(({ url }) => url)).toEqual([expect.stringContaining('=put&')])
    expect(values(stage.only(`${mark}=own&`), 'traceparent'), 'other targets get theirs').toHaveLength(1)
    expect((await diagnosticsOf(shop)).origins).toEqual({
      [other.origin]: counts(3, 0, 3, 2),
      [stage.origin]: counts(1, 1),
    })
    // Recorded all the same.
    const spans = await shop.spans((all) => all.some(({ name: span }) => span === 'PUT'))
    expect(spans.filter(({ name: span }) => span === 'PUT')).toHaveLength(1)
  })
}

test.describe('newPreflights', () => {
  const FORM = 'application/x-www-form-urlencoded'
  const KINDS: [name: string, isSimple: boolean, init: RequestInit][] = [
    ['get', true, {}],
    ['post', true, { method: 'POST', body: 'x' }],
    ['lower-case', true, { method: 'post', body: 'x' }],
    ['head', true, { method: 'HEAD' }],
    ['form', true, { method: 'POST', body: 'x=1', headers: { 'Content-Type': `${FORM};charset=UTF-8` } }],
    ['accept', true, { headers: { Accept: 'application/json', 'Accept-Language': 'de' } }],
    ['json', false, { method: 'POST', body: '{}', headers: { 'content-type': 'application/json' } }],
    ['put', false, { method: 'PUT', body: 'x' }],
    ['delete', false, { method: 'DELETE' }],
    ['own-header', false, { headers: { 'X-Own': '1' } }],
    ['header-list', false, { headers: [['X-Own', '1']] }],
  ]

  for (const [by, dryRun] of [
    ['fetch', false],
    ['fetch', true],
    ['xhr', false],
    ['xhr', true],
  ] as const) {
    test(`only where the request was simple, by ${by}${dryRun ? ' in a dry run' : ''}`, async ({
      full,
      other,
    }) => {
      const shop = await full({ distributedTracingOrigins: [{ match: other.origin, dryRun }] })
      let expected = 0
      for (const [kind, isSimple, init] of KINDS) {
        const query = `preflight-${by}-${dryRun}-${kind}&`
        await shop.page.evaluate(
          async ([how, url, members]) => {
            if (how === 'fetch') {
              await fetch(url, members)
              return
            }
            const xhr = new XMLHttpRequest()
            xhr.open(members.method ?? 'GET', url)
            const headers = Object.fromEntries(new Headers(members.headers))
            for (const [name, value] of Object.entries(headers)) xhr.setRequestHeader(name, value)
            await new Promise((resolve) => {
              xhr.onloadend = resolve
              xhr.send(members.body as string | undefined)
            })
          },
          [by, `${other.origin}/echo?${query}`, init] as const,
        )
        if (isSimple) expected += 1
        const { origins } = await diagnosticsOf(shop)
        expect(origins[other.origin]?.newPreflights, kind).toBe(expected)
        // What the server was asked shows that this is true.
        expect(preflights(other, query), kind).toHaveLength(dryRun && isSimple ? 0 : 1)
      }
    })
  }

  test('not for a body that brings a type of its own', async ({ full, other }) => {
    const shop = await full({ distributedTracingOrigins: [{ match: other.origin, dryRun: true }] })
    await shop.page.evaluate(async (origin) => {
      await fetch(`${origin}/echo?typed=blob`, {
        method: 'POST',
        body: new Blob(['{}'], { type: 'application/json' }),
      })
    }, other.origin)
    expect(preflights(other, 'typed='), 'it needs one without us').toHaveLength(1)
    expect((await diagnosticsOf(shop)).origins).toEqual({ [other.origin]: counts(1, 0, 1, 0) })
  })

  test('those of a Request, and of requests that fail, are counted, too', async ({ full, other }) => {
    const shop = await full({ distributedTracingOrigins: [other.origin] })
    await shop.page.evaluate(async (origin) => {
      await fetch(new Request(`${origin}/echo?request=simple`))
      await fetch(new Request(`${origin}/echo?request=own`, { headers: { 'x-own': '1' } }))
      await fetch(`${origin}/broken?by-fetch`).catch(() => undefined)
      await viaXhr('GET', `${origin}/broken?by-xhr`)
    }, other.origin)
    expect((await diagnosticsOf(shop)).origins).toEqual({ [other.origin]: counts(4, 4, 0, 3) })
  })

  test('none within the page’s own origin', async ({ full, stage }) => {
    const shop = await full({ distributedTracingOrigins: [{ match: /./ }] })
    await shop.page.evaluate(() => fetch('/echo?own').then(() => viaXhr('GET', '/echo?own')))
    expect((await diagnosticsOf(shop)).origins).toEqual({ [stage.origin]: counts(2, 2) })
  })
})

test('what it gives is a plain object of its own', async ({ full, stage }) => {
  const shop = await full()
  const result = await shop.page.evaluate(async (origin) => {
    await fetch('/echo?plain')
    const agent = headwater.apm as unknown as FullAgent
    const first = agent.diagnostics()
    const copy = structuredClone(first)
    const own = first.origins[origin]
    if (own) own.requests = 99
    first.ignoredTraces = 99
    first.origins = {}
    const prototypes = [first, first.origins, own].map(
      (one) => Object.getPrototypeOf(one) === Object.prototype,
    )
    await fetch('/echo?plain')
    return { copy, prototypes, second: agent.diagnostics() }
  }, stage.origin)
  expect(result).toEqual({
    copy: { origins: { [stage.origin]: counts(1, 1) }, ...TOTALS },
    prototypes: [true, true, true],
    second: { origins: { [stage.origin]: counts(2, 2) }, ...TOTALS },
  })
})

test('an agent that does not run has seen nothing', async ({ open, stage, demo }) => {
  const shop = await open({ head: fullBuild() })
  const seen = await shop.page.evaluate(async (serverUrl) => {
    const agent = headwater.apm as unknown as FullAgent
    const diagnostics = [agent.diagnostics()]
    const look = async () => {
      await fetch('/echo?inactive')
      diagnostics.push(agent.diagnostics())
    }
    initApm({ serviceName: 'not/allowed' })
    await look()
    initApm({ serviceName: 'shop', active: false })
    await look()
    initApm({ serviceName: 'shop', serverUrl })
    await look()
    headwater.apm.stop()
    await look()
    initApm({ serviceName: 'shop', serverUrl })
    diagnostics.push(agent.diagnostics())
    return diagnostics
  }, demo.collector)
  const active = { origins: { [stage.origin]: counts(1, 1) }, ...TOTALS }
  expect(seen).toEqual([NOTHING, NOTHING, NOTHING, active, NOTHING, NOTHING])
  expect(shop.errors).toEqual([])
})

test.describe('the standard build', () => {
  for (const [option, value, shown] of [
    ['propagators', ['datadog'], '"datadog"'],
    ['propagators', ['tracecontext', 'b3'], '"b3"'],
    ['propagators', ['baggage'], '"baggage"'],
    ['tracestateMembers', ['ot'], '"ot"'],
    ['tracestateMembers', ['es', 'dd'], '"dd"'],
    ['trustedRemoteEnvironments', [{ name: 'payments', origins: ['https://pay.example'] }], ''],
    ['samplingMode', 'session', '"session"'],
    ['sampleOnError', true, 'true'],
    ['tracesSampler', () => 1, '=> 1'],
    ['baggage', { tier: 'gold' }, '"gold"'],
    ['distributedTracingOrigins', [{ match: 'https://api.example', propagators: ['tracecontext'] }], ''],
    ['distributedTracingOrigins', [{ match: /api/, dryRun: true }], ''],
  ] as const) {
    test(`refuses ${option}: ${source(value)}`, async ({ open, demo, stage }) => {
      const options = { serviceName: '{service}', serverUrl: demo.collector, [option]: value }
      const shop = await open({ head: agentScript(options) })
      expect(shop.console).toHaveLength(1)
      const [message = ''] = shop.console
      expect.soft(message).toMatch(new RegExp(`^error: \\[headwater\\] ${option}.*The agent is inactive\\.$`))
      expect.soft(message).toContain(shown)
      expect.soft(message).toContain('headwater/full')
      const mark = `refused-${shop.service}&`
      const state = await shop.page.evaluate(async (query) => {
        await fetch(`/echo?${query}`)
        const native = Function.prototype.toString.call(fetch)
        const agent = headwater.apm as unknown as FullAgent
        return { active: headwater.apm.isActive(), native, diagnostics: agent.diagnostics() }
      }, mark)
      expect(state).toEqual({
        active: false,
        native: NATIVE_FETCH,
        diagnostics: NOTHING,
      })
      expect(values(stage.only(mark), 'traceparent')).toEqual([])
      expect(shop.errors).toEqual([])
    })
  }

  test('takes what says nothing, and has no transactions or diagnostics', async ({ visit }) => {
    const shop = await visit(
      {
        propagators: ['tracecontext'],
        tracestateMembers: ['es'],
        trustedRemoteEnvironments: [],
        samplingMode: undefined,
        sampleOnError: false,
        tracesSampler: undefined,
        baggage: {},
      },
      {
        body: `<script>globalThis.answer = headwater.apm.getCurrentTransaction() === undefined</script>`,
      },
    )
    await shop.page.evaluate(() => fetch('/echo?standard'))
    expect(await shop.page.evaluate(() => answer)).toBe(true)
    expect(await diagnosticsOf(shop)).toEqual(NOTHING)
    expect(shop.console).toEqual([])
  })
})

interface FullAgent {
  diagnostics(): { origins: Partial<Record<string, Counts>>; ignoredTraces: number }
}

declare const requested: Promise<Response>
declare const answer: boolean
