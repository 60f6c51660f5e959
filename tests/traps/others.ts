/** Traps of Elastic's agent (E) and of other vendors' (V) that are in none of the rows of F and X. */
/* eslint-disable @typescript-eslint/unbound-method -- taken without their objects, as pages do it */
import type { Trap } from './trap.js'

export const OTHERS: Trap[] = [
  {
    id: 'E1',
    title: 'A `fetch` that is made of XHR, as by a polyfill, works. Spans: one for each request',
    before: `globalThis.fetch = function fetch(url, init = {}) {
      return new Promise((resolve, reject) => {
        if (init.body instanceof Uint8Array)
          kept.told = (kept.told ?? 0) + new TextDecoder('latin1').decode(init.body).split(kept.mark).length - 1
        const xhr = new XMLHttpRequest()
        xhr.open(init.method || 'GET', String(url))
        new Headers(init.headers).forEach((value, name) => xhr.setRequestHeader(name, value))
        xhr.onload = () => resolve(new Response(xhr.responseText, { status: xhr.status }))
        xhr.onerror = () => reject(new TypeError('Failed to fetch'))
        xhr.send(init.body)
      })
    }`,
    page: async ({ own, mark }) => {
      Object.assign(kept, { mark })
      const outcome = await helpers.outcome(() => fetch(`${own}/echo?${mark}`, { headers: { 'x-own': '1' } }))
      await helpers.wait(100)
      await agent.flush()
      // The collector takes two spans with the same ids for one: what is sent to it tells.
      const told = (kept['told'] as unknown as number | undefined) ?? 0
      return [outcome, await helpers.received(mark, 'x-own'), told > 1 ? `${told} spans` : 'at most one span']
    },
    spans: [{ name: 'GET', method: 'GET', status: 200, failed: false }],
  },
  {
    id: 'E2',
    title: 'A Request with `init` keeps its own method and body, or takes those of `init`',
    page: async ({ own, api, mark }) => {
      for (const origin of [own, api]) {
        const request = () => new Request(`${origin}/echo?${mark}`, { method: 'POST', body: 'first' })
        await fetch(request(), {})
        await fetch(request(), { headers: { 'x-own': '1' } })
        await fetch(request(), { method: 'PUT' })
        await fetch(request(), { body: 'second' })
        await fetch(request(), { credentials: 'omit' })
      }
      return helpers.received(mark, 'x-own')
    },
  },
  {
    id: 'E3',
    title: 'A POST by a Request has the `Origin` and body that it has without the agent',
    page: async ({ own, api, mark }) => {
      for (const origin of [own, api]) {
        await fetch(new Request(`${origin}/echo?${mark}`, { method: 'POST', body: 'x' }))
        await fetch(`${origin}/echo?${mark}`, { method: 'POST', body: 'x' })
        await fetch(`${origin}/echo?${mark}`, { method: 'POST', body: '' })
      }
      return helpers.received(mark, 'origin', 'content-type', 'content-length')
    },
  },
  {
    id: 'E4',
    title:
      'A wrapper below gets what the page gave: a string stays a string, the Request and the body are the same objects',
    before: `{
      const native = fetch
      kept.seen = []
      globalThis.fetch = function fetch(...parameters) {
        const [input, init] = parameters
        if ((input.url ?? String(input)).includes('/echo'))
          kept.seen.push([input === kept.input, typeof input, !init?.body || init.body === kept.body,
          input instanceof Request && input.bodyUsed])
        return native.apply(this, parameters)
      }
    }`,
    page: async ({ own, api, mark }) => {
      for (const origin of [own, api]) {
        const url = `${origin}/echo?${mark}`
        const body = new Blob(['x'])
        for (const input of [url, new URL(url), new Request(url, { method: 'POST', body: 'y' })]) {
          Object.assign(kept, { input, body })
          await fetch(input, { method: 'POST', body })
          if (!(input instanceof Request)) await fetch(input)
        }
        const input = new Request(url, { method: 'POST', body: 'z' })
        Object.assign(kept, { input, body: undefined })
        await fetch(input)
      }
      return kept['seen']
    },
  },
  {
    id: 'E5',
    title:
      "Only `undefined` and truth make a request asynchronous: `open` with `0`, `null`, `''` is synchronous",
    page: ({ own, mark }) =>
      [false, 0, null, '', 'false', 1].map((async) => {
        const xhr = new XMLHttpRequest()
        xhr.open('GET', `${own}/echo?${mark}`, async as boolean)
        xhr.send()
        const { status } = xhr
        xhr.abort()
        return status
      }),
  },
  {
    id: 'E6',
    title: 'A page that has taken `addEventListener` off XHR can send and be answered',
    before: 'XMLHttpRequest.prototype.addEventListener = undefined',
    page: async ({ own, mark }) => {
      const xhr = new XMLHttpRequest()
      xhr.open('GET', `${own}/echo?${mark}`)
      return [await helpers.send(xhr), helpers.describe(xhr.addEventListener), await helpers.received(mark)]
    },
  },
  {
    id: 'E7',
    title: 'User and password in an address, by XHR',
    page: async ({ own, mark }) => {
      const xhr = new XMLHttpRequest()
      xhr.open('GET', `${own.replace('//', '//user:secret@')}/echo?${mark}1`)
      const first = await helpers.send(xhr)
      xhr.open('GET', `${own}/echo?${mark}2`, true, 'user', 'secret')
      return [first, await helpers.send(xhr), new URL(xhr.responseURL).username, await helpers.received(mark)]
    },
  },
  {
    id: 'E8',
    title: 'A request whose address contains the collector’s is one like the others',
    page: async ({ own, mark }) => {
      const address = `${own}/echo?${mark}&to=${encodeURIComponent('http://localhost:4318/v1/traces')}`
      return helpers.outcome(() => fetch(address))
    },
    spans: [{ name: 'GET', method: 'GET', status: 200, failed: false }],
  },
  {
    id: 'E9',
    title: '`history` is the page’s: no own property, native methods, errors and order as before',
    alone: true,
    page: () => {
      const seen: unknown[] = [Reflect.ownKeys(history).map(String)]
      for (const name of ['pushState', 'replaceState', 'go', 'back'] as const) {
        const method = history[name] as unknown as () => void
        seen.push([method === History.prototype[name], method.name, method.length, String(method)])
      }
      const title = document.title
      history.pushState({ a: 1 }, '', '#one')
      History.prototype.replaceState.call(history, null, '', '#two')
      return [
        ...seen,
        location.hash,
        document.title === title,
        helpers.result(() => history.pushState({}, '', 'http://[')),
        helpers.result(() => history.pushState({ call: () => undefined }, '', '#three')),
      ]
    },
  },
  {
    id: 'E10',
    title:
      '`addEventListener` is the native, for capture and bubble, with signals, and with listeners that throw',
    alone: true,
    page: async () => {
      const calls: string[] = []
      const { addEventListener, removeEventListener, dispatchEvent } = EventTarget.prototype
      const errors: string[] = []
      window.addEventListener('error', (event) => {
        errors.push(event.message)
        event.preventDefault()
      })
      const button = document.body.appendChild(document.createElement('button'))
      const listener = () => calls.push('called')
      button.addEventListener('click', listener, true)
      button.addEventListener('click', listener, false)
      button.click()
      const controller = new AbortController()
      const again = () => calls.push('again')
      button.addEventListener('click', again, { signal: controller.signal })
      controller.abort()
      button.addEventListener('click', again)
      button.addEventListener('click', () => {
        throw new Error('mine')
      })
      button.click()
      await helpers.wait(0)
      return {
        calls,
        errors,
        natives: [addEventListener, removeEventListener, dispatchEvent].map((method) => String(method)),
      }
    },
  },
  {
    id: 'V1',
    title: 'A `then` that the page has replaced is not called by the hook',
    alone: true,
    page: async ({ own, mark }) => {
      let calls = 0
      const { then } = Promise.prototype
      Promise.prototype.then = function (this: Promise<unknown>, ...handlers: Parameters<typeof then>) {
        calls += 1
        return Reflect.apply(then, this, handlers) as never
      } as typeof then
      const promise = fetch(`${own}/echo?${mark}`)
      const during = calls
      Promise.prototype.then = then
      return [during, helpers.describe(await promise)]
    },
  },
  {
    id: 'V2',
    title: 'A `Promise` of the page’s own, as of a polyfill, does not change what `fetch` gives',
    alone: true,
    page: async ({ own, mark }) => {
      const NativePromise = Promise
      class OwnPromise<Value> extends Promise<Value> {}
      globalThis.Promise = OwnPromise
      const promise = fetch(`${own}/echo?${mark}`)
      const kinds = [promise instanceof NativePromise, promise instanceof OwnPromise]
      globalThis.Promise = NativePromise
      return [kinds, Reflect.ownKeys(promise), helpers.describe(await promise)]
    },
  },
  {
    id: 'V3',
    title: 'As many arguments go on as came, where there is no header to add',
    before: `{
      const native = fetch, { open, send } = XMLHttpRequest.prototype
      kept.counts = []
      globalThis.fetch = function fetch() {
        if (arguments[0].includes('/echo')) kept.counts.push('fetch ' + arguments.length)
        return native.apply(this, arguments)
      }
      XMLHttpRequest.prototype.open = function () {
        kept.counts.push('open ' + arguments.length)
        return open.apply(this, arguments)
      }
      XMLHttpRequest.prototype.send = function () {
        kept.counts.push('send ' + arguments.length)
        return send.apply(this, arguments)
      }
    }`,
    page: async ({ own, other, mark }) => {
      const bare = fetch as unknown as (...parameters: unknown[]) => Promise<Response>
      await bare(`${other}/echo?${mark}`)
      await bare(`${other}/echo?${mark}`, undefined)
      await bare(`${other}/echo?${mark}`, {}, 'third')
      for (const rest of [[], [true], [true, null], [true, undefined, undefined]]) {
        const xhr = new XMLHttpRequest()
        Reflect.apply(xhr.open.bind(xhr), undefined, ['GET', `${own}/echo?${mark}`, ...rest])
        const ended = new Promise((resolve) => (xhr.onloadend = resolve))
        xhr.send()
        await ended
      }
      return kept['counts']
    },
  },
  {
    id: 'V3b',
    title: 'Own properties that somebody has put on `fetch` and `open`, and puts on later, are there',
    before: `fetch.preconnect = 'before'; XMLHttpRequest.prototype.open.mark = 'before'`,
    page: () => {
      const own = fetch as unknown as Record<string, unknown>
      const open = XMLHttpRequest.prototype.open as unknown as Record<string, unknown>
      own['later'] = open['later'] = 'after'
      return [Reflect.ownKeys(own), own['preconnect'], own['later'], open['mark'], open['later']]
    },
  },
  {
    id: 'V4',
    title: 'An XHR that was opened before the agent started is sent and answered',
    before: `kept.xhr = new XMLHttpRequest(); kept.xhr.open('GET', '/echo?early'); kept.xhr.setRequestHeader('x-own', '1')`,
    page: async () => {
      const xhr = kept['xhr'] as unknown as XMLHttpRequest
      xhr.setRequestHeader('x-own', '2')
      xhr.setRequestHeader('tracestate', 'a=1')
      return [await helpers.send(xhr), xhr.responseURL]
    },
  },
  {
    id: 'V4b',
    title: 'Handlers set before and after `open` and `send`, set anew, and taken away',
    page: async ({ own, mark }) => {
      const calls: string[] = []
      const xhr = new XMLHttpRequest()
      xhr.onreadystatechange = () => calls.push(`first ${xhr.readyState}`)
      xhr.onload = () => calls.push('first load')
      const kinds: string[] = [typeof xhr.onreadystatechange, typeof xhr.onload]
      xhr.open('GET', `${own}/echo?${mark}`)
      xhr.onreadystatechange = () => calls.push(`second ${xhr.readyState}`)
      const ended = new Promise((resolve) => {
        xhr.addEventListener('loadend', resolve)
      })
      xhr.send()
      xhr.onload = null
      xhr.onerror = null
      const after = () => calls.push(`third ${xhr.readyState}`)
      xhr.onreadystatechange = after
      kinds.push(String(xhr.onreadystatechange === after), String(xhr.onload))
      await ended
      return { calls, kinds }
    },
  },
  {
    id: 'V4c',
    title: '`abort`, `open` and `send` from within handlers',
    page: async ({ own, api, mark }) => {
      const calls: string[] = []
      const run = (origin: string, act: (xhr: XMLHttpRequest) => void, type: string) =>
        new Promise<void>((resolve) => {
          const xhr = new XMLHttpRequest()
          let acted = false
          for (const name of ['readystatechange', 'load', 'abort', 'error', 'loadend']) {
            xhr.addEventListener(name, () => {
              calls.push(`${name} ${xhr.readyState} ${xhr.status}`)
              if (acted || `${name}${xhr.readyState}` !== type) return
              acted = true
              act(xhr)
            })
          }
          xhr.open('GET', `${origin}/echo?${mark}`)
          if (!acted || xhr.readyState === 1) helpers.result(() => xhr.send())
          let quiet = 0
          const timer = setInterval(() => {
            quiet = xhr.readyState % 4 ? 0 : quiet + 1
            if (quiet < 4) return
            clearInterval(timer)
            resolve()
          }, 40)
        })
      const again = (xhr: XMLHttpRequest) => {
        xhr.open('GET', `${own}/echo?${mark}again`)
        xhr.send()
      }
      for (const origin of [own, api]) {
        await run(origin, (xhr) => xhr.abort(), 'readystatechange2')
        await run(origin, (xhr) => xhr.abort(), 'load4')
        await run(origin, again, 'readystatechange4')
        await run(origin, again, 'load4')
        await run(origin, again, 'loadend4')
        await run(origin, (xhr) => xhr.send(), 'readystatechange1')
      }
      return calls
    },
  },
  {
    id: 'V4d',
    title: 'Exceptions in handlers are told of once, as uncaught, and stop no other handler',
    alone: true,
    page: async ({ own, mark }) => {
      const calls: string[] = []
      window.addEventListener('error', (event) => {
        calls.push(`uncaught ${event.message}`)
        event.preventDefault()
      })
      const xhr = new XMLHttpRequest()
      for (const type of ['load', 'loadend'] as const) {
        xhr.addEventListener(type, () => {
          throw new RangeError(`listener of ${type}`)
        })
        xhr[`on${type}`] = () => {
          throw new RangeError(`handler of ${type}`)
        }
        xhr.addEventListener(type, () => calls.push(`last ${type}`))
      }
      xhr.onreadystatechange = () => {
        throw new RangeError(`state ${xhr.readyState}`)
      }
      xhr.open('GET', `${own}/echo?${mark}`)
      xhr.send()
      await helpers.wait(200)
      return calls
    },
  },
  {
    id: 'V5',
    title: 'A subclass of Request is read by the native only, and goes on as it is',
    page: async ({ own, api, mark }) => {
      const reads: string[] = []
      class Own extends Request {
        override get url() {
          reads.push('url')
          return 'http://elsewhere.example/'
        }
        override get method() {
          reads.push('method')
          return 'DELETE'
        }
        override get headers() {
          reads.push('headers')
          return new Headers({ 'x-own': 'wrong' })
        }
        override get signal(): AbortSignal {
          reads.push('signal')
          return AbortSignal.abort()
        }
      }
      for (const origin of [own, api]) {
        await fetch(new Own(`${origin}/echo?${mark}`, { method: 'POST', headers: { 'x-own': '1' } }))
      }
      return { reads, received: await helpers.received(mark, 'x-own') }
    },
  },
  {
    id: 'V6',
    title: 'Spans: a request with a `traceparent` of the caller’s is still one span',
    page: async ({ own, mark }) => {
      // Ids that no other request has.
      const id = crypto.randomUUID().replaceAll('-', '')
      const traceparent = `00-${id}-a${id.slice(17)}-01`
      const outcome = await helpers.outcome(() => fetch(`${own}/echo?${mark}`, { headers: { traceparent } }))
      const xhr = new XMLHttpRequest()
      xhr.open('POST', `${own}/echo?${mark}`)
      xhr.setRequestHeader('traceparent', traceparent.replace('-a', '-b'))
      return [outcome, await helpers.send(xhr)]
    },
    spans: [
      { name: 'GET', method: 'GET', status: 200, failed: false },
      { name: 'POST', method: 'POST', status: 200, failed: false },
    ],
  },
  {
    id: 'V8',
    title: 'A request of the page’s own origin that is redirected to another one which lets no header in',
    page: async ({ own, other, mark }) => {
      const target = encodeURIComponent(`${other}/echo?${mark}`)
      const xhr = new XMLHttpRequest()
      xhr.open('GET', `${own}/redirect?to=${target}`)
      return [await helpers.outcome(() => fetch(`${own}/redirect?to=${target}`)), await helpers.send(xhr)]
    },
    limit: 'a browser hands headers on to the next origin, and nobody can know where a server redirects',
  },
  {
    id: 'V11',
    title: 'The words of errors are the browser’s: failure, abort, timeout, refusal by CORS',
    page: async ({ own, other, mark }) => {
      const told = []
      for (const call of [
        () => fetch(`${own}/broken?${mark}`),
        () => fetch(`${other}/echo?${mark}`, { method: 'PUT', headers: { 'x-refused': '1' } }),
        () => fetch(`${own}/never?${mark}`, { signal: AbortSignal.timeout(30) }),
      ]) {
        const error: unknown = await call().catch((reason: unknown) => reason)
        const { name, message } = error as Error
        told.push([
          name,
          message,
          Object.prototype.toString.call(error),
          Reflect.ownKeys(error as object).map(String),
        ])
      }
      return told
    },
  },
]
