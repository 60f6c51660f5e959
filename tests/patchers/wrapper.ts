import type { Patcher } from './patcher.js'

let stop: (() => void) | undefined

/** A page's own wrapper, which puts back what it has found, whoever has come in between. */
export const patcher: Patcher = {
  start() {
    const { fetch } = globalThis
    // eslint-disable-next-line @typescript-eslint/unbound-method -- is called with its object
    const { open, send } = XMLHttpRequest.prototype
    globalThis.fetch = function (this: typeof globalThis, input, init) {
      const request = new Request(input, init)
      request.headers.append('x-own', 'theirs')
      return Reflect.apply(fetch, this, [request])
    }
    XMLHttpRequest.prototype.open = function (this: XMLHttpRequest, ...parameters: unknown[]) {
      Reflect.apply(open, this, parameters)
    }
    XMLHttpRequest.prototype.send = function (this: XMLHttpRequest, ...parameters: unknown[]) {
      this.setRequestHeader('x-own', 'theirs')
      Reflect.apply(send, this, parameters)
    }
    stop = () => {
      globalThis.fetch = fetch
      Object.assign(XMLHttpRequest.prototype, { open, send })
    }
  },
  stop: () => stop?.(),
}
