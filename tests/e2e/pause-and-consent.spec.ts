/** `pause()`, consent, `stop()` and several agents, as a page and the servers see them. */
import { NATIVE_FETCH } from '../support/browsers.js'
import { values } from '../support/stage.js'
import { agentScript, expect, test, type Options } from '../support/test.js'

for (const file of ['headwater.min.js', 'headwater.full.min.js']) {
  test.describe(file, () => {
    const start = (options: Options) => agentScript(options, file)

    test('a paused agent adds no headers and records nothing, and goes on later', async ({
      open,
      demo,
      stage,
    }) => {
      const shop = await open({
        head: start({ serviceName: '{service}', serverUrl: demo.collector, flushInterval: 10 }),
      })
      const mark = `pause-${file}-${shop.service}`
      await shop.page.evaluate(async (query) => {
        await fetch(`/echo?${query}-before&`)
        const underWay = fetch(`/echo?${query}-under-way&`)
        headwater.apm.pause()
        await underWay
        await fetch(`/echo?${query}-paused&`)
        await viaXhr('GET', `/echo?${query}-paused-xhr&`)
        headwater.apm.resume()
        await fetch(`/echo?${query}-after&`)
        await headwater.apm.flush()
      }, mark)
      const has = (name: string) => values(stage.only(`${mark}-${name}&`), 'traceparent').length
      expect(['before', 'under-way', 'paused', 'paused-xhr', 'after'].map(has)).toEqual([1, 1, 0, 0, 1])
      const spans = await shop.spans((all) =>
        all.some(({ attributes }) => url(attributes).includes('-after')),
      )
      const requests = spans.filter(({ name }) => name === 'GET')
      expect(
        requests.map(({ attributes }) => /-(before|under-way|paused|after)/.exec(url(attributes))?.[1]),
      ).toEqual(expect.arrayContaining(['before', 'under-way', 'after']))
      expect(requests).toHaveLength(3)
      expect(shop.errors).toEqual([])
    })

    for (const consent of ['pending', 'denied']) {
      test(`consent ${consent}: nothing is recorded, stored or sent before it is granted`, async ({
        open,
        stage,
      }) => {
        const sessions = file.includes('full') ? { samplingMode: 'session' } : {}
        const options = {
          serviceName: '{service}',
          serverUrl: `${stage.origin}/collector-${consent}-${file}`,
          flushInterval: 10,
          consent,
          ...sessions,
        }
        const shop = await open({ head: start(options) })
        const mark = `consent-${consent}-${file}-${shop.service}`
        const sent = () => stage.received.filter(({ url }) => url.startsWith(`/collector-${consent}-${file}`))
        const stored = await shop.page.evaluate(async (query) => {
          await fetch(`/echo?${query}-before&`)
          await new Promise((resolve) => setTimeout(resolve, 50))
          dispatchEvent(new Event('pagehide'))
          await headwater.apm.flush()
          return localStorage.length
        }, mark)
        expect(stored).toBe(0)
        expect(sent()).toEqual([])
        expect(values(stage.only(`${mark}-before&`), 'traceparent')).toEqual([])

        await shop.page.evaluate(async (query) => {
          headwater.apm.setConsent('granted')
          await fetch(`/echo?${query}-granted&`)
          await headwater.apm.flush()
        }, mark)
        expect(values(stage.only(`${mark}-granted&`), 'traceparent')).toHaveLength(1)
        const bodies = Buffer.concat(sent().map(({ body }) => body)).toString('latin1')
        expect(bodies).toContain('-granted')
        expect(bodies, 'what was before is not made up for').not.toMatch(/-before|documentLoad|resourceFetch/)
        const before = sent().length

        await shop.page.evaluate(async (query) => {
          await fetch(`/echo?${query}-withdrawn&`)
          headwater.apm.setConsent('denied')
          headwater.apm.resume()
          await fetch(`/echo?${query}-denied&`)
          dispatchEvent(new Event('pagehide'))
          await headwater.apm.flush()
        }, mark)
        expect(values(stage.only(`${mark}-denied&`), 'traceparent')).toEqual([])
        expect(
          Buffer.concat(
            sent()
              .slice(before)
              .map(({ body }) => body),
          ).toString('latin1'),
        ).not.toContain('-denied')
      })
    }

    test('stopped, nothing of it is left, and it starts again', async ({ open, demo, stage }) => {
      const shop = await open({
        head:
          `<script>${String(watchMemory)};watchMemory()</script>` +
          start({ serviceName: '{service}', serverUrl: demo.collector, flushInterval: 10 }),
      })
      const mark = `stop-${file}-${shop.service}`
      const seen = await shop.page.evaluate(async (query) => {
        // As others do who wrap it.
        Object.assign(globalThis, { kept: fetch })
        const text = () => Function.prototype.toString.call(fetch)
        headwater.apm.stop()
        const stopped = [headwater.apm.isActive(), text(), Object.keys(XMLHttpRequest.prototype).length]
        await fetch(`/echo?${query}-stopped&`)
        await (kept as typeof fetch)(`/echo?${query}-kept&`)
        return stopped
      }, mark)
      expect(seen).toEqual([
        false,
        NATIVE_FETCH,
        await shop.page.evaluate(() => Object.keys(XMLHttpRequest.prototype).length),
      ])
      for (const name of ['stopped', 'kept'])
        expect(values(stage.only(`${mark}-${name}&`), 'traceparent')).toEqual([])
      await expect
        .poll(async () => {
          await shop.page.requestGC()
          return shop.page.evaluate(() => memories.filter((memory) => memory.deref()).length)
        })
        .toBe(0)
      await shop.page.evaluate(
        async ([serverUrl, query]) => {
          initApm({ serviceName: 'again', serverUrl })
          await fetch(`/echo?${query}-again&`)
        },
        [demo.collector, mark] as const,
      )
      expect(values(stage.only(`${mark}-again&`), 'traceparent')).toHaveLength(1)
    })

    test('two agents make one traceparent and one span of a request, and leave in any order', async ({
      open,
      demo,
      stage,
    }) => {
      const shop = await open({
        head: start({ serviceName: '{service}', serverUrl: demo.collector, flushInterval: 10 }),
      })
      const mark = `two-${file}-${shop.service}`
      await shop.page.evaluate(
        async ([serverUrl, query, service]) => {
          const second = headwater.createAgent()
          second.init({ serviceName: `${service}-second`, serverUrl, flushInterval: 10 })
          second.init({ serviceName: 'third', serverUrl })
          await fetch(`/echo?${query}-both&`)
          await viaXhr('POST', `/echo?${query}-both-xhr&`)
          headwater.apm.stop()
          await fetch(`/echo?${query}-second&`)
          await second.flush()
          second.stop()
          await fetch(`/echo?${query}-none&`)
        },
        [demo.collector, mark, shop.service] as const,
      )
      const count = (name: string) => values(stage.only(`${mark}-${name}&`), 'traceparent')
      for (const name of ['both', 'both-xhr', 'second'])
        expect(count(name), name).toEqual([expect.stringMatching(/^00-[0-9a-f]{32}-[0-9a-f]{16}-0[0-3]$/)])
      expect(count('none')).toEqual([])
      expect(shop.console).toEqual(['warning: [headwater] init was called before; this call is ignored'])
      const spans = await demo.spansOf(`${shop.service}-second`, (all) =>
        all.some((span) => url(span.attributes).includes('-second&')),
      )
      expect(spans.filter(({ name }) => name === 'GET' || name === 'POST')).toHaveLength(3)
      const first = await shop.spans((all) => all.some(({ name }) => name === 'documentLoad'))
      expect(first.filter(({ name }) => name === 'GET' || name === 'POST')).toEqual([])
    })
  })
}

/** Keeps weak references to all memories of modules. */
function watchMemory(): void {
  const references: WeakRef<WebAssembly.Memory>[] = []
  const Native = WebAssembly.Instance
  WebAssembly.Instance = function (module: WebAssembly.Module, imports: WebAssembly.Imports) {
    const instance = new Native(module, imports)
    const memory = Object.values(instance.exports).find((value) => value instanceof WebAssembly.Memory)
    if (memory) references.push(new WeakRef(memory))
    return instance
  } as unknown as typeof Native
  Object.assign(globalThis, { memories: references })
}

function url(attributes: Record<string, unknown>): string {
  return String(attributes['url.full'])
}

declare const kept: unknown
declare const memories: WeakRef<WebAssembly.Memory>[]
