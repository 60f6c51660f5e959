/**
 * The Wasm module: decoding, compiling, and the guard through which every call goes.
 *
 * This file and `crate/src/lib.rs` are the two sides of the boundary.
 */
import { encoded, instantiate } from './generated/module.js'

/** What the module may ask of the page. See `crate/src/host.rs`. */
export interface Host {
  /** Whether one of the configured RegExps matches. */
  matches(origin: string): boolean
  /** The serialised origin of an http or https URL, else an empty string. */
  origin(url: string): string
  startTimer(milliseconds: number): void
  /** Must have started the request when it returns; `body` is a view that does not live longer. */
  send(url: string, body: Uint8Array, keepalive: boolean): void
  log(level: number, text: string): void
}

/** The module's calls. Each is a no-op that returns nothing once the module has failed. */
export type Module = ReturnType<typeof loadModule>

/**
 * Instantiates the module, synchronously.
 *
 * @param failed - called once, when a call has trapped or thrown; the module is never entered again.
 * @throws if the page's Content Security Policy or the browser forbids WebAssembly.
 */
export function loadModule(host: Host, failed: (error: unknown) => void) {
  const encoder = new TextEncoder()
  const decoder = new TextDecoder()
  const { performance, Date, crypto } = globalThis
  const read = (address: number, length: number) =>
    decoder.decode(new Uint8Array(wasm.memory.buffer, address, length))
  const write = (text: string) => {
    // Growing the memory detaches earlier views.
    if (!input.length) input = new Uint8Array(wasm.memory.buffer, wasm.input(), INPUT_SIZE)
    return encoder.encodeInto(text, input).written
  }
  const answer = (length: number) => (length ? read(wasm.answer(), length) : '')

  const wasm = instantiate((compiled ??= new WebAssembly.Module(decode(encoded))), {
    wallClock: () => Date.now() - performance.now(),
    random: (address, length) => crypto.getRandomValues(new Uint8Array(wasm.memory.buffer, address, length)),
    matches: (address, length) => host.matches(read(address, length)),
    origin: (address, length) => write(host.origin(read(address, length))),
    startTimer: (milliseconds) => host.startTimer(milliseconds),
    send: (url, length, body, bodyLength, keepalive) =>
      host.send(read(url, length), new Uint8Array(wasm.memory.buffer, body, bodyLength), keepalive),
    log: (level, address, length) => host.log(level, read(address, length)),
  })
  let input = new Uint8Array()

  // One failure ends it: a module that has trapped is in no known state. Nor is it entered twice,
  // as when a page's RegExp or patched `fetch` calls back into us.
  let closed = false
  const guard =
    <Parameters extends unknown[], Result>(call: (...parameters: Parameters) => Result) =>
    (...parameters: Parameters): Result | undefined => {
      if (closed) return undefined
      closed = true
      try {
        const result = call(...parameters)
        closed = false
        return result
      } catch (error) {
        failed(error)
        return undefined
      }
    }

  return {
    /** Returns what is allowed if the value is not. `kind` is a `ValueKind`. */
    configure: guard((option: number, kind: number, key: string, text: string, value: number) => {
      const length = write(key + text)
      return answer(wasm.configure(option, kind, encoder.encode(key).length, length, value))
    }),
    /** Returns which hooks to install; 0 for an agent that is to be inactive. */
    start: guard(() => wasm.start(performance.timeOrigin, performance.now())),
    /** Returns the headers to add: name, line feed, value; several are joined by line feeds. */
    startRequest: guard((id: number, method: string, url: string, noCors: boolean) =>
      answer(wasm.startRequest(id, performance.now(), write(method + ' ' + url), +noCors)),
    ),
    adopt: guard((id: number, traceparent: string) => wasm.adopt(id, write(traceparent))),
    mergeTracestate: guard((id: number, existing: string) =>
      answer(wasm.mergeTracestate(id, write(existing))),
    ),
    endRequest: guard((id: number, status: number) => wasm.endRequest(id, performance.now(), status)),
    /** `cancelled`: by the page's own signal or call. */
    failRequest: guard((id: number, name: string, cancelled: boolean) =>
      wasm.failRequest(id, performance.now(), write(name), +cancelled),
    ),
    resource: guard(
      (texts: string, start: number, end: number, status: number, transferSize: number, bodySize: number) =>
        wasm.resource(write(texts), start, end, status, transferSize, bodySize),
    ),
    endPageLoad: guard(
      (
        navigation: string,
        interactive: number,
        contentLoaded: number,
        complete: number,
        load: number,
        end: number,
      ) => wasm.endPageLoad(write(navigation), interactive, contentLoaded, complete, load, end),
    ),
    leave: guard(() => wasm.leave(performance.now())),
    flush: guard(() => wasm.flush()),
    timer: guard(() => wasm.timer()),
    settle: guard((keepaliveBytes: number, status: number) => wasm.settle(keepaliveBytes, status)),
    /** Makes every later call a no-op. */
    close: () => {
      closed = true
    },
  }
}

/** Of all agents on the page. */
let compiled: WebAssembly.Module | undefined

/** As in `crate/src/lib.rs`. */
const INPUT_SIZE = 16 * 1024

/**
 * Undoes `tools/encode.mjs`: printable ASCII, one character for a byte below 90, a blank or an
 * exclamation mark in front for the next two ninety. Half a kilobyte smaller than hex after brotli,
 * and it survives any charset.
 */
function decode(text: string): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(text.length)
  let length = 0
  let add = 0
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index)
    if (code < 35) {
      add = code === 32 ? 90 : 180
    } else {
      // The backslash (92) is left out.
      bytes[length++] = code - (code > 92 ? 36 : 35) + add
      add = 0
    }
  }
  return bytes.subarray(0, length)
}
