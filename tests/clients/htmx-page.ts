/** What two majors of htmx are used for alike. */
import { origins, SHORT, type Servers } from './common.js'

/** What is used of its API. */
export interface Htmx {
  process(element: HTMLElement): void
  config: object
}

/** Where they differ. */
interface Dialect {
  /** The event at a request's end. */
  done: string
  /** The event that lets the page change a request. */
  configure: string
  headersOf: (detail: unknown) => Record<string, string>
}

export function htmxPage(
  htmx: Htmx,
  { done, configure, headersOf }: Dialect,
): (servers: Servers) => Promise<unknown> {
  return async (servers) => {
    const saw: unknown[] = []
    Object.assign(htmx.config, { selfRequestsOnly: false, mode: 'cors' })
    document.body.addEventListener(configure, (event) => {
      headersOf((event as CustomEvent).detail)['X-Own'] = 'event'
    })
    /** Adds the markup, uses it, and waits until the request is over. */
    const click = async (markup: string) => {
      const place = document.createElement('div')
      place.innerHTML = markup
      document.body.append(place)
      htmx.process(place)
      const over = new Promise((resolve) => document.body.addEventListener(done, resolve, { once: true }))
      place.querySelector('button')?.click()
      await over
      // It swaps after that.
      await new Promise((resolve) => setTimeout(resolve, 50))
      saw.push(place.querySelector('output')?.innerHTML)
      place.remove()
    }
    for (const origin of origins(servers)) {
      await click(`<button hx-get="${origin}/fragment" hx-target="next output">Go</button><output></output>`)
      await click(
        `<form hx-post="${origin}/fragment" hx-target="next output"><input name="a" value="1">` +
          '<button>Send</button></form><output></output>',
      )
      await click(
        `<button hx-delete="${origin}/fragment?gone" hx-target="next output">Go</button><output></output>`,
      )
      await click(`<button hx-get="${origin}/missing" hx-target="next output">Go</button><output></output>`)
    }
    await click(
      `<button hx-get="/never" hx-request='{"timeout": ${SHORT}}' hx-config='{"timeout": ${SHORT}}'>Go</button>`,
    )
    return saw
  }
}
