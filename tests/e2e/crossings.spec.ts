/** How often a request crosses the boundary between JavaScript and the module, and turns text into bytes or back. */
import { expect, test } from '../support/test.js'

/** Counts calls from now on, by the direction. */
function count(): void {
  const counts = { calls: 0, imports: 0, encoded: 0, decoded: 0 }
  Object.assign(globalThis, { counts })
  const counted = (name: keyof typeof counts, call: (...given: never[]) => unknown) =>
    function (this: unknown, ...given: unknown[]): unknown {
      counts[name] += 1
      return Reflect.apply(call, this, given)
    }
  const all = (of: WebAssembly.ModuleImports | WebAssembly.Exports, name: keyof typeof counts) =>
    Object.fromEntries(
      Object.entries(of).map(([key, value]) => [
        key,
        typeof value === 'function' ? counted(name, value as () => unknown) : value,
      ]),
    )
  const { Instance } = WebAssembly
  WebAssembly.Instance = function (module: WebAssembly.Module, imports: WebAssembly.Imports = {}) {
    const given = Object.entries(imports).map(([key, group]) => [key, all(group, 'imports')])
    const instance = new Instance(module, Object.fromEntries(given) as WebAssembly.Imports)
    return { exports: all(instance.exports, 'calls') }
  } as unknown as typeof Instance
  const watch = (owner: object, key: string, name: keyof typeof counts) =>
    Reflect.set(owner, key, counted(name, Reflect.get(owner, key) as () => unknown))
  watch(TextEncoder.prototype, 'encodeInto', 'encoded')
  watch(TextDecoder.prototype, 'decode', 'decoded')
}

const REQUESTS = 500

for (const [file, clock] of [
  ['headwater.min.js', 0],
  // Whether the visitor's session has ended.
  ['headwater.elastic.min.js', 1],
  ['headwater.full.min.js', 1],
] as const) {
  test(`a request takes two calls of ${file}, and one text each way`, async ({ open, demo }) => {
    const answers = `const native = fetch; globalThis.fetch = function fetch(url, init) {
      return String(url).startsWith('/few') ? Promise.resolve(new Response()) : native(url, init)
    }`
    const shop = await open({
      head: `<script>${answers}; (${String(count)})()</script><script src="/${file}"></script>`,
    })
    const each = await shop.page.evaluate(
      async ([serverUrl, requests]) => {
        // Nothing is sent while it is counted.
        initApm({ serviceName: 'crossings', serverUrl, flushInterval: 60_000 })
        await fetch('/few')
        await new Promise((resolve) => setTimeout(resolve, 1_500))
        const { counts } = globalThis as unknown as { counts: Record<string, number> }
        for (const name of Object.keys(counts)) counts[name] = 0
        for (let index = 0; index < requests; index += 1) await fetch(`/few/${index}`)
        return Object.fromEntries(Object.entries(counts).map(([name, times]) => [name, times / requests]))
      },
      [demo.collector, REQUESTS] as const,
    )
    expect(each['calls']).toBeCloseTo(2, 1)
    // Beside the clock random numbers, for ten requests at once.
    expect(each['imports']).toBeGreaterThan(clock)
    expect(each['imports']).toBeLessThan(clock + 0.3)
    expect(each['encoded']).toBeCloseTo(1, 0)
    expect(each['decoded']).toBeCloseTo(1, 1)
  })
}
