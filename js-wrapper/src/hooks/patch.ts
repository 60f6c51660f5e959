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
