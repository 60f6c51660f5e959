/**
 * Popular clients, as their packages are, work with the agent on the page as without it: the page sees the
 * same, the servers get the same and one `traceparent` where it belongs, and each request is one span.
 */
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import path from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'

import { buildSchema, graphql } from 'graphql'
import { Server as SocketServer } from 'socket.io'

import type { Reply, Servers } from '../clients/common.js'
import { bundle } from '../support/bundle.js'
import { root } from '../support/demo.js'
import { Kind, type Span } from '../support/spans.js'
import { Stage, values, type ReceivedRequest } from '../support/stage.js'
import { table } from '../support/table.js'
import { agentScript, expect, test as base, type Visit } from '../support/test.js'

/** Programs in `tests/clients`, with the packages that they use. */
const CLIENTS: Record<string, readonly string[]> = {
  axios: ['axios'],
  ky: ['ky'],
  ofetch: ['ofetch'],
  superagent: ['superagent'],
  jquery: ['jquery'],
  'graphql-request': ['graphql-request', 'graphql'],
  apollo: ['@apollo/client', 'graphql', 'rxjs'],
  'tanstack-query': ['@tanstack/query-core'],
  htmx: ['htmx.org'],
  'htmx-2': ['htmx-2'],
  'socket-io': ['socket.io-client', 'socket.io'],
  'event-stream': ['eventsource-parser'],
  'fetch-event-source': ['@microsoft/fetch-event-source'],
  angular: ['@angular/common', '@angular/core', 'rxjs'],
}

interface Seen {
  saw: unknown
  /** By origin. */
  received: Map<string, ReceivedRequest[]>
}

const test = base.extend<object, { servers: Servers; logs: Map<string, ReceivedRequest[]> }>({
  logs: [async ({}, use) => use(new Map()), { scope: 'worker' }],
  servers: [
    async ({ stage, logs }, use) => {
      const [api, other] = [await Stage.start(), await Stage.start()]
      for (const one of [stage, api, other]) {
        answerClients(one)
        logs.set(one.origin, one.received)
      }
      const sockets = [await startSockets(logs), await startSockets(logs)] as const
      await use({
        own: stage.origin,
        api: api.origin,
        other: other.origin,
        sockets: { api: sockets[0].origin, other: sockets[1].origin },
      })
      await Promise.all([api.stop(), other.stop(), ...sockets.map(({ stop }) => stop())])
    },
    { scope: 'worker' },
  ],
})

for (const name of Object.keys(CLIENTS)) {
  test(`${name} works as without the agent, with one traceparent and one span for each request`, async ({
    open,
    stage,
    demo,
    servers,
    logs,
  }) => {
    const program = `<script src="${stage.script(await bundle(`clients/${name}.ts`, 'client'))}"></script>`
    const traced = [servers.own, servers.api, servers.sockets.api]
    const agent = agentScript({
      serviceName: '{service}',
      serverUrl: demo.collector,
      distributedTracingOrigins: [servers.api, servers.sockets.api],
      propagateTracestate: true,
    })
    const plain = await open({ head: program })
    const expected = await run(plain, servers, logs)
    const visit = await open({ head: agent + program })
    const found = await run(visit, servers, logs)

    expect(found.saw).toEqual(expected.saw)
    expect(visit.errors).toEqual(plain.errors)
    expect(visit.console.sort()).toEqual(plain.console.sort())

    const sent: string[] = []
    for (const [origin, requests] of found.received) {
      const own = traced.includes(origin)
      // What asks first does so anyway, or because of our headers where those are wanted.
      const comparable = (all: ReceivedRequest[]) =>
        all
          .filter(({ method }) => !own || method !== 'OPTIONS')
          .map(withoutTrace(own))
          .sort()
      const before = expected.received.get(origin) ?? []
      // How often somebody polls is a matter of time.
      if (name !== 'socket-io') expect(comparable(requests), origin).toEqual(comparable(before))
      for (const request of requests.filter(({ method }) => method !== 'OPTIONS')) {
        const line = `${request.method} ${origin}${request.url}`
        sent.push(line)
        expect(values(request, 'traceparent'), line).toEqual(own ? [expect.stringMatching(TRACEPARENT)] : [])
        expect(values(request, 'tracestate'), line).toEqual(own ? ['es=s:1'] : [])
      }
    }
    expect(sent.length, 'the client has sent something').toBeGreaterThan(5)

    expect(await visit.page.evaluate(() => headwater.apm.isActive())).toBe(true)
    await visit.page.evaluate(() => headwater.apm.flush())
    const spans = (await visit.spans((all) => all.filter(isRequest).length >= sent.length)).filter(isRequest)
    expect(spans.map((span) => `${span.name} ${String(span.attributes['url.full'])}`).sort()).toEqual(
      sent.sort(),
    )
    const ids = [...found.received.values()]
      .flat()
      .flatMap((request) => values(request, 'traceparent'))
      .map((traceparent) => traceparent.slice(3, 52))
    const recorded = new Set(spans.map(({ traceId, spanId }) => `${traceId}-${spanId}`))
    expect(new Set(ids).size, 'each has an id of its own').toBe(ids.length)
    expect(ids.filter((id) => !recorded.has(id))).toEqual([])
  })
}

test('the list of clients', () => {
  const rows = Object.entries(CLIENTS).map(([name, packages]) => [
    name,
    packages.map((used) => `${used} ${versionOf(used)}`).join(', '),
  ])
  console.log(`\n${table([['Client', 'Packages'], ...rows])}\n`)
})

async function run(visit: Visit, servers: Servers, logs: Map<string, ReceivedRequest[]>): Promise<Seen> {
  const starts = new Map([...logs].map(([origin, log]) => [origin, log.length]))
  const saw: unknown = await visit.page.evaluate(async (given) => {
    // Whatever is no JSON is left out on both sides.
    return JSON.parse(JSON.stringify(await client.use(given))) as unknown
  }, servers)
  // Some things are said last, by the console and by a client that leaves.
  await wait(200)
  return {
    saw,
    received: new Map(
      [...logs].map(([origin, log]) => [origin, log.slice(starts.get(origin)).filter(isFirst)]),
    ),
  }
}

/** The browser itself asks again where a connection that it has used before breaks. */
function isFirst({ url }: ReceivedRequest, index: number, all: ReceivedRequest[]): boolean {
  return !url.startsWith('/broken') || all.findIndex((request) => request.url === url) === index
}

/** What is the same on each visit. */
function withoutTrace(traced: boolean): (request: ReceivedRequest) => string {
  return ({ method, url, headers, body }) =>
    JSON.stringify({
      method,
      url,
      headers: headers
        .filter(([name]) => !traced || !/^trace(parent|state)$/.test(name))
        .map(([name, value]) => [name, value.replace(/\/page\/\d+/, '/page')])
        .sort(),
      body: body.toString('latin1'),
    })
}

function isRequest(span: Span): boolean {
  return span.kind === Kind.Client && span.attributes['http.request.method'] !== undefined
}

function answerClients(stage: Stage): void {
  stage.route('/reply', ({ method, url, headers, body }, response) => {
    const [, own = ''] = headers.find(([name]) => name === 'x-own') ?? []
    response.setHeader('content-type', 'application/json')
    response.end(JSON.stringify({ method, url, body: body.toString(), own } satisfies Reply))
  })
  stage.route('/fragment', ({ method, body }, response) => {
    response.setHeader('content-type', 'text/html')
    response.end(`<b>${method} ${body.toString()}</b>`)
  })
  stage.route('/missing', (_request, response) => void response.writeHead(404).end('missing'))
  stage.route('/failing', (_request, response) => void response.writeHead(500).end('failing'))
  let failed = false
  stage.route('/flaky', (_request, response) => {
    failed = !failed
    response.writeHead(failed ? 503 : 200, { 'content-type': 'text/plain' }).end('at last')
  })
  stage.route('/graphql', async ({ method, url, body }, response) => {
    const given = (
      method === 'GET'
        ? Object.fromEntries(new URL(url, stage.origin).searchParams)
        : JSON.parse(body.toString())
    ) as GraphQLCall | GraphQLCall[]
    const results = await Promise.all([given].flat().map(answerGraphQL))
    response.setHeader('content-type', 'application/json')
    response.end(JSON.stringify(Array.isArray(given) ? results : results[0]))
  })
  stage.route('/events', async (_request, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    for (const id of [1, 2, 3]) {
      response.write(`id: ${id}\nevent: count\ndata: {"count":`)
      await wait(20)
      response.write(`${id}}\n\n`)
    }
    response.end()
  })
  stage.route('/endless-events', (_request, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    const timer = setInterval(() => response.write('data: drop\n\n'), 20)
    response.on('close', () => clearInterval(timer))
  })
}

interface GraphQLCall {
  query: string
  variables?: string | Record<string, unknown>
}

function answerGraphQL({ query, variables }: GraphQLCall) {
  return graphql({
    schema: SCHEMA,
    source: query,
    rootValue: {
      product: ({ id }: { id: string }) => ({ id, name: `Sock ${id}` }),
      rename: ({ name }: { name: string }) => ({ id: '1', name }),
    },
    variableValues:
      typeof variables === 'string' ? (JSON.parse(variables) as Record<string, unknown>) : variables,
  })
}

const SCHEMA = buildSchema(`
  type Product { id: ID!, name: String! }
  type Query { product(id: ID!): Product }
  type Mutation { rename(name: String!): Product }
`)

/** A socket.io server that notes each HTTP request but preflights. */
async function startSockets(logs: Map<string, ReceivedRequest[]>) {
  const server = createServer()
  const io = new SocketServer(server, {
    cors: { origin: '*', allowedHeaders: ['content-type', 'traceparent', 'tracestate'] },
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const log: ReceivedRequest[] = []
  logs.set(origin, log)
  io.engine.on('headers', (_headers: unknown, { method = '', url = '', rawHeaders }: IncomingMessage) => {
    const headers = rawHeaders.flatMap((name, index): [string, string][] =>
      index % 2 ? [] : [[name.toLowerCase(), rawHeaders[index + 1] ?? '']],
    )
    log.push({ method, url, headers, body: Buffer.alloc(0) })
  })
  io.on('connection', (socket) => {
    socket.emit('news', 'welcome')
    socket.on('echo', (message: unknown, done: (answer: unknown) => void) => done(message))
  })
  return { origin, stop: () => io.close() }
}

function versionOf(name: string): string {
  const file = path.join(root, 'node_modules', name, 'package.json')
  const { version } = JSON.parse(readFileSync(file, 'utf8')) as { version: string }
  return version
}

const TRACEPARENT = /^00-[0-9a-f]{32}-[0-9a-f]{16}-03$/

/** Made by the bundle of each client. */
declare const client: { use: (servers: Servers) => Promise<unknown> }
