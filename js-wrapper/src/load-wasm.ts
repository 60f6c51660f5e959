/**
 * The Wasm module: decoding, compiling, and the guard through which every call goes.
 *
 * This file and `crate/src/lib.rs` are the two sides of the boundary.
 */
import { decoderOf } from './decode.js'
import type { Exports, Imports } from './generated/full/module.js'
// The build puts the full module in its place where that is asked for.
import { encoded, instantiate } from './generated/standard/module.js'
import { quietly } from './hooks/patch.js'

/** What the module may ask of the page. See `crate/src/host.rs`. */
export interface Host {
  /** The number of the first configured RegExp that matches, or -1. */
  firstMatch(origin: string): number
  /** Of the full build. Asks `tracesSampler`: a rate, NaN if it leaves it to us, -1 if it has failed. */
  sample(kind: number, name: string, url: string): number
  /** Not of the standard build. */
  store(session: string): unknown
  /** Of the full build. */
  beforeSend(span: string): string
  /** The serialised origin of an http or https URL, else an empty string. */
  origin(url: string): string
  startTimer(milliseconds: number): void
  /** Must have started the request when it returns; `body` is a view that does not live longer. */
  send: (number: number, body: Uint8Array, keepalive: boolean, areEvents: boolean) => void
  /** Of the full build. With an empty body nothing is sent later. */
  sendLater: (body: Uint8Array, areEvents: boolean) => void
  /** `record` is a view, too. */
  keep(record: Uint8Array): boolean
  take(maximalAge: number): void
  settleRecord(key: number, done: boolean): void
  log(level: number, text: string): void
}

/** What an export takes behind the text and the time. */
type Rest<Name extends keyof Exports> = Exports[Name] extends (
  length: number,
  now: number,
  ...rest: infer Numbers extends number[]
) => unknown
  ? Numbers
  : never

/** The module's calls. Each does nothing and returns nothing once the module has failed. */
export interface Module {
  /** Calls an export with a text, or bytes, and with numbers, at the time it is now. See `crate/src/lib.rs`. */
  call<Name extends keyof Exports>(
    name: Name,
    input?: string | Uint8Array,
    ...numbers: Rest<Name>
  ): number | undefined
  /** The same for those that answer with a text. */
  ask<Name extends keyof Exports>(name: Name, input?: string, ...numbers: Rest<Name>): string | undefined
  /** The same for a call that nothing waits for: the module is not instantiated for it. Not of the standard build. */
  later<Name extends keyof Exports>(name: Name, input?: string, ...numbers: Rest<Name>): void
  /**
   * Runs something once the page is seen or the module is instantiated, or now if that was before; without it, all that waits.
   * What is new to a page, such as an observer, the browser has to make first, which takes longer than anything that `init` does
   * itself. Not of the standard build.
   */
  late: (begin?: () => void) => void
  /**
   * Instantiates the module, if that has not been done; or does the next part of that only, of some milliseconds, for something
   * that can wait. That is done first should something else need the module in between. Returns whether there was nothing to do.
   */
  wake(next?: () => void): boolean | undefined
  /** Makes every later call a no-op, and lets go of the module. */
  close(): void
}

/**
 * Gives a module that is instantiated at its first call, synchronously: compiling and configuring it takes some milliseconds,
 * which a page that makes no request before it is shown has better use for.
 *
 * @param prepare - called once it is instantiated, ahead of the first call; may close it.
 * @param failed - called once, when a call has trapped or thrown, or if the page's Content Security Policy or the browser
 * forbids WebAssembly; the module is never entered again.
 */
export function loadModule(host: Host, prepare: () => void, failed: (error: unknown) => void): Module {
  // Not before the module: what is new to a page, the browser has to make first.
  let encoder: TextEncoder
  let decoder: TextDecoder
  const view = (address: number, length?: number) => new Uint8Array(wasm.memory.buffer, address, length)
  const read = (address: number, length: number) => decoder.decode(view(address, length))
  const write = (text: string) => {
    if (!text) return 0
    // Growing the memory detaches earlier views.
    if (!inputBuffer.length) inputBuffer = view(wasm.input(), INPUT_SIZE)
    return encoder.encodeInto(text, inputBuffer).written
  }
  const reserve = (bytes: Uint8Array) => {
    view(wasm.reserve(bytes.length), bytes.length).set(bytes)
    return bytes.length
  }

  const imports: Partial<Imports> = {
    wallClock: () => Date.now() - performance.now(),
    random: (address, length) => crypto.getRandomValues(view(address, length)),
    firstMatch: (address, length) => host.firstMatch(read(address, length)),
    origin: (address, length) => write(host.origin(read(address, length))),
    startTimer: (milliseconds) => host.startTimer(milliseconds),
    send: (number, body, length, keepalive, areEvents) =>
      host.send(number, view(body, length), !!keepalive, PROTOCOLS && !!areEvents),
    keep: (record, length) => host.keep(view(record, length)),
    take: (maximalAge) => host.take(maximalAge),
    settleRecord: (key, done) => host.settleRecord(key, !!done),
    log: (level, address, length) => host.log(level, read(address, length)),
  }
  if (FULL) {
    imports.sample = (kind, name, length, url, urlLength) =>
      host.sample(kind, read(name, length), read(url, urlLength))
    imports.sendLater = (body, length, areEvents) => host.sendLater(view(body, length), !!areEvents)
    imports.beforeSend = (span, length) => write(host.beforeSend(read(span, length)))
  }
  if (PROTOCOLS) {
    imports.store = (address, length) => host.store(read(address, length))
    imports.format = (number) => write(String(number))
  }
  let wasm: Exports
  let inputBuffer = new Uint8Array()

  // One failure ends it: a module that has trapped is in no known state. Nor is it entered twice,
  // as when a page's RegExp or patched `fetch` calls back into us.
  let closed = false
  const waiting: (() => unknown)[] = []
  let due: (() => void) | undefined
  const wake = (next?: () => void) => {
    if (closed || (wasm as Exports | undefined)) return true
    try {
      const known = compiled as WebAssembly.Module | undefined
      if (!known) {
        const bytes = (decode ??= decoderOf(encoded))(!!next)
        if (bytes) {
          decode = undefined
          compiled = new WebAssembly.Module(bytes)
        }
      }
      if (known || !next) {
        encoder = new TextEncoder()
        decoder = new TextDecoder()
        wasm = instantiate(compiled, imports as Imports) as Exports
        prepare()
        if (PROTOCOLS) {
          module.late()
          for (const call of waiting.splice(0)) call()
        }
        if (!next) due?.()
      }
      due = next
    } catch (error) {
      // The page's console may throw.
      quietly(() => failed(error))
    }
    return undefined
  }
  const enter = (
    answers: boolean,
    name: keyof Exports,
    input: string | Uint8Array = '',
    numbers: number[],
  ) => {
    wake()
    if (closed) return undefined
    closed = true
    try {
      const call = wasm[name] as (length: number, now: number, ...numbers: number[]) => number
      const result = call(
        typeof input === 'string' ? write(input) : reserve(input),
        performance.now(),
        ...numbers,
      )
      const answer = answers ? read(result, view(result).indexOf(0)) : result
      closed = false
      return answer
    } catch (error) {
      // The page's console may throw.
      quietly(() => failed(error))
      return undefined
    }
  }
  const module = {
    call: (name, input, ...numbers) => enter(false, name, input, numbers) as number | undefined,
    ask: (name, input, ...numbers) => enter(true, name, input, numbers) as string | undefined,
    wake,
    close: () => {
      closed = true
      // A page that has kept a hook of ours keeps no memory with it.
      wasm = inputBuffer = undefined as never
    },
  } as Module
  if (PROTOCOLS) {
    module.later = (name, input, ...numbers) => {
      const call = () => enter(false, name, input, numbers)
      if (!(closed || (wasm as Exports | undefined))) waiting.push(call)
      else call()
    }
    const begins: (() => void)[] = []
    let isDue = false
    module.late = (begin) => {
      if (begin) begins.push(begin)
      isDue ||= !begin
      if (isDue && !closed) for (const begin of begins.splice(0)) quietly(begin)
    }
  }
  return module
}

/** Of all agents on the page, once it was needed. */
let compiled: WebAssembly.Module
/** What it comes from, once that has begun and until it has ended. */
let decode: ReturnType<typeof decoderOf> | undefined

/** As in `crate/src/lib.rs`. */
const INPUT_SIZE = 16 * 1024
