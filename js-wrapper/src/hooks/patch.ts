/** Replaces a native function so that nobody can tell. */

type Native = (this: unknown, ...parameters: never[]) => unknown

/**
 * Puts a Proxy in front of `owner[name]`, which therefore keeps its name, length, own properties and
 * `[native code]`, and still is no constructor.
 *
 * Does nothing if the property is missing, an accessor or frozen. When undone, it restores the
 * property if that still is ours; else somebody has wrapped it, and it only passes calls on.
 *
 * @param call - gets the native function, `this` and the very list of arguments.
 */
export function patch<Target extends object>(
  owner: Target,
  name: keyof Target & string,
  call: (native: Native, self: unknown, parameters: unknown[]) => unknown,
  undo: (() => void)[],
): void {
  const descriptor = Object.getOwnPropertyDescriptor(owner, name)
  const native: unknown = descriptor?.value
  if (!descriptor || typeof native !== 'function' || !(descriptor.configurable || descriptor.writable)) return
  let active = true
  const patched = new Proxy(native, {
    apply: (target, self, parameters: unknown[]): unknown =>
      active ? call(target as Native, self, parameters) : Reflect.apply(target, self, parameters),
  })
  if (!Reflect.defineProperty(owner, name, { ...descriptor, value: patched })) return
  undo.push(() => {
    active = false
    if (Object.getOwnPropertyDescriptor(owner, name)?.value === patched) {
      Reflect.defineProperty(owner, name, descriptor)
    }
  })
}

/**
 * The browser's own timers. Those of zone.js would keep the page's zone busy, and an Angular app from getting
 * stable (https://angular.dev/api/core/ApplicationRef#isStable).
 */
export const nativeTimer = <
  Name extends 'setTimeout' | 'clearTimeout' | 'requestAnimationFrame' | 'requestIdleCallback',
>(
  name: Name,
): Window[Name] => {
  const window = globalThis as unknown as Window & Record<string, Window[Name] | undefined>
  return window['__zone_symbol__' + name] ?? window[name]
}

/** Calls `observe` so that whatever it throws stays here: a hook must never break its page. */
export function quietly<Result>(observe: () => Result): Result | undefined {
  try {
    return observe()
  } catch {
    return undefined
  }
}

/**
 * The absolute URL that `fetch` and `XMLHttpRequest` make of a string or URL object; nothing if it is
 * not valid. What is neither is turned into a string by the native, once, and not by us.
 */
export function resolve(input: unknown): string | undefined {
  if (typeof input === 'string') return quietly(() => new URL(input, document.baseURI).href)
  return input instanceof URL ? input.href : undefined
}

/**
 * The request that a hook hands to the native just now, for all agents of this script. What is sent for it, by a
 * polyfill or by another agent's hook, is no further request.
 */
const handing: { line?: string | undefined } = {}

/** Whether it is a RegExp, of any frame. */
export const isRegExp = (value: unknown): value is RegExp =>
  Object.prototype.toString.call(value) === '[object RegExp]'

/** Tests texts against a RegExp of the caller's. On a copy: a global or sticky one has state, which is the caller's. */
export function matcher(pattern: RegExp): (text: string) => boolean {
  const copy = new RegExp(pattern)
  return (text) => {
    // It would start where it ended last time.
    copy.lastIndex = 0
    return copy.test(text)
  }
}

/** Listens until it is undone. */
export function listen(
  undo: (() => void)[],
  type: string,
  listener: (event: never) => void,
  capture = false,
  target: EventTarget = globalThis,
): void {
  target.addEventListener(type, listener as EventListener, capture)
  undo.push(() => target.removeEventListener(type, listener as EventListener, capture))
}

/** Whether a request is being handed over already. `line` is its method, a space and its URL. */
export const isHanded = (line: string): boolean => handing.line === line.toLowerCase()

/** Calls the native function for a request. */
export function hand<Result>(line: string | undefined, native: () => Result): Result {
  const before = handing.line
  handing.line = line?.toLowerCase() ?? before
  try {
    return native()
  } finally {
    handing.line = before
  }
}
