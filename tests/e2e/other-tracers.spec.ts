/**
 * What other tracers make of our headers, and we of theirs: real requests, given to the code that reads them
 * on Datadog’s and OpenTelemetry’s servers.
 */
import { readFile, writeFile } from 'node:fs/promises'
import path from 'node:path'

import type { Transaction } from '../../js-wrapper/src/types.js'
import { root } from '../support/demo.js'
import { AGENT, OriginServer } from '../support/origin-server.js'
import { loadDatadog, loadOpenTelemetry, type Extracted } from '../support/other-tracers.js'
import { source } from '../support/source.js'
import { table } from '../support/table.js'
import { expect, test as base, type Options } from '../support/test.js'
import type { Format, Headers } from '../support/trace-headers.js'
import { vectors } from '../support/tracer-vectors.js'

/** How the page load was decided on, and Datadog’s name for that. */
const DECISIONS = {
  sampled: { priority: 1, rate: 1, call: '' },
  unsampled: { priority: 0, rate: 0, call: '' },
  keep: { priority: 2, rate: 0, call: 'transaction.keep()' },
  drop: { priority: -1, rate: 1, call: 'transaction.drop()' },
} as const
type Decision = keyof typeof DECISIONS

interface Row {
  name: string
  formats: Format[]
  /** Members of `tracestate`. */
  members?: string[]
  decisions?: Decision[]
  options?: Options
  /** What the page’s server has left. */
  metas?: () => string
  baggage?: Record<string, string>
  check?: (headers: Headers) => void
}

const T = '0af7651916cd43dd8448eb211c80319c'
const S = 'b7ad6b7169203331'
const ALL = ['es', 'ot', 'dd']

const ROWS: Row[] = [
  { name: 'tracecontext', formats: ['tracecontext'] },
  { name: 'tracecontext, dd', formats: ['tracecontext'], members: ['dd'] },
  { name: 'tracecontext, es ot dd', formats: ['tracecontext'], members: ALL },
  { name: 'datadog', formats: ['datadog'] },
  { name: 'tracecontext + datadog', formats: ['tracecontext', 'datadog'] },
  { name: 'tracecontext + datadog, es ot dd', formats: ['tracecontext', 'datadog'], members: ALL },
  { name: 'b3', formats: ['b3'] },
  { name: 'b3multi', formats: ['b3multi'] },
  {
    name: 'all + baggage, es ot dd',
    formats: ['tracecontext', 'datadog', 'b3'],
    members: ALL,
    baggage: { tenant: 'a b,é;="\\%', region: 'eu' },
  },
  {
    name: 'a session, es ot dd',
    formats: ['tracecontext', 'datadog'],
    members: ALL,
    decisions: ['sampled'],
    options: { samplingMode: 'session' },
    check: ({ tracestate }) => expect(tracestate).toMatch(/,ot=th:0;rv:[0-9a-f]{14}$/),
  },
  {
    name: 'a server’s trace, es ot dd',
    formats: ['tracecontext'],
    members: ALL,
    decisions: ['sampled'],
    metas: () =>
      meta('traceparent', `00-${T}-${S}-01`) +
      meta('tracestate', 'vendor=1,es=s:0.25,ot=th:8;rv:a0000000000000,other@system=2'),
    check: ({ traceparent, tracestate = '' }) => {
      expect(traceparent, 'without the random flag').toMatch(new RegExp(`^00-${T}-[0-9a-f]{16}-01$`))
      const members = tracestate.split(',')
      for (const member of ['vendor=1', 'es=s:0.25', 'other@system=2']) expect(members).toContain(member)
      const ot = members.find((member) => member.startsWith('ot='))
      expect(ot?.slice(3).split(';').sort()).toEqual(['rv:a0000000000000', 'th:8'])
    },
  },
  {
    name: 'Datadog’s 64 bits, es ot dd',
    formats: ['tracecontext', 'datadog', 'b3'],
    members: ALL,
    metas: () => meta('dd-trace-id', BigInt(`0x${T.slice(16)}`)) + meta('dd-trace-time', Date.now()),
    check: (headers) => {
      expect(headers['traceparent']).toContain(`-${'0'.repeat(16)}${T.slice(16)}-`)
      expect(headers).not.toHaveProperty('x-datadog-tags')
    },
  },
]

const OTEL = await loadOpenTelemetry()
const DATADOGS = loadDatadog()

interface Fixtures {
  /** Opens a page that sends requests while it loads. */
  load: (page: {
    options: Options
    metas?: string | undefined
    /** JavaScript, ahead of the requests: there is a `transaction`. */
    call?: string
  }) => Promise<Loaded>
}

interface Loaded {
  /** The page load’s. */
  traceId: string
  /** By `fetch` and by XHR. */
  requests: { way: string; headers: Headers }[]
  /** The ids of the span that a request became, as they reached the collector. */
  arrived: (way: string) => Promise<{ traceId: string; spanId: string }>
}

const WAYS = ['fetch', 'xhr']

const test = base.extend<Fixtures, { server: OriginServer }>({
  server: [
    async ({}, use) => {
      const server = await OriginServer.start()
      await use(server)
      await server.stop()
    },
    { scope: 'worker' },
  ],
  load: async ({ page, server, demo }, use) => {
    await use(async ({ options, metas = '', call = '' }) => {
      const service = `other-tracers-${(count += 1)}`
      const config = { serviceName: service, serverUrl: demo.collector, flushInterval: 20, ...options }
      server.received = []
      server.page =
        `<!doctype html><html lang="en"><head>${metas}<script src="${AGENT}"></script>` +
        `<script>initApm(${source(config)})</script><title>Test</title></head><body><script>
          globalThis.transaction = headwater.apm.getCurrentTransaction()
          ${call}
          const xhr = new XMLHttpRequest()
          xhr.open('GET', '/echo?by=xhr')
          xhr.send()
          globalThis.requested = Promise.all([
            fetch('/echo?by=fetch'),
            new Promise((resolve) => { xhr.onloadend = resolve }),
          ])
        </script></body></html>`
      await page.goto(server.origin)
      const traceId = await page.evaluate(() => requested.then(() => transaction.traceId))
      const requests = WAYS.map((way) => {
        const found = server.received.filter(({ url }) => url.endsWith(`=${way}`))
        if (!found[0] || found.length > 1) throw new Error(`${found.length} requests by ${way}`)
        return { way, headers: traceHeaders(found[0].headers) }
      })
      const arrived = async (way: string) => {
        const isIt = ({ attributes }: { attributes: { 'url.full'?: unknown } }) =>
          attributes['url.full'] === `${server.origin}/echo?by=${way}`
        const spans = await demo.spansOf(service, (all) => all.some(isIt))
        const span = spans.find(isIt)
        if (!span) throw new Error('it is there')
        return span
      }
      return { traceId, requests, arrived }
    })
  },
})

let count = 0

// The rows make one table.
test.describe('what we send', () => {
  test.describe.configure({ mode: 'default' })
  const lines: string[][] = [
    ['configuration', 'decision', 'headers', ...DATADOGS.map(({ name }) => name), OTEL.name],
  ]

  test.afterAll(() => {
    if (lines.length === 1) return
    console.log(
      '\nWhat was sent, and extracted. T and S: the trace, and the span of the request as it reached the ' +
        `collector; p: priority, f: flags.\n\n${table(lines)}\n`,
    )
  })

  for (const row of ROWS)
    for (const decision of row.decisions ?? (Object.keys(DECISIONS) as Decision[]))
      test(`${row.name}: ${decision}`, async ({ load }) => {
        const { formats, members = [], baggage } = row
        const { priority, rate, call } = DECISIONS[decision]
        const isSampled = priority > 0
        const { traceId, requests, arrived } = await load({
          options: {
            propagators: baggage ? [...formats, 'baggage'] : formats,
            tracestateMembers: members,
            transactionSampleRate: rate,
            ...(baggage ? { baggage } : {}),
            ...row.options,
          },
          metas: row.metas?.(),
          call,
        })
        const cells = []
        for (const { way, headers } of requests) {
          const span = isSampled ? await arrived(way) : { traceId, spanId: spanIdIn(headers) }
          expect(span.traceId, way).toBe(traceId)
          const { spanId } = span
          const meant = { traceId, spanId, priority, hasDd: members.includes('dd') }
          row.check?.(headers)
          expectConsistent(headers)

          const extracted: string[] = []
          for (const datadog of DATADOGS) {
            for (const format of formats)
              expect(datadog.extract(headers, [STYLES[format]]), `${datadog.name}: ${format}`).toEqual({
                ...meaning(format, meant),
                // Its own baggage comes along with any style; the header is one more.
                baggage: {},
              })
            const first = formats.find((format) => format === 'datadog') ?? formats[0]
            if (!first) throw new Error('no row is without a format')
            const isB3 = first.startsWith('b3')
            const read = datadog.extract(headers, isB3 ? [STYLES[first]] : undefined)
            expect(read, datadog.name).toEqual({ ...meaning(first, meant), baggage: baggage ?? {} })
            extracted.push(cell(read, meant))
            if (!isB3) expectPassedOn(headers, datadog.passOn(headers), meaning(first, meant))
          }

          const otel: string[] = []
          for (const format of formats) {
            if (format === 'datadog') continue
            const read = OTEL.extract(format, headers)
            const flags =
              format === 'tracecontext' ? Number(`0x${headers['traceparent']?.slice(-2)}`) : +isSampled
            const tracestate = format === 'tracecontext' ? (headers['tracestate'] ?? '') : ''
            expect(read, `OpenTelemetry: ${format}`).toEqual({ traceId, spanId, flags, tracestate })
            expect(flags & 1).toBe(+isSampled)
            otel.push(`T S f=${flags}`)
          }
          expect(OTEL.extractBaggage(headers)).toEqual(baggage ?? {})
          cells.push([summary(headers), ...extracted, [...new Set(otel)].join(', ') || '–'])
        }
        expect(cells[1], 'fetch and XHR are alike').toEqual(cells[0])
        lines.push([row.name, decision, ...(cells[0] ?? [])])
      })

  test('without the tag for the upper half they would be two traces', async ({ load }) => {
    const { requests } = await load({ options: { propagators: ['tracecontext', 'datadog'] } })
    const { 'x-datadog-tags': tags, ...headers } = requests[0]?.headers ?? {}
    expect(tags).toBeDefined()
    for (const datadog of DATADOGS)
      expect(datadog.extract(headers)?.links, datadog.name).toEqual(['terminated_context:tracecontext'])
  })
})

test.describe('what their servers leave in the page goes on to the next server', () => {
  const ours = {
    propagators: ['tracecontext', 'datadog', 'b3', 'baggage'],
    tracestateMembers: ALL,
    baggage: { tier: 'gold' },
  }
  const baggage = { 'user.id': 'a b,é;="\\%', region: 'eu' }
  const ids = { traceId: T, spanId: S }

  for (const datadog of DATADOGS)
    for (const priority of [-1, 0, 1, 2] as const)
      test(`${datadog.name}, priority ${priority}`, async ({ load }) => {
        const tracestate = 'es=s:0.25,vendor=1,ot=rv:a0000000000000'
        const headers = datadog.inject({ ...ids, priority, tracestate, origin: 'web', baggage }, [
          'tracecontext',
          'baggage',
        ])
        const page = await load({ options: ours, metas: metasOf(headers) })
        expect(page.traceId).toBe(T)
        for (const { way, headers } of page.requests) {
          expectConsistent(headers)
          const spanId = priority > 0 ? (await page.arrived(way)).spanId : spanIdIn(headers)
          const meant = { traceId: T, spanId, priority, hasDd: true }
          const expected = { ...meaning('tracecontext', meant), baggage: {} }
          // Its own decision maker.
          expected.tags['_dd.p.dm'] = '-1'
          for (const datadog of DATADOGS) {
            expect(datadog.extract(headers, ['tracecontext']), datadog.name).toEqual(expected)
            const both = { ...meaning('datadog', meant), baggage: { ...baggage, tier: 'gold' } }
            // It makes this one an attribute by default.
            both.tags['baggage.user.id'] = baggage['user.id']
            expect(datadog.extract(headers), datadog.name).toEqual(both)
            const members = partsOf(datadog.passOn(headers)['tracestate'])
            expect(members.get('vendor')).toBe('1')
            expect(members.get('es')).toBe('s:0.25')
            expect(members.get('ot')).toBe('rv:a0000000000000')
          }
        }
      })

  for (const flags of [0, 1, 2, 3])
    test(`${OTEL.name}, flags ${flags}`, async ({ load }) => {
      const tracestate = flags & 1 ? 'ot=th:8;rv:a0000000000000,vendor=1' : 'ot=rv:70000000000000,vendor=1'
      const metas = metasOf(OTEL.inject('tracecontext', { ...ids, flags, tracestate, baggage }))
      const page = await load({ options: ours, metas })
      expect(page.traceId).toBe(T)
      for (const { way, headers } of page.requests) {
        expectConsistent(headers)
        const spanId = flags & 1 ? (await page.arrived(way)).spanId : spanIdIn(headers)
        const read = OTEL.extract('tracecontext', headers)
        expect({ ...read, tracestate: '' }).toEqual({ traceId: T, spanId, flags, tracestate: '' })
        const members = partsOf(read?.tracestate)
        expect(members.get('vendor')).toBe('1')
        expect(members.get('ot')?.split(';').sort().join(';')).toBe(
          flags & 1 ? 'rv:a0000000000000;th:8' : 'rv:70000000000000',
        )
        expect(OTEL.extractBaggage(headers)).toEqual({ ...baggage, tier: 'gold' })
        for (const datadog of DATADOGS)
          expect(datadog.extract(headers)?.priority, datadog.name).toBe(flags & 1)
      }
    })
})

test('the vectors of our own parsers are what these packages write', async () => {
  const file = path.join(root, 'crate/tests/data/other-tracers.json')
  const text = `${JSON.stringify(vectors(DATADOGS, OTEL), null, 2)}\n`
  // After an update of the packages.
  if (process.env['UPDATE_VECTORS'] === '1') await writeFile(file, text)
  expect(JSON.parse(await readFile(file, 'utf8'))).toEqual(JSON.parse(text))
})

interface Meant {
  traceId: string
  spanId: string
  priority: number
  /** Whether there is our `dd` member. */
  hasDd: boolean
}

/** What a Datadog tracer has to read in one format. */
function meaning(format: Format, { traceId, spanId, priority, hasDd }: Meant): Omit<Extracted, 'baggage'> {
  const upper = traceId.slice(0, 16)
  const tags: Record<string, string> = /[^0]/.test(upper) ? { '_dd.p.tid': upper } : {}
  const common = { traceId, spanId, tags, links: [] }
  if (format === 'datadog') return { ...common, priority, origin: 'rum' }
  // A person’s word for dropping has no form in B3.
  if (format !== 'tracecontext') return { ...common, priority: Math.max(priority, 0), origin: undefined }
  if (!hasDd) return { ...common, priority: +(priority > 0), origin: undefined }
  tags['_dd.parent_id'] = spanId
  if (priority === 2 || priority === -1) tags['_dd.p.dm'] = '-4'
  return { ...common, priority, origin: 'rum' }
}

/** Where the flag contradicts a priority, a tracer takes the flag: it would not be what we mean. */
function expectConsistent({ traceparent = '', tracestate, ...others }: Headers): void {
  const priorities = [
    /^s:(-?\d)/.exec(partsOf(tracestate).get('dd') ?? '')?.[1],
    others['x-datadog-sampling-priority'],
  ]
  for (const priority of priorities)
    if (traceparent && priority) expect(Number(priority) > 0, traceparent).toBe(/[13]$/.test(traceparent))
  const [upper] = /[0-9a-f]{16}/.exec(traceparent) ?? []
  if (upper && others['x-datadog-trace-id'])
    expect(others['x-datadog-tags']).toBe(/[^0]/.test(upper) ? `_dd.p.tid=${upper}` : undefined)
}

/** The next server gets the same trace, and what is not Datadog’s as it was. */
function expectPassedOn(sent: Headers, passedOn: Headers, meaning: Omit<Extracted, 'baggage'>): void {
  const { traceId, spanId, priority } = meaning
  expect(passedOn['x-datadog-sampling-priority']).toBe(String(priority))
  const flags = (priority ?? 0) > 0 ? '01' : '00'
  expect(passedOn['traceparent']).toBe(`00-${traceId}-${spanId}-${flags}`)
  const others = (tracestate = '') => tracestate.split(',').filter((member) => !/^(dd=|$)/.test(member))
  expect(others(passedOn['tracestate'])).toEqual(others(sent['tracestate']))
  // It may be encoded in another way.
  expect(OTEL.extractBaggage(passedOn)).toEqual(OTEL.extractBaggage(sent))
}

/** The members of `tracestate`. */
function partsOf(tracestate = ''): Map<string, string> {
  return new Map(
    tracestate.split(',').map((member): [string, string] => {
      const at = member.indexOf('=')
      return [member.slice(0, at), member.slice(at + 1)]
    }),
  )
}

function traceHeaders(headers: readonly [name: string, value: string][]): Headers {
  return Object.fromEntries(headers.filter(([name]) => /^(trace|b3$|x-(b3|datadog)-|baggage)/i.test(name)))
}

/** What a server’s template makes of them. */
function metasOf(headers: Headers): string {
  return Object.entries(headers)
    .map(([name, value]) => meta(name, value))
    .join('')
}

function meta(name: string, content: string | number | bigint): string {
  return `<meta name="${name}" content="${content}">`
}

/** In the first format that there is; what is extracted from all others has to agree. */
function spanIdIn({ traceparent, b3, ...others }: Headers): string {
  const datadog = others['x-datadog-parent-id']
  const decimal = datadog === undefined ? undefined : BigInt(datadog).toString(16).padStart(16, '0')
  return traceparent?.split('-')[2] ?? b3?.split('-')[1] ?? others['X-B3-SpanId'] ?? decimal ?? ''
}

function cell(read: Extracted | undefined, { traceId, spanId }: Meant): string {
  if (!read) return '–'
  const tags = Object.entries(read.tags).map(([name, value]) => {
    const short = name.replace(/^_dd\.(p\.)?/, '')
    if (value === spanId) return `${short}=S`
    return value === traceId.slice(0, 16) ? `${short}=T↑` : `${short}=${value}`
  })
  return [
    read.traceId === traceId ? 'T' : read.traceId,
    read.spanId === spanId ? 'S' : read.spanId,
    `p=${read.priority}`,
    read.origin,
    ...tags,
    ...read.links,
    Object.keys(read.baggage).length ? `baggage×${Object.keys(read.baggage).length}` : '',
  ]
    .filter(Boolean)
    .join(' ')
}

/** Names with one stem stand as one; the members of `tracestate` follow it. */
function summary(headers: Headers): string {
  const groups = new Map<string, number>()
  for (const name of Object.keys(headers).toSorted()) {
    const stem = /^x-(b3|datadog)-/i.exec(name)?.[0]
    const members = [...partsOf(headers[name]).keys()].join(' ')
    const group = stem ? `${stem}*` : name === 'tracestate' ? `${name}(${members})` : name
    groups.set(group, (groups.get(group) ?? 0) + 1)
  }
  return [...groups].map(([name, times]) => (times > 1 ? `${name}×${times}` : name)).join(' ')
}

/** How Datadog’s option names the formats, in both majors. */
const STYLES: Record<Format, string> = {
  tracecontext: 'tracecontext',
  datadog: 'datadog',
  b3: 'b3 single header',
  b3multi: 'b3multi',
}

declare const requested: Promise<unknown>
declare const transaction: Transaction
