/** A page cannot tell from `XMLHttpRequest` that the agent is there. */
import { expect, test } from '../support/compare.js'

test('looks like the native', async ({ compare }) => {
  await compare(() => {
    const { prototype } = XMLHttpRequest
    return {
      constructor: [XMLHttpRequest.name, XMLHttpRequest.length, String(XMLHttpRequest)],
      same: prototype.constructor === XMLHttpRequest,
      keys: Object.getOwnPropertyNames(prototype),
      enumerable: Object.keys(prototype),
      methods: ['open', 'send', 'setRequestHeader', 'abort'].map((name) => {
        const descriptor = Object.getOwnPropertyDescriptor(prototype, name)
        const method = descriptor?.value as (...parameters: unknown[]) => unknown
        const { writable, enumerable, configurable } = descriptor ?? {}
        return [
          method.name,
          method.length,
          String(method).replace(method.name, ''),
          Object.hasOwn(method, 'prototype'),
          writable,
          enumerable,
          configurable,
        ]
      }),
      own: Object.getOwnPropertyNames(new XMLHttpRequest()),
      shown: JSON.stringify(new XMLHttpRequest()),
    }
  })
})

test('throws what the native throws', async ({ compare }) => {
  const outcomes = await compare(() => {
    const attempt = (run: (xhr: XMLHttpRequest) => unknown) => {
      try {
        return `returned ${String(run(new XMLHttpRequest()))}`
      } catch (error) {
        return `${(error as Error).name}: ${(error as Error).message}`
      }
    }
    const opened = (xhr: XMLHttpRequest) => {
      xhr.open('GET', '/echo')
      return xhr
    }
    const prototype = XMLHttpRequest.prototype as unknown as Record<
      'open' | 'send' | 'setRequestHeader',
      () => void
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
      attempt((xhr) => opened(xhr).setRequestHeader('tracestate', 'bäd')),
      attempt((xhr) => opened(xhr).setRequestHeader('tracestate', 'bad\u{1F600}')),
      attempt((xhr) => opened(xhr).setRequestHeader('tracestate', 'a=1')),
      attempt((xhr) =>
        (opened(xhr) as unknown as { setRequestHeader(name: string): void }).setRequestHeader('a'),
      ),
      attempt((xhr) => xhr.open('bad method', '/echo')),
      attempt((xhr) => xhr.open('TRACE', '/echo')),
      attempt((xhr) => xhr.open('GET', 'http://[')),
      attempt((xhr) => (xhr as unknown as { open(method: string): void }).open('GET')),
      attempt((xhr) => {
        xhr.responseType = 'blob'
        xhr.open('GET', '/echo', false)
      }),
      attempt((xhr) => {
        xhr.open('GET', '/broken', false)
        xhr.send()
      }),
      attempt(() => Reflect.apply(prototype.open, {}, ['GET', '/echo'])),
      attempt(() => Reflect.apply(prototype.send, {}, [])),
      attempt(() => Reflect.apply(prototype.setRequestHeader, {}, ['tracestate', 'a'])),
      attempt(() => Reflect.apply(prototype.send, undefined, [])),
      attempt(() => Reflect.construct(prototype.send, []) as unknown),
      attempt((xhr) =>
        xhr.open('GET', {
          toString: () => {
            throw new RangeError('mine')
          },
        } as unknown as string),
      ),
      attempt((xhr) => xhr.open({ toString: () => 'GET' } as unknown as string, '/echo')),
    ]
  })
  expect(outcomes.filter((outcome) => outcome.startsWith('returned')).length).toBeLessThan(6)
})

test('raises the same events in the same order', async ({ compare }) => {
  const seen = await compare(async () => {
    const types = [
      'readystatechange',
      'loadstart',
      'progress',
      'abort',
      'error',
      'load',
      'timeout',
      'loadend',
    ] as const
    const record = (method: string, url: string, change: (xhr: XMLHttpRequest) => void = () => undefined) =>
      new Promise<string[]>((resolve) => {
        const seen: string[] = []
        const xhr = new XMLHttpRequest()
        const note = (by: string, target: string) => (event: Event) =>
          seen.push(`${target} ${by} ${event.type} ${xhr.readyState} ${xhr.status}`)
        for (const type of types) {
          xhr.addEventListener(type, note('before', 'xhr'))
          xhr[`on${type}`] = note('handler', 'xhr')
          if (type !== 'readystatechange') xhr.upload.addEventListener(type, note('listener', 'upload'))
        }
        xhr.open(method, url)
        for (const type of types) xhr.addEventListener(type, note('after', 'xhr'))
        xhr.addEventListener('loadend', () => setTimeout(() => resolve(seen)))
        xhr.send(method === 'GET' ? null : 'body')
        change(xhr)
      })
    return {
      answered: await record('GET', '/echo'),
      sent: await record('POST', '/echo'),
      missing: await record('GET', '/status/404'),
      broken: await record('GET', '/broken'),
      aborted: await record('POST', '/never', (xhr) => xhr.abort()),
      timedOut: await record('GET', '/never', (xhr) => {
        xhr.timeout = 30
      }),
    }
  })
  expect(seen.answered.at(-1)).toBe('xhr after loadend 4 200')
  expect(seen.sent).toContain('upload listener loadend 1 0')
  expect(seen.aborted).toContain('xhr handler abort 4 0')
})

test('reads every kind of answer', async ({ compare }) => {
  const answers = await compare(async () => {
    const read = (responseType: XMLHttpRequestResponseType, url: string) =>
      new Promise<unknown>((resolve) => {
        const xhr = new XMLHttpRequest()
        xhr.open('GET', url)
        xhr.responseType = responseType
        xhr.onload = async () => {
          const answer: unknown = xhr.response
          if (answer instanceof ArrayBuffer) resolve([...new Uint8Array(answer)])
          else if (answer instanceof Blob)
            resolve([answer.size, answer.type, [...new Uint8Array(await answer.arrayBuffer())]])
          else resolve(typeof answer === 'string' ? answer.length : typeof answer)
        }
        xhr.send()
      })
    return [
      await read('arraybuffer', '/bytes'),
      await read('blob', '/bytes'),
      await read('json', '/echo'),
      await read('text', '/status/404'),
    ]
  })
  expect(answers[0]).toEqual([0, 1, 254, 255])
})

test('can be used again and again, whatever it did before', async ({ compare, stage, demo }) => {
  const outcomes = await compare(async ({ api, other }) => {
    const xhr = new XMLHttpRequest()
    const events: string[] = []
    for (const type of ['load', 'abort', 'error', 'loadend'] as const) {
      xhr.addEventListener(type, () => events.push(`${type} ${xhr.status}`))
    }
    const send = (url: string) =>
      new Promise<number>((resolve) => {
        xhr.open('GET', url)
        xhr.addEventListener('loadend', () => resolve(xhr.status), { once: true })
        xhr.send()
      })
    const first = [await send('/echo?again=1'), await send('/status/500?again=2')]
    // Under way, and opened anew for somebody else: nothing of the one may leak to the other.
    xhr.open('GET', `${api}/stock?ids=1&reopened=api`)
    xhr.send()
    xhr.open('GET', `${other}/ad.json?reopened=other`)
    const third = await new Promise((resolve) => {
      xhr.addEventListener('loadend', () => resolve(xhr.status), { once: true })
      xhr.send()
    })
    // Opened for the one, and sent to the other.
    xhr.open('GET', `${api}/stock?reopened=never`)
    xhr.setRequestHeader('tracestate', 'a=1')
    const fourth = await send(`${other}/ad.json?reopened=again`)
    const fifth = await send('/echo?again=3')
    return [first, third, fourth, fifth, events]
  })
  expect(outcomes.slice(0, 4)).toEqual([[200, 500], 200, 200, 200])
  for (const mark of ['reopened=other', 'reopened=again']) {
    const requests = (await demo.log(demo.other)).filter(({ query }) => query.includes(mark))
    expect(requests.map(({ method, headers }) => [method, Object.keys(headers)])).toEqual([
      ['GET', ['origin']],
      ['GET', ['origin']],
    ])
  }
  expect(stage.received.filter(({ url }) => url.endsWith('again=3'))).toHaveLength(2)
})

test('works in a subclass and with methods of its own', async ({ compare }) => {
  const outcome = await compare(async () => {
    const calls: string[] = []
    class Own extends XMLHttpRequest {
      override open(method: string, url: string) {
        calls.push('open')
        super.open(method, url, true)
      }
      override send(body?: string) {
        calls.push(`send in ${this.readyState}`)
        super.send(body)
      }
    }
    const xhr = new Own()
    const status = await new Promise((resolve) => {
      xhr.open('GET', '/echo')
      xhr.onload = () => resolve(xhr.status)
      xhr.send()
    })
    return { status, calls, kind: xhr instanceof XMLHttpRequest, name: xhr.constructor.name }
  })
  expect(outcome).toEqual({ status: 200, calls: ['open', 'send in 1'], kind: true, name: 'Own' })
})

test('sends from within its own events, and synchronously', async ({ compare }) => {
  const outcome = await compare(async () => {
    const inner = await new Promise((resolve) => {
      const xhr = new XMLHttpRequest()
      xhr.onreadystatechange = () => {
        if (xhr.readyState === 1) xhr.send()
        if (xhr.readyState === 4) resolve(xhr.status)
      }
      xhr.open('GET', '/echo?inner')
    })
    const next = await new Promise((resolve) => {
      const xhr = new XMLHttpRequest()
      let round = 0
      xhr.onload = () => {
        if ((round += 1) === 3) resolve([xhr.status, round])
        else {
          xhr.open('GET', `/echo?round=${round}`)
          xhr.send()
        }
      }
      xhr.open('GET', '/echo?round=0')
      xhr.send()
    })
    const xhr = new XMLHttpRequest()
    xhr.open('POST', '/echo?sync', false)
    xhr.setRequestHeader('x-own', 'sync')
    xhr.send('body')
    const { body } = JSON.parse(xhr.responseText) as { body: string }
    return { inner, next, sync: [xhr.status, body] }
  })
  expect(outcome).toEqual({ inner: 200, next: [200, 3], sync: [200, 'body'] })
})

test('keeps the caller’s headers, and joins what is set twice', async ({ compare }) => {
  const headers = await compare(
    () =>
      new Promise((resolve) => {
        const xhr = new XMLHttpRequest()
        xhr.open('GET', '/echo')
        xhr.setRequestHeader('X-Own', 'one')
        xhr.setRequestHeader('x-own', 'two')
        xhr.setRequestHeader('Accept', 'text/own')
        xhr.onload = () => {
          const { headers } = JSON.parse(xhr.responseText) as { headers: [string, string][] }
          resolve(headers.filter(([name]) => /^(x-own|accept)$/.test(name)))
        }
        xhr.send()
      }),
  )
  expect(headers).toEqual(
    expect.arrayContaining([
      ['x-own', 'one, two'],
      ['accept', 'text/own'],
    ]),
  )
})
