import type { Helpers } from './trap.js'

/** Runs in the page, ahead of everything else. */
export function installHelpers(own: string): void {
  const nativeFetch = fetch
  const describe = (value: unknown): string => {
    if (value instanceof Response) return `Response ${value.status}`
    if (value instanceof Error || value instanceof DOMException) return `${value.name}: ${value.message}`
    return typeof value === 'symbol' ? 'a symbol' : String(value)
  }
  const ask = async (mark: string, ...headers: string[]) => {
    const query = new URLSearchParams({ mark, headers: headers.join() })
    const answer = await nativeFetch.call(globalThis, `${own}/received?${query.toString()}`)
    return (await answer.json()) as { received: string[]; closed: number; sent: number }
  }
  const wait = (milliseconds: number) =>
    new Promise<void>((resolve) => void setTimeout(resolve, milliseconds))
  const helpers: Helpers = {
    describe,
    wait,
    nativeFetch,
    async outcome(call) {
      let promise: unknown
      try {
        promise = call()
      } catch (error) {
        return `threw ${describe(error)}`
      }
      try {
        return `resolved ${describe(await promise)}`
      } catch (error) {
        return `rejected ${describe(error)}`
      }
    },
    result(call) {
      try {
        return `returned ${describe(call())}`
      } catch (error) {
        return `threw ${describe(error)}`
      }
    },
    send: (xhr, body = null) =>
      new Promise((resolve) => {
        xhr.onloadend = () => resolve(xhr.status)
        xhr.send(body)
      }),
    received: async (mark, ...headers) => (await ask(mark, ...headers)).received,
    closed: async (mark) => (await ask(mark)).closed,
    sent: async (mark) => (await ask(mark)).sent,
    async until(condition) {
      for (let round = 0; round < 100; round += 1) {
        if (await condition()) return true
        await wait(20)
      }
      return false
    },
  }
  Object.assign(globalThis, { helpers })
}
