/** What the agent makes of its configuration: nothing throws, and mistakes are explained once. */
import { browser, NATIVE_FETCH } from '../support/browsers.js'
import { only, type Span } from '../support/spans.js'
import { agentScript, expect, test } from '../support/test.js'

const BAD: Record<string, [option: string, value: unknown, shown: string, allowed: string][]> = {
  'the service name': [
    ['serviceName', undefined, 'undefined', 'letters'],
    ['serviceName', '', '""', 'letters'],
    ['serviceName', 'shop/web', '"shop/web"', 'letters'],
    ['serviceName', 7, '7', 'letters'],
    ['serviceName', null, 'null', 'letters'],
  ],
  'texts and addresses': [
    ['serviceVersion', 1.2, '1.2', 'a string'],
    ['environment', null, 'null', 'a string'],
    ['serverUrl', 'collector', '"collector"', 'http or https URL'],
    ['serverUrl', 'ftp://collector.example', '"ftp://collector.example"', 'http or https URL'],
    ['serverUrl', 8200, '8200', 'http or https URL'],
    ['pageLoadTransactionName', /name/, '/name/', 'a string'],
  ],
  'switches and numbers': [
    ['active', 'false', '"false"', 'true or false'],
    ['instrument', 1, '1', 'true or false'],
    ['distributedTracing', 'yes', '"yes"', 'true or false'],
    ['propagateTracestate', 0, '0', 'true or false'],
    ['pageLoadSampled', 'true', '"true"', 'true or false'],
    ['transactionSampleRate', 1.1, '1.1', 'from 0 to 1'],
    ['transactionSampleRate', -0.5, '-0.5', 'from 0 to 1'],
    ['transactionSampleRate', NaN, 'NaN', 'from 0 to 1'],
    ['transactionSampleRate', '0.5', '"0.5"', 'from 0 to 1'],
    ['flushInterval', -1, '-1', 'milliseconds'],
    ['flushInterval', Infinity, 'Infinity', 'milliseconds'],
  ],
  'names and ids': [
    ['logLevel', 'loud', '"loud"', 'trace, debug, info, warn, error'],
    ['disableInstrumentations', ['fetch', 'fetsch'], '"fetsch"', 'page-load, fetch, xmlhttprequest'],
    [
      'distributedTracingOrigins',
      ['https://api.example.com', 'api.example.com'],
      '"api.example.com"',
      'origins',
    ],
    ['distributedTracingOrigins', [null], 'null', 'origins'],
    ['pageLoadTraceId', 'xyz', '"xyz"', '32 lower-case hex digits'],
    ['pageLoadTraceId', '0AF7651916CD43DD8448EB211C80319C', '"0AF7651916CD43DD8448EB211C80319C"', '32'],
    ['pageLoadSpanId', 'b7ad6b716920333', '"b7ad6b716920333"', '16 lower-case hex digits'],
    ['pageLoadParentId', 1, '1', '16 lower-case hex digits'],
  ],
  'lists and objects where a single value belongs': [
    ['serviceName', {}, '', 'letters'],
    ['serviceName', { a: 'shop' }, '', 'letters'],
    ['serviceName', [], '', 'letters'],
    ['serviceName', ['shop'], 'shop', 'letters'],
    ['active', [true], 'true', 'true or false'],
    ['transactionSampleRate', [0.5], '0.5', 'from 0 to 1'],
    ['logLevel', { level: 'warn' }, '', 'trace, debug, info, warn, error'],
    ['serverUrl', ['http://127.0.0.1:4318'], 'http://127.0.0.1:4318', 'http or https URL'],
  ],
  objects: [
    ['resourceAttributes', 'team', '"team"', 'strings, numbers and booleans'],
    ['resourceAttributes', { team: null }, 'team', 'strings, numbers and booleans'],
    ['headers', 'x', 'string', 'header names'],
    ['headers', { 'bad name': 'x' }, 'bad name', 'header names'],
    ['headers', { authorization: 1 }, 'authorization', 'header names'],
  ],
}

for (const [group, cases] of Object.entries(BAD)) {
  test(`a wrong value is explained once and leaves the agent inactive: ${group}`, async ({ open }) => {
    const shop = await open({
      head: `${REMEMBER_NATIVES}<script src="/headwater.min.js"></script>`,
    })
    for (const [option, value, shown, allowed] of cases) {
      shop.console.length = 0
      const after = await shop.page.evaluate(
        ([name, wrong]) => {
          const agent = initApm({ serviceName: 'shop', [name]: wrong })
          const result = {
            active: agent.isActive(),
            untouched: natives.every((native) => native.isUntouched()),
          }
          agent.stop()
          return result
        },
        [option, value] as const,
      )
      expect(after, option).toEqual({ active: false, untouched: true })
      expect(shop.console, `${option}: ${String(value)}`).toHaveLength(1)
      const [message = ''] = shop.console
      expect(message).toMatch(/^error: \[headwater\] /)
      for (const part of [option, shown, allowed, 'inactive']) expect(message).toContain(part)
    }
    expect(shop.errors).toEqual([])
  })
}

test('values that are no configuration at all do not throw', async ({ open }) => {
  const shop = await open({ head: '<script src="/headwater.min.js"></script>' })
  const thrown = await shop.page.evaluate(() => {
    const values = [
      undefined,
      null,
      'shop',
      7,
      [],
      () => 0,
      Symbol('x'),
      new Proxy(
        {},
        {
          get: () => {
            throw new Error('trap')
          },
        },
      ),
    ]
    const odd = [Symbol('x'), 10n, () => 0, Object.create(null) as object, { toString: 1 }]
    return [...values, ...odd.map((serviceName) => ({ serviceName }))].flatMap((value, index) => {
      try {
        initApm(value)
        return []
      } catch (error) {
        return [`${index}: ${String(error)}`]
      }
    })
  })
  expect(thrown).toEqual([])
  expect(await shop.page.evaluate(() => headwater.apm.isActive())).toBe(false)
  expect(shop.errors).toEqual([])
})

test('unknown options are named in one warning, and the agent runs', async ({ visit }) => {
  const shop = await visit({ servceVersion: '1', centralConfig: true })
  expect(shop.console).toEqual([expect.stringMatching(/^warning: .*servceVersion, centralConfig/)])
  expect(await shop.page.evaluate(() => headwater.apm.isActive())).toBe(true)
})

test('a good configuration says nothing', async ({ visit }) => {
  const shop = await visit()
  await shop.page.evaluate(() => fetch('/echo').then(() => headwater.apm.flush()))
  expect(shop.console).toEqual([])
  expect(shop.errors).toEqual([])
})

test('a second init warns and changes nothing', async ({ visit, stage }) => {
  const shop = await visit()
  const same = await shop.page.evaluate(async () => {
    const before = fetch
    const agent = initApm({ serviceName: 'second' })
    await fetch('/echo?second-init')
    return { same: fetch === before, active: agent.isActive() }
  })
  expect(same).toEqual({ same: true, active: true })
  expect(shop.console).toEqual([expect.stringMatching(/^warning: .*init was called before/)])
  expect(stage.only('?second-init').headers.filter(([name]) => name === 'traceparent')).toHaveLength(1)
})

test('the value of a header is never printed', async ({ open }) => {
  const shop = await open({ head: '<script src="/headwater.min.js"></script>' })
  await shop.page.evaluate(() =>
    initApm({ serviceName: 'shop', headers: { 'bad name': 'HUSH', authorization: ['HUSH'] } }),
  )
  await expect.poll(() => shop.console.length).toBeGreaterThan(0)
  expect(shop.console.join()).not.toContain('HUSH')
})

test('active: false patches nothing, says nothing and sends nothing', async ({ open, stage }) => {
  const shop = await open({
    head: REMEMBER_NATIVES + agentScript({ serviceName: 'shop', serverUrl: stage.origin, active: false }),
  })
  const state = await shop.page.evaluate(async () => {
    await fetch('/echo?not-active')
    await headwater.apm.flush()
    return {
      untouched: natives.every((native) => native.isUntouched()),
      active: headwater.apm.isActive(),
    }
  })
  expect(state).toEqual({ untouched: true, active: false })
  expect(stage.only('?not-active').headers.map(([name]) => name)).not.toContain('traceparent')
  expect(shop.console).toEqual([])
})

test('instrument: false leaves the page alone', async ({ open, stage }) => {
  const shop = await open({
    head:
      REMEMBER_NATIVES +
      agentScript({ serviceName: '{service}', serverUrl: stage.origin, instrument: false }),
  })
  expect(await shop.page.evaluate(touched)).toEqual([])
  await shop.page.evaluate(async () => {
    await fetch('/echo?not-instrumented')
    await headwater.apm.flush()
  })
  expect(stage.only('?not-instrumented').headers.map(([name]) => name)).not.toContain('traceparent')
  const sent = stage.received.filter(({ url, body }) => url === '/v1/traces' && body.includes(shop.service))
  expect(sent.length, 'no span is sent').toBe(0)
})

for (const [names, patched, spans] of [
  ['fetch', ['open', 'send', 'setRequestHeader'], ['POST', 'documentLoad']],
  [['xmlhttprequest'], ['fetch'], ['GET', 'documentLoad']],
  [['fetch', 'xmlhttprequest', 'history', 'click'], [], ['documentLoad']],
  ['page-load', ['fetch', 'open', 'send', 'setRequestHeader'], ['GET', 'POST']],
] as const) {
  test(`instrumentations can be left off by name: ${[names].flat().join(', ')}`, async ({ open, demo }) => {
    const shop = await open({
      head:
        REMEMBER_NATIVES +
        agentScript({ serviceName: '{service}', serverUrl: demo.collector, disableInstrumentations: names }),
    })
    expect(await shop.page.evaluate(touched)).toEqual(patched)
    await shop.page.evaluate(async () => {
      await fetch('/echo')
      await viaXhr('POST', '/echo')
      await headwater.apm.flush()
    })
    const isOwn = ({ name }: Span) => !/^(documentFetch|resourceFetch)$/.test(name)
    const sent = await shop.spans((all) => all.filter(isOwn).length >= spans.length)
    const sentNames = sent.filter(isOwn).map(({ name }) => name)
    expect(sentNames.sort()).toEqual(spans)
    expect(shop.console).toEqual([])
  })
}

test('without page-load instrumentation, requests during the load are roots', async ({ visit }) => {
  const shop = await visit(
    { disableInstrumentations: 'page-load' },
    { body: '<script>fetch("/echo?no-page-load")</script>' },
  )
  const spans = await shop.spans((all) => all.some(({ name }) => name === 'GET'))
  expect(only(spans, shop.service, 'GET').parentSpanId, 'no span is missing above it').toBe('')
})

test('stop puts every native back as it was, and init starts again', async ({ open, stage }) => {
  const shop = await open({ head: '<script src="/headwater.min.js"></script>' })
  const state = await shop.page.evaluate(async (serverUrl) => {
    const describe = () => [
      Object.getOwnPropertyDescriptor(globalThis, 'fetch'),
      ...['open', 'send', 'setRequestHeader'].map((name) =>
        Object.getOwnPropertyDescriptor(XMLHttpRequest.prototype, name),
      ),
    ]
    const same = (one: unknown[], other: unknown[]) =>
      one.every((descriptor, index) =>
        Object.entries(descriptor as object).every(
          ([key, value]) => (other[index] as Record<string, unknown>)[key] === value,
        ),
      )
    const before = describe()
    const start = () => initApm({ serviceName: 'shop', serverUrl })
    const started = start().isActive() && !same(before, describe())
    headwater.apm.stop()
    headwater.apm.stop()
    const restored = same(before, describe()) && !headwater.apm.isActive()
    await fetch('/echo?stopped')
    const again = start().isActive() && !same(before, describe())
    await fetch('/echo?again')
    headwater.apm.stop()
    return { started, restored, again, restoredAgain: same(before, describe()) }
  }, stage.origin)
  expect(state).toEqual({ started: true, restored: true, again: true, restoredAgain: true })
  expect(stage.only('?stopped').headers.map(([name]) => name)).not.toContain('traceparent')
  expect(stage.only('?again').headers.map(([name]) => name)).toContain('traceparent')
  expect(shop.console).toEqual([])
})

test('stop leaves alone what somebody has put in front of our fetch', async ({ visit, stage }) => {
  const shop = await visit()
  const state = await shop.page.evaluate(async () => {
    const ours = fetch
    let calls = 0
    const theirs: typeof fetch = (...parameters) => {
      calls++
      return ours(...parameters)
    }
    globalThis.fetch = theirs
    headwater.apm.stop()
    const kept = fetch === theirs
    const { status } = await fetch('/echo?wrapped')
    return { kept, status, calls }
  })
  expect(state).toEqual({ kept: true, status: 200, calls: 1 })
  expect(stage.only('?wrapped').headers.map(([name]) => name)).not.toContain('traceparent')
})

test('a page whose policy forbids WebAssembly works, and is told once', async ({ open }) => {
  const shop = await open({
    head: agentScript({ serviceName: 'shop' }),
    headers: { 'content-security-policy': "script-src 'self' 'unsafe-inline'" },
  })
  const state = await shop.page.evaluate(async () => ({
    active: headwater.apm.isActive(),
    native: Function.prototype.toString.call(fetch),
    status: (await fetch('/echo?policy')).status,
  }))
  expect(state).toEqual({ active: false, native: NATIVE_FETCH, status: 200 })
  const own = shop.console.filter((line) => line.includes('[headwater]'))
  expect(own).toEqual([expect.stringMatching(/^error: \[headwater\] could not start/)])
  expect(shop.errors).toEqual([])
})

test('data attributes start the agent without an inline script', async ({ open, stage, demo }) => {
  const shop = await open({
    head: `<script src="/headwater.min.js" data-service-name="{service}" data-server-url="${demo.collector}"
      data-distributed-tracing-origins="${demo.api}, https://b.example" data-propagate-tracestate
      data-resource-attributes='{"team":"river"}' data-flush-interval="20" data-page-load-transaction-name="Home"></script>`,
    headers: { 'content-security-policy': "script-src 'self' 'wasm-unsafe-eval'" },
  })
  await shop.page.evaluate(
    (api) => Promise.all([fetch('/echo?attributes'), fetch(`${api}/?attributes`)]),
    demo.api,
  )
  expect(stage.only('?attributes').headers).toContainEqual(['tracestate', 'es=s:1'])
  expect((await demo.received(demo.api, 'attributes')).headers['tracestate']).toBe('es=s:1')
  const spans = await shop.spans((all) => all.some(({ name }) => name === 'Home'))
  expect(spans[0]?.resource['team']).toBe('river')
  expect(shop.console).toEqual([])
})

test('init wins over data attributes', async ({ open, demo }) => {
  const shop = await open({
    head: `<script src="/headwater.min.js" data-service-name="attribute" data-environment="attribute"
        data-server-url="${demo.collector}" data-flush-interval="20"></script>
      <script>initApm({ serviceName: '{service}' })</script>`,
  })
  const [span] = await shop.spans((all) => all.length > 0)
  expect(span?.resource['deployment.environment.name']).toBe('attribute')
  expect(shop.console).toEqual([])
})

test('a wrong data attribute is explained', async ({ open }) => {
  const shop = await open({
    head: '<script src="/headwater.min.js" data-service-name="shop" data-transaction-sample-rate="often"></script>',
  })
  expect(shop.console).toEqual([expect.stringMatching(/^error: .*transactionSampleRate: "often"/)])
  expect(await shop.page.evaluate(() => headwater.apm.isActive())).toBe(false)
})

test('calls queued before the file arrives are run in order, and later ones at once', async ({
  open,
  demo,
  stage,
}) => {
  const shop = await open({
    head: `<script>
        window.headwater = { q: [['init', { serviceName: '{service}', serverUrl: '${demo.collector}', flushInterval: 20 }]] }
      </script>
      <script async src="/headwater.min.js"></script>`,
  })
  await shop.page.evaluate(() => fetch('/echo?queued'))
  expect(stage.only('?queued').headers.map(([name]) => name)).toContain('traceparent')
  await shop.spans((all) => all.some(({ name }) => name === 'documentLoad'))
  const active = await shop.page.evaluate(() => {
    ;(headwater as unknown as { q: { push(call: unknown[]): void } }).q.push(['stop'])
    return headwater.apm.isActive()
  })
  expect(active).toBe(false)
  expect(shop.console).toEqual([])
})

test('logLevel error keeps warnings quiet', async ({ visit, stage }) => {
  const shop = await visit({ logLevel: 'error', serverUrl: `${stage.origin}/status/503` })
  await shop.page.evaluate(() => fetch('/echo').then(() => headwater.apm.flush()))
  expect(shop.console.filter((line) => line.includes('[headwater]'))).toEqual([])
})

/** So that the page can tell whether they are what they were. */
const REMEMBER_NATIVES = `<script>
    const natives = [
      [globalThis, 'fetch'],
      ...['open', 'send', 'setRequestHeader'].map((name) => [XMLHttpRequest.prototype, name]),
    ].map(([owner, name]) => {
      const before = owner[name]
      return { name, isUntouched: () => owner[name] === before }
    })
  </script>`

/** Runs in the page. */
function touched(): string[] {
  return natives.filter((native) => !native.isUntouched()).map(({ name }) => name)
}

declare const natives: { name: string; isUntouched(): boolean }[]

const FILES = ['headwater.min.js', 'headwater.elastic.min.js', 'headwater.full.min.js']

for (const file of FILES)
  test(`${file}: what is hooked ahead of the module is what it asks for`, async ({ open, stage }) => {
    const hooked: string[] = []
    // The first is not run before it is needed; the other has to be, to say what there is to hook.
    for (const options of [{}, { instrument: true }]) {
      const { page } = await open({ head: `<script src="/${file}"></script>` })
      hooked.push(
        await page.evaluate(
          ([serverUrl, options]) => {
            const all: string[] = []
            const watch = (owner: object, name: string) => {
              const native = Reflect.get(owner, name) as (...parameters: unknown[]) => unknown
              Reflect.set(owner, name, function (this: unknown, ...parameters: unknown[]) {
                all.push(`${name} ${JSON.stringify(parameters[0])}`)
                return Reflect.apply(native, this, parameters)
              })
            }
            watch(EventTarget.prototype, 'addEventListener')
            watch(PerformanceObserver.prototype, 'observe')
            const functions = (): unknown[] => [
              fetch,
              Reflect.get(XMLHttpRequest.prototype, 'send'),
              WebSocket,
              EventSource,
            ]
            const natives = functions()
            const agent = initApm({ serviceName: 'shop', serverUrl, ...options })
            all.push(...functions().map((value, index) => String(value !== natives[index])))
            // Now the module is there, and what waits for it.
            if (!agent.isActive()) throw new Error('inactive')
            return all.sort().join('\n')
          },
          [stage.origin, options] as const,
        ),
      )
    }
    expect(hooked[0]).toContain('pagehide')
    expect(hooked[0]).toBe(hooked[1])
  })

for (const file of FILES)
  test(`${file}: the module is not there before it is needed, and then at once`, async ({ open, stage }) => {
    // Instances behind `init`, behind a request, and a while behind the load event.
    const count = `<script>
      instances = 0
      seen = []
      WebAssembly.Instance = new Proxy(WebAssembly.Instance, {
        construct: (native, parameters) => (instances++, Reflect.construct(native, parameters)),
      })
    </script><script src="/${file}"></script><script>
      initApm({ serviceName: '{service}', serverUrl: '${stage.origin}' })
      seen.push(instances)
    </script>`
    const quiet = await open({ head: count })
    await expect.poll(() => quiet.page.evaluate(() => instances)).toBe(1)
    // There it would come too late (`start` in js-wrapper/src/agent.ts).
    const before = browser === 'firefox' ? 1 : 0
    expect(await quiet.page.evaluate(() => seen)).toEqual([before])
    const busy = await open({
      head: `${count}<script>fetch('/echo?needed=${file}'); seen.push(instances)</script>`,
    })
    expect(await busy.page.evaluate(() => seen)).toEqual([before, 1])
    expect(
      stage.only(`/echo?needed=${file}`).headers.filter(([name]) => name === 'traceparent'),
    ).toHaveLength(1)
    expect(busy.console).toEqual([])
  })

declare const instances: number
declare const seen: number[]
