/** Observes `XMLHttpRequest`, and adds headers where the module says so. */
import type { Module } from '../load-wasm.js'
import type { ReadAnswer } from './answer.js'
import type { ReadGraphql } from './graphql.js'
import { headersIn, isCrossOrigin, isDryRun, isSimple, propagates } from './headers.js'
import { hand, isHanded, patch, quietly, resolve } from './patch.js'

/** What is known of one object, from `open` on. */
interface State {
  method: string
  url: string
  /** The caller's own headers, by lower-case name. */
  own: Record<string, string>
  /** Names of headers of ours, in lower case. */
  added?: string[]
  /** Of the request under way. */
  id?: number
  /** Ends the request under way, for the event of this type. */
  end?: (type: string) => void
}

/**
 * Installs the hook.
 *
 * @param readAnswer - if responses are to be read.
 */
export function hookXhr(
  module: Module,
  nextId: () => number,
  readAnswer: ReadAnswer | undefined,
  undo: (() => void)[],
  readGraphql?: ReadGraphql,
): void {
  const Xhr = globalThis.XMLHttpRequest as typeof XMLHttpRequest | undefined
  if (!Xhr) return
  const { prototype } = Xhr
  const { addEventListener, removeEventListener, setRequestHeader } = prototype
  const getAllResponseHeaders = (FULL &&
    prototype.getAllResponseHeaders) as XMLHttpRequest['getAllResponseHeaders']
  /** By the prototype's own getter: a subclass's would run code of the page. */
  const property = <Name extends 'readyState' | 'status' | 'responseURL'>(xhr: XMLHttpRequest, name: Name) =>
    Reflect.get<XMLHttpRequest, Name>(prototype, name, xhr)
  const states = new WeakMap<XMLHttpRequest, State>()
  /** Opened objects whose `tracestate` the native has not been given yet. */
  const holding = new Set<XMLHttpRequest>()
  const release = (xhr: XMLHttpRequest) => {
    if (holding.delete(xhr))
      Reflect.apply(setRequestHeader, xhr, ['tracestate', states.get(xhr)?.own['tracestate']])
  }

  patch(
    prototype,
    'open',
    (native, xhr, parameters) => {
      const earlier = quietly(() => states.get(xhr))
      quietly(() => {
        holding.delete(xhr)
        // Set before the native, whose `readystatechange` may call `send`.
        const state = opened(parameters)
        if (state) states.set(xhr, state)
        else states.delete(xhr)
      })
      try {
        const result: unknown = Reflect.apply(native, xhr, parameters)
        // Opened anew: the request before ends here and fires no more events.
        quietly(() => earlier?.end?.('abort'))
        return result
      } catch (error) {
        quietly(() => (earlier ? states.set(xhr, earlier) : states.delete(xhr)))
        throw error
      }
    },
    undo,
  )

  patch(
    prototype,
    'setRequestHeader',
    (native, xhr, parameters) => {
      const held = quietly(() => {
        const state = states.get(xhr)
        const [name, value] = parameters
        if (!state || typeof name !== 'string' || typeof value !== 'string') return false
        const lower = name.toLowerCase()
        const { own, added } = state
        // While we hand it over: somebody below us who propagates, too. Else the native throws.
        if (state.id !== undefined) return isHanded(lineOf(state)) && !!added?.includes(lower)
        own[lower] = own[lower] ? `${own[lower]}, ${value}` : value
        // A header can only be added to, and our `tracestate` member belongs in front: the caller's
        // waits for `send`. If it is not valid, the native has to say so now.
        if (lower !== 'tracestate' || property(xhr, 'readyState') !== 1 || !isValid(value)) return false
        holding.add(xhr)
        return true
      })
      return held ? undefined : Reflect.apply(native, xhr, parameters)
    },
    undo,
  )

  patch(
    prototype,
    'send',
    (native, xhr, parameters) => {
      const state = quietly(() => {
        const opened = states.get(xhr)
        // Not opened, or sent already: the native throws.
        if (!opened || opened.end || property(xhr, 'readyState') !== 1 || isHanded(lineOf(opened)))
          return undefined
        begin(xhr, opened, parameters[0])
        return opened
      })
      quietly(() => release(xhr))
      try {
        return hand<unknown>(state && lineOf(state), () => Reflect.apply(native, xhr, parameters))
      } catch (error) {
        // A synchronous request fails without an event.
        quietly(() => state?.end?.(error instanceof DOMException ? error.name : 'error'))
        throw error
      }
    },
    undo,
  )

  undo.push(() => holding.forEach((xhr) => quietly(() => release(xhr))))

  function begin(xhr: XMLHttpRequest, state: State, body: unknown): void {
    const id = (state.id = nextId())
    const { own } = state
    const line = lineOf(state)
    const answer = module.ask(
      'startRequest',
      FULL && readGraphql ? line + readGraphql(state.url, body, () => own['content-type']) : line,
      id,
      0,
    )
    if (answer === undefined) return
    const added = headersIn(answer)
    let newPreflight = 0
    if (propagates(added, (name) => own[name] !== undefined)) {
      module.call('adopt', own['traceparent'], id)
    } else {
      if (FULL && isCrossOrigin(answer)) newPreflight = +isSimple(state.method, Object.entries(own), body)
      for (const [name, value] of FULL && isDryRun(answer) ? [] : added) {
        const existing = own[name]
        // The caller's baggage is the caller's.
        if (existing !== undefined && name !== 'tracestate') continue
        const merged =
          existing !== undefined && holding.delete(xhr) ? module.ask('mergeTracestate', existing, id) : value
        Reflect.apply(setRequestHeader, xhr, [name, merged])
        ;(state.added ??= []).push(name.toLowerCase())
      }
    }
    state.end = (type) => {
      delete state.end
      for (const event of EVENTS) Reflect.apply(removeEventListener, xhr, [event, listener])
      const status = property(xhr, 'readyState') === 4 ? property(xhr, 'status') : 0
      if (status)
        module.call(
          'endRequest',
          FULL && readAnswer ? quietly(() => answerOf(xhr, readAnswer)) : '',
          id,
          newPreflight,
          status,
        )
      else module.call('failRequest', type, id, newPreflight, +(type === 'abort'))
    }
    const listener = (event: Event) => quietly(() => state.end?.(event.type))
    for (const event of EVENTS) Reflect.apply(addEventListener, xhr, [event, listener])
  }

  function answerOf(xhr: XMLHttpRequest, read: ReadAnswer): string {
    // Not `getResponseHeader`: the browser complains on the console if a header is not exposed.
    const headers = Reflect.apply(getAllResponseHeaders, xhr, [])
    return read(
      property(xhr, 'responseURL'),
      (name) => new RegExp(`^${name}: (.*)$`, 'im').exec(headers)?.[1],
    )
  }
}

const lineOf = ({ method, url }: State) => method + ' ' + url

function isValid(value: string): boolean {
  return !!quietly(() => new Headers([['tracestate', value]]))
}

/** Each ends a request, and one of them comes unless the object is opened anew. */
const EVENTS = ['load', 'error', 'timeout', 'abort'] as const

function opened([method, url]: unknown[]): State | undefined {
  const address = resolve(url)
  if (typeof method !== 'string' || !address || !/^https?:/.test(address)) return undefined
  return { method, url: address, own: Object.create(null) as Record<string, string> }
}
