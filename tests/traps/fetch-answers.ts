/** Traps of `fetch`: what it gives back, and what it is. */
/* eslint-disable @typescript-eslint/unbound-method -- taken without their objects, as pages do it */
import type { Trap } from './trap.js'

export const FETCH_ANSWERS: Trap[] = [
  {
    id: 'F2',
    title: 'Spans: a failure, an abort and `no-cors` have no status code, and a failure is an error',
    page: async ({ own, other, mark }) => {
      const controller = new AbortController()
      const aborted = helpers.outcome(() => fetch(`${own}/never?${mark}`, { signal: controller.signal }))
      // A reason of the page's own is an abort like another.
      controller.abort(new RangeError('mine'))
      return [
        await aborted,
        await helpers.outcome(() => fetch(`${own}/broken?${mark}`)),
        await helpers.outcome(() => fetch(`${other}/echo?${mark}`, { mode: 'no-cors' })),
      ]
    },
    spans: [
      { name: 'GET', method: 'GET', failed: false },
      { name: 'GET', method: 'GET', error: 'TypeError', failed: true },
      { name: 'GET', method: 'GET', failed: false },
    ],
  },
  {
    id: 'F3',
    title: 'Spans: a method that nobody knows is `_OTHER`, and the span is named `HTTP`',
    page: async ({ own, mark }) =>
      helpers.outcome(() => fetch(`${own}/echo?${mark}`, { method: 'PROPFIND' })),
    spans: [{ name: 'HTTP', method: '_OTHER', original: 'PROPFIND', status: 200, failed: false }],
  },
  {
    id: 'F5',
    title: 'A reader that cancels closes the connection; an endless answer can be read in parts',
    page: async ({ own, mark }) => {
      const answer = await fetch(`${own}/endless?${mark}`)
      const reader = (answer.body as ReadableStream<Uint8Array>).getReader()
      const first = new TextDecoder().decode((await reader.read()).value).startsWith('drop')
      await reader.cancel('enough')
      const { done } = await reader.read()
      return { first, done, closed: await helpers.until(() => helpers.closed(mark)) }
    },
  },
  {
    id: 'F5b',
    title: 'A tee’d answer ends when both branches are cancelled, and not before',
    page: async ({ own, mark }) => {
      const answer = await fetch(`${own}/endless?${mark}`)
      const [left, right] = (answer.body as ReadableStream<Uint8Array>).tee()
      const reader = left.getReader()
      const readers = [reader, right.getReader()]
      const drops = await Promise.all(readers.map(async (one) => Boolean((await one.read()).value)))
      const cancelled = reader.cancel()
      await helpers.wait(100)
      const early = await helpers.closed(mark)
      await readers[1]?.cancel()
      await cancelled
      return { drops, early, closed: await helpers.until(() => helpers.closed(mark)) }
    },
  },
  {
    id: 'F5c',
    title: 'An answer that nobody reads is not read: the server has to wait',
    page: async ({ own, mark }) => {
      const answer = await fetch(`${own}/flood?${mark}`)
      await helpers.wait(600)
      const before = await helpers.sent(mark)
      await helpers.wait(300)
      const waits = (await helpers.sent(mark)) === before && before < 30_000_000
      await answer.body?.cancel()
      return { waits, closed: await helpers.until(() => helpers.closed(mark)) }
    },
  },
  {
    id: 'F5d',
    title: 'Spans: that of an endless answer ends with its headers',
    page: async ({ own, mark }) => {
      const answer = await fetch(`${own}/endless?${mark}`)
      setTimeout(() => void answer.body?.cancel(), 4_000)
      return answer.status
    },
    spans: [{ name: 'GET', method: 'GET', status: 200, failed: false }],
  },
  {
    id: 'F6',
    title: 'The answer is the native’s own: url, type, redirected, status text, no own properties, clone',
    page: async ({ own, api, mark }) => {
      const shapes = []
      for (const url of [
        `${own}/echo?${mark}#part`,
        `${own}/redirect?${mark}`,
        `${api}/echo?${mark}`,
        `${own}/status/404?${mark}`,
      ]) {
        const answer = await fetch(url)
        const { ok, status, statusText, type, redirected, bodyUsed } = answer
        shapes.push({
          facts: [ok, status, statusText, type, redirected, bodyUsed, answer.url],
          own: Reflect.ownKeys(answer),
          kind: Object.prototype.toString.call(answer),
          isNative: answer instanceof Response && Object.getPrototypeOf(answer) === Response.prototype,
          cloned: (await answer.clone().text()) === (await answer.text()),
          used: answer.bodyUsed,
          again: await helpers.outcome(() => answer.text()),
        })
      }
      const opaque = await fetch(`${own}/redirect?${mark}`, { redirect: 'manual' })
      return { shapes, opaque: [opaque.type, opaque.status, opaque.url] }
    },
  },
  {
    id: 'F6b',
    title: '`WebAssembly.compileStreaming` and `instantiateStreaming` take the promise and the answer',
    page: async ({ own, mark }) => [
      await helpers.outcome(() => WebAssembly.compileStreaming(fetch(`${own}/wasm?${mark}`))),
      await helpers.outcome(async () => WebAssembly.compileStreaming(await fetch(`${own}/wasm?${mark}`))),
      await helpers.outcome(async () => {
        const { instance } = await WebAssembly.instantiateStreaming(fetch(`${own}/wasm?${mark}`))
        return Object.prototype.toString.call(instance)
      }),
      await helpers.outcome(() => WebAssembly.compileStreaming(fetch(`${own}/broken?${mark}`))),
      await helpers.outcome(() => WebAssembly.compileStreaming(fetch(`${own}/echo?${mark}`))),
    ],
  },
  {
    id: 'F7',
    title: '204, 205, 304 and HEAD: answers without a body are read as such',
    page: async ({ own, mark }) => {
      const facts = []
      for (const [path, method] of [
        ['status/204', 'GET'],
        ['status/205', 'GET'],
        ['status/304', 'GET'],
        ['echo', 'HEAD'],
      ]) {
        const answer = await fetch(`${own}/${path}?${mark}`, { method: method ?? 'GET' })
        facts.push([answer.status, answer.body === null, answer.bodyUsed, await answer.text()])
      }
      return facts
    },
    spans: [
      { name: 'GET', method: 'GET', status: 204, failed: false },
      { name: 'GET', method: 'GET', status: 205, failed: false },
      { name: 'GET', method: 'GET', status: 304, failed: false },
      { name: 'HEAD', method: 'HEAD', status: 200, failed: false },
    ],
  },
  {
    id: 'F12',
    title: 'The agent’s own sends do not go through a `fetch` or XHR that the page has put on top',
    alone: true,
    page: async ({ own, mark }) => {
      const seen: string[] = []
      const below = globalThis.fetch
      globalThis.fetch = function (this: unknown, ...parameters: Parameters<typeof fetch>) {
        seen.push(helpers.describe(parameters[0]))
        return Reflect.apply(below, this, parameters)
      }
      const open = XMLHttpRequest.prototype.open
      XMLHttpRequest.prototype.open = function (this: XMLHttpRequest, ...parameters: unknown[]) {
        seen.push(String(parameters[1]))
        Reflect.apply(open, this, parameters)
      }
      await fetch(`${own}/echo?${mark}`)
      await helpers.wait(100)
      await agent.flush()
      await helpers.wait(300)
      return seen
    },
  },
  {
    id: 'F13',
    atOnce: true,
    title: 'Spans: that of an answered request is there when the page is left right after it',
    alone: true,
    page: async ({ own, mark }) => {
      const { status } = await fetch(`${own}/echo?${mark}`)
      dispatchEvent(new Event('pagehide'))
      agent.stop()
      return status
    },
    spans: [{ name: 'GET', method: 'GET', status: 200, failed: false }],
  },
  {
    id: 'F14',
    title: 'The resource timings of the page stay, and its buffer’s events are its own',
    alone: true,
    page: async ({ own, api, mark }) => {
      const events: string[] = []
      performance.addEventListener('resourcetimingbufferfull', () => events.push('full'))
      for (const origin of [own, api, own]) await (await fetch(`${origin}/echo?${mark}`)).text()
      const xhr = new XMLHttpRequest()
      xhr.open('GET', `${own}/echo?${mark}`)
      await helpers.send(xhr)
      await helpers.wait(500)
      const entries = performance.getEntriesByType('resource').filter(({ name }) => name.includes(mark))
      return {
        entries: entries.map(({ name }) => name),
        events,
        marks: performance.getEntriesByType('mark').length,
      }
    },
  },
  {
    id: 'F16',
    title: '`fetch` keeps its name, length, property, own keys and native look',
    page: () => {
      const descriptor = Object.getOwnPropertyDescriptor(globalThis, 'fetch')
      return {
        name: fetch.name,
        length: fetch.length,
        isNative: Function.prototype.toString.call(fetch).includes('[native code]'),
        own: Reflect.ownKeys(fetch),
        hasPrototype: Object.hasOwn(fetch, 'prototype'),
        parent: Object.getPrototypeOf(fetch) === Function.prototype,
        kind: [typeof fetch, Object.prototype.toString.call(fetch), fetch instanceof Function],
        extensible: Object.isExtensible(fetch),
        descriptor: { ...descriptor, value: typeof descriptor?.value },
        inKeys: Object.keys(globalThis).includes('fetch'),
      }
    },
  },
  {
    id: 'F16b',
    title: 'The text of `fetch` is the native’s to the letter',
    page: () => String(fetch),
    limit: 'the language prints every Proxy as `function () { [native code] }`',
  },
  {
    id: 'F17',
    title: 'A `fetch` that is frozen, and an XHR prototype that is frozen, still work',
    before: `Object.defineProperty(globalThis, 'fetch', { value: fetch, writable: false, configurable: false })
      Object.freeze(XMLHttpRequest.prototype)`,
    page: async ({ own, mark }) => {
      const xhr = new XMLHttpRequest()
      xhr.open('GET', `${own}/echo?${mark}`)
      return {
        fetch: await helpers.outcome(() => fetch(`${own}/echo?${mark}`)),
        xhr: await helpers.send(xhr),
        same: fetch === helpers.nativeFetch,
        keys: Object.getOwnPropertyNames(XMLHttpRequest.prototype).length,
      }
    },
  },
  {
    id: 'F17b',
    title: 'A `fetch` that is a getter stays one',
    before: `{
      const native = fetch
      Object.defineProperty(globalThis, 'fetch', { get: () => native, configurable: true, enumerable: true })
    }`,
    page: async ({ own, mark }) => ({
      kind: Object.keys(Object.getOwnPropertyDescriptor(globalThis, 'fetch') ?? {}),
      outcome: await helpers.outcome(() => fetch(`${own}/echo?${mark}`)),
    }),
  },
  {
    id: 'F17c',
    title: 'Stopped, everything is the native’s again, as the very same function',
    alone: true,
    page: async ({ own, mark }) => {
      agent.stop()
      const methods = ['open', 'send', 'setRequestHeader'] as const
      return {
        fetch: fetch === helpers.nativeFetch,
        xhr: methods.map((name) => String(XMLHttpRequest.prototype[name])),
        outcome: await helpers.outcome(() => fetch(`${own}/echo?${mark}`)),
        received: await helpers.received(mark, 'traceparent'),
      }
    },
  },
  {
    id: 'F17d',
    title: 'Stopped under a wrapper of somebody else’s, the wrapper stays and works',
    alone: true,
    page: async ({ own, mark }) => {
      const calls: string[] = []
      const below = globalThis.fetch
      const wrapper = function (this: unknown, ...parameters: Parameters<typeof fetch>) {
        calls.push('wrapper')
        return Reflect.apply(below, this, parameters)
      }
      globalThis.fetch = wrapper
      const before = await helpers.outcome(() => fetch(`${own}/echo?${mark}`))
      agent.stop()
      return {
        before,
        stays: globalThis.fetch === wrapper,
        after: await helpers.outcome(() => fetch(`${own}/echo?${mark}after`)),
        calls,
        received: await helpers.received(`${mark}after`, 'traceparent'),
      }
    },
  },
  {
    id: 'F18b',
    title: 'Spans: none for `blob:` and `data:`',
    page: async ({ mark }) => {
      await fetch(`data:text/plain,${mark}`)
      return (await fetch(URL.createObjectURL(new Blob([mark])))).status
    },
    spans: [],
  },
  {
    id: 'F19',
    title: '`patch` in lower case goes out so; `put` and `post` do not. Spans: `patch` is not `PATCH`',
    page: async ({ own, mark }) => {
      const outcomes = []
      for (const method of ['patch', 'put', 'post', 'PATCH']) {
        outcomes.push(await helpers.outcome(() => fetch(`${own}/echo?${mark}`, { method })))
      }
      return {
        outcomes,
        request: new Request(own, { method: 'patch' }).method,
        received: await helpers.received(mark),
      }
    },
    spans: [
      { name: 'HTTP', method: '_OTHER', original: 'patch', status: 400, error: '400', failed: true },
      { name: 'PUT', method: 'PUT', status: 200, failed: false },
      { name: 'POST', method: 'POST', status: 200, failed: false },
      { name: 'PATCH', method: 'PATCH', status: 200, failed: false },
    ],
  },
  {
    id: 'F20',
    title: 'Builtins that throw after the agent’s start break only the agent',
    alone: true,
    page: async ({ own, mark }) => {
      const { URL: NativeUrl, Headers: NativeHeaders } = globalThis
      const { entries } = Object
      const broken = () => {
        throw new Error('broken by the page')
      }
      Object.assign(globalThis, { URL: broken, Headers: broken })
      Object.entries = broken
      const outcomes = []
      for (const call of [
        () => fetch(`${own}/echo?${mark}1`),
        () => fetch(`${own}/echo?${mark}2`, { headers: { 'x-own': '1' } }),
        () => fetch(new Request(`${own}/echo?${mark}3`, { headers: { 'x-own': '1' } })),
      ]) {
        outcomes.push(await helpers.outcome(call))
      }
      const xhr = new XMLHttpRequest()
      xhr.open('GET', `${own}/echo?${mark}4`)
      xhr.setRequestHeader('x-own', '1')
      outcomes.push(await helpers.send(xhr))
      Object.assign(globalThis, { URL: NativeUrl, Headers: NativeHeaders })
      Object.entries = entries
      return { outcomes, received: await helpers.received(mark, 'x-own') }
    },
  },
  {
    id: 'F21d',
    title:
      'Signals: aborted before, during and after the headers, with their own reason; `AbortSignal.timeout` and `any`',
    page: async ({ own, api, mark }) => {
      const outcomes = []
      for (const origin of [own, api]) {
        const url = `${origin}/never?${mark}`
        const reason = new RangeError('mine')
        const before = new AbortController()
        const pending = fetch(url, { signal: before.signal }).catch((error: unknown) => error)
        before.abort(reason)
        outcomes.push((await pending) === reason)
        for (const signal of [
          AbortSignal.abort(),
          AbortSignal.abort('text'),
          AbortSignal.timeout(30),
          AbortSignal.any([AbortSignal.timeout(30), new AbortController().signal]),
        ]) {
          outcomes.push(await helpers.outcome(() => fetch(url, { signal })))
          outcomes.push(await helpers.outcome(() => fetch(new Request(url, { signal }))))
        }
        const during = new AbortController()
        const answer = await fetch(`${origin}/endless?${mark}`, { signal: during.signal })
        const text = answer.text()
        during.abort()
        outcomes.push(await helpers.outcome(() => text))
      }
      return { outcomes, closed: await helpers.until(async () => (await helpers.closed(mark)) > 1) }
    },
  },
  {
    id: 'F23',
    title: 'Unhandled rejections are told of once, handled ones not at all, and none late',
    alone: true,
    page: async ({ own, mark }) => {
      const told: string[] = []
      let same = true
      addEventListener('unhandledrejection', (event) => {
        told.push(helpers.describe(event.reason))
        same &&= event.promise === unhandled || event.promise === aborted || event.promise === later
        event.preventDefault()
      })
      addEventListener('rejectionhandled', () => told.push('handled late'))
      const unhandled = fetch(`${own}/broken?${mark}`)
      fetch(`${own}/broken?${mark}`).catch(() => undefined)
      fetch(`${own}/broken?${mark}`)
        .finally(() => undefined)
        .catch(() => undefined)
      await fetch(`${own}/broken?${mark}`).catch(() => undefined)
      const controller = new AbortController()
      const aborted = fetch(`${own}/never?${mark}`, { signal: controller.signal })
      controller.abort()
      const later = fetch(`${own}/echo?${mark}`).then(() => {
        throw new Error('the page’s own')
      })
      await helpers.until(() => told.length > 2)
      await helpers.wait(100)
      return { told: told.sort(), same }
    },
  },
  {
    id: 'F23b',
    title: 'The rejection of an abort comes in the very microtask of the native',
    page: async ({ own, mark }) => {
      const order: string[] = []
      const controller = new AbortController()
      const pending = fetch(`${own}/never?${mark}`, { signal: controller.signal })
      const noted = pending.catch(() => order.push('the request'))
      await helpers.wait(20)
      controller.abort()
      await Promise.all([noted, Promise.resolve().then(() => order.push('the next microtask'))])
      return order
    },
    limitIn: ['chromium', 'firefox'],
    limit: 'a promise that observes without changing what is unhandled settles one microtask later',
  },
  {
    id: 'F23c',
    title: 'A promise of the native kind: prototype, own keys, and the order of answers and tasks',
    page: async ({ own, mark }) => {
      const promise = fetch(`${own}/echo?${mark}`)
      const order: string[] = []
      const noted = promise.then(() => order.push('answer'))
      queueMicrotask(() => order.push('microtask'))
      await Promise.resolve()
      order.push('await')
      await noted
      return {
        order,
        plain: Object.getPrototypeOf(promise) === Promise.prototype,
        own: Reflect.ownKeys(promise),
        kind: Object.prototype.toString.call(promise),
        resolved: Promise.resolve(promise) === promise,
      }
    },
  },
  {
    id: 'F23d',
    title: 'An error’s stack begins with its message and names the caller',
    page: async ({ own, mark }) => {
      const callerOfTheRequest = () => fetch(`${own}/broken?${mark}`)
      const error = (await callerOfTheRequest().catch((reason: unknown) => reason)) as Error
      const stack = error.stack ?? ''
      return [stack.split('\n')[0], stack.includes('callerOfTheRequest')]
    },
  },
]
