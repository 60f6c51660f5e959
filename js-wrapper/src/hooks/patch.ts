/** Replaces a native function so that nobody can tell. */

type Native = (this: unknown, ...parameters: never[]) => unknown
/** May be a constructor. */
type Callable = Native & { prototype?: unknown }

/**
 * Puts something in the place of the native function `owner[name]`.
 *
 * Does nothing if the property is missing, an accessor or frozen. When undone, it restores the
 * property if that still is ours; else somebody has wrapped it, and it only passes calls on.
 *
 * @param wrap - gets the native, and whether it has not been undone.
 * @returns the native, and what is there now.
 */
function replace<Target extends object>(
  owner: Target,
  name: keyof Target & string,
  wrap: (native: Callable, isActive: () => boolean) => object,
  undo: (() => void)[],
): [native: Callable, patched: object] | undefined {
  const descriptor = Object.getOwnPropertyDescriptor(owner, name)
  const native: unknown = descriptor?.value
  if (!descriptor || typeof native !== 'function' || !(descriptor.configurable || descriptor.writable))
    return undefined
  let active = true
  const patched = wrap(native as Callable, () => active)
  if (!Reflect.defineProperty(owner, name, { ...descriptor, value: patched })) return undefined
  undo.push(() => {
    active = false
    if (Object.getOwnPropertyDescriptor(owner, name)?.value === patched) {
      Reflect.defineProperty(owner, name, descriptor)
    }
  })
  return [native as Callable, patched]
}

/**
 * Puts a Proxy in front of `owner[name]`, which therefore keeps its name, length, own properties and
 * `[native code]`, and still is no constructor. See {@link replace}.
 *
 * @param call - gets the native function, `this` and the very list of arguments.
 */
export function patch<Target extends object>(
  owner: Target,
  name: keyof Target & string,
  call: (native: Native, self: Target, parameters: unknown[]) => unknown,
  undo: (() => void)[],
): void {
  const wrap = (native: Callable, isActive: () => boolean) =>
    new Proxy(native, {
      apply: (target, self, parameters: unknown[]): unknown =>
        isActive() ? call(target, self as Target, parameters) : Reflect.apply(target, self, parameters),
    })
  replace(owner, name, wrap, undo)
}

/**
 * Has calls of `owner[name]` seen, once the native has returned.
 *
 * @param seen - gets `this`, the arguments and the result.
 */
export function watch<Target extends object>(
  owner: Target,
  name: keyof Target & string,
  seen: (self: object, parameters: unknown[], result: unknown) => void,
  undo: (() => void)[],
): void {
  const call = (native: Native, self: Target, parameters: unknown[]) => {
    const result: unknown = Reflect.apply(native, self, parameters)
    quietly(() => seen(self, parameters, result))
    return result
  }
  patch(owner, name, call, undo)
}

/**
 * The same for a global constructor: what it makes, and what it throws, is the native's. The prototype names ours as its
 * constructor, so that an object leads back to what the page knows.
 *
 * @param made - gets what was made, and when that began, in milliseconds of the page's clock.
 */
export function watchConstructor(
  name: 'WebSocket' | 'EventSource',
  made: (object: object, start: number) => void,
  undo: (() => void)[],
): void {
  const wrap = (native: Callable, isActive: () => boolean) =>
    new Proxy(native, {
      construct(target, parameters: unknown[], own): object {
        const start = performance.now()
        const object = Reflect.construct(target, parameters, own) as object
        if (isActive()) quietly(() => made(object, start))
        return object
      },
    })
  const [native, patched] = replace(globalThis, name, wrap, undo) ?? []
  const prototype = native?.prototype as { constructor?: unknown } | undefined
  if (patched && prototype && prototype.constructor === native)
    replace(prototype, 'constructor', () => patched, undo)
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
  if (typeof input !== 'string') return input instanceof URL ? input.href : undefined
  // A fifth of the time of a hook is in `new URL`: not for a path that no parser changes.
  const origin = PLAIN_PATH.test(input) && /^https?:\/\/[^/@]+(?=\/)/.exec(document.baseURI)
  return origin ? origin[0] + input : quietly(() => new URL(input, document.baseURI).href)
}

/** No dots but within names, nothing to be encoded. */
const PLAIN_PATH = /^(\/\w[\w.-]*)+(\?[\w.=&-]*)?$/

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
export const isHanded = (line: string): boolean =>
  !!handing.line && handing.line.toLowerCase() === line.toLowerCase()

/** Calls the native function for a request. */
export function hand<Result>(line: string | undefined, native: () => Result): Result {
  const before = handing.line
  handing.line = line ?? before
  try {
    return native()
  } finally {
    handing.line = before
  }
}
