/** Servers of other environments name the trace they have recorded, and spans link to it if they are trusted. */
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import path from 'node:path'

import { root, type Demo } from '../support/demo.js'
import { source } from '../support/source.js'
import { only, type AttributeValue, type Span } from '../support/spans.js'
import { expect, test as base, type Options, type Visit } from '../support/test.js'

const REMOTE = { traceId: '9ebcb29c62799212c16d6e68154308bf', spanId: 'e631e43cce981d1a' }
const CONTEXT = `00-${REMOTE.traceId}-${REMOTE.spanId}-01`
const ID = '747dc706-46dc6e7f@dt'
const EXPOSED = { 'access-control-expose-headers': 'server-timing, traceresponse, x-dt-tracestate, x-env' }
const TIMED = { 'timing-allow-origin': '*' }

/** A server of another environment: it answers with the headers that its URL names. */
class Remote {
  readonly port: number
  readonly #server: Server

  private constructor(server: Server) {
    this.#server = server
    this.port = (server.address() as AddressInfo).port
    server.on('request', (request, response) => {
      const { pathname, searchParams } = new URL(request.url ?? '/', 'http://remote')
      response.setHeader('access-control-allow-origin', '*')
      response.setHeader('access-control-allow-headers', 'traceparent, tracestate')
      const headers = JSON.parse(searchParams.get('headers') ?? '{}') as Record<string, string>
      for (const [name, value] of Object.entries(headers)) {
        // A server that has joined names the trace of the request.
        const [, traceId = ''] = String(request.headers['traceparent']).split('-')
        response.setHeader(name, value.replace('{joined}', traceId))
      }
      response.setHeader('content-type', TYPES[path.extname(pathname)] ?? 'application/json')
      const status = searchParams.has('to') ? 302 : Number(searchParams.get('status') ?? 200)
      response.writeHead(request.method === 'OPTIONS' ? 200 : status)
      response.end(BODIES[path.extname(pathname)] ?? '{"remote":true}')
    })
  }

  static async start(): Promise<Remote> {
    const server = createServer()
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    return new Remote(server)
  }

  async stop(): Promise<void> {
    this.#server.close()
    this.#server.closeAllConnections()
    await once(this.#server, 'close')
  }

  /** Two origins of one server, which have different names. */
  get origin(): string {
    return `http://localhost:${this.port}`
  }

  get other(): string {
    return `http://127.0.0.1:${this.port}`
  }
}

const TYPES: Partial<Record<string, string>> = { '.js': 'text/javascript', '.svg': 'image/svg+xml' }
const BODIES: Partial<Record<string, string>> = {
  '.js': 'globalThis.ran = true',
  '.svg': '<svg xmlns="http://www.w3.org/2000/svg" width="1" height="1"/>',
}

const answering = (origin: string, headers: Record<string, string>, more = '') =>
  `${origin}/answer?${more}headers=${encodeURIComponent(JSON.stringify(headers))}`

interface Shop extends Visit {
  /** Requests a URL and reads the response, in this way. @returns the request's span, its links among it. */
  request: (by: By, url: string) => Promise<Linked>
  ignoredTraces: () => Promise<number>
}

interface Linked extends Span {
  links: Link[]
}

interface Link {
  traceId: string
  /** Empty if the server has named none. */
  spanId: string
  attributes: Record<string, AttributeValue>
}

type By = 'fetch' | 'XMLHttpRequest'
const BOTH: By[] = ['fetch', 'XMLHttpRequest']

const test = base.extend<
  {
    /** Opens a page that trusts the remote's first origin, unless its options say otherwise. */
    shop: (options?: Options, body?: string) => Promise<Shop>
  },
  { remote: Remote }
>({
  remote: [
    async ({}, use) => {
      const remote = await Remote.start()
      await use(remote)
      await remote.stop()
    },
    { scope: 'worker' },
  ],
  shop: async ({ open, demo, remote }, use) => {
    await use(async (options = {}, body = '') => {
      const trusted = [{ name: 'payments', origins: [remote.origin] }]
      const all = { serverUrl: demo.collector, trustedRemoteEnvironments: trusted, ...options }
      const visit = await open({ head: agent(all), body })
      expect(await visit.page.evaluate(() => headwater.apm.isActive()), visit.console.join()).toBe(true)
      return Object.assign(visit, {
        request: (by: By, url: string) => request(demo, visit, by, url),
        ignoredTraces: () =>
          visit.page.evaluate(() => (headwater.apm as unknown as FullAgent).diagnostics().ignoredTraces),
      })
    })
  },
})

/** The full build, which the stage does not serve, and its start. */
function agent(options: Options): string {
  const file = readFileSync(path.join(root, 'js-wrapper/dist/headwater.full.min.js'))
  // Long enough for the resource's entry, which comes behind the response.
  const all = { serviceName: '{service}', flushInterval: 400, ...options }
  return (
    `<script src="data:text/javascript;base64,${file.toString('base64')}"></script>` +
    `<script>initApm(${source(all)})</script>`
  )
}

async function request(demo: Demo, visit: Visit, by: By, url: string): Promise<Linked> {
  const mark = `mark=${(count += 1)}&`
  await visit.page.evaluate(
    async ([how, marked]) => {
      if (how === 'fetch') await (await fetch(marked)).text()
      else await viaXhr('GET', marked)
    },
    [by, url.replace('?', `?${mark}`)] as const,
  )
  const isIt = ({ name, attributes }: Span) => name === 'GET' && String(attributes['url.full']).includes(mark)
  const spans = await visit.spans((all) => all.some(isIt))
  return linked(demo, only(spans.filter(isIt), visit.service, 'GET'))
}

let count = 0

/** With what the handy form of a span leaves out. */
async function linked(demo: Demo, span: Span): Promise<Linked> {
  const response = await fetch(`${demo.collector}/api/traces/${span.traceId}`)
  const { resourceSpans } = (await response.json()) as RawTraces
  const spans = resourceSpans.flatMap(({ scopeSpans }) => scopeSpans.flatMap((scope) => scope.spans))
  const found = spans.find(({ spanId }) => spanId === span.spanId)
  if (!found) throw new Error(`no span ${span.spanId}`)
  const links = (found.links ?? []).map(({ traceId, spanId = '', attributes = [] }) => ({
    traceId,
    spanId: /^0*$/.test(spanId) ? '' : spanId,
    attributes: Object.fromEntries(attributes.map(({ key, value }) => [key, value.stringValue])),
  }))
  return { ...span, links }
}

/** What a link to the remote looks like. */
const link = (id?: string, more: Partial<Link> = {}): Link => ({
  ...REMOTE,
  attributes: {
    'link.reason': 'remote_environment',
    'remote.environment.name': 'payments',
    ...(id ? { 'remote.environment.id': id } : {}),
    'server.address': 'localhost',
  },
  ...more,
})

const CARRIERS = [
  ['Server-Timing trace', { 'server-timing': `cdn;desc=HIT, trace;desc=${CONTEXT}` }, REMOTE.spanId],
  ['Server-Timing traceparent', { 'server-timing': `traceparent;desc="${CONTEXT}"` }, REMOTE.spanId],
  ['Server-Timing dtTrId', { 'server-timing': `dtRpid;desc="-1", dtTrId;desc="${REMOTE.traceId}"` }, ''],
  ['traceresponse', { traceresponse: CONTEXT }, REMOTE.spanId],
] as const

for (const by of BOTH) {
  test.describe(by, () => {
    for (const [name, headers, spanId] of CARRIERS) {
      test(`${name} of a trusted environment is linked, if CORS exposes it`, async ({ shop, remote }) => {
        const page = await shop()
        const exposed = { ...headers, ...EXPOSED, 'x-dt-tracestate': ID }
        const span = await page.request(by, answering(remote.origin, exposed))
        expect(span.links).toEqual([link(ID, { spanId })])
        expect([span.traceId, span.parentSpanId], 'nothing of theirs is taken over').toEqual([
          expect.not.stringContaining(REMOTE.traceId),
          '',
        ])
        const hidden = await page.request(by, answering(remote.origin, { ...headers, 'x-dt-tracestate': ID }))
        expect(hidden.links).toEqual([])
        const other = await page.request(by, answering(remote.other, exposed))
        expect(other.links, 'another origin').toEqual([])
        expect(await page.ignoredTraces()).toBe(1)
        expect(page.console).toEqual([])
      })

      test(`${name}, if Timing-Allow-Origin alone lets it through`, async ({ shop, remote }) => {
        const page = await shop()
        const timed = { ...headers, ...TIMED, 'x-dt-tracestate': ID }
        const span = await page.request(by, answering(remote.origin, timed))
        // The header is no metric.
        expect(span.links).toEqual(name === 'traceresponse' ? [] : [link(undefined, { spanId })])
        const both = await page.request(by, answering(remote.origin, { ...timed, ...EXPOSED }))
        expect(both.links, 'told in both ways').toEqual([link(ID, { spanId })])
        expect(await page.ignoredTraces()).toBe(0)
        expect(page.console).toEqual([])
      })
    }

    test('the id that an environment gives itself has to be one of its own', async ({ shop, remote }) => {
      const page = await shop({
        trustedRemoteEnvironments: [
          { name: 'payments', origins: [remote.origin], environmentIds: ['first@dt', ID] },
        ],
      })
      const headers = { 'server-timing': `trace;desc=${CONTEXT}`, ...EXPOSED }
      const right = await page.request(by, answering(remote.origin, { ...headers, 'x-dt-tracestate': ID }))
      expect(right.links).toEqual([link(ID)])
      expect(await page.ignoredTraces()).toBe(0)
      for (const [wrong, ignored] of [
        [{ 'x-dt-tracestate': 'other@dt' }, 1],
        [{ 'x-dt-tracestate': `${ID}x` }, 2],
        [{}, 3],
      ] as const) {
        const span = await page.request(by, answering(remote.origin, { ...headers, ...wrong }))
        expect(span.links, JSON.stringify(wrong)).toEqual([])
        expect(await page.ignoredTraces()).toBe(ignored)
      }
      const metric = { ...headers, 'server-timing': `env;desc="${ID}", trace;desc=${CONTEXT}` }
      expect((await page.request(by, answering(remote.origin, metric))).links).toEqual([link(ID)])
      const timed = { ...TIMED, 'server-timing': metric['server-timing'] }
      expect((await page.request(by, answering(remote.origin, timed))).links).toEqual([link(ID)])
    })

    test('the header that names the environment can have another name', async ({ shop, remote }) => {
      const page = await shop({
        trustedRemoteEnvironments: [{ name: 'payments', origins: [remote.origin], header: 'X-Env' }],
      })
      const headers = { traceresponse: CONTEXT, ...EXPOSED, 'x-env': 'shop.prod_1', 'x-dt-tracestate': ID }
      const span = await page.request(by, answering(remote.origin, headers))
      expect(span.links).toEqual([link('shop.prod_1')])
    })

    test('after redirects the final URL decides', async ({ shop, remote }) => {
      const page = await shop()
      const headers = { traceresponse: CONTEXT, ...EXPOSED }
      const redirect = (from: string, to: string) => {
        const location = answering(to, headers)
        return answering(from, { location }, `to&`)
      }
      const trusted = await page.request(by, redirect(remote.other, remote.origin))
      expect(trusted.attributes['server.address'], 'as requested').toBe('127.0.0.1')
      expect(trusted.links).toEqual([link()])
      expect(await page.ignoredTraces()).toBe(0)
      const untrusted = await page.request(by, redirect(remote.origin, remote.other))
      expect(untrusted.attributes['server.address'], 'as requested').toBe('localhost')
      expect(untrusted.links).toEqual([])
      expect(await page.ignoredTraces()).toBe(1)
      expect(page.console).toEqual([])
    })

    test('after a redirect Timing-Allow-Origin tells of the final URL, too', async ({ shop, remote }) => {
      const page = await shop()
      const headers = { 'server-timing': `trace;desc=${CONTEXT}`, ...TIMED }
      const redirect = (from: string, to: string) =>
        answering(from, { location: answering(to, headers), ...TIMED }, `to&`)
      expect((await page.request(by, redirect(remote.other, remote.origin))).links).toEqual([link()])
      expect((await page.request(by, redirect(remote.origin, remote.other))).links).toEqual([])
    })

    test('a server that has joined names its span', async ({ shop, remote }) => {
      const page = await shop({ distributedTracingOrigins: [remote.origin, remote.other] })
      const joined = { 'server-timing': `trace;desc=00-{joined}-${REMOTE.spanId}-01`, ...EXPOSED }
      for (const origin of [remote.origin, remote.other]) {
        const span = await page.request(by, answering(origin, joined))
        expect(span.attributes['peer.span_id'], origin).toBe(REMOTE.spanId)
        expect('sampled_downstream' in span.attributes, 'we have sampled it').toBe(false)
        expect(span.links).toEqual([])
      }
      const other = await page.request(by, answering(remote.origin, { traceresponse: CONTEXT, ...EXPOSED }))
      expect('peer.span_id' in other.attributes).toBe(false)
      expect(await page.ignoredTraces()).toBe(0)
    })

    test('a server that has sampled what we have not is told of', async ({ shop, remote }) => {
      const page = await shop({
        distributedTracingOrigins: [remote.origin],
        transactionSampleRate: 0,
        sampleOnError: true,
      })
      const timing = (flags: string) => ({
        'server-timing': `trace;desc=00-{joined}-${REMOTE.spanId}-${flags}`,
        ...EXPOSED,
      })
      for (const [flags, sampled] of [
        ['01', true],
        ['00', undefined],
      ] as const) {
        const span = await page.request(by, answering(remote.origin, timing(flags), 'status=500&'))
        expect(span.attributes['peer.span_id']).toBe(REMOTE.spanId)
        expect(span.attributes['sampled_downstream'], flags).toBe(sampled)
      }
      // It asks us to record the trace, too; what has not failed would not be sent otherwise.
      const asked = await page.request(by, answering(remote.origin, timing('01')))
      expect(asked.attributes['sampled_downstream']).toBe(true)
      expect('headwater.sampled_on_error' in asked.attributes).toBe(false)
    })

    test('nonsense is no link, and nothing to count', async ({ shop, remote }) => {
      const page = await shop()
      for (const headers of [
        { 'server-timing': `trace;desc=${CONTEXT.toUpperCase()}` },
        { 'server-timing': `trace;desc=00-${'0'.repeat(32)}-${REMOTE.spanId}-01` },
        { traceresponse: 'nonsense' },
      ]) {
        const span = await page.request(by, answering(remote.origin, { ...headers, ...EXPOSED }))
        expect(span.links, JSON.stringify(headers)).toEqual([])
      }
      expect(await page.ignoredTraces()).toBe(0)
      expect(page.console).toEqual([])
    })
  })
}

test('with nobody to trust nothing is read', async ({ shop, remote }) => {
  const page = await shop({ trustedRemoteEnvironments: [] })
  const headers = { traceresponse: CONTEXT, ...EXPOSED, ...TIMED }
  for (const by of BOTH) expect((await page.request(by, answering(remote.origin, headers))).links).toEqual([])
  expect(await page.ignoredTraces()).toBe(0)
})

test('of several environments each has its origins and its name', async ({ shop, remote }) => {
  const page = await shop({
    trustedRemoteEnvironments: [
      { name: 'payments', origins: ['https://pay.example', remote.origin] },
      { name: 'stock', origins: [remote.other], environmentIds: ['stock'], header: 'x-env' },
    ],
  })
  const headers = { traceresponse: CONTEXT, ...EXPOSED }
  for (const by of BOTH) {
    expect((await page.request(by, answering(remote.origin, headers))).links).toEqual([link()])
    const stock = await page.request(by, answering(remote.other, { ...headers, 'x-env': 'stock' }))
    expect(stock.links.map(({ attributes }) => attributes)).toEqual([
      {
        'link.reason': 'remote_environment',
        'remote.environment.name': 'stock',
        'remote.environment.id': 'stock',
        'server.address': '127.0.0.1',
      },
    ])
  }
  expect(await page.ignoredTraces()).toBe(0)
})

test('the page sees its responses as they are', async ({ shop, open, remote }) => {
  const observe = async (urls: string[]) => {
    const seen: unknown[] = []
    for (const url of urls) {
      const response = await fetch(url)
      const { status, statusText, type, redirected, bodyUsed, url: final } = response
      const headers = [...response.headers]
      const own = [
        Object.getOwnPropertyNames(response),
        Object.getPrototypeOf(response) === Response.prototype,
      ]
      const body = await response.text()
      seen.push({ status, statusText, type, redirected, bodyUsed, final, headers, own, body })

      const xhr = new XMLHttpRequest()
      xhr.open('GET', url)
      await new Promise((resolve) => {
        xhr.onload = resolve
        xhr.send()
      })
      seen.push([
        xhr.status,
        xhr.responseURL,
        xhr.getAllResponseHeaders(),
        xhr.responseText,
        Object.keys(xhr),
      ])
    }
    return seen
  }
  const headers = { traceresponse: CONTEXT, 'server-timing': `trace;desc=${CONTEXT}`, 'x-dt-tracestate': ID }
  const urls = [
    { ...headers, ...EXPOSED, ...TIMED },
    { ...headers, ...EXPOSED },
    headers,
    { ...headers, 'access-control-expose-headers': 'traceresponse' },
  ].flatMap((some) => [
    answering(remote.origin, some),
    answering(remote.other, { location: answering(remote.origin, some) }, 'to&'),
  ])
  const plain = await open({})
  const expected = await plain.page.evaluate(observe, urls)
  expect(expected).toHaveLength(16)
  const page = await shop()
  expect(await page.page.evaluate(observe, urls)).toEqual(expected)
  // Such as `Refused to get unsafe header`.
  expect(page.console).toEqual([])
  expect(page.errors).toEqual([])
})

test('resources of the page load are linked where Timing-Allow-Origin lets it through', async ({
  shop,
  remote,
  demo,
}) => {
  const timing = { 'server-timing': `env;desc="${ID}", trace;desc=${CONTEXT}` }
  const url = (origin: string, file: string, headers: object) =>
    answering(origin, headers as Record<string, string>)
      .replace('/answer', file)
      .replaceAll("'", '%27')
  const body = [
    `<img src='${url(remote.origin, '/told.svg', { ...timing, ...TIMED })}'>`,
    `<script src='${url(remote.origin, '/told.js', { ...timing, ...TIMED })}'></script>`,
    `<img src='${url(remote.origin, '/hidden.svg', timing)}'>`,
    `<script src='${url(remote.origin, '/nothing.js', TIMED)}'></script>`,
    `<img src='${url(remote.other, '/untrusted.svg', { ...timing, ...TIMED })}'>`,
  ].join('')
  const page = await shop({}, body)
  const spans = await page.spans((all) => all.some(({ name }) => name === 'documentLoad'))
  const linksOf = async (file: string) =>
    (await linked(demo, only(spans, page.service, 'resourceFetch', file))).links
  expect(await linksOf('/told.svg')).toEqual([link(ID)])
  expect(await linksOf('/told.js')).toEqual([link(ID)])
  for (const file of ['/hidden.svg', '/nothing.js', '/untrusted.svg'])
    expect(await linksOf(file), file).toEqual([])
  expect(await page.page.evaluate(() => ran)).toBe(true)
  expect(page.console).toEqual([])
})

interface FullAgent {
  diagnostics(): { ignoredTraces: number }
}

interface RawTraces {
  resourceSpans: {
    scopeSpans: {
      spans: {
        spanId: string
        links?: {
          traceId: string
          spanId?: string
          attributes?: { key: string; value: { stringValue?: string } }[]
        }[]
      }[]
    }[]
  }[]
}

declare const ran: boolean
