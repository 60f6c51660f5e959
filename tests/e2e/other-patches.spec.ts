/** Others that patch the same page: whoever comes first and goes first, nothing is doubled and nothing breaks. */
import { readFile } from 'node:fs/promises'
import path from 'node:path'

import type { Patcher } from '../patchers/patcher.js'
import { bundle } from '../support/bundle.js'
import { root } from '../support/demo.js'
import { Stage, values } from '../support/stage.js'
import { agentScript, expect, test as base, type Visit } from '../support/test.js'

/** Whose `traceparent` an exchange is to carry, if any, and whether we record it. */
interface Expected {
  traceparent: 'ours' | 'anybody’s' | 'nobody’s'
  recorded: boolean
}
const OURS: Expected = { traceparent: 'ours', recorded: true }
const NOBODYS: Expected = { traceparent: 'nobody’s', recorded: false }

interface Fixtures {
  /** Opens a page with the agent and these scripts ahead of it and behind it. */
  meet: (scripts: { before?: string; after?: string }) => Promise<Visit>
  /** The scripts that load one of `tests/patchers` and start it. */
  patcher: (name: string) => Promise<string>
  /** Sends requests of each kind and checks what arrives, at the servers and at the collector. */
  exchange: (visit: Visit, expected: Expected) => Promise<string[]>
}

const test = base.extend<Fixtures, { cross: { api: Stage; other: Stage } }>({
  cross: [
    async ({}, use) => {
      const [api, other] = [await Stage.start(), await Stage.start()]
      await use({ api, other })
      await Promise.all([api.stop(), other.stop()])
    },
    { scope: 'worker' },
  ],
  patcher: async ({ stage, cross }, use) => {
    await use(async (name) => {
      const script = stage.script(await bundle(`patchers/${name}.ts`, 'other'))
      const given = { intake: `${stage.origin}/theirs`, origins: [stage.origin, cross.api.origin] }
      return `<script src="${script}"></script><script>other.patcher.start(${JSON.stringify(given)})</script>`
    })
  },
  meet: async ({ open, stage, cross }, use) => {
    await use(({ before = '', after = '' }) => {
      const agent = agentScript({
        serviceName: '{service}',
        // Here each payload is seen as it was sent: a collector keeps one of two spans with the same id.
        serverUrl: stage.origin,
        distributedTracingOrigins: [cross.api.origin],
      })
      return open({ head: '<script>const native = fetch</script>' + before + agent + after })
    })
  },
  exchange: async ({ stage, cross }, use) => {
    await use(async ({ page, errors }, { traceparent, recorded }) => {
      const tag = (tags += 1)
      const outcomes = await page.evaluate(sendAll, {
        tag,
        api: cross.api.origin,
        other: cross.other.origin,
      })
      expect(new Set(Object.values(outcomes)), JSON.stringify(outcomes)).toEqual(new Set([200]))
      const found: string[] = []
      for (const kind of Object.keys(outcomes)) {
        const server = kind.startsWith('other') ? cross.other : kind.startsWith('api') ? cross.api : stage
        const sent = values(server.only(`x=${tag}-${kind}.`), 'traceparent')
        const allowed = server !== cross.other && traceparent !== 'nobody’s'
        const pattern = traceparent === 'ours' ? OUR_TRACEPARENT : TRACEPARENT
        expect.soft(sent, kind).toEqual(allowed ? [expect.stringMatching(pattern)] : [])
        found.push(...sent)
      }
      expect.soft(new Set(found).size, 'each has an id of its own').toBe(found.length)
      await page.evaluate(() => headwater.apm.flush())
      const counts = () =>
        Object.fromEntries(Object.keys(outcomes).map((kind) => [kind, spansOf(`x=${tag}-${kind}.`)]))
      const spansOf = (text: string) => {
        const bodies = stage.received
          .filter(({ url }) => url === '/v1/traces')
          .map(({ body }) => body.toString('latin1'))
        return bodies.reduce((count, body) => count + body.split(text).length - 1, 0)
      }
      const wanted = Object.fromEntries(Object.keys(outcomes).map((kind) => [kind, recorded ? 1 : 0]))
      await expect.soft.poll(counts, { timeout: 3000, message: 'spans' }).toEqual(wanted)
      expect.soft(errors).toEqual([])
      return found
    })
  },
})

for (const first of ['theirs', 'ours'] as const) {
  for (const leaves of ['theirs', 'ours'] as const) {
    test(`a page’s own wrapper: ${first} first, and ${leaves} leaves first`, async ({
      meet,
      patcher,
      exchange,
      stage,
    }) => {
      const theirs = await patcher('wrapper')
      const visit = await meet(first === 'theirs' ? { before: theirs } : { after: theirs })
      await exchange(visit, OURS)
      const wrapped = stage.received.filter((request) => values(request, 'x-own').length > 0)
      expect(wrapped.length).toBeGreaterThan(0)
      for (const request of wrapped) expect(values(request, 'x-own')).toEqual(['theirs'])

      const { page } = visit
      const stopTheirs = () => page.evaluate(() => other.patcher.stop?.())
      const stopOurs = () => page.evaluate(() => headwater.apm.stop())
      await (leaves === 'theirs' ? stopTheirs() : stopOurs())
      // Below us, theirs puts back the native in our place; XHR's `open` and `send`, too.
      await exchange(visit, leaves === 'theirs' && first === 'ours' ? OURS : NOBODYS)
      await (leaves === 'theirs' ? stopOurs() : stopTheirs())
      await exchange(visit, NOBODYS)
      // Theirs, above us, has kept what it found; by then that only passes calls on.
      const restored = !(first === 'ours' && leaves === 'ours')
      expect(await page.evaluate(() => fetch === native)).toBe(restored)

      await page.evaluate(
        (serverUrl) => void initApm({ serviceName: 'again', serverUrl, distributedTracingOrigins: [/./] }),
        stage.origin,
      )
      expect(await page.evaluate(() => headwater.apm.isActive())).toBe(true)
      const echo = await page.evaluate(async () => (await fetch('/echo?x=again')).json() as Promise<Echo>)
      expect(echo.headers.filter(([name]) => name === 'traceparent')).toHaveLength(1)
    })
  }
}

for (const first of ['theirs', 'ours'] as const) {
  test(`a polyfilled fetch over XHR, ${first} first: one span and one traceparent`, async ({
    meet,
    patcher,
    exchange,
  }) => {
    const theirs = await patcher('polyfill')
    const visit = await meet(first === 'theirs' ? { before: theirs } : { after: theirs })
    await exchange(visit, OURS)
    await visit.page.evaluate(() => headwater.apm.stop())
    await exchange(visit, NOBODYS)
  })

  for (const name of ['elastic', 'datadog', 'opentelemetry']) {
    for (const leaves of ['theirs', 'ours'] as const) {
      // Only one of them can be stopped.
      if (name !== 'opentelemetry' && leaves === 'theirs') continue
      test(`${name}’s agent on the page, ${first} first, and ${leaves} leaves first: one traceparent`, async ({
        meet,
        patcher,
        exchange,
      }) => {
        // They add to what they get without looking, below everything of ours: docs/propagation.md.
        test.fail(first === 'theirs' && name !== 'opentelemetry', 'their fetch joins both traceparents')
        const theirs = await patcher(name)
        const visit = await meet(first === 'theirs' ? { before: theirs } : { after: theirs })
        await exchange(visit, { traceparent: 'anybody’s', recorded: true })
        const { page } = visit
        const stopTheirs = () => page.evaluate(() => other.patcher.stop?.())
        const stopOurs = () => page.evaluate(() => headwater.apm.stop())
        if (leaves === 'theirs') {
          await stopTheirs()
          await exchange(visit, OURS)
          await stopOurs()
        } else {
          await stopOurs()
          await exchange(visit, { traceparent: 'anybody’s', recorded: false })
          if (name !== 'opentelemetry') return
          await stopTheirs()
        }
        await exchange(visit, NOBODYS)
      })
    }
  }

  test(`zone.js, ${first} first: promises and zones are as without us`, async ({
    open,
    meet,
    exchange,
    stage,
  }) => {
    const theirs = `<script src="${stage.script(await bundle('patchers/zone.ts', 'other'))}"></script>`
    const visit = await meet(first === 'theirs' ? { before: theirs } : { after: theirs })
    const alone = await open({ head: theirs })
    const saw = await visit.page.evaluate(lookAtZones)
    expect(saw).toEqual(await alone.page.evaluate(lookAtZones))
    expect(saw).toEqual({ inThen: 'page', chainedIsPromise: true, inLoad: 'page', tasks: ['busy', 'idle'] })
    await exchange(visit, OURS)
    await visit.page.evaluate(() => headwater.apm.stop())
    await exchange(visit, NOBODYS)
    expect(await visit.page.evaluate(lookAtZones)).toEqual(saw)
  })
}

test('Mock Service Worker mocks, refuses and passes on', async ({ meet, exchange, stage }) => {
  const script = stage.script(await bundle('patchers/mocks.ts', 'mocks'))
  const worker = stage.script(
    await readFile(path.join(root, 'node_modules/msw/lib/mockServiceWorker.js'), 'utf8'),
  )
  const visit = await meet({ after: `<script src="${script}"></script>` })
  await visit.page.evaluate((url) => mocks.start(url), worker)
  const saw = await visit.page.evaluate(async () => {
    const byFetch = await fetch('/mocked?by=fetch')
    const mocked = (await byFetch.json()) as { mocked: string; traceparent: string }
    const byXhr = await viaXhr('GET', '/mocked?by=xhr')
    const refused = await fetch('/refused?by=fetch').catch((error: unknown) => (error as Error).name)
    return { status: byFetch.status, mocked, byXhr, refused }
  })
  expect(saw).toEqual({
    status: 203,
    mocked: { mocked: '?by=fetch', traceparent: expect.stringMatching(OUR_TRACEPARENT) as unknown },
    byXhr: 203,
    refused: 'TypeError',
  })
  expect(stage.received.filter(({ url }) => /^\/(mocked|refused)/.test(url))).toEqual([])
  // Passed on: the worker asks the servers.
  await exchange(visit, OURS)
  await visit.page.evaluate(() => headwater.apm.stop())
  await exchange(visit, NOBODYS)
  await visit.page.evaluate(() => mocks.stop())
})

for (const [what, answer] of [
  ['hands on the request', 'fetch(event.request)'],
  ['makes a request of its own', 'fetch(new Request(event.request, { headers: event.request.headers }))'],
] as const) {
  test(`a service worker that ${what}: headers reach the server once`, async ({ meet, exchange, stage }) => {
    const worker = stage.script(`
      addEventListener('install', () => skipWaiting())
      addEventListener('activate', (event) => event.waitUntil(clients.claim()))
      addEventListener('fetch', (event) => event.respondWith(${answer}))
    `)
    const visit = await meet({})
    await visit.page.evaluate(async (url) => {
      const controlled = new Promise((resolve) =>
        navigator.serviceWorker.addEventListener('controllerchange', resolve, { once: true }),
      )
      await navigator.serviceWorker.register(url, { scope: '/' })
      await controlled
    }, worker)
    await exchange(visit, OURS)
    await visit.page.evaluate(() => headwater.apm.stop())
    await exchange(visit, NOBODYS)
  })
}

/** Runs in the page. */
async function sendAll({ tag, api, other }: { tag: number; api: string; other: string }) {
  const outcomes: Record<string, unknown> = {}
  const at = (origin: string, kind: string) => `${origin}/echo?x=${tag}-${kind}.`
  const send = async (kind: string, run: (kind: string) => Promise<unknown>) => {
    try {
      outcomes[kind] = await run(kind)
    } catch (error) {
      outcomes[kind] = String(error)
    }
  }
  const own = location.origin
  const status = async (promise: Promise<Response>) => (await promise).status
  await send('own-fetch', (kind) => status(fetch(at(own, kind))))
  await send('own-post', (kind) =>
    status(
      fetch(at(own, kind), { method: 'POST', body: '{}', headers: { 'content-type': 'application/json' } }),
    ),
  )
  await send('own-headers', (kind) =>
    status(fetch(at(own, kind), { headers: new Headers({ 'x-more': '1' }) })),
  )
  await send('own-request', (kind) =>
    status(fetch(new Request(at(own, kind), { headers: { 'x-more': '1' } }))),
  )
  await send('own-xhr', (kind) => viaXhr('POST', at(own, kind), { 'x-more': '1' }))
  await send('api-fetch', (kind) => status(fetch(at(api, kind))))
  await send('api-xhr', (kind) => viaXhr('GET', at(api, kind)))
  await send('other-fetch', (kind) => status(fetch(at(other, kind))))
  await send('other-xhr', (kind) => viaXhr('GET', at(other, kind)))
  return outcomes
}

/** Runs in the page. */
async function lookAtZones() {
  const tasks: string[] = []
  const zone = Zone.current.fork({
    name: 'page',
    onHasTask: (_delegate, _current, _target, { change, macroTask }) => {
      if (change === 'macroTask') tasks.push(macroTask ? 'busy' : 'idle')
    },
  })
  const inThen = await new Promise<string>((resolve) => {
    zone.run(() => void fetch('/echo?zones').then(() => resolve(Zone.current.name)))
  })
  const chained = zone.run(() => fetch('/echo?zones').then((response) => response.status))
  const chainedIsPromise = chained instanceof Promise
  await chained
  const inLoad = await new Promise<string>((resolve) => {
    zone.run(() => {
      const request = new XMLHttpRequest()
      request.open('GET', '/echo?zones')
      request.onload = () => resolve(Zone.current.name)
      request.send()
    })
  })
  // A task ends after what it has called.
  await new Promise((resolve) => setTimeout(resolve, 200))
  return { inThen, chainedIsPromise, inLoad, tasks }
}

let tags = 0

const TRACEPARENT = /^00-[0-9a-f]{32}-[0-9a-f]{16}-0[0-3]$/
/** Ours says that its trace id is random. */
const OUR_TRACEPARENT = /^00-[0-9a-f]{32}-[0-9a-f]{16}-03$/

interface Echo {
  headers: [name: string, value: string][]
}

/** Made by the bundles. */
declare const other: { patcher: Patcher }
declare const mocks: { start(url: string): Promise<unknown>; stop(): void }
/** What the page had before anybody came. */
declare const native: typeof fetch
/** What is used of zone.js. */
interface ZoneLike {
  name: string
  fork(spec: {
    name: string
    onHasTask: (
      delegate: unknown,
      current: unknown,
      target: unknown,
      state: { change: string; macroTask: boolean },
    ) => void
  }): ZoneLike
  run<Result>(run: () => Result): Result
}
declare const Zone: { current: ZoneLike }
