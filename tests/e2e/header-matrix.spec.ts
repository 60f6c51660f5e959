/**
 * Every format of trace headers, method and kind of origin: what real servers receive, which preflights that
 * costs, and what `diagnostics()` says of it. Each page is opened with and without the agent; what differs
 * is ours.
 */
import type { Page } from '@playwright/test'

import type { Agent, Diagnostics } from '../../js-wrapper/src/types.js'
import { AGENT, OriginServer, type Received } from '../support/origin-server.js'
import { source } from '../support/source.js'
import { table } from '../support/table.js'
import { expect, test as base, type Options } from '../support/test.js'
import { contextIn, FORMATS, type Context, type Format, type Headers } from '../support/trace-headers.js'

/** How the page's options know an origin. */
const KINDS = ['own', 'string', 'pattern', 'target', 'dryRun', 'other'] as const
type Kind = (typeof KINDS)[number]
type Origins = Record<Kind, OriginServer>

interface Row {
  name: string
  options: Options
  /** What targets without propagators of their own get. */
  formats: Format[]
  /** Further headers, for the ids in those that came. */
  more?: (context: Context, received: Headers) => Headers
  /** Of the origin with propagators of its own. */
  target?: Format
  /** Origins that get nothing, against the rule. */
  none?: readonly Kind[]
  /** What all requests have to have in common. */
  check?: (received: readonly Headers[]) => void
}

const ES = 'es=s:1'
const OT = 'ot=th:0'
const dd = ({ spanId, sampled }: Context) => `dd=s:${+sampled};o:rum;p:${spanId}`
const BAGGAGE = { baggage: { tenant: 'a b', region: 'eu' } }
const ALL = ['tracecontext', 'datadog', 'b3', 'baggage']
const EVERYWHERE = KINDS
const NO_BEACONS = { beacons: 0, refusedBeacons: 0 }

const ROWS: Row[] = [
  { name: 'default', options: {}, formats: ['tracecontext'] },
  { name: 'datadog', options: { propagators: ['datadog'] }, formats: ['datadog'] },
  { name: 'b3', options: { propagators: ['b3'] }, formats: ['b3'] },
  { name: 'b3multi', options: { propagators: ['b3multi'] }, formats: ['b3multi'], target: 'datadog' },
  { name: 'b3 + b3multi', options: { propagators: ['b3', 'b3multi'] }, formats: ['b3'] },
  {
    name: 'baggage',
    options: { propagators: ['baggage'], ...BAGGAGE },
    formats: [],
    more: () => ({ baggage: 'tenant=a%20b,region=eu' }),
  },
  {
    name: 'baggage, of which there is none',
    options: { propagators: ['baggage'] },
    formats: [],
    none: ['own', 'string', 'pattern', 'dryRun'],
  },
  {
    name: 'tracecontext + datadog',
    options: { propagators: ['tracecontext', 'datadog'] },
    formats: ['tracecontext', 'datadog'],
  },
  {
    name: 'all, es ot dd',
    options: { propagators: ALL, tracestateMembers: ['es', 'ot', 'dd'], ...BAGGAGE },
    formats: ['tracecontext', 'datadog', 'b3'],
    more: (context) => ({ tracestate: [ES, dd(context), OT].join(), baggage: 'tenant=a%20b,region=eu' }),
  },
  {
    name: 'propagateTracestate',
    options: { propagateTracestate: true },
    formats: ['tracecontext'],
    more: () => ({ tracestate: ES }),
  },
  {
    name: 'member es',
    options: { tracestateMembers: ['es'] },
    formats: ['tracecontext'],
    more: () => ({ tracestate: ES }),
  },
  {
    name: 'member ot',
    options: { tracestateMembers: ['ot'] },
    formats: ['tracecontext'],
    more: () => ({ tracestate: OT }),
  },
  {
    name: 'member ot, sessions',
    options: { tracestateMembers: ['ot'], samplingMode: 'session' },
    formats: ['tracecontext'],
    more: (_, { tracestate = '' }) => ({ tracestate: `ot=th:0;rv:${randomness(tracestate)}` }),
    check: (received) => {
      const found = received.map(({ tracestate = '' }) => randomness(tracestate))
      expect(new Set(found).size, 'one session, one rv').toBe(1)
    },
  },
  {
    name: 'member dd',
    options: { tracestateMembers: ['dd'] },
    formats: ['tracecontext'],
    more: (context) => ({ tracestate: dd(context) }),
  },
  {
    name: 'members without tracecontext',
    options: { propagators: ['b3'], tracestateMembers: ['es', 'ot', 'dd'] },
    formats: ['b3'],
  },
  {
    name: 'all, es ot dd, rate 0.5',
    options: { propagators: ALL, tracestateMembers: ['es', 'ot', 'dd'], transactionSampleRate: 0.5 },
    formats: ['tracecontext', 'datadog', 'b3'],
    more: (context) => {
      const upperHalf = BigInt(`0x${context.traceId.slice(-14)}`) >= 1n << 55n
      expect(context.sampled, context.traceId).toBe(upperHalf)
      const members = context.sampled ? ['es=s:0.5', dd(context), 'ot=th:8'] : ['es=s:0', dd(context)]
      return { tracestate: members.join() }
    },
  },
  {
    name: 'all, es ot dd, unsampled',
    options: { propagators: ALL, tracestateMembers: ['es', 'ot', 'dd'], transactionSampleRate: 0 },
    formats: ['tracecontext', 'datadog', 'b3'],
    more: (context) => {
      expect(context.sampled).toBe(false)
      return { tracestate: `es=s:0,${dd(context)}` }
    },
  },
  {
    name: 'b3multi, unsampled',
    options: { propagators: ['b3multi'], transactionSampleRate: 0 },
    formats: ['b3multi'],
    target: 'datadog',
    check: (received) => received.forEach((headers) => expect(contextIn(headers).sampled).toBe(false)),
  },
  {
    name: 'all, unsampledPropagation none',
    options: { propagators: ALL, transactionSampleRate: 0, unsampledPropagation: 'none', ...BAGGAGE },
    formats: [],
    none: EVERYWHERE,
  },
  {
    name: 'elastic-apm-traceparent',
    options: { distributedTracingHeaderName: 'elastic-apm-traceparent', propagateTracestate: true },
    formats: [],
    more: (context) => ({
      'elastic-apm-traceparent': FORMATS.tracecontext(context).traceparent,
      tracestate: ES,
    }),
  },
  {
    name: 'not to the own origin',
    options: { distributedTracingSameOrigin: false },
    formats: ['tracecontext'],
    none: ['own'],
  },
  {
    name: 'propagators: []',
    options: { propagators: [] },
    formats: [],
    none: ['own', 'string', 'pattern', 'dryRun'],
  },
  {
    name: 'distributedTracing: false',
    options: { distributedTracing: false },
    formats: [],
    none: EVERYWHERE,
  },
]

const METHODS = ['GET', 'POST', 'PUT'] as const
const WAYS = METHODS.flatMap((method) => [`fetch-${method}`, `xhr-${method}`])
/** GET and POST would go without; PUT would not. */
const SIMPLE = 4
const PREFLIGHTED = 2

interface Fixtures {
  /** Opens a page of the own origin; with options, there is an agent. */
  load: (options?: Options) => Promise<Page>
}

interface WorkerFixtures {
  servers: Origins
}

const test = base.extend<Fixtures & { origins: Origins }, WorkerFixtures>({
  servers: [
    async ({}, use) => {
      const servers = await Promise.all(KINDS.map(() => OriginServer.start()))
      await use(Object.fromEntries(KINDS.map((kind, index) => [kind, servers[index]])) as Origins)
      await Promise.all(servers.map((server) => server.stop()))
    },
    { scope: 'worker' },
  ],
  origins: async ({ servers }, use) => {
    for (const server of Object.values(servers)) {
      server.received = []
      server.allowed = []
    }
    await use(servers)
  },
  load: async ({ page, origins, demo }, use) => {
    await use(async (options) => {
      const config = { serverUrl: demo.collector, flushInterval: 20, ...options }
      const agent = `<script src="${AGENT}"></script><script>initApm(${source(config)})</script>`
      const { own } = origins
      own.page = `<!doctype html><html lang="en"><head>${options ? agent : ''}<title>Test</title></head></html>`
      await page.goto(own.origin)
      // The agent reports the page load one task after the load event: each request is its own trace.
      await page.evaluate(() => new Promise((resolve) => setTimeout(resolve)))
      if (options) expect(await page.evaluate(() => headwater.apm.isActive())).toBe(true)
      return page
    })
  },
})

// The rows make one table.
test.describe('the matrix', () => {
  test.describe.configure({ mode: 'default' })
  const matrix: string[][] = [['options', ...KINDS]]
  const preflights: string[][] = [['options', ...KINDS.slice(1)]]
  /** What arrives without an agent is the same each time. */
  let plain: Arrived | undefined

  test.afterAll(() => {
    if (matrix.length === 1) return
    console.log(`\nHeaders received, by fetch and XHR, GET, POST and PUT alike:\n\n${table(matrix)}\n`)
    console.log(
      `Preflights of these ${WAYS.length} requests, without the agent → with it (newPreflights of ` +
        `diagnostics()); none to the own origin:\n\n${table(preflights)}\n`,
    )
  })

  for (const [number, row] of ROWS.entries()) {
    test(row.name, async ({ load, origins, demo }) => {
      const { target = 'b3multi' } = row
      const service = `matrix-${process.pid}-${number}`
      for (const kind of KINDS) origins[kind].allowed = namesFor(row, kind).toSorted()
      const addresses = KINDS.map((kind) => origins[kind].origin)

      const without = (plain ??= await requestAll(await load(), addresses, origins))
      const page = await load({
        serviceName: service,
        distributedTracingOrigins: [
          origins.string.origin,
          new RegExp(`^${origins.pattern.origin.replaceAll('.', '\\.')}$`),
          { match: origins.target.origin, propagators: [target] },
          { match: origins.dryRun.origin, dryRun: true },
        ],
        ...row.options,
      })
      const withAgent = await requestAll(page, addresses, origins)
      const { origins: counts } = await diagnostics(page)

      const contexts: (Context & { way: string; url: string })[] = []
      const [cells, asked]: [string[], string[]] = [[], []]
      for (const kind of KINDS) {
        const all: Headers[] = []
        const names = namesFor(row, kind)
        for (const way of WAYS) {
          const request = withAgent.only(kind, way)
          const ours = difference(request, without.only(kind, way), `${kind} ${way}`)
          all.push(ours)
          expect(Object.keys(ours).toSorted(), `${kind} ${way}`).toEqual(names.toSorted())
          if (!names.length) continue
          const formats = kind === 'target' ? [target] : row.formats
          // Baggage alone has no ids.
          const context =
            names.join() === 'baggage' ? { traceId: '', spanId: '', sampled: true } : contextIn(ours)
          const expected = [
            ...formats.map((format) => FORMATS[format](context)),
            kind === 'target' ? {} : (row.more?.(context, ours) ?? {}),
          ]
          expect(ours, `${kind} ${way}`).toEqual(Object.assign({}, ...expected))
          if (context.traceId)
            contexts.push({ ...context, way, url: `${origins[kind].origin}${request.url}` })
        }
        if (names.length && kind !== 'target') row.check?.(all)

        const before = without.preflights(kind)
        const after = withAgent.preflights(kind)
        const isCross = kind !== 'own'
        const isTarget = !!names.length
        expect(before, `${kind}: preflights without the agent`).toHaveLength(isCross ? PREFLIGHTED : 0)
        expect(after, `${kind}: preflights`).toHaveLength(before.length + (isCross && isTarget ? SIMPLE : 0))
        const list = names.map((name) => name.toLowerCase()).toSorted()
        for (const preflight of after)
          expect(value(preflight, 'access-control-request-headers'), kind).toBe(list.join() || undefined)

        const wouldBe = kind === 'dryRun' && !row.none?.includes('dryRun')
        const newPreflights = isCross && (isTarget || wouldBe) ? SIMPLE : 0
        expect(counts[origins[kind].origin], `${kind}: diagnostics`).toEqual({
          requests: WAYS.length,
          withHeaders: isTarget ? WAYS.length : 0,
          dryRun: wouldBe ? WAYS.length : 0,
          newPreflights,
          ...NO_BEACONS,
        })
        cells.push(summary(names))
        if (isCross) asked.push(`${before.length} → ${after.length} (${newPreflights})`)
      }

      expect(new Set(contexts.map(({ spanId }) => spanId)).size, 'span ids').toBe(contexts.length)
      expect(new Set(contexts.map(({ traceId }) => traceId)).size, 'trace ids').toBe(contexts.length)
      // The servers' spans are to hang under spans that there are.
      const sampled = contexts.filter(({ sampled }) => sampled)
      const spans = sampled.length
        ? await demo.spansOf(service, (all) =>
            sampled.every(({ spanId }) => all.some((span) => span.spanId === spanId)),
          )
        : []
      for (const { traceId, spanId, way, url } of sampled) {
        const span = spans.find((span) => span.spanId === spanId)
        expect(span?.traceId, way).toBe(traceId)
        expect(span?.name, way).toBe(way.split('-')[1])
        expect(span?.attributes['url.full']).toBe(url)
      }
      matrix.push([row.name, ...cells])
      preflights.push([row.name, ...asked])
    })
  }
})

test.describe('what the page has set itself', () => {
  const everything = { propagators: ALL, tracestateMembers: ['es', 'ot', 'dd'], ...BAGGAGE }
  const T = '0af7651916cd43dd8448eb211c80319c'
  const S = 'b7ad6b7169203331'

  for (const [name, value] of [
    ['traceparent', `00-${T}-${S}-01`],
    ['x-datadog-trace-id', '9532127138774266268'],
    ['b3', `${T}-${S}-1`],
  ] as const) {
    test(`${name}: all of ours are left out`, async ({ load, origins }) => {
      const { page, configured } = await open(load, origins, everything, [name])
      for (const way of ['object', 'headers', 'request', 'xhr'])
        for (const server of configured) {
          await send(page, way, server.origin, { [name]: value })
          expect(ours(server, way), `${way} to ${server.origin}`).toEqual({ [name]: value })
        }
      await expectNoneOfOurs(page, configured)
    })
  }

  for (const [propagator, own] of [
    ['b3multi', { b3: `${T}-${S}-1` }],
    ['b3', { 'X-B3-TraceId': T, 'X-B3-SpanId': S, 'X-B3-Sampled': '1' }],
  ] as const) {
    test(`B3 counts in either form: ${propagator}`, async ({ load, origins }) => {
      const allowed = ['b3', ...Object.keys(FORMATS.b3multi(NO_CONTEXT))]
      const { page, configured } = await open(load, origins, { propagators: [propagator] }, allowed)
      for (const way of ['object', 'headers', 'request', 'xhr'])
        for (const server of configured) {
          await send(page, way, server.origin, own)
          const names = Object.keys(ours(server, way)).map((name) => name.toLowerCase())
          expect(names.toSorted(), way).toEqual(
            Object.keys(own)
              .map((name) => name.toLowerCase())
              .toSorted(),
          )
        }
      await expectNoneOfOurs(page, configured)
    })
  }

  test('a traceparent counts in any format', async ({ load, origins }) => {
    const headers = { traceparent: `00-${T}-${S}-01` }
    const { page, configured } = await open(load, origins, { propagators: ['b3'] }, ['traceparent'])
    for (const way of ['object', 'headers', 'request', 'xhr'])
      for (const server of configured) {
        await send(page, way, server.origin, headers)
        expect(ours(server, way)).toEqual(headers)
      }
    await expectNoneOfOurs(page, configured)
  })

  test('in a dry run it counts as nothing that would be sent', async ({ load, origins }) => {
    const { dryRun } = origins
    dryRun.allowed = ['traceparent']
    const page = await load({
      serviceName: 'dry',
      distributedTracingOrigins: { match: dryRun.origin, dryRun: true },
    })
    await send(page, 'object', dryRun.origin, { traceparent: `00-${T}-${S}-01` })
    await send(page, 'xhr', dryRun.origin, { traceparent: `00-${T}-${S}-01` })
    const { origins: counts } = await diagnostics(page)
    expect(counts[dryRun.origin]).toEqual({
      requests: 2,
      withHeaders: 0,
      dryRun: 0,
      newPreflights: 0,
      ...NO_BEACONS,
    })
  })

  test('baggage stays as it is, beside ours', async ({ load, origins }) => {
    const baggage = 'mine=1;property, tenant=c'
    const allowed = [
      ...Object.keys(FORMATS.datadog(NO_CONTEXT)),
      'traceparent',
      'tracestate',
      'b3',
      'baggage',
    ]
    const { page, configured } = await open(load, origins, everything, allowed)
    for (const way of ['object', 'headers', 'request', 'xhr'])
      for (const server of configured) {
        await send(page, way, server.origin, { baggage })
        const received = ours(server, way)
        expect(received['baggage']).toBe(baggage)
        const context = contextIn(received)
        expect(received).toEqual({
          ...FORMATS.tracecontext(context),
          ...FORMATS.datadog(context),
          ...FORMATS.b3(context),
          tracestate: [ES, dd(context), OT].join(),
          baggage,
        })
      }
  })

  test('tracestate is merged: our members on the left, theirs behind', async ({ load, origins }) => {
    const options = { tracestateMembers: ['es', 'ot', 'dd'] }
    const { page, configured } = await open(load, origins, options, ['traceparent', 'tracestate'])
    const tracestate = 'foo=1, dd=s:2;o:app;t.usr.id:x,es=s:0.25,ot=a:b;th:c,bar@vendor=2'
    for (const way of ['object', 'headers', 'request', 'xhr'])
      for (const server of configured) {
        await send(page, way, server.origin, { tracestate })
        const received = ours(server, way)
        const { spanId } = contextIn(received)
        expect(received['tracestate'], way).toBe(
          `es=s:1,dd=t.usr.id:x;s:1;o:rum;p:${spanId},ot=a:b;th:0,foo=1,bar@vendor=2`,
        )
      }
  })

  async function open(
    load: Fixtures['load'],
    { own, string }: Origins,
    options: Options,
    allowed: readonly string[],
  ) {
    string.allowed = allowed
    const page = await load({ serviceName: 'own', distributedTracingOrigins: string.origin, ...options })
    return { page, configured: [own, string] }
  }

  function send(page: Page, way: string, origin: string, headers: Headers): Promise<void> {
    return page.evaluate(
      async ({ way, url, headers }) => {
        if (way === 'object') await fetch(url, { headers })
        else if (way === 'headers') await fetch(url, { headers: new Headers(headers) })
        else if (way === 'request') await fetch(new Request(url, { headers }))
        else {
          const xhr = new XMLHttpRequest()
          xhr.open('GET', url)
          for (const [name, value] of Object.entries(headers)) xhr.setRequestHeader(name, value)
          await new Promise((resolve, reject) => {
            xhr.onload = resolve
            xhr.onerror = reject
            xhr.send()
          })
        }
      },
      { way, url: `${origin}/echo?by=${way}`, headers },
    )
  }

  /** Of all trace headers that came. */
  function ours(server: OriginServer, way: string): Headers {
    const { headers } = only(server.received, way)
    return Object.fromEntries(headers.filter(([name]) => /^(trace|b3$|x-(b3|datadog)-|baggage)/i.test(name)))
  }

  async function expectNoneOfOurs(page: Page, configured: readonly OriginServer[]): Promise<void> {
    const { origins: counts } = await diagnostics(page)
    for (const { origin } of configured)
      expect(counts[origin]).toEqual({
        requests: 4,
        withHeaders: 0,
        dryRun: 0,
        newPreflights: 0,
        ...NO_BEACONS,
      })
  }
})

const NO_CONTEXT: Context = { traceId: '0'.repeat(32), spanId: '0'.repeat(16), sampled: false }

/** The headers that a server of this kind is to receive, as they are written. */
function namesFor({ formats, more, target = 'b3multi', none = [] }: Row, kind: Kind): string[] {
  if (kind === 'dryRun' || kind === 'other' || none.includes(kind)) return []
  if (kind === 'target') return Object.keys(FORMATS[target](NO_CONTEXT))
  const headers = formats.flatMap((format) => Object.keys(FORMATS[format](NO_CONTEXT)))
  return [...headers, ...Object.keys(more?.(NO_CONTEXT, {}) ?? {})]
}

interface Arrived {
  only: (kind: Kind, way: string) => Received
  preflights: (kind: Kind) => Received[]
}

/** Makes every request once to every origin, and fails if one does not come back. */
async function requestAll(page: Page, addresses: string[], origins: Origins): Promise<Arrived> {
  const statuses = await page.evaluate(
    async ({ addresses, methods }) => {
      const statuses: Record<string, number> = {}
      for (const address of addresses)
        for (const method of methods) {
          const body = method === 'POST' ? 'x' : null
          const url = (way: string) => `${address}/echo?by=${way}-${method}`
          const response = await fetch(url('fetch'), { method, body }).catch(() => undefined)
          statuses[url('fetch')] = response?.status ?? 0
          statuses[url('xhr')] = await new Promise((resolve) => {
            const xhr = new XMLHttpRequest()
            xhr.open(method, url('xhr'))
            xhr.onloadend = () => resolve(xhr.status)
            xhr.send(body)
          })
        }
      return statuses
    },
    { addresses, methods: METHODS },
  )
  expect(Object.entries(statuses).filter(([, status]) => status !== 200)).toEqual([])
  expect(Object.keys(statuses)).toHaveLength(addresses.length * WAYS.length)
  const received = Object.fromEntries(
    KINDS.map((kind) => [
      kind,
      origins[kind].received.splice(0).filter(({ url }) => url.startsWith('/echo')),
    ]),
  ) as Record<Kind, Received[]>
  return {
    only: (kind: Kind, way: string) => only(received[kind], way),
    preflights: (kind: Kind) => received[kind].filter(({ method }) => method === 'OPTIONS'),
  }
}

function only(received: readonly Received[], way: string): Received {
  const found = received.filter(({ method, url }) => method !== 'OPTIONS' && url.endsWith(`=${way}`))
  const [first] = found
  if (!first || found.length !== 1) throw new Error(`${found.length} requests by ${way}`)
  return first
}

/** The headers that only the first has; all others have to be the same, value by value. */
function difference(request: Received, plain: Received, what: string): Headers {
  const known = new Set(plain.headers.map(([name]) => name.toLowerCase()))
  const isKnown = ([name]: readonly [string, string]) => known.has(name.toLowerCase())
  expect(request.headers.filter(isKnown).toSorted(), what).toEqual(plain.headers.toSorted())
  const ours = request.headers.filter((header) => !isKnown(header))
  expect(new Set(ours.map(([name]) => name.toLowerCase())).size, `${what}: each once`).toBe(ours.length)
  return Object.fromEntries(ours)
}

function diagnostics(page: Page): Promise<Diagnostics> {
  return page.evaluate(() => (headwater.apm as unknown as Agent).diagnostics())
}

function value({ headers }: Received, name: string): string | undefined {
  return headers.find(([own]) => own.toLowerCase() === name)?.[1]
}

function randomness(tracestate: string): string {
  return /;rv:([0-9a-f]{14})$/.exec(tracestate)?.[1] ?? 'missing'
}

/** Names with one stem stand as one. */
function summary(names: readonly string[]): string {
  const groups = new Map<string, number>()
  for (const name of names) {
    const stem = /^x-(b3|datadog)-/i.exec(name)?.[0]
    const group = stem ? `${stem}*` : name
    groups.set(group, (groups.get(group) ?? 0) + 1)
  }
  return [...groups].map(([name, count]) => (count > 1 ? `${name}×${count}` : name)).join(' ') || '–'
}
