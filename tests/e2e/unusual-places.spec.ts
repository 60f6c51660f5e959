/** Places where an agent does not often run: locked-down pages, frames of all kinds, pages that nobody looks at yet. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile, rm } from 'node:fs/promises'
import path from 'node:path'

import { chromium } from '@playwright/test'

import config from '../playwright.config.js'
import { root } from '../support/demo.js'
import { Stage, values } from '../support/stage.js'
import { agentScript, expect, goBack, test as base, type Options, type Visit } from '../support/test.js'

// Playwright turns the back/forward cache off.
const { launchOptions } = config.use ?? {}

interface Fixtures {
  /** Script tags that start an agent which reports to the stage. */
  agent: (options?: Options) => string
  /** Waits until each of these is one span, and returns what `traceparent` each had. */
  check: (tags: readonly string[], expected?: { traced?: boolean; recorded?: boolean }) => Promise<void>
}

const test = base.extend<Fixtures>({
  agent: async ({ stage }, use) => {
    await use((options = {}) =>
      // A document without an address of its own has none to resolve `/` by.
      agentScript({
        serviceName: '{service}',
        serverUrl: stage.origin,
        flushInterval: 20,
        ...options,
      }).replace('/headwater.min.js', `${stage.origin}/headwater.min.js`),
    )
  },
  check: async ({ stage }, use) => {
    await use(async (tags, { traced = true, recorded = true } = {}) => {
      for (const tag of tags) {
        const expected = traced ? [expect.stringMatching(TRACEPARENT)] : []
        expect(values(stage.only(`x=${tag}.`), 'traceparent'), tag).toEqual(expected)
      }
      const counts = () => tags.map((tag) => `${tag}: ${spansOf(stage, tag)}`)
      await expect.poll(counts, { timeout: 5000 }).toEqual(tags.map((tag) => `${tag}: ${recorded ? 1 : 0}`))
    })
  },
})

test.use({ launchOptions: { ...launchOptions, ignoreDefaultArgs: ['--disable-back-forward-cache'] } })

for (const [what, change, traced] of [
  ['a read-only fetch', "Object.defineProperty(window, 'fetch', { writable: false })", ['fetch', 'xhr']],
  [
    'frozen Headers, Request, Response and Promise prototypes',
    '[Headers, Request, Response, Promise].forEach((type) => Object.freeze(type.prototype))',
    ['fetch', 'xhr'],
  ],
  [
    'read-only methods of XMLHttpRequest',
    `for (const name of ['open', 'send', 'setRequestHeader'])
       Object.defineProperty(XMLHttpRequest.prototype, name, { writable: false, configurable: false })`,
    ['fetch'],
  ],
  [
    'a fetch that cannot be changed',
    "Object.defineProperty(window, 'fetch', { writable: false, configurable: false })",
    ['xhr'],
  ],
] as const) {
  test(`a page with ${what}: what can be patched is traced, and all of it works`, async ({
    open,
    agent,
    check,
  }) => {
    const visit = await open({ head: `<script>${change}</script>${agent()}` })
    const tag = unique()
    expect(await visit.page.evaluate(send, tag)).toEqual({ fetch: 200, xhr: 200 })
    for (const by of ['fetch', 'xhr'] as const) {
      const is = (traced as readonly string[]).includes(by)
      await check([`${tag}-${by}`], { traced: is, recorded: is })
    }
    await visit.page.evaluate(() => headwater.apm.stop())
    expect(await visit.page.evaluate(send, unique())).toEqual({ fetch: 200, xhr: 200 })
    expect([visit.errors, visit.console]).toEqual([[], []])
  })
}

for (const first of ['before us', 'after us'] as const) {
  test(`SES locks the page down ${first}`, async ({ open, agent, check, stage }) => {
    const ses = await readFile(path.join(root, 'node_modules/ses/dist/ses.umd.min.js'), 'utf8')
    const lockdown = `<script src="${stage.script(ses)}"></script><script>lockdown()</script>`
    const alone = await open({ head: lockdown })
    const visit = await open({ head: first === 'before us' ? lockdown + agent() : agent() + lockdown })
    const tag = unique()
    expect(await visit.page.evaluate(send, tag)).toEqual({ fetch: 200, xhr: 200 })
    await check([`${tag}-fetch`, `${tag}-xhr`])
    expect(await visit.page.evaluate(() => Object.isFrozen(Promise.prototype))).toBe(true)
    await visit.page.evaluate(() => headwater.apm.stop())
    const after = unique()
    expect(await visit.page.evaluate(send, after)).toEqual({ fetch: 200, xhr: 200 })
    await check([`${after}-fetch`, `${after}-xhr`], { traced: false, recorded: false })
    expect(visit.errors).toEqual(alone.errors)
    // SES itself may tell of what it removes.
    expect(visit.console).toEqual(alone.console)
  })
}

for (const [where, markup, origin] of [
  ['a sandboxed frame of an opaque origin', 'sandbox="allow-scripts"', 'opaque'],
  ['a sandboxed frame of the page’s origin', 'sandbox="allow-scripts allow-same-origin"', 'same'],
  ['a srcdoc frame', '', 'same'],
] as const) {
  test(`an agent in ${where} records and traces what that origin may send`, async ({
    open,
    agent,
    check,
    stage,
  }) => {
    const tag = unique()
    const documentOf = (start: string) =>
      (
        `${start}<script>(${String(sendFromFrame)})(${JSON.stringify([stage.origin, tag])})` +
        '.then((saw) => parent.postMessage(saw, "*"), (error) => parent.postMessage(String(error), "*"))</script>'
      ).replaceAll('{service}', 'frame')
    // The frame's own pages are cross-origin to it where its origin is opaque.
    const srcdoc = documentOf(agent({ distributedTracingOrigins: [stage.origin] }))
    const { page, errors } = await open({})
    const saw = await page.evaluate(
      ([attributes, text]) =>
        new Promise((resolve) => {
          addEventListener('message', ({ data }) => resolve(data), { once: true })
          const host = document.createElement('div')
          host.innerHTML = `<iframe ${attributes}></iframe>`
          const frame = host.querySelector('iframe')
          frame?.setAttribute('srcdoc', text)
          document.body.append(host)
        }),
      [markup, srcdoc] as const,
    )
    expect(saw).toEqual({
      active: true,
      origin: origin === 'opaque' ? 'null' : stage.origin,
      fetch: 200,
      xhr: 200,
    })
    await check([`${tag}-fetch`, `${tag}-xhr`])
    expect(errors).toEqual([])
  })
}

test('an agent in a frame of about:blank', async ({ open, check, stage }) => {
  const { page, errors } = await open({})
  await page.evaluate(addOpenFrame)
  const tag = unique()
  const saw = await page.evaluate(
    async ([serverUrl, at]) => {
      const inner = await openFrame()
      inner.initApm({ serviceName: 'blank', serverUrl })
      const active = inner.headwater.apm.isActive()
      const relative = (await inner.fetch(`/echo?x=${at}-fetch.`)).status
      const xhr = new inner.XMLHttpRequest()
      xhr.open('GET', `/echo?x=${at}-xhr.`)
      await new Promise((resolve) => {
        xhr.onloadend = resolve
        xhr.send()
      })
      // The parent has no agent.
      await fetch(`/echo?x=${at}-parent.`)
      await inner.headwater.apm.flush()
      return [inner.location.href, active, relative, xhr.status]
    },
    [stage.origin, tag] as const,
  )
  expect(saw).toEqual(['about:blank', true, 200, 200])
  await check([`${tag}-fetch`, `${tag}-xhr`])
  expect(values(stage.only(`${tag}-parent.`), 'traceparent')).toEqual([])
  expect(errors).toEqual([])
})

test('a parent that starts the agent of a frame, with a RegExp of its own', async ({ open, stage }) => {
  const visit = await open({})
  await visit.page.evaluate(addOpenFrame)
  const active = await visit.page.evaluate(async (serverUrl) => {
    const inner = await openFrame()
    // The frame has another `RegExp`, of which this is no instance.
    inner.initApm({ serviceName: 'blank', serverUrl, distributedTracingOrigins: [/^never$/] })
    return inner.headwater.apm.isActive()
  }, stage.origin)
  expect([active, visit.console]).toEqual([true, []])
})

test('an agent in the parent, and a frame’s functions and objects used there', async ({
  open,
  agent,
  check,
  stage,
}) => {
  const traced = await open({ head: agent() })
  const plain = await open({})
  const run = async ({ page }: Visit, tag: string) => page.evaluate(useFrame, tag)
  const [tag, before] = [unique(), unique()]
  const saw = await run(traced, tag)
  expect(saw).toEqual(await run(plain, before))
  // The frame's own functions are natives that nobody has patched; ours take the frame's objects.
  for (const by of ['foreign-fetch', 'foreign-xhr']) {
    expect(values(stage.only(`${tag}-${by}.`), 'traceparent'), by).toEqual([])
  }
  const taken = ['foreign-request', 'foreign-headers', 'foreign-signal', 'borrowed-open']
  await check(taken.map((by) => `${tag}-${by}`))
  for (const by of ['foreign-request', 'foreign-headers']) {
    expect(values(stage.only(`${tag}-${by}.`), 'x-own'), by).toEqual(['1'])
  }
  expect(traced.errors).toEqual(plain.errors)
})

test('a prerendered page is traced before and after it is shown, and its load is one span', async ({
  agent,
  stage,
  check,
}, testInfo) => {
  const tag = unique()
  const next = stage.page({
    head:
      agent().replaceAll('{service}', 'prerendered') +
      `<script>
        const state = document.prerendering ? 'prerendering' : 'shown'
        fetch('/echo?x=${tag}-' + state + '.')
        document.addEventListener('prerenderingchange', () => fetch('/echo?x=${tag}-changed.'))
      </script>`,
  })
  const url = new URL(next).pathname
  const rules = { prerender: [{ urls: [url], eagerness: 'immediate' }] }
  const first = stage.page({
    head: `<script type="speculationrules">${JSON.stringify(rules)}</script>`,
    body: `<script>setTimeout(() => (location.href = '${url}'), 2500)</script>`,
  })
  // With DevTools attached, as Playwright does, the browser does not prerender: this one runs by itself.
  const { executablePath = chromium.executablePath(), args = [] } = launchOptions ?? {}
  const profile = testInfo.outputPath('profile')
  const browser = spawn(
    executablePath,
    [...args, '--headless', '--no-first-run', `--user-data-dir=${profile}`, first],
    {
      stdio: 'ignore',
      // The launcher may be a script: the browser is its child.
      detached: true,
    },
  )
  try {
    const arrived = () => stage.received.filter(({ url }) => url.includes(`x=${tag}-`)).map(({ url }) => url)
    const expected = ['prerendering', 'changed'].map((state) => `/echo?x=${tag}-${state}.`)
    await expect.poll(arrived, { timeout: 15_000 }).toEqual(expected)
    await check([`${tag}-prerendering`, `${tag}-changed`])
    const loads = () =>
      stage.received.filter(({ url, body }) => {
        return url === '/v1/traces' && body.includes('documentLoad') && body.includes('prerendered')
      }).length
    await expect.poll(loads).toBe(1)
  } finally {
    const ended = once(browser, 'exit')
    if (browser.pid) process.kill(-browser.pid, 'SIGKILL')
    await ended
    await rm(profile, { recursive: true, force: true, maxRetries: 5 })
  }
})

test('a tab opened by the page, and one that is hidden from its start', async ({
  open,
  agent,
  stage,
  check,
}) => {
  const { page } = await open({ head: agent() })
  const context = page.context()
  const tag = unique()
  const content = `<script>
    fetch('/echo?x=${tag}-' + document.visibilityState + '.')
  </script>`
  const next = stage.page({ head: agent().replaceAll('{service}', 'tab') + content })
  const popup = context.waitForEvent('page')
  await page.evaluate((url) => void window.open(url), next)
  await (await popup).waitForLoadState()
  // It may be loaded as `about:blank` first.
  await expect.poll(() => stage.received.some(({ url }) => url.includes(tag))).toBe(true)
  await check([`${tag}-visible`])

  // A headless browser shows all its tabs: this one is told that it is hidden.
  const hidden = await context.newPage()
  await hidden.addInitScript(() => {
    Object.defineProperty(Document.prototype, 'visibilityState', { get: () => 'hidden', configurable: true })
    Object.defineProperty(Document.prototype, 'hidden', { get: () => true, configurable: true })
  })
  await hidden.goto(next)
  await expect.poll(() => stage.received.some(({ url }) => url.includes(`${tag}-hidden`))).toBe(true)
  await check([`${tag}-hidden`])
  const later = unique()
  expect(await hidden.evaluate(send, later)).toEqual({ fetch: 200, xhr: 200 })
  await check([`${later}-fetch`, `${later}-xhr`])
  await hidden.close()
})

test('a page that was restored, twice, traces and records as before', async ({
  open,
  agent,
  check,
  demo,
}) => {
  const { page, errors } = await open({ head: agent() })
  const url = page.url()
  await page.evaluate(() => {
    addEventListener('pageshow', ({ persisted }) => Object.assign(globalThis, { persisted }))
  })
  for (let times = 0; times < 2; times += 1) {
    await page.goto(`${demo.api}/`)
    await goBack(page, url)
    await page.waitForFunction(() => 'persisted' in globalThis)
    expect(await page.evaluate(() => Reflect.get(globalThis, 'persisted') as boolean)).toBe(true)
    expect(await page.evaluate(() => headwater.apm.isActive())).toBe(true)
    const tag = unique()
    expect(await page.evaluate(send, tag)).toEqual({ fetch: 200, xhr: 200 })
    await check([`${tag}-fetch`, `${tag}-xhr`])
  }
  expect(errors).toEqual([])
})

/** Runs in the page. */
async function send(tag: string) {
  return {
    fetch: (await fetch(`/echo?x=${tag}-fetch.`)).status,
    // Not `viaXhr`: some pages come without it.
    xhr: await new Promise((resolve) => {
      const xhr = new XMLHttpRequest()
      xhr.open('GET', `/echo?x=${tag}-xhr.`)
      xhr.onloadend = () => resolve(xhr.status)
      xhr.send()
    }),
  }
}

/** Runs in a frame. */
async function sendFromFrame([origin, tag]: [string, string]) {
  return {
    active: headwater.apm.isActive(),
    origin: globalThis.origin,
    fetch: (await fetch(`${origin}/echo?x=${tag}-fetch.`)).status,
    xhr: await new Promise((resolve) => {
      const xhr = new XMLHttpRequest()
      xhr.open('GET', `${origin}/echo?x=${tag}-xhr.`)
      xhr.onloadend = () => resolve(xhr.status)
      xhr.send()
    }),
  }
}

/** Runs in the page. */
async function useFrame(tag: string) {
  const frame = document.createElement('iframe')
  document.body.append(frame)
  const inner = frame.contentWindow as unknown as typeof globalThis
  const at = (by: string) => `${location.origin}/echo?x=${tag}-${by}.`
  const ended = (xhr: XMLHttpRequest) =>
    new Promise((resolve) => {
      xhr.onloadend = () => resolve(xhr.status)
      xhr.send()
    })
  const outcomes: unknown[] = []
  outcomes.push((await inner.fetch(at('foreign-fetch'))).status)
  const xhr = new inner.XMLHttpRequest()
  xhr.open('GET', at('foreign-xhr'))
  outcomes.push(await ended(xhr))
  const headers = { 'x-own': '1' }
  outcomes.push((await fetch(new inner.Request(at('foreign-request'), { headers }))).status)
  outcomes.push((await fetch(at('foreign-headers'), { headers: new inner.Headers(headers) })).status)
  const { signal } = new inner.AbortController()
  outcomes.push((await fetch(at('foreign-signal'), { signal })).status)
  // Ours, on an object of the frame.
  const borrowed = new inner.XMLHttpRequest()
  XMLHttpRequest.prototype.open.call(borrowed, 'GET', at('borrowed-open'), true)
  XMLHttpRequest.prototype.send.call(borrowed)
  while (borrowed.readyState !== 4) await new Promise((resolve) => setTimeout(resolve, 10))
  outcomes.push(borrowed.status)
  const promise = fetch.call(inner as never, at('foreign-receiver'))
  outcomes.push(await promise.then(({ status }) => status, String))
  const pending = inner.fetch('/never').catch((error: unknown) => (error as Error).name)
  const gone = inner.fetch
  frame.remove()
  outcomes.push(await Promise.race([pending, new Promise((resolve) => setTimeout(resolve, 200, 'silent'))]))
  outcomes.push(typeof gone)
  return outcomes
}

/** Runs in the page: gives it a function that opens a frame of about:blank with the agent's script in it. */
function addOpenFrame(): void {
  Object.assign(globalThis, {
    openFrame: async () => {
      const frame = document.createElement('iframe')
      document.body.append(frame)
      const inner = frame.contentWindow as unknown as typeof globalThis & HeadwaterGlobals
      const script = inner.document.createElement('script')
      script.src = '/headwater.min.js'
      await new Promise((resolve) => {
        script.onload = resolve
        inner.document.head.append(script)
      })
      return inner
    },
  })
}

/** How often the stage, as a collector, was told of it. */
function spansOf(stage: Stage, tag: string): number {
  const bodies = stage.received
    .filter(({ url }) => url === '/v1/traces')
    .map(({ body }) => body.toString('latin1'))
  return bodies.reduce((count, body) => count + body.split(`x=${tag}.`).length - 1, 0)
}

const unique = () => `place${(tags += 1)}`
let tags = 0

const TRACEPARENT = /^00-[0-9a-f]{32}-[0-9a-f]{16}-03$/

/** Of a frame. */
interface HeadwaterGlobals {
  headwater: typeof headwater
  initApm: typeof initApm
}

declare const openFrame: () => Promise<typeof globalThis & HeadwaterGlobals>
