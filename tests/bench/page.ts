/** What runs in the pages of the benchmarks; each function is sent there as its text, and uses nothing from outside. */

/**
 * Answers the page's own requests when the page says so, on its thread: what is measured is no network. Goes ahead of the agent, which
 * patches these functions as it would the browser's. All else, such as what an agent sends, goes out.
 */
export function install(stub: boolean): void {
  const nativeFetch = globalThis.fetch
  const NativeXhr = globalThis.XMLHttpRequest
  const isOwn = (url: string) => url.includes('/bench/')
  const waiting: (() => void)[] = []
  const answer = () => {
    for (const settle of waiting.splice(0)) settle()
  }
  function fetch(input: RequestInfo | URL, init?: RequestInit): Promise<Response> {
    const url = typeof input === 'string' ? input : input instanceof URL ? input.href : input.url
    if (!isOwn(url)) return init ? nativeFetch(input, init) : nativeFetch(input)
    return new Promise((resolve) => {
      waiting.push(() => {
        const response = new Response('{"ok":true}', { headers: { 'content-type': 'application/json' } })
        Object.defineProperty(response, 'url', { value: url.startsWith('/') ? location.origin + url : url })
        resolve(response)
      })
    })
  }
  class XMLHttpRequest extends NativeXhr {
    url = ''
    state = 0
    override open(method: string, url: string | URL, asynchronous = true) {
      this.url = isOwn(String(url)) ? String(url) : ''
      if (!this.url) return super.open(method, url, asynchronous)
      this.state = 1
    }
    override setRequestHeader(name: string, value: string) {
      if (!this.url) super.setRequestHeader(name, value)
    }
    override send(body?: XMLHttpRequestBodyInit | Document | null) {
      if (!this.url) return super.send(body)
      waiting.push(() => {
        for (this.state = 2; this.state <= 4; this.state += 1) {
          this.dispatchEvent(new Event('readystatechange'))
          if (this.state === 4) break
        }
        this.dispatchEvent(new ProgressEvent('load', { loaded: 11 }))
        this.dispatchEvent(new ProgressEvent('loadend', { loaded: 11 }))
      })
    }
    override get readyState() {
      return this.url ? this.state : super.readyState
    }
    override get status() {
      return this.url ? 200 : super.status
    }
    override get statusText() {
      return this.url ? 'OK' : super.statusText
    }
    override get responseURL() {
      return this.url ? new URL(this.url, location.href).href : super.responseURL
    }
    override get response(): unknown {
      return this.url ? '{"ok":true}' : (super.response as unknown)
    }
    override get responseText() {
      return this.url ? '{"ok":true}' : super.responseText
    }
    override getAllResponseHeaders() {
      return this.url ? 'content-type: application/json\r\n' : super.getAllResponseHeaders()
    }
    override getResponseHeader(name: string) {
      if (!this.url) return super.getResponseHeader(name)
      return name.toLowerCase() === 'content-type' ? 'application/json' : null
    }
  }
  // Behind nobody's patches.
  const { setTimeout } = globalThis
  const pause = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds))
  Object.assign(globalThis, stub ? { fetch, XMLHttpRequest } : {}, { answer, pause, visibility: 'visible' })
  Object.defineProperty(document, 'visibilityState', {
    configurable: true,
    get: () => (globalThis as unknown as { visibility: string }).visibility,
  })
}

export interface Work {
  kind: 'fetch' | 'xhr' | 'span'
  count: number
  /** Number of the first: no two requests of a page have the same URL. */
  first: number
  /** Requests at once. */
  together?: number
  /** Different origins that requests go to, in turn; else the page's own. */
  origins?: number
  /** Of each span of the page's own. */
  attributes?: number
}

/**
 * Makes the page work: some requests at once, which are answered two milliseconds later, in another task, and read to their end; then
 * the next. (What takes no time at all, some agents do not record.)
 */
export async function work({
  kind,
  count,
  first,
  together = 10,
  origins = 0,
  attributes = 0,
}: Work): Promise<void> {
  const { bench, answer, pause } = globalThis as unknown as {
    bench: {
      around?: (work: () => Promise<void>) => Promise<void>
      span?: (name: string, attributes: number) => void
    }
    answer: () => void
    pause: (milliseconds: number) => Promise<void>
  }
  const url = (index: number) => {
    const path = `/bench/item/${index}.json`
    return origins ? `http://host${index % origins}.example${path}` : path
  }
  const request = async (index: number) => {
    if (kind === 'fetch') {
      await (await fetch(url(index))).text()
      return
    }
    await new Promise<void>((resolve) => {
      const xhr = new XMLHttpRequest()
      xhr.open('GET', url(index))
      xhr.onload = () => resolve()
      xhr.send()
    })
  }
  const tasks = async (from: number, to: number) => {
    for (let index = from; index < to; index += together) {
      const end = Math.min(index + together, to)
      if (kind === 'span') for (let one = index; one < end; one += 1) bench.span?.(url(one), attributes)
      else {
        const requests = []
        for (let one = index; one < end; one += 1) requests.push(request(one))
        await pause(2)
        answer()
        await Promise.all(requests)
      }
      await pause(0)
    }
  }
  // As many as Sentry takes into one transaction.
  const portion = bench.around ? 500 : count
  for (let index = first; index < first + count; index += portion) {
    const end = Math.min(index + portion, first + count)
    await (bench.around ? bench.around(() => tasks(index, end)) : tasks(index, end))
  }
}

/** Has the agent send what waits: by its own method, or as if the page were hidden for a moment. */
export async function flush(): Promise<void> {
  const page = globalThis as unknown as { bench: { flush?: () => unknown }; visibility: string }
  if (page.bench.flush) {
    await page.bench.flush()
    return
  }
  for (const visibility of ['hidden', 'visible']) {
    page.visibility = visibility
    document.dispatchEvent(new Event('visibilitychange', { bubbles: true }))
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

/** Looks for the largest picture so far, and for how long interactions take from now on. */
export function observeVitals(): void {
  const vitals = { lcp: 0, inp: 0 }
  Object.assign(globalThis, { vitals })
  new PerformanceObserver((list) => {
    for (const { startTime } of list.getEntries()) vitals.lcp = startTime
  }).observe({ type: 'largest-contentful-paint', buffered: true })
  const interactions: PerformanceObserverInit & { durationThreshold: number } = {
    type: 'event',
    durationThreshold: 16,
  }
  new PerformanceObserver((list) => {
    for (const { duration } of list.getEntries()) vitals.inp = Math.max(vitals.inp, duration)
  }).observe(interactions)
}

/** Milliseconds; no interaction that was noticed took less than 16. */
export async function readVitals(): Promise<{ lcp: number; inp: number }> {
  await new Promise((resolve) => setTimeout(resolve, 300))
  const { vitals } = globalThis as unknown as { vitals: { lcp: number; inp: number } }
  return { lcp: vitals.lcp, inp: vitals.inp }
}
