/** WebSocket and EventSource connections as spans, beacons as counts; and a page that notices none of it. */
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'

import { WebSocketServer } from 'ws'

import { browser } from '../support/browsers.js'
import { ERROR, Kind, type Span } from '../support/spans.js'
import { agentScript, expect, test, type Options } from '../support/test.js'

const FULL = 'headwater.full.min.js'

const page = (serverUrl: string, options: Options = {}) => ({
  head: agentScript({ serviceName: '{service}', serverUrl, flushInterval: 20, ...options }, FULL),
})

/** A server that sends back what it gets, and ends as it is told. */
async function echoServer(): Promise<{ url: string; stop: () => void }> {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1', handleProtocols: () => 'shop.v1' })
  server.on('connection', (socket) => {
    socket.on('message', (data, isBinary) => {
      if ((data as Buffer).toString() === 'break') socket.terminate()
      else socket.send(data, { binary: isBinary })
    })
  })
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return { url: `ws://127.0.0.1:${port}`, stop: () => server.close() }
}

const of = (spans: Span[], name: string) => spans.filter((span) => span.name === name)
const has =
  (name: string, count = 1) =>
  (spans: Span[]) =>
    of(spans, name).length >= count

test('a socket is a span from its construction to its end', async ({ open, demo }) => {
  const server = await echoServer()
  const visit = await open(page(demo.collector))
  const parent = await visit.page.evaluate(async (url) => {
    const { apm } = headwater as unknown as { apm: Api }
    const chat = apm.startTransaction('chat', 'custom')
    const socket = apm.withSpan(chat, () => new WebSocket(`${url}/chat?token=secret`, 'shop.v1'))
    socket.binaryType = 'arraybuffer'
    const next = () => new Promise((resolve) => socket.addEventListener('message', resolve, { once: true }))
    await new Promise((resolve) => (socket.onopen = resolve))
    socket.send('hello')
    await next()
    socket.send(new Uint8Array(8))
    await next()
    socket.close(1000, 'bye')
    await new Promise((resolve) => (socket.onclose = resolve))
    chat.end()
    return chat.spanId
  }, server.url)
  const [span, ...more] = of(await visit.spans(has('WebSocket')), 'WebSocket')
  expect(more).toEqual([])
  expect(span).toMatchObject({
    kind: Kind.Client,
    parentSpanId: parent,
    status: {},
    attributes: {
      'url.full': `${server.url}/chat?token=REDACTED`,
      'headwater.connection.messages_sent': 2,
      'headwater.connection.bytes_sent': 13,
      'headwater.connection.messages_received': 2,
      'headwater.connection.bytes_received': 13,
      'headwater.connection.close_code': 1000,
      'headwater.connection.was_clean': true,
      'headwater.connection.subprotocol': 'shop.v1',
    },
  })
  expect(span?.attributes['headwater.connection.opened']).toBeGreaterThan(0)
  expect(visit.errors).toEqual([])
  server.stop()
})

test('one that breaks, and one that nobody answers, are errors', async ({ open, demo }) => {
  const server = await echoServer()
  const visit = await open(page(demo.collector))
  await visit.page.evaluate(async (url) => {
    const socket = new WebSocket(url)
    await new Promise((resolve) => (socket.onopen = resolve))
    socket.send('break')
    await new Promise((resolve) => (socket.onclose = resolve))
    const refused = new WebSocket('ws://127.0.0.1:9')
    await new Promise((resolve) => (refused.onclose = resolve))
  }, server.url)
  const spans = of(await visit.spans(has('WebSocket', 2)), 'WebSocket')
  for (const { status, attributes } of spans) {
    expect(status.code).toBe(ERROR)
    expect(attributes).toMatchObject({ 'error.type': '1006', 'headwater.connection.was_clean': false })
  }
  expect(spans.filter(({ attributes }) => 'headwater.connection.opened' in attributes)).toHaveLength(1)
  server.stop()
})

test('one that is open when the page is left ends then, and says what it has done', async ({
  open,
  demo,
  stage,
}) => {
  const server = await echoServer()
  const visit = await open(page(demo.collector, { flushInterval: 3_600_000 }))
  await visit.page.evaluate(async (url) => {
    const socket = new WebSocket(url)
    await new Promise((resolve) => (socket.onopen = resolve))
    socket.send('hello')
    await new Promise((resolve) => (socket.onmessage = resolve))
  }, server.url)
  await visit.page.goto(`${stage.origin}/echo`)
  const [span] = of(await visit.spans(has('WebSocket')), 'WebSocket')
  expect(span?.attributes).toMatchObject({
    'headwater.connection.messages_sent': 1,
    'headwater.connection.messages_received': 1,
  })
  server.stop()
})

test('an event source is one, too, with how often it has come back', async ({ open, demo, stage }) => {
  let times = 0
  stage.route('/news', (_, response) => {
    times += 1
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    response.write('retry: 20\n\ndata: welcome\n\n')
    // Once it breaks off.
    if (times === 1) setTimeout(() => response.destroy(), 50)
  })
  stage.route('/none', (_, response) => {
    response.writeHead(404).end()
  })
  const visit = await open(page(demo.collector))
  await visit.page.evaluate(async () => {
    const source = new EventSource('/news?token=secret')
    for (let count = 0; count < 2; count += 1)
      await new Promise((resolve) => source.addEventListener('message', resolve, { once: true }))
    source.close()
    source.close()
    const none = new EventSource('/none')
    await new Promise((resolve) => (none.onerror = resolve))
  })
  const spans = of(await visit.spans(has('EventSource', 2)), 'EventSource')
  expect(spans).toHaveLength(2)
  const news = spans.find(({ attributes }) => String(attributes['url.full']).includes('/news'))
  const none = spans.find((span) => span !== news)
  expect(news).toMatchObject({
    kind: Kind.Client,
    status: {},
    attributes: {
      'url.full': `${stage.origin}/news?token=REDACTED`,
      'headwater.connection.messages_received': 2,
      'headwater.connection.bytes_received': 14,
      'headwater.connection.reconnects': 1,
    },
  })
  expect(none?.status.code).toBe(ERROR)
  expect(visit.errors).toEqual([])
})

test('nobody can tell: names, statics, prototypes, subclasses, errors, and all as before after stop', async ({
  open,
  demo,
}) => {
  const visit = await open({
    head: `<script>globalThis.before = [WebSocket, EventSource]</script>${page(demo.collector).head}`,
  })
  const seen = await visit.page.evaluate(() => {
    const failed = (work: () => unknown) => {
      try {
        work()
        return 'nothing'
      } catch (error) {
        return `${(error as Error).name} ${error instanceof DOMException}`
      }
    }
    const look = (type: typeof WebSocket | typeof EventSource, url: string) => {
      class Own extends (type as typeof EventSource) {
        readonly target: unknown
        constructor(url: string) {
          super(url)
          this.target = new.target
        }
      }
      const own = new Own(url)
      const plain = new (type as typeof EventSource)(url)
      const answer = [
        type.name,
        type.length,
        type.CONNECTING,
        Object.getOwnPropertyNames(type).join(),
        Function.prototype.toString.call(type).includes('native code'),
        own instanceof type && own instanceof Own && own.target === Own,
        plain.constructor === type,
        type.prototype.constructor === type,
        Object.prototype.toString.call(plain),
        Object.keys(plain).join(),
        failed(() => (type as unknown as () => void)()),
        failed(() => new (type as typeof EventSource)('http://[')),
        failed(() => Reflect.construct(type, [])),
      ]
      own.close()
      plain.close()
      return answer
    }
    const types = [
      [WebSocket, 'ws://127.0.0.1:9/'],
      [EventSource, '/never'],
    ] as const
    const { before } = globalThis as unknown as { before: (typeof WebSocket)[] }
    const patched = types.map(([type, url]) => look(type, url))
    const isPatched = before.map((native, index) => native !== types[index]?.[0])
    headwater.apm.stop()
    const natives = [WebSocket, EventSource]
    const restored = natives.map(
      (type, index) => type === before[index] && type.prototype.constructor === type,
    )
    const native = [look(WebSocket, 'ws://127.0.0.1:9/'), look(EventSource, '/never')]
    return { patched, native, isPatched, restored }
  })
  expect(seen.patched).toEqual(seen.native)
  expect([seen.isPatched, seen.restored]).toEqual([
    [true, true],
    [true, true],
  ])
})

test('both can be left off', async ({ open, demo }) => {
  const visit = await open(page(demo.collector, { disableInstrumentations: ['websocket', 'eventsource'] }))
  await visit.page.evaluate(async () => {
    new EventSource('/never').close()
    const socket = new WebSocket('ws://127.0.0.1:9')
    await new Promise((resolve) => (socket.onclose = resolve))
    await fetch('/echo')
  })
  const spans = await visit.spans(has('GET'))
  expect([...of(spans, 'WebSocket'), ...of(spans, 'EventSource')]).toEqual([])
})

test('beacons are counted by origin, and those that the browser has not taken', async ({
  open,
  demo,
  stage,
}) => {
  const visit = await open(page(demo.collector))
  const told = await visit.page.evaluate(() => [
    navigator.sendBeacon('/echo?beacon', 'small'),
    navigator.sendBeacon('/echo?beacon', 'x'.repeat(70_000)),
  ])
  // Firefox takes more than the specification says.
  if (browser === 'chromium') expect(told).toEqual([true, false])
  const taken = told.filter((one) => one).length
  await expect.poll(() => stage.received.filter(({ url }) => url === '/echo?beacon').length).toBe(taken)
  const { origins } = (await visit.page.evaluate(() => headwater.apm.diagnostics())) as unknown as {
    origins: Record<string, object>
  }
  expect(origins[stage.origin]).toMatchObject({ beacons: 2, refusedBeacons: 2 - taken, requests: 0 })
})

interface Api {
  startTransaction: (name: string, type: string) => { spanId: string; end: () => void }
  withSpan: <Result>(span: unknown, work: () => Result) => Result
}
