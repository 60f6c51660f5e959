/** Traps of `fetch`: what it is given. */
import type { Trap } from './trap.js'

export const FETCH: Trap[] = [
  {
    id: 'F0',
    title: 'A Request with a body, and `init`, to an address that gets no headers: the body is sent once',
    page: async ({ other, mark }) => {
      const request = new Request(`${other}/echo?${mark}`, { method: 'POST', body: 'a' })
      return {
        outcome: await helpers.outcome(() => fetch(request, { headers: { 'x-own': '1' } })),
        used: request.bodyUsed,
        received: await helpers.received(mark, 'x-own'),
      }
    },
  },
  {
    id: 'F0b',
    title: 'The caller’s Request gets no header of ours',
    page: async ({ own, api, mark }) => {
      const requests = [own, api].map(
        (origin) => new Request(`${origin}/echo?${mark}`, { headers: { 'x-own': '1' } }),
      )
      for (const request of requests) await fetch(request)
      return requests.map((request) => [...request.headers])
    },
  },
  {
    id: 'F0c',
    title: 'Getters of `init`, of its headers and of the URL run once',
    page: async ({ own, other, mark }) => {
      const counts: Record<string, number> = {}
      const count = <Value>(name: string, value: Value): Value => {
        counts[name] = (counts[name] ?? 0) + 1
        return value
      }
      const headersOf = (name: string) => ({
        get 'x-own'() {
          return count(`${name} x-own`, '1')
        },
      })
      class Options {
        get method() {
          return count('class method', 'POST')
        }
        get headers() {
          return count('class headers', { 'x-own': '2' })
        }
      }
      for (const [name, origin] of [
        ['own', own],
        ['other', other],
      ] as const) {
        await fetch(`${origin}/echo?${mark}1`, {
          get method() {
            return count(`${name} method`, 'POST')
          },
          get headers() {
            return count(`${name} headers`, headersOf(name))
          },
          get body() {
            return count(`${name} body`, 'x')
          },
          get signal() {
            return count(`${name} signal`, null)
          },
        })
        const url = { toString: () => count(`${name} url`, `${origin}/echo?${mark}2`) }
        await fetch(url as unknown as string, { headers: headersOf(`${name} url`) })
        await fetch(`${origin}/echo?${mark}3`, new Options())
        const method = { toString: () => count(`${name} method’s text`, 'POST') }
        await fetch(`${origin}/echo?${mark}4`, { method: method as unknown as string })
      }
      return { counts, received: await helpers.received(mark, 'x-own') }
    },
  },
  {
    id: 'F0d',
    title: 'A Proxy as `init` sees each member read once',
    page: async ({ own, mark }) => {
      const reads: string[] = []
      const init: RequestInit = { method: 'POST', body: 'x', headers: { 'x-own': '1' } }
      await fetch(
        `${own}/echo?${mark}`,
        new Proxy(init, {
          get(target, name) {
            reads.push(String(name))
            return Reflect.get(target, name) as unknown
          },
        }),
      )
      const repeated = reads.filter((name, index) => reads.indexOf(name) !== index)
      return { repeated, received: await helpers.received(mark, 'x-own') }
    },
  },
  {
    id: 'F0g',
    title: 'A Proxy as `init` may answer for members that are not its own',
    limit: 'what such a Proxy does not own is not seen, as nobody can tell that it is one',
    page: async ({ own, mark }) => {
      const answers: Record<string, unknown> = { method: 'POST', body: 'x', headers: { 'x-own': '1' } }
      const init = new Proxy({}, { get: (_, name) => answers[String(name)] })
      await fetch(`${own}/echo?${mark}`, init)
      const failing = new Proxy(
        {},
        {
          get: () => {
            throw new RangeError('mine')
          },
        },
      )
      return [
        await helpers.outcome(() => fetch(`${own}/echo?${mark}`, failing)),
        await helpers.received(mark, 'x-own'),
      ]
    },
  },
  {
    id: 'F0e',
    title: 'A generator as headers is run once, and sent',
    page: async ({ own, other, mark }) => {
      let runs = 0
      for (const origin of [own, other]) {
        const headers = (function* () {
          runs += 1
          yield ['x-own', 'generated']
        })()
        await fetch(`${origin}/echo?${mark}`, { headers: headers as unknown as HeadersInit })
      }
      return { runs, received: await helpers.received(mark, 'x-own') }
    },
  },
  {
    id: 'F0f',
    title: '`fetch()` without arguments, with `undefined`, `null` or nothing in it',
    page: async () => {
      const bare = fetch as unknown as (...parameters: unknown[]) => Promise<Response>
      const paths = async (...parameters: unknown[]) => {
        const answer = await bare(...parameters)
        return [answer.status, new URL(answer.url).pathname === location.pathname]
      }
      return [await helpers.outcome(() => bare()), await paths(''), await paths(undefined), await paths(null)]
    },
  },
  {
    id: 'F1',
    title: '`init` used again for another origin: no header leaks, no preflight, no failure',
    page: async ({ own, other, mark }) => {
      const init: RequestInit = { headers: { accept: 'text/plain' } }
      const first = await helpers.outcome(() => fetch(`${own}/echo?${mark}`, init))
      const second = await helpers.outcome(() => fetch(`${other}/echo?${mark}`, init))
      return {
        first,
        second,
        init,
        received: await helpers.received(mark, 'traceparent').then((all) => all.slice(1)),
      }
    },
  },
  {
    id: 'F1b',
    title: 'Headers, list, record and `init` are as they were',
    page: async ({ own, api, mark }) => {
      const headers = new Headers({ 'x-own': '1', tracestate: 'a=1' })
      const record: Record<string, string> = { 'X-Own': '2', tracestate: 'a=1' }
      const list: [string, string][] = [
        ['x-own', '3'],
        ['tracestate', 'a=1'],
      ]
      const inits: RequestInit[] = [{ headers }, { headers: record }, { headers: list }, {}]
      for (const init of inits) {
        await fetch(`${own}/echo?${mark}`, init)
        await fetch(`${api}/echo?${mark}`, init)
      }
      return {
        headers: [...headers],
        record,
        list,
        keys: inits.map((init) => Object.keys(init)),
        same: inits[0]?.headers === headers,
      }
    },
  },
  {
    id: 'F4',
    title: 'Whatever is wrong, `fetch` rejects and never throws, with the native’s words',
    page: async ({ own, api, mark }) => {
      const used = new Request(`${own}/echo?${mark}`, { method: 'POST', body: 'x' })
      await used.text()
      const calls: (() => Promise<unknown>)[] = [
        () => fetch('http://['),
        () => fetch('http://user:password@127.0.0.1/'),
        () => fetch(used),
        () => fetch(used, { headers: { 'x-own': '1' } }),
        () => fetch(`${own}/echo`, { method: 'bad method' }),
        () => fetch(`${own}/echo`, { method: 'TRACE' }),
        () => fetch(`${own}/echo`, { method: 'GET', body: 'x' }),
        () => fetch(`${own}/echo`, { mode: 'navigate' }),
        () => fetch(`${own}/echo`, { headers: { 'bad name': 'x' } }),
        () => fetch(`${api}/echo`, { headers: { x: 'bad\nvalue' } }),
        () => fetch(`${own}/echo`, { headers: [['one']] as unknown as [string, string][] }),
        () => fetch(`${own}/echo`, { headers: 7 as unknown as HeadersInit }),
        () => fetch(`${own}/echo`, { headers: null as unknown as HeadersInit }),
        () => fetch(`${own}/echo`, { headers: { x: 'ä\u{1F600}' } }),
        () => fetch(`${own}/echo`, 7 as unknown as RequestInit),
        () => fetch(`${own}/echo`, { signal: {} as AbortSignal }),
        () => fetch(`${own}/broken?${mark}`),
        () => fetch(`${own}/redirect?${mark}`, { redirect: 'error' }),
        () => fetch(Symbol('x') as unknown as string),
      ]
      const outcomes = []
      for (const call of calls) outcomes.push(await helpers.outcome(call))
      return outcomes
    },
  },
  {
    id: 'F4b',
    title: 'A frozen `init`, and frozen headers in it',
    page: async ({ own, api, mark }) => {
      const init = Object.freeze({ method: 'POST', body: 'x', headers: Object.freeze({ 'x-own': '1' }) })
      const bare = Object.freeze({ method: 'POST' })
      return {
        outcomes: [
          await helpers.outcome(() => fetch(`${own}/echo?${mark}`, init)),
          await helpers.outcome(() => fetch(`${api}/echo?${mark}`, init)),
          await helpers.outcome(() => fetch(`${own}/echo?${mark}`, bare)),
        ],
        received: await helpers.received(mark, 'x-own'),
      }
    },
  },
  {
    id: 'F4c',
    title: 'What a getter or a `toString` of the caller throws comes out as a rejection',
    page: async ({ own }) => {
      const fail = (): never => {
        throw new RangeError('mine')
      }
      const calls: (() => Promise<unknown>)[] = [
        () => fetch({ toString: fail } as unknown as string),
        () =>
          fetch(`${own}/echo`, {
            get method(): string {
              return fail()
            },
          }),
        () =>
          fetch(`${own}/echo`, {
            get headers(): HeadersInit {
              return fail()
            },
          }),
        () => fetch(`${own}/echo`, { method: { toString: fail } as unknown as string }),
        () =>
          fetch(`${own}/echo`, {
            headers: {
              get 'x-own'(): string {
                return fail()
              },
            },
          }),
        () => fetch(`${own}/echo`, { headers: { 'x-own': { toString: fail } as unknown as string } }),
        () => fetch(`${own}/echo`, new Proxy({}, { getOwnPropertyDescriptor: fail, ownKeys: fail })),
        () => fetch(`${own}/echo`, { headers: new Proxy({ 'x-own': '1' }, { ownKeys: fail }) }),
      ]
      const outcomes = []
      for (const call of calls) outcomes.push(await helpers.outcome(call))
      return outcomes
    },
  },
  {
    id: 'F8',
    title: '`init.headers` replace those of a Request, its other members stay',
    page: async ({ own, api, mark }) => {
      for (const origin of [own, api]) {
        const request = new Request(`${origin}/echo?${mark}`, {
          method: 'POST',
          body: 'kept',
          headers: { 'x-own': 'lost', 'content-type': 'text/lost' },
        })
        await fetch(request, { headers: { 'x-own': 'kept' } })
      }
      return helpers.received(mark, 'x-own', 'content-type')
    },
  },
  {
    id: 'F9',
    title: 'Headers of every kind arrive: object, list, Headers, Map, Request, with names in any case',
    page: async ({ own, api, mark }) => {
      const pair: [string, string] = ['X-Own', '1']
      const kinds: HeadersInit[] = [
        { 'X-Own': '1' },
        [pair],
        [pair, pair],
        new Headers([pair]),
        new Map([pair]) as unknown as HeadersInit,
        Object.assign(Object.create(null) as Record<string, string>, { 'X-Own': '1' }),
      ]
      for (const origin of [own, api]) {
        for (const headers of kinds) {
          await fetch(`${origin}/echo?${mark}`, { headers })
          await fetch(new Request(`${origin}/echo?${mark}`, { headers }))
        }
      }
      return helpers.received(mark, 'x-own')
    },
  },
  {
    id: 'F10',
    title:
      'A `traceparent` of the caller’s goes out as it is, alone, in whatever it comes and however it is spelt',
    page: async ({ own, api, mark }) => {
      const value = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
      for (const origin of [own, api]) {
        const url = `${origin}/echo?${mark}`
        await fetch(url, { headers: { TraceParent: value } })
        await fetch(url, { headers: [['traceparent', value]] })
        await fetch(url, { headers: new Headers({ traceparent: value }) })
        await fetch(new Request(url, { headers: { traceparent: value } }))
        await fetch(url, {
          headers: (function* () {
            yield ['traceparent', value]
          })() as unknown as HeadersInit,
        })
      }
      return helpers.received(mark, 'traceparent', 'tracestate', 'b3', 'x-datadog-trace-id', 'baggage')
    },
  },
  {
    id: 'F10b',
    title: 'A `baggage` of the caller’s stays alone',
    page: async ({ own, api, mark }) => {
      for (const origin of [own, api]) {
        await fetch(`${origin}/echo?${mark}`, { headers: { baggage: 'a=1' } })
        await fetch(new Request(`${origin}/echo?${mark}`, { headers: { Baggage: 'a=1' } }))
      }
      return helpers.received(mark, 'baggage')
    },
  },
  {
    id: 'F11',
    title: 'Another origin gets no header and no preflight; nor does `no-cors`',
    page: async ({ other, api, mark }) => [
      await helpers.outcome(() => fetch(`${other}/echo?${mark}1`)),
      await helpers.outcome(() => fetch(`${other}/echo?${mark}2`, { method: 'POST', body: 'x' })),
      await helpers.outcome(() => fetch(new Request(`${other}/echo?${mark}3`))),
      await helpers.outcome(() => fetch(`${api}/echo?${mark}4`, { mode: 'no-cors' })),
      await helpers.outcome(() => fetch(new Request(`${api}/echo?${mark}5`, { mode: 'no-cors' }))),
      await helpers
        .received(mark, 'traceparent', 'tracestate', 'baggage', 'b3')
        .then((all) => all.filter((line) => line.startsWith('other') || /[45]/.test(line.at(-1) ?? ''))),
    ],
  },
  {
    id: 'F15',
    title: 'Bodies are sent whole, unread before: string, Blob, form, parameters, bytes, view',
    page: async ({ own, api, mark }) => {
      const form = new FormData()
      form.append('a', '1')
      const bytes = new Uint8Array([1, 2, 3, 4])
      const bodies: BodyInit[] = [
        'text',
        new Blob(['blob'], { type: 'text/own' }),
        form,
        new URLSearchParams({ a: '1' }),
        bytes.buffer,
        bytes.subarray(1, 3),
      ]
      for (const origin of [own, api])
        for (const body of bodies) await fetch(`${origin}/echo?${mark}`, { method: 'POST', body })
      const received = await helpers.received(mark, 'content-type')
      return received.map((line) => line.replace(/-{4,}(WebKitFormB|geckoformb)oundary\w+/g, 'boundary'))
    },
  },
  {
    id: 'F15b',
    title: 'A stream, before it is sent, is neither locked nor pulled by the hook',
    http2: true,
    page: async ({ mark }) => {
      const notes: string[] = []
      const encoder = new TextEncoder()
      let part = 0
      const body = new ReadableStream<Uint8Array>(
        {
          pull(controller) {
            part += 1
            notes.push(`pull ${part}`)
            if (part > 3) controller.close()
            else controller.enqueue(encoder.encode(`part ${part},`))
          },
          cancel: () => void notes.push('cancelled'),
        },
        { highWaterMark: 0 },
      )
      const init = { method: 'POST', body, duplex: 'half', headers: { 'x-own': '1' } } as RequestInit
      const request = new Request(`/upload?${mark}`, init)
      notes.push(`locked ${String(body.locked)}, used ${String(request.bodyUsed)}`)
      const answer = await fetch(request)
      const { method, body: sent } = (await answer.json()) as Record<string, string>
      notes.push(`locked ${String(body.locked)}, used ${String(request.bodyUsed)}`)
      return { method, sent, notes }
    },
  },
  {
    id: 'F18',
    title:
      'Addresses of every kind: relative, URL, protocol-relative, location, object, `blob:`, `data:`, `file:`, extensions',
    page: async ({ own, mark }) => {
      const blob = URL.createObjectURL(new Blob(['from a blob']))
      const addresses: unknown[] = [
        `/echo?${mark}1`,
        `//${new URL(own).host}/echo?${mark}2`,
        new URL(`${own}/echo?${mark}3`),
        location,
        { toString: () => `${own}/echo?${mark}4` },
        [`${own}/echo?${mark}5`],
        `\\echo\\x?${mark}6`,
        blob,
        new Request(blob),
        'data:text/plain,from%20data',
        'file:///nowhere',
        'chrome-extension://abcdefghijklmnopabcdefghijklmnop/x.js',
        'nonsense:thing',
        'about:blank',
      ]
      const outcomes = []
      for (const address of addresses) {
        outcomes.push(await helpers.outcome(async () => (await fetch(address as string)).text()))
      }
      return { outcomes: outcomes.map((text) => text.slice(0, 60)), received: await helpers.received(mark) }
    },
  },
  {
    id: 'F21',
    title:
      'All members of `init` go on to the native: `keepalive`, `priority`, `signal`, `duplex` and the rest',
    before: `{
      const native = fetch
      kept.seen = []
      globalThis.fetch = function fetch(input, init) {
        const names = ['method', 'body', 'mode', 'credentials', 'cache', 'redirect', 'referrer',
          'referrerPolicy', 'integrity', 'keepalive', 'signal', 'duplex', 'priority', 'window', 'own']
        if (String(input).includes('/echo')) kept.seen.push([
          typeof input,
          names.flatMap((name) => init && name in init ? [name, String(init[name])] : []),
          init && init.signal === kept.signal,
        ])
        return native.call(this, input, init)
      }
    }`,
    page: async ({ own, other, mark }) => {
      const { signal } = new AbortController()
      Object.assign(kept, { signal })
      const init = {
        method: 'POST',
        body: 'x',
        mode: 'cors',
        credentials: 'include',
        cache: 'no-store',
        redirect: 'follow',
        referrer: `${own}/page/referrer`,
        referrerPolicy: 'origin',
        integrity: '',
        keepalive: true,
        signal,
        duplex: 'half',
        priority: 'high',
        window: null,
        own: 'member',
      } as RequestInit
      const outcomes = []
      for (const origin of [own, other]) {
        outcomes.push(await helpers.outcome(() => fetch(`${origin}/echo?${mark}`, init)))
        outcomes.push(
          await helpers.outcome(() =>
            fetch(`${origin}/echo?${mark}`, { ...init, headers: { 'x-own': '1' } }),
          ),
        )
      }
      return { outcomes, seen: kept['seen'], received: await helpers.received(mark, 'referer') }
    },
  },
  {
    id: 'F21b',
    title: 'A Request keeps its referrer, policy, cache mode, credentials and signal',
    page: async ({ own, api, mark }) => {
      const controller = new AbortController()
      const at = `${own}/page/referrer`
      const requests: [Request, (RequestInit | undefined)?][] = [own, api].flatMap((origin) => {
        const url = `${origin}/echo?${mark}`
        return [
          [new Request(url, { referrer: at })],
          [new Request(url, { referrer: '' })],
          [new Request(url, { referrerPolicy: 'no-referrer' })],
          [new Request(url, { referrer: at, referrerPolicy: 'unsafe-url' })],
          [new Request(url, { referrer: at, referrerPolicy: 'unsafe-url' }), {}],
          [new Request(url, { referrer: at, referrerPolicy: 'unsafe-url' }), { headers: { 'x-own': '1' } }],
          [new Request(url, { referrer: at, referrerPolicy: 'unsafe-url' }), { cache: 'reload' }],
          [new Request(url, { cache: 'no-cache', keepalive: true, signal: controller.signal }), undefined],
          [new Request(url, { method: 'PUT', body: 'y' })],
        ] as [Request, RequestInit?][]
      })
      for (const parameters of requests) await fetch(...parameters)
      return helpers.received(mark, 'referer', 'cache-control', 'x-own', 'origin')
    },
  },
  {
    id: 'F21c',
    title: "A stream sent up with `duplex: 'half'` arrives whole, and its abort reaches it",
    http2: true,
    page: async ({ mark }) => {
      const encoder = new TextEncoder()
      const streamOf = (parts: string[], notes: string[], ends = true) =>
        new ReadableStream<Uint8Array>({
          pull(controller) {
            const part = parts.shift()
            if (part !== undefined) controller.enqueue(encoder.encode(part))
            else if (ends) controller.close()
          },
          cancel: (reason) => void notes.push(`cancelled: ${helpers.describe(reason)}`),
        })
      const notes: string[] = []
      const init = (body: ReadableStream) => ({ method: 'POST', body, duplex: 'half' }) as RequestInit
      const whole = streamOf(['one,', 'two,', 'three'], notes)
      const answer = await fetch(`/upload?${mark}`, init(whole))
      const { body } = (await answer.json()) as Record<string, string>
      const withoutDuplex = await helpers.outcome(() =>
        fetch(`/upload?${mark}`, { method: 'POST', body: streamOf(['x'], notes) }),
      )
      const controller = new AbortController()
      const endless = fetch(`/upload?${mark}`, {
        ...init(streamOf(['x'], notes, false)),
        signal: controller.signal,
      })
      setTimeout(() => controller.abort(), 50)
      const aborted = await helpers.outcome(() => endless)
      await helpers.until(() => notes.length)
      return { body, locked: whole.locked, withoutDuplex, aborted, notes }
    },
  },
  {
    id: 'F22',
    title: 'Any receiver that the native takes, and none that it does not take; no constructor',
    page: async ({ own, mark }) => {
      const url = `${own}/echo?${mark}`
      const { fetch: bare } = globalThis
      const calls: (() => unknown)[] = [
        () => bare(url),
        () => fetch.call(undefined, url),
        () => fetch.call(null as never, url),
        () => window.fetch(url),
        () => fetch.bind(window)(url),
        () => Reflect.apply(fetch, self, [url]),
        () => fetch.call({} as never, url),
        () => ({ fetch }).fetch(url),
        () => fetch.call(document as never, url),
        () => new (fetch as unknown as new (url: string) => unknown)(url),
      ]
      const outcomes = []
      for (const call of calls) outcomes.push(await helpers.outcome(call))
      return outcomes
    },
  },
  {
    id: 'F22b',
    title: 'Objects of an iframe’s realm: its Request, Headers, URL, signal, and our `fetch` on its window',
    page: async ({ own, api, mark }) => {
      const frame = document.body.appendChild(document.createElement('iframe'))
      const realm = frame.contentWindow as unknown as typeof globalThis
      const controller = new realm.AbortController()
      const outcomes = []
      for (const origin of [own, api]) {
        const url = `${origin}/echo?${mark}`
        const headers = { 'x-own': '1' }
        outcomes.push(
          await helpers.outcome(() => fetch(new realm.Request(url, { headers }))),
          await helpers.outcome(() => fetch(url, { headers: new realm.Headers(headers) })),
          await helpers.outcome(() =>
            fetch(new realm.URL(url), { headers: realm.Object(headers) as HeadersInit }),
          ),
          await helpers.outcome(() => fetch.call(realm as never, url)),
          await helpers.outcome(() => realm.fetch(url)),
        )
      }
      const pending = fetch(`${own}/never?${mark}`, { signal: controller.signal })
      controller.abort()
      const kind = await pending.catch((error: unknown) => error instanceof DOMException)
      frame.remove()
      return { outcomes, kind, received: await helpers.received(mark, 'x-own') }
    },
  },
]
