/** Traps of `XMLHttpRequest`. */
import { SYNC_FAILURE } from '../support/browsers.js'
import type { Trap } from './trap.js'

export const XHR: Trap[] = [
  {
    id: 'X1',
    title: 'A `traceparent` of the caller’s goes out as it is, alone',
    page: async ({ own, api, mark }) => {
      for (const origin of [own, api]) {
        for (const name of ['traceparent', 'TraceParent']) {
          const xhr = new XMLHttpRequest()
          xhr.open('GET', `${origin}/echo?${mark}`)
          xhr.setRequestHeader(name, '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01')
          await helpers.send(xhr)
        }
      }
      return helpers.received(mark, 'traceparent', 'tracestate', 'b3', 'x-datadog-trace-id', 'baggage')
    },
  },
  {
    id: 'X1b',
    title: 'A header set twice is joined, in the caller’s order; `baggage` of the caller’s stays alone',
    page: async ({ own, api, mark }) => {
      for (const origin of [own, api]) {
        const xhr = new XMLHttpRequest()
        xhr.open('GET', `${origin}/echo?${mark}`)
        xhr.setRequestHeader('X-Own', 'one')
        xhr.setRequestHeader('x-own', 'two')
        xhr.setRequestHeader('baggage', 'a=1')
        await helpers.send(xhr)
      }
      return helpers.received(mark, 'x-own', 'baggage')
    },
  },
  {
    id: 'X2',
    title: 'Opened for an origin with headers, opened anew and sent to one without: no header, no preflight',
    page: async ({ own, api, other, mark }) => {
      const statuses = []
      for (const origin of [own, api]) {
        const xhr = new XMLHttpRequest()
        xhr.open('GET', `${origin}/echo?${mark}`)
        xhr.setRequestHeader('tracestate', 'a=1')
        xhr.open('GET', `${other}/echo?${mark}`)
        statuses.push(await helpers.send(xhr))
        // And under way.
        xhr.open('GET', `${origin}/slow?${mark}`)
        xhr.send()
        xhr.open('GET', `${other}/echo?${mark}`)
        statuses.push(await helpers.send(xhr))
      }
      const received = await helpers.received(mark, 'traceparent', 'tracestate', 'baggage', 'b3')
      return { statuses, received: received.filter((line) => line.startsWith('other')) }
    },
  },
  {
    id: 'X2b',
    title: 'One object for several requests: nothing of the last one is left, and each is answered',
    page: async ({ own, api, other, mark }) => {
      const xhr = new XMLHttpRequest()
      const seen = []
      for (const [index, origin] of [own, other, api, own, other].entries()) {
        xhr.open('GET', `${origin}/echo?${mark}${index}`)
        if (index % 2) xhr.setRequestHeader('x-own', String(index))
        seen.push(await helpers.send(xhr), xhr.responseURL)
      }
      return { seen, received: await helpers.received(mark, 'x-own') }
    },
  },
  {
    id: 'X3',
    title: 'Spans: one for what is sent, none for what is only opened; opened anew, the first one ends',
    page: async ({ own, mark }) => {
      const unsent = new XMLHttpRequest()
      unsent.open('GET', `${own}/never?${mark}`)
      const xhr = new XMLHttpRequest()
      xhr.open('POST', `${own}/never?${mark}`)
      xhr.send()
      await helpers.wait(30)
      xhr.open('GET', `${own}/echo?${mark}`)
      return helpers.send(xhr)
    },
    spans: [
      { name: 'GET', method: 'GET', status: 200, failed: false },
      { name: 'POST', method: 'POST', failed: false },
    ],
  },
  {
    id: 'X4',
    title: 'Spans: a timeout, an error and an abort differ, and 304 is none of them',
    page: async ({ own, mark }) => {
      const statuses = []
      for (const [method, path, timeout] of [
        ['GET', 'never', 40],
        ['POST', 'broken', 0],
        ['PUT', 'status/304', 0],
        ['DELETE', 'status/404', 0],
      ] as const) {
        const xhr = new XMLHttpRequest()
        xhr.open(method, `${own}/${path}?${mark}`)
        xhr.timeout = timeout
        statuses.push(await helpers.send(xhr))
      }
      const aborted = new XMLHttpRequest()
      aborted.open('HEAD', `${own}/never?${mark}`)
      const ended = helpers.send(aborted)
      await helpers.wait(20)
      aborted.abort()
      return [...statuses, await ended]
    },
    spans: [
      { name: 'GET', method: 'GET', error: 'timeout', failed: true },
      { name: 'POST', method: 'POST', error: 'error', failed: true },
      { name: 'PUT', method: 'PUT', status: 304, failed: false },
      { name: 'DELETE', method: 'DELETE', status: 404, error: '404', failed: true },
      { name: 'HEAD', method: 'HEAD', failed: false },
    ],
  },
  {
    id: 'X4b',
    title:
      'Events of every kind, in the same order, with the same states: answered, failed, aborted, timed out',
    page: async ({ own, mark }) => {
      const types = ['readystatechange', 'loadstart', 'abort', 'error', 'load', 'timeout', 'loadend'] as const
      const record = (method: string, url: string, change: (xhr: XMLHttpRequest) => void = () => undefined) =>
        new Promise<string[]>((resolve) => {
          const seen: string[] = []
          const xhr = new XMLHttpRequest()
          const note = (by: string) => (event: Event) => {
            const { target, currentTarget } = event
            seen.push(
              `${by} ${event.type} ${xhr.readyState} ${xhr.status} ${String(target === currentTarget)}`,
            )
            queueMicrotask(() => seen.push(`after ${by} ${event.type}`))
          }
          for (const type of types) {
            xhr.addEventListener(type, note('before'))
            xhr[`on${type}`] = note('handler')
            if (type !== 'readystatechange') xhr.upload.addEventListener(type, note('upload'))
          }
          xhr.open(method, url)
          for (const type of types) xhr.addEventListener(type, note('later'))
          xhr.addEventListener('loadend', () => setTimeout(() => resolve(seen)))
          xhr.send(method === 'GET' ? null : 'body')
          seen.push('sent')
          change(xhr)
        })
      return {
        answered: await record('GET', `${own}/echo?${mark}`),
        sent: await record('POST', `${own}/echo?${mark}`),
        missing: await record('GET', `${own}/status/404?${mark}`),
        broken: await record('GET', `${own}/broken?${mark}`),
        aborted: await record('POST', `${own}/never?${mark}`, (xhr) => xhr.abort()),
        timedOut: await record('GET', `${own}/never?${mark}`, (xhr) => (xhr.timeout = 40)),
      }
    },
  },
  {
    id: 'X4c',
    title: '`upload` is told of an abort as before, if a configured origin was asked for something simple',
    page: async ({ api, mark }) => {
      const events: string[] = []
      const xhr = new XMLHttpRequest()
      xhr.open('GET', `${api}/never?${mark}`)
      for (const type of ['abort', 'loadend'] as const)
        xhr.upload.addEventListener(type, () => events.push(type))
      const ended = helpers.send(xhr)
      xhr.abort()
      return [await ended, events]
    },
    limitIn: ['chromium'],
    limit: 'Chromium tells `upload` of every request that is not simple, and a header of ours makes it so',
  },
  {
    id: 'X5',
    title: 'Synchronous: answered, failed with the native’s exception, and without a single event too many',
    page: ({ own, other, mark }) => {
      const attempt = (method: string, url: string) => {
        const events: string[] = []
        const xhr = new XMLHttpRequest()
        for (const type of ['readystatechange', 'loadstart', 'load', 'error', 'loadend'])
          xhr.addEventListener(type, () => events.push(`${type} ${xhr.readyState}`))
        xhr.open(method, url, false)
        const result = helpers.result(() => {
          xhr.send(method === 'GET' ? null : 'x')
        })
        return [result, xhr.status, xhr.responseText.length, events]
      }
      return [
        attempt('GET', `${own}/echo?${mark}`),
        attempt('POST', `${own}/echo?${mark}`),
        attempt('GET', `${own}/status/500?${mark}`),
        attempt('GET', `${own}/broken?${mark}`),
        attempt('PUT', `${other}/broken?${mark}`),
      ]
    },
  },
  {
    id: 'X5b',
    title: 'Spans: a synchronous request that is answered, and one that fails',
    page: ({ own, mark }) =>
      ['echo', 'broken'].map((path) => {
        const xhr = new XMLHttpRequest()
        xhr.open('GET', `${own}/${path}?${mark}`, false)
        return helpers.result(() => xhr.send())
      }),
    spans: [
      { name: 'GET', method: 'GET', status: 200, failed: false },
      { name: 'GET', method: 'GET', error: SYNC_FAILURE, failed: true },
    ],
  },
  {
    id: 'X6',
    title: 'No listener stays on an object, however often it is used and however a request ends',
    before: `{
      const { addEventListener, removeEventListener } = EventTarget.prototype
      kept.listeners = new Set()
      const key = (type, listener) => type + ' ' + (listener.key ??= Math.random())
      XMLHttpRequest.prototype.addEventListener = function (type, listener, ...rest) {
        kept.listeners.add(key(type, listener))
        return addEventListener.call(this, type, listener, ...rest)
      }
      XMLHttpRequest.prototype.removeEventListener = function (type, listener, ...rest) {
        kept.listeners.delete(key(type, listener))
        return removeEventListener.call(this, type, listener, ...rest)
      }
    }`,
    page: async ({ own, mark }) => {
      const xhr = new XMLHttpRequest()
      for (const path of ['echo', 'status/500', 'broken', 'echo']) {
        xhr.open('GET', `${own}/${path}?${mark}`)
        await helpers.send(xhr)
      }
      xhr.open('GET', `${own}/never?${mark}`)
      xhr.send()
      xhr.abort()
      xhr.open('GET', `${own}/never?${mark}`)
      xhr.send()
      xhr.open('GET', `${own}/echo?${mark}`)
      await helpers.send(xhr)
      xhr.open('GET', `${own}/echo?${mark}`, false)
      xhr.send()
      return [...(kept['listeners'] as unknown as Set<string>)].map((key) => key.split(' ')[0])
    },
  },
  {
    id: 'X7',
    title:
      'Answers of every `responseType` are read by nobody else, and `responseText` throws where it should',
    page: async ({ own, api, mark }) => {
      const answers: unknown[] = []
      for (const [type, path] of [
        ['arraybuffer', 'bytes'],
        ['blob', 'bytes'],
        ['json', 'echo'],
        ['text', 'echo'],
        ['document', 'xml'],
        ['', 'xml'],
      ] as const) {
        const xhr = new XMLHttpRequest()
        xhr.open('GET', `${type === 'json' ? api : own}/${path}?${mark}`)
        xhr.responseType = type
        await helpers.send(xhr)
        const { response } = xhr as { response: unknown }
        answers.push(
          response instanceof ArrayBuffer
            ? [...new Uint8Array(response)]
            : response instanceof Blob
              ? [response.size, response.type]
              : response instanceof Document
                ? response.documentElement.outerHTML
                : response,
          helpers.result(() => xhr.responseText),
          helpers.result(() => xhr.responseXML),
          response === xhr.response,
        )
      }
      return answers
    },
  },
  {
    id: 'X8',
    title: 'The console has no complaint of the browser’s about a header that is not exposed',
    console: true,
    page: async ({ api, own, mark }) => {
      const lengths = []
      for (const origin of [own, api]) {
        const xhr = new XMLHttpRequest()
        xhr.open('GET', `${origin}/trace?${mark}`)
        await helpers.send(xhr)
        lengths.push(xhr.responseText.length, (await (await fetch(`${origin}/trace?${mark}`)).text()).length)
      }
      return lengths
    },
  },
  {
    id: 'X9',
    title: 'Relative addresses, also with a `<base>`, URL objects and other objects',
    alone: true,
    page: async ({ own, other, mark }) => {
      const statuses = []
      const send = async (url: unknown) => {
        const xhr = new XMLHttpRequest()
        xhr.open('GET', url as string)
        statuses.push(await helpers.send(xhr))
      }
      let reads = 0
      const base = document.createElement('base')
      await send(`/echo?${mark}1`)
      await send(new URL(`${own}/echo?${mark}2`))
      await send({
        toString: () => {
          reads += 1
          return `/echo?${mark}3`
        },
      })
      await send(`//${new URL(own).host}/echo?${mark}4`)
      base.href = `${other}/base/`
      document.head.append(base)
      await send(`echo?${mark}5`)
      statuses.push(await helpers.outcome(() => fetch(`echo?${mark}6`)))
      base.remove()
      return { statuses, reads, received: await helpers.received(mark) }
    },
  },
  {
    id: 'X10',
    title: 'Bodies of every kind arrive: a Document, string, Blob, form, parameters, bytes',
    page: async ({ own, api, mark }) => {
      const form = new FormData()
      form.append('a', '1')
      const bodies = [
        new DOMParser().parseFromString('<own><body/></own>', 'text/xml'),
        'text',
        new Blob(['blob'], { type: 'text/own' }),
        form,
        new URLSearchParams({ a: '1' }),
        new Uint8Array([1, 2]).buffer,
        null,
      ]
      for (const origin of [own, api]) {
        for (const body of bodies) {
          const xhr = new XMLHttpRequest()
          xhr.open('POST', `${origin}/echo?${mark}`)
          await helpers.send(xhr, body)
        }
      }
      const received = await helpers.received(mark, 'content-type', 'content-length')
      return received.map((line) => {
        const [boundary = ''] = /-{4,}(WebKitFormB|geckoformb)oundary\w+/.exec(line) ?? []
        // Firefox's are not all of one length.
        return line
          .replace(/(?<=content-length: )\d+/, (length) => String(+length - 2 * boundary.length))
          .replaceAll(boundary || 'none', 'boundary')
      })
    },
  },
  {
    id: 'X11',
    title: '`withCredentials`, `timeout`, `responseType` and `overrideMimeType`, before and after `open`',
    page: async ({ own, api, mark }) => {
      const seen = []
      for (const origin of [own, api]) {
        const xhr = new XMLHttpRequest()
        xhr.withCredentials = true
        xhr.timeout = 4_000
        xhr.responseType = 'document'
        xhr.overrideMimeType('text/xml')
        xhr.open('GET', `${origin}/xml?${mark}`)
        seen.push([xhr.withCredentials, xhr.timeout, xhr.responseType])
        xhr.responseType = ''
        xhr.withCredentials = false
        seen.push(await helpers.send(xhr), xhr.responseXML?.documentElement.tagName)
        seen.push(
          helpers.result(() => {
            xhr.overrideMimeType('text/plain')
          }),
        )
      }
      return seen
    },
  },
  {
    id: 'X12',
    title: 'Subclasses: their own methods are called, and `instanceof`, name and parent are theirs',
    page: async ({ own, mark }) => {
      const calls: string[] = []
      class Own extends XMLHttpRequest {
        readonly field = 'own'
        override open(method: string, url: string) {
          calls.push('open')
          super.open(method, url, true)
        }
        override setRequestHeader(name: string, value: string) {
          calls.push(`header ${name}`)
          super.setRequestHeader(name, value)
        }
        override addEventListener(...parameters: [type: string, listener: EventListener]) {
          calls.push(`listen ${parameters[0]}`)
          super.addEventListener(...parameters)
        }
        override get readyState() {
          calls.push('readyState')
          return super.readyState
        }
        override get status() {
          calls.push('status')
          return super.status
        }
        override getAllResponseHeaders() {
          calls.push('all headers')
          return super.getAllResponseHeaders()
        }
        override send(body?: XMLHttpRequestBodyInit) {
          calls.push('send')
          super.send(body)
        }
      }
      const xhr = new Own()
      xhr.open('GET', `${own}/echo?${mark}`)
      xhr.setRequestHeader('x-own', '1')
      const ended = new Promise((resolve) => (xhr.onloadend = resolve))
      xhr.send()
      await ended
      return {
        calls,
        kinds: [xhr instanceof Own, xhr instanceof XMLHttpRequest, xhr.constructor === Own, xhr.field],
        parent: Object.getPrototypeOf(Own) === XMLHttpRequest,
        received: await helpers.received(mark, 'x-own'),
      }
    },
  },
  {
    id: 'X12b',
    title: 'The constructor, its constants, its prototype’s keys and the patched methods look as before',
    page: () => {
      const { prototype } = XMLHttpRequest
      return {
        constructor: [XMLHttpRequest.name, XMLHttpRequest.length, String(XMLHttpRequest)],
        constants: [XMLHttpRequest.UNSENT, XMLHttpRequest.DONE, new XMLHttpRequest().HEADERS_RECEIVED],
        same: prototype.constructor === XMLHttpRequest,
        keys: Reflect.ownKeys(prototype).map(String),
        enumerable: Object.keys(prototype),
        methods: ['open', 'send', 'setRequestHeader', 'abort', 'addEventListener'].map((name) => {
          const descriptor = Object.getOwnPropertyDescriptor(prototype, name)
          const method = Reflect.get(prototype, name) as () => void
          return {
            name: method.name,
            length: method.length,
            isNative: String(method).includes('[native code]'),
            own: Reflect.ownKeys(method),
            descriptor: { ...descriptor, value: typeof descriptor?.value },
          }
        }),
      }
    },
  },
  {
    id: 'X12c',
    title: 'What the native refuses is refused with the same words: order, arguments, receiver, construction',
    page: ({ own }) => {
      const attempt = (run: (xhr: XMLHttpRequest) => unknown) =>
        helpers.result(() => run(new XMLHttpRequest()))
      const opened = (xhr: XMLHttpRequest) => {
        xhr.open('GET', `${own}/echo`)
        return xhr
      }
      const bare = XMLHttpRequest.prototype as unknown as Record<
        'open' | 'send' | 'setRequestHeader',
        (...parameters: unknown[]) => void
      >
      return [
        attempt((xhr) => xhr.setRequestHeader('a', 'b')),
        attempt((xhr) => xhr.setRequestHeader('tracestate', 'a=1')),
        attempt((xhr) => xhr.send()),
        attempt((xhr) => {
          opened(xhr).send()
          xhr.send()
        }),
        attempt((xhr) => {
          opened(xhr).send()
          xhr.setRequestHeader('tracestate', 'a=1')
        }),
        attempt((xhr) => opened(xhr).setRequestHeader('bad name', 'b')),
        attempt((xhr) => opened(xhr).setRequestHeader('tracestate', 'bad\nvalue')),
        attempt((xhr) => opened(xhr).setRequestHeader('tracestate', 'bad\u{1F600}')),
        attempt((xhr) => Reflect.apply(bare.setRequestHeader, opened(xhr), ['tracestate'])),
        attempt((xhr) => Reflect.apply(bare.setRequestHeader, opened(xhr), ['tracestate', 7])),
        attempt((xhr) => Reflect.apply(bare.setRequestHeader, opened(xhr), ['tracestate', Symbol('x')])),
        attempt((xhr) => xhr.open('bad method', own)),
        attempt((xhr) => xhr.open('TRACE', own)),
        attempt((xhr) => xhr.open('GET', 'http://[')),
        attempt((xhr) => Reflect.apply(bare.open, xhr, [])),
        attempt((xhr) => Reflect.apply(bare.open, xhr, ['GET'])),
        attempt((xhr) => Reflect.apply(bare.open, xhr, [null, undefined])),
        attempt((xhr) => Reflect.apply(bare.open, xhr, ['GET', Symbol('x')])),
        attempt((xhr) => {
          xhr.responseType = 'blob'
          xhr.open('GET', own, false)
        }),
        attempt(() => Reflect.apply(bare.open, {}, ['GET', own])),
        attempt(() => Reflect.apply(bare.send, {}, [])),
        attempt(() => Reflect.apply(bare.setRequestHeader, {}, ['tracestate', 'a'])),
        attempt(() => Reflect.apply(bare.send, undefined, [])),
        attempt(() => Reflect.apply(bare.send, XMLHttpRequest.prototype, [])),
        attempt(() => Reflect.construct(bare.send, []) as unknown),
        attempt((xhr) =>
          Reflect.apply(bare.open, xhr, [
            'GET',
            {
              toString: () => {
                throw new RangeError('mine')
              },
            },
          ]),
        ),
      ]
    },
  },
  {
    id: 'X12d',
    title: 'An object shows nothing of the agent’s: own keys, JSON, before and after a request',
    page: async ({ own, mark }) => {
      const xhr = new XMLHttpRequest()
      const shown = () => [Reflect.ownKeys(xhr).map(String), JSON.stringify(xhr), Object.keys(xhr).length]
      const seen = [shown()]
      xhr.open('GET', `${own}/echo?${mark}`)
      seen.push(shown())
      const ended = new Promise((resolve) => {
        xhr.addEventListener('loadend', resolve)
      })
      xhr.send()
      seen.push(shown())
      await ended
      return [...seen, shown()]
    },
  },
]
