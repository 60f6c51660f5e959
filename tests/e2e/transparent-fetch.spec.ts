/** A page cannot tell from `fetch` that the agent is there. */
import { NATIVE_FETCH } from '../support/browsers.js'
import { expect, test } from '../support/compare.js'

test('looks like the native', async ({ compare }) => {
  const look = await compare(() => {
    const descriptor = Object.getOwnPropertyDescriptor(globalThis, 'fetch')
    return {
      name: fetch.name,
      length: fetch.length,
      // A Proxy prints without the name, and there is no way round that.
      text: Function.prototype.toString.call(fetch).replace('fetch', ''),
      own: Object.getOwnPropertyNames(fetch),
      prototype: Object.hasOwn(fetch, 'prototype'),
      parent: Object.getPrototypeOf(fetch) === Function.prototype,
      extensible: Object.isExtensible(fetch),
      descriptor: { ...descriptor, value: typeof descriptor?.value },
      keys: Object.keys(globalThis).filter((key) => /^(fetch|XMLHttpRequest)$/.test(key)),
    }
  })
  expect(look).toMatchObject({ name: 'fetch', length: 1, text: NATIVE_FETCH.replace('fetch', '') })
})

test('cannot be constructed, and accepts the receivers that the native accepts', async ({ compare }) => {
  const outcomes = await compare(async () => {
    const attempt = async (run: () => unknown) => {
      try {
        const result = await run()
        return result instanceof Response ? `status ${result.status}` : String(result)
      } catch (error) {
        return `${(error as Error).name}: ${(error as Error).message}`
      }
    }
    return [
      await attempt(() => new (fetch as unknown as new (url: string) => unknown)('/echo')),
      await attempt(() => fetch.call(globalThis, '/echo')),
      await attempt(() => fetch.call(undefined, '/echo')),
      await attempt(() => fetch.call(null as never, '/echo')),
      await attempt(() => fetch.call({} as never, '/echo')),
      await attempt(() => window.fetch('/echo')),
      await attempt(() => Reflect.apply(fetch, window, ['/echo'])),
      await attempt(() => fetch.bind(window)('/echo')),
    ]
  })
  expect(outcomes[1]).toBe('status 200')
  expect(outcomes[4]).toMatch(/^TypeError: /)
})

test('rejects and never throws, with the message of the native', async ({ compare }) => {
  const outcomes = await compare(async ({ other }) => {
    const calls: (() => Promise<unknown>)[] = [
      () => (fetch as unknown as () => Promise<unknown>)(),
      () => fetch('http://['),
      () => fetch('http://user:password@127.0.0.1/'),
      () => fetch('nonsense:thing'),
      () => fetch('/echo', { method: 'bad method' }),
      () => fetch('/echo', { method: 'TRACE' }),
      () => fetch('/echo', { method: 'GET', body: 'x' }),
      () => fetch('/echo', { mode: 'navigate' }),
      () => fetch('/echo', { headers: { 'bad name': 'x' } }),
      () => fetch('/echo', { headers: { x: 'bad\nvalue' } }),
      () => fetch('/echo', { headers: [['one']] as unknown as [string, string][] }),
      () => fetch('/echo', { headers: 7 as unknown as HeadersInit }),
      () => fetch('/echo', { headers: null as unknown as HeadersInit }),
      () => fetch('/echo', 7 as unknown as RequestInit),
      () => fetch('/echo', { signal: {} as AbortSignal }),
      () => fetch('/echo', { signal: AbortSignal.abort() }),
      () => fetch('/echo', { signal: AbortSignal.abort('my reason') }),
      () => fetch(`${other}/__log`, { method: 'PUT' }),
      () => fetch('/broken'),
      () => fetch(Symbol('x') as unknown as string),
      () => fetch({ toString: () => '/echo?object' } as unknown as string),
      () =>
        fetch({
          toString: () => {
            throw new RangeError('mine')
          },
        } as unknown as string),
      () =>
        fetch('/echo', {
          get method(): string {
            throw new RangeError('mine')
          },
        }),
      () =>
        fetch('/echo', {
          get headers(): HeadersInit {
            throw new RangeError('mine')
          },
        }),
      () => fetch('data:text/plain,here'),
      () => fetch(URL.createObjectURL(new Blob(['here']))),
      () => fetch(''),
    ]
    const outcomes: string[] = []
    for (const call of calls) {
      let promise: Promise<unknown>
      try {
        promise = call()
      } catch (error) {
        outcomes.push(`threw ${String(error)}`)
        continue
      }
      outcomes.push(
        await promise.then(
          (result) => `status ${(result as Response).status}`,
          (error: unknown) => `rejected ${String(error)}`,
        ),
      )
    }
    return outcomes
  })
  expect(outcomes.filter((outcome) => outcome.startsWith('threw'))).toEqual([])
  expect(outcomes.filter((outcome) => outcome.startsWith('rejected')).length).toBeGreaterThan(15)
})

test('returns a plain promise of the native’s own response', async ({ compare }) => {
  const response = await compare(async () => {
    const promise = fetch('/echo?identity')
    const plain = Object.getPrototypeOf(promise) === Promise.prototype && Object.keys(promise).length === 0
    const answer = await promise
    return {
      plain,
      kind: Object.prototype.toString.call(answer),
      own: Object.getOwnPropertyNames(answer),
      facts: [answer.ok, answer.status, answer.statusText, answer.type, answer.redirected, answer.bodyUsed],
      path: new URL(answer.url).pathname,
      headers: [...answer.headers.keys()].filter((name) => name !== 'date'),
      clone: (await answer.clone().text()).length > 10,
      text: (await answer.text()).length > 10,
      used: answer.bodyUsed,
    }
  })
  expect(response).toMatchObject({ plain: true, clone: true, text: true, used: true })
})

test('leaves its arguments as they were', async ({ compare }) => {
  const state = await compare(async () => {
    const headers = new Headers({ 'x-own': '1', tracestate: 'a=1' })
    const init = Object.freeze({ method: 'POST', body: 'x', headers })
    const record = Object.freeze({ 'X-Own': '2', tracestate: 'a=1' })
    const list = Object.freeze([Object.freeze(['x-own', '3']), Object.freeze(['tracestate', 'a=1'])])
    const request = new Request('/echo?arguments=4', {
      headers: { 'x-own': '4' },
      method: 'POST',
      body: 'y',
    })
    const seen = []
    for (const call of [
      () => fetch('/echo?arguments=1', init),
      () => fetch('/echo?arguments=2', { headers: record }),
      () => fetch('/echo?arguments=3', { headers: list as unknown as [string, string][] }),
      () => fetch(request),
    ]) {
      const { headers: received, body } = (await (await call()).json()) as {
        headers: [string, string][]
        body: string
      }
      seen.push([received.filter(([name]) => name === 'x-own'), body])
    }
    return {
      seen,
      headers: [...headers],
      init: Object.keys(init),
      record,
      list,
      request: [[...request.headers], request.bodyUsed, request.method],
    }
  })
  expect(state).toMatchObject({
    headers: [
      ['tracestate', 'a=1'],
      ['x-own', '1'],
    ],
  })
})

test('reads each member of init once, even where init is a Proxy', async ({ compare }) => {
  const repeated = await compare(async () => {
    const reads: PropertyKey[] = []
    const init: RequestInit = {
      method: 'POST',
      body: 'x',
      signal: new AbortController().signal,
      headers: { a: '1' },
    }
    await fetch(
      '/echo',
      new Proxy(init, {
        get(target, name) {
          reads.push(name)
          return Reflect.get(target, name) as unknown
        },
      }),
    )
    return reads.filter((name, index) => reads.indexOf(name) !== index)
  })
  expect(repeated).toEqual([])
})

test('runs getters of init, of the headers and of the URL once', async ({ compare }) => {
  const counts = await compare(async () => {
    const counts: Record<string, number> = {}
    const counting = (name: string, members: Record<string, unknown>) =>
      Object.defineProperties(
        {},
        Object.fromEntries(
          Object.entries(members).map(([key, value]) => [
            key,
            {
              enumerable: true,
              get: () => {
                counts[`${name}.${key}`] = (counts[`${name}.${key}`] ?? 0) + 1
                return value
              },
            },
          ]),
        ),
      )
    class Options {
      get method() {
        counts['class.method'] = (counts['class.method'] ?? 0) + 1
        return 'POST'
      }
      get headers() {
        counts['class.headers'] = (counts['class.headers'] ?? 0) + 1
        return { 'x-own': 'class' }
      }
    }
    const url = {
      toString() {
        counts['url'] = (counts['url'] ?? 0) + 1
        return '/echo'
      },
    }
    const answers = [
      await fetch('/echo', counting('init', { method: 'PUT', headers: { 'x-own': 'init' }, body: 'x' })),
      await fetch('/echo', {
        headers: counting('headers', { 'x-own': 'headers' }) as Record<string, string>,
      }),
      await fetch('/echo', new Options()),
      await fetch(url as unknown as string, { headers: { 'x-own': 'url' } }),
      await fetch('/echo', {
        headers: (function* () {
          counts['generator'] = (counts['generator'] ?? 0) + 1
          yield ['x-own', 'generator']
        })() as unknown as HeadersInit,
      }),
    ]
    const seen = await Promise.all(
      answers.map((answer) => answer.json() as Promise<{ method: string; headers: [string, string][] }>),
    )
    return {
      counts,
      seen: seen.map(({ method, headers }) => [method, headers.find(([name]) => name === 'x-own')?.[1]]),
    }
  })
  expect(counts.seen).toEqual([
    ['PUT', 'init'],
    ['GET', 'headers'],
    ['POST', 'class'],
    ['GET', 'url'],
    ['GET', 'generator'],
  ])
  expect(Object.values(counts.counts).filter((times) => times !== 1)).toEqual([])
})

test('sends a Request as it is: referrer, policy, body, credentials, signal', async ({ compare, stage }) => {
  await compare(async () => {
    const at = location.pathname
    const requests: [RequestInfo, (RequestInit | undefined)?][] = [
      [new Request('/echo?r=1', { referrer: `${at}?own-referrer` })],
      [new Request('/echo?r=2', { referrer: '' })],
      [new Request('/echo?r=3', { referrerPolicy: 'no-referrer' })],
      [new Request('/echo?r=4', { referrerPolicy: 'origin', headers: { 'x-own': '4' } })],
      [new Request('/echo?r=5', { referrer: `${at}?lost` }), { headers: { 'x-own': '5' } }],
      [new Request('/echo?r=6', { referrer: `${at}?kept` }), {}],
      [new Request('/echo?r=7', { method: 'POST', body: new Blob(['body'], { type: 'text/own' }) })],
      [new Request('/echo?r=8', { method: 'POST', body: 'first' }), { body: 'second' }],
      [new Request('/echo?r=9', { cache: 'no-store', keepalive: true, redirect: 'error' }), undefined],
      ['/echo?r=10', { referrer: `${at}?own-referrer`, referrerPolicy: 'same-origin' }],
    ]
    const seen = []
    for (const parameters of requests) {
      const answer = await fetch(...parameters)
      const { method, headers, body } = (await answer.json()) as {
        method: string
        headers: [string, string][]
        body: string
      }
      const telling = headers.filter(([name]) =>
        /^(referer|content-type|x-own|cache-control|cookie)$/.test(name),
      )
      seen.push([
        method,
        telling.map(([name, value]) => [name, value.replace(/^http:.*\/page\/\d+/, 'PAGE')]),
        body,
      ])
    }
    return seen
  })
  expect(stage.received.length).toBeGreaterThan(0)
})

test('sends a body that can be sent once, and says so the second time', async ({ compare }) => {
  const outcomes = await compare(async () => {
    const request = new Request('/echo', { method: 'POST', body: 'once' })
    const { body } = (await (await fetch(request)).json()) as { body: string }
    const second = await fetch(request).then(String, String)
    const form = new FormData()
    form.append('a', '1')
    const sent = (await (await fetch('/echo', { method: 'POST', body: form })).json()) as { body: string }
    const bytes = new Uint8Array([1, 2, 3])
    const raw = (await (await fetch('/echo', { method: 'POST', body: bytes })).json()) as { body: string }
    return {
      body,
      used: request.bodyUsed,
      second,
      form: sent.body.includes('name="a"'),
      raw: raw.body,
    }
  })
  expect(outcomes).toMatchObject({
    body: 'once',
    used: true,
    second: expect.stringMatching(/^TypeError/),
  })
})

test('an unhandled failure is told of once, and a handled one not at all', async ({ compare }) => {
  const told = await compare(async () => {
    const told: string[] = []
    const handled: string[] = []
    addEventListener('unhandledrejection', (event) => {
      told.push(String(event.reason))
      event.preventDefault()
    })
    addEventListener('rejectionhandled', () => handled.push('late'))
    void fetch('/broken?unhandled')
    fetch('/broken?handled').catch(() => undefined)
    await fetch('/broken?awaited').catch(() => undefined)
    fetch('/broken?finally')
      .finally(() => undefined)
      .catch(() => undefined)
    void fetch('/echo?fine').then(() => {
      throw new Error('the page’s own')
    })
    const controller = new AbortController()
    void fetch('/never', { signal: controller.signal })
    controller.abort()
    while (told.length < 3) await new Promise((resolve) => setTimeout(resolve, 10))
    await new Promise((resolve) => setTimeout(resolve, 100))
    return { told: told.sort(), handled }
  })
  expect(told.told).toHaveLength(3)
  expect(told.handled).toEqual([])
})

test('an abort stops the request, its body, and gives the reason', async ({ compare }) => {
  const outcomes = await compare(async () => {
    const before = new AbortController()
    const pending = fetch('/never', { signal: before.signal }).catch((error: unknown) => error)
    before.abort(new RangeError('mine'))
    const reason = await pending
    const during = new AbortController()
    const answer = await fetch('/endless', { signal: during.signal })
    const reader = (answer.body as ReadableStream<Uint8Array>).getReader()
    const first = new TextDecoder().decode((await reader.read()).value)
    during.abort()
    const rest = await reader.read().catch((error: unknown) => (error as Error).name)
    return { same: reason === before.signal.reason, first: first.startsWith('drop'), rest }
  })
  expect(outcomes).toEqual({ same: true, first: true, rest: 'AbortError' })
})

test('a streamed answer is read as it comes, and can be cancelled', async ({ compare }) => {
  const outcomes = await compare(async () => {
    const answer = await fetch('/endless')
    const reader = (answer.body as ReadableStream<Uint8Array>).getReader()
    let drops = 0
    while (drops < 3)
      drops += (new TextDecoder().decode((await reader.read()).value).match(/drop/g) ?? []).length
    await reader.cancel()
    const { done } = await reader.read()
    return { enough: drops >= 3, done, used: answer.bodyUsed }
  })
  expect(outcomes).toEqual({ enough: true, done: true, used: true })
})
