/** Observes `fetch`, and adds headers where the module says so. */
import type { Module } from '../load-wasm.js'
import { copyHeaders } from './headers.js'
import { patch, quietly, resolve } from './patch.js'

/** Installs the hook. */
export function hookFetch(module: Module, nextId: () => number, undo: (() => void)[]): void {
  const request = requestGetters()
  const then = Promise.prototype.then

  patch(
    globalThis,
    'fetch',
    (native, self, parameters) => {
      const started = quietly(() => begin(parameters))
      // Outside of any `try`: what the native does is what the page gets.
      const promise = Reflect.apply(native, self, started?.parameters ?? parameters)
      return started ? observe(promise, started) : promise
    },
    undo,
  )

  interface Started {
    id: number
    /** What to call the native with. */
    parameters: unknown[]
    signal: AbortSignal | undefined
  }

  function begin(parameters: unknown[]): Started | undefined {
    const [input, init] = parameters
    const base = requestUrl(input) === undefined ? undefined : (input as Request)
    const url = base ? requestUrl(base) : stringUrl(input)
    if (!url || !/^https?:/.test(url)) return undefined
    if (init !== undefined && init !== null && typeof init !== 'object' && typeof init !== 'function')
      return undefined

    // From here on the caller's object is read, each member once: what has getters, or a class
    // behind it, is read by the native from a view that hands on what we have read.
    const plain = init ? isPlain(init) : true
    const { method, mode, headers, signal } = (init ?? {}) as RequestInit
    const members = { method, mode, headers, signal }
    const view = plain ? init : viewOf(init as object, members)

    const id = nextId()
    const lines = module
      .startRequest(
        id,
        method === undefined ? (base ? request.method(base) : 'GET') : String(method),
        url,
        (mode ?? (base && request.mode(base))) === 'no-cors',
      )
      ?.split('\n')
    const started: Started = {
      id,
      parameters: plain ? parameters : [input, view, ...parameters.slice(2)],
      signal: (signal ?? (base && request.signal(base))) || undefined,
    }
    if (!lines) return undefined

    const inject = lines.length > 1
    const effective = headers === undefined && base ? request.headers(base) : headers
    // A one-shot iterable may be read only if it is replaced.
    if (!inject && effective && Symbol.iterator in effective && !isRereadable(effective)) return started
    const caller = copyHeaders(effective)
    const own = caller?.get('traceparent')
    if (own !== undefined) module.adopt(id, own)
    if (!inject || !caller) return started
    let added = lines
    if (own !== undefined) {
      added = []
    } else {
      const state = lines[2] && caller.get(lines[2])
      if (state) added = [lines[0]!, lines[1]!, lines[2]!, module.mergeTracestate(id, state) || state]
    }
    if (own !== undefined && (!effective || isRereadable(effective) || !(Symbol.iterator in effective)))
      return started
    const changed: Record<string, unknown> = { headers: caller.with(added) }
    // With any member in `init`, a Request's referrer and policy are forgotten (Fetch §5.4 step 13).
    if (base && isEmpty(init)) {
      changed['referrer'] = request.referrer(base)
      changed['referrerPolicy'] = request.referrerPolicy(base)
    }
    started.parameters = [
      input,
      plain ? { ...(init as object), ...changed } : viewOf(init as object, { ...members, ...changed }),
      ...parameters.slice(2),
    ]
    return started
  }

  /**
   * Returns a promise that settles as the native's does, one microtask later. Not a side branch: that
   * would make the page's unhandled rejections handled, or report handled ones.
   */
  function observe(promise: unknown, { id, signal }: Started): unknown {
    const settled = (response: Response) => {
      module.endRequest(id, quietly(() => response.status) ?? 0)
      return response
    }
    const rejected = (error: unknown) => {
      const name = error instanceof Error || error instanceof DOMException ? error.name : 'unknown'
      module.failRequest(id, name, !!quietly(() => signal?.aborted))
      throw error
    }
    // A polyfill's promise is not a native one.
    return promise instanceof Promise
      ? Reflect.apply(then, promise, [settled, rejected])
      : (promise as PromiseLike<Response>).then(settled, rejected)
  }

  function requestUrl(input: unknown): string | undefined {
    return input && typeof input === 'object' ? quietly(() => request.url(input as Request)) : undefined
  }
}

/** The URL of anything but a Request; nothing for what only the native may turn into a string. */
function stringUrl(input: unknown): string | undefined {
  if (typeof input === 'string') return resolve(input)
  if (input instanceof URL) return input.href
  // Its stringifier is unforgeable, unlike a URL's.
  return input === globalThis.location ? globalThis.location.href : undefined
}

/** The prototype's own getters: a subclass's would run code of the page. */
function requestGetters() {
  const getter =
    <Name extends 'url' | 'method' | 'mode' | 'headers' | 'signal' | 'referrer' | 'referrerPolicy'>(
      name: Name,
    ) =>
    (request: Request): Request[Name] =>
      Reflect.get(Request.prototype, name, request)
  return {
    url: getter('url'),
    method: getter('method'),
    mode: getter('mode'),
    headers: getter('headers'),
    signal: getter('signal'),
    referrer: getter('referrer'),
    referrerPolicy: getter('referrerPolicy'),
  }
}

/** Whether reading from it or copying it runs no code of the page. */
function isPlain(init: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(init)
  return (
    (prototype === Object.prototype || prototype === null) &&
    Object.values(Object.getOwnPropertyDescriptors(init)).every(
      (member) => 'value' in member && member.enumerable,
    )
  )
}

/** `init`, but with these members in place of its own. */
function viewOf(init: object, members: object): object {
  return new Proxy(init, {
    get: (target, name) =>
      name in members ? members[name as keyof typeof members] : Reflect.get(target, name),
  })
}

/** Whether `fetch` finds no member in it. */
function isEmpty(init: unknown): boolean {
  return !init || Object.values(init).every((member) => member === undefined)
}

/** Whether iterating over it leaves it as it was. */
function isRereadable(headers: object): boolean {
  return headers instanceof Headers || Array.isArray(headers)
}
