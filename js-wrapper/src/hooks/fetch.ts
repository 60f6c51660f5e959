/** Observes `fetch`, and adds headers where the module says so. */
import type { Module } from '../load-wasm.js'
import type { ErrorReporter } from './errors.js'
import type { ReadAnswer } from './answer.js'
import type { ReadGraphql } from './graphql.js'
import {
  copyHeaders,
  headersIn,
  isCrossOrigin,
  isDryRun,
  isSimple,
  propagates,
  type CallerHeaders,
  type Header,
} from './headers.js'
import { hand, isHanded, patch, quietly, resolve } from './patch.js'

/**
 * Installs the hook.
 *
 * @param readAnswer - if responses are to be read.
 */
export function hookFetch(
  module: Module,
  nextId: () => number,
  readAnswer: ReadAnswer | undefined,
  errors: ErrorReporter | undefined,
  undo: (() => void)[],
  readGraphql?: ReadGraphql,
): void {
  const request = requestGetters()
  const then = Promise.prototype.then

  patch(
    globalThis,
    'fetch',
    (native, self, parameters) => {
      const started = quietly(() => begin(parameters))
      // Nothing is caught: what the native does is what the page gets.
      const promise = hand<unknown>(started?.line, () =>
        Reflect.apply(native, self, started?.parameters ?? parameters),
      )
      return started?.id === undefined ? promise : observe(promise, started.id, started)
    },
    undo,
  )

  interface Started {
    /** Nothing if the request is not recorded. */
    id?: number
    /** Its method and URL. */
    line?: string
    /** What to call the native with. */
    parameters: unknown[]
    signal?: AbortSignal | null | undefined
    /** Whether a header of ours makes the browser ask first. */
    newPreflight?: boolean
  }

  function begin(parameters: unknown[]): Started | undefined {
    const [input, init] = parameters as [unknown, RequestInit?]
    const requested = requestUrl(input)
    const base = requested === undefined ? undefined : (input as Request)
    // The location's stringifier is unforgeable, unlike other objects'.
    const url = requested ?? resolve(input === globalThis.location ? globalThis.location.href : input)
    if (!url || !/^https?:/.test(url)) return undefined
    if (init !== undefined && init !== null && typeof init !== 'object' && typeof init !== 'function')
      return undefined

    // From here on the caller's object is read, each member once: what has getters, or a class
    // behind it, is read by the native from a view that hands on what we have read.
    const plain = init ? plainMembers(init) : {}
    const { method, mode, headers, signal } = plain ?? init ?? {}
    const members = { method, mode, headers, signal }
    const view = plain ? parameters : [input, viewOf(init as object, members), ...parameters.slice(2)]
    // What is no string is turned into one by the native, once.
    if (method !== undefined && typeof method !== 'string') return { parameters: view }

    const verb = method ?? (base ? request.method(base) : 'GET')
    const line = verb + ' ' + url
    if (isHanded(line)) return { parameters: view }
    const id = nextId()
    const noCors = (mode ?? (base && request.mode(base))) === 'no-cors'
    const contentType = () => {
      const own = headers === undefined && base ? request.headers(base) : headers
      return runsCode(own) ? undefined : copyHeaders(own)?.get('content-type')
    }
    const answer = module.ask(
      'startRequest',
      FULL && readGraphql ? line + readGraphql(url, plain?.body, contentType) : line,
      id,
      +noCors,
    )
    if (answer === undefined) return { parameters: view }
    const started: Started = {
      id,
      line,
      parameters: view,
      signal: signal === undefined && base ? request.signal(base) : signal,
    }

    const added = headersIn(answer)
    const effective = headers === undefined && base ? request.headers(base) : headers
    const oneShot = runsCode(effective)
    // Read once: only if it is replaced.
    if ((!added.length || (FULL && isDryRun(answer))) && oneShot) return started
    const caller = copyHeaders(effective)
    if (!caller) return started
    const foreign = propagates(added, (name) => caller.get(name) !== undefined)
    if (foreign) module.call('adopt', caller.get('traceparent'), id)
    else if (FULL && isCrossOrigin(answer)) started.newPreflight = isSimple(verb, caller.pairs, plain?.body)
    if (foreign ? !oneShot : !added.length || (FULL && isDryRun(answer))) return started
    const changed: Record<string, unknown> = {
      headers: caller.with(foreign ? [] : merge(id, added, caller)),
    }
    // With any member in `init`, a Request's referrer and policy are forgotten (Fetch §5.4 step 13).
    if (base && isEmpty(init)) {
      changed['referrer'] = request.referrer(base)
      changed['referrerPolicy'] = request.referrerPolicy(base)
    }
    started.parameters = [
      input,
      plain ? { ...init, ...changed } : viewOf(init as object, { ...members, ...changed }),
      ...parameters.slice(2),
    ]
    return started
  }

  function merge(id: number, added: Header[], caller: CallerHeaders): Header[] {
    return added.flatMap(([name, value]): Header[] => {
      const existing = caller.get(name)
      if (existing === undefined) return [[name, value]]
      // The caller's baggage is the caller's.
      return name === 'tracestate' ? [[name, module.ask('mergeTracestate', existing, id) || value]] : []
    })
  }

  /**
   * Returns a promise that settles as the native's does, one microtask later. Not a side branch: that
   * would make the page's unhandled rejections handled, or report handled ones.
   */
  function observe(promise: unknown, id: number, { signal, newPreflight }: Started): unknown {
    const settled = (response: Response) => {
      const answer =
        FULL && readAnswer && quietly(() => readAnswer(response.url, (name) => response.headers.get(name)))
      module.call(
        'endRequest',
        answer || '',
        id,
        FULL ? +!!newPreflight : 0,
        quietly(() => response.status) ?? 0,
      )
      return response
    }
    const rejected = (error: unknown) => {
      const name = error instanceof Error || error instanceof DOMException ? error.name : 'unknown'
      module.call('failRequest', name, id, FULL ? +!!newPreflight : 0, +!!quietly(() => signal?.aborted))
      if (PROTOCOLS) quietly(() => errors?.requestFailed(error, id))
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

/** The prototype's own getters: a subclass's would run code of the page. */
function requestGetters() {
  const getter =
    <Name extends 'url' | 'method' | 'mode' | 'headers' | 'signal' | 'referrer' | 'referrerPolicy'>(
      name: Name,
    ) =>
    (request: Request): Request[Name] =>
      Reflect.get<Request, Name>(Request.prototype, name, request)
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

/** The members of an object that runs no code of the page when it is read or copied; else nothing. */
function plainMembers(init: object): RequestInit | undefined {
  const prototype: unknown = Object.getPrototypeOf(init)
  if (prototype !== Object.prototype && prototype !== null) return undefined
  const members: Record<string, unknown> = {}
  // Not `init[name]`: it may be a Proxy, whose `get` is the native's to call.
  for (const [name, member] of Object.entries(Object.getOwnPropertyDescriptors(init))) {
    if (!('value' in member && member.enumerable)) return undefined
    members[name] = member.value
  }
  return members
}

/** `init`, but with these members in place of its own. */
function viewOf(init: object, members: object): object {
  return new Proxy(init, {
    get: (target, name): unknown => Reflect.get(Object.hasOwn(members, name) ? members : target, name),
  })
}

/** Whether `fetch` finds no member in it. */
function isEmpty(init: unknown): boolean {
  return !init || Object.values(init).every((member) => member === undefined)
}

/** Whether reading it runs code of the page, such as a generator's or a getter's. */
function runsCode(headers: unknown): boolean {
  return (
    typeof headers === 'object' &&
    headers !== null &&
    !(headers instanceof Headers || Array.isArray(headers)) &&
    (Symbol.iterator in headers || !plainMembers(headers))
  )
}
