/** `test` with what these tests need: the demo, a stage for pages of their own, and a way onto it. */
import path from 'node:path'

import {
  expect,
  test as playwright,
  type Browser,
  type BrowserContext,
  type Page as BrowserPage,
} from '@playwright/test'

import { browser as name } from './browsers.js'
import { Demo } from './demo.js'
import { known } from './differences.js'
import { source } from './source.js'
import type { Span } from './spans.js'
import { Stage, type Page } from './stage.js'
import { listen, WebKit } from './webkit.js'

export { expect }

/** A test page that is open, with an agent of its own. */
export interface Visit {
  page: BrowserPage
  /** The agent's `serviceName`, which no other page has. */
  service: string
  /** What the page said on its console: `warning: …`, `error: …`. */
  console: string[]
  /** Uncaught exceptions and unhandled rejections. */
  errors: string[]
  /** The spans that its agent has sent, as soon as `complete` says that all are there. */
  spans: (complete: (spans: Span[]) => boolean) => Promise<Span[]>
}

/** More options than the type allows: tests give wrong ones too. */
export type Options = Record<string, unknown>

interface TestFixtures {
  /** Opens a test page, and waits until its load is over. */
  visit: (options?: Options, page?: Page) => Promise<Visit>
  /** The same for a page whose load event never comes. */
  start: (options?: Options, page?: Page) => Promise<Visit>
  /** Opens a page that starts the agent in its own way, or not at all. */
  open: (page: Page, until?: 'load' | 'domcontentloaded') => Promise<Visit>
}

interface WorkerFixtures {
  demo: Demo
  stage: Stage
}

/** What Playwright cannot drive looks as if it did. */
const base =
  name === 'webkit'
    ? playwright.extend<object, { browser: Browser }>({
        browser: [
          async ({}, use) => {
            const webkit = await WebKit.launch()
            await use(webkit as unknown as Browser)
            webkit.close()
          },
          { scope: 'worker' },
        ],
        context: async ({ browser }, use) => {
          const context: BrowserContext = await browser.newContext()
          await use(context)
          await context.close()
        },
      })
    : playwright

/** Goes ahead of everything else in a page. */
export const preface = name === 'webkit' ? `(${String(listen)})();` : ''

/** Only Elastic's have filters. */
type Asked = Partial<Record<'addFilter' | 'isActive', () => unknown>>

export const test = base.extend<TestFixtures & { differences: undefined }, WorkerFixtures>({
  differences: [
    async ({}, use, testInfo) => {
      const file = path.basename(testInfo.file)
      const difference = known(file, testInfo.titlePath.slice(1).join(' '))
      if (difference?.outcome === 'skipped') testInfo.skip(true, difference.reason)
      if (difference?.outcome === 'fails') testInfo.fail(true, difference.reason)
      await use(undefined)
    },
    { auto: true },
  ],
  demo: [
    async ({}, use) => {
      const demo = await Demo.start()
      await use(demo)
      await demo.stop()
    },
    { scope: 'worker' },
  ],
  stage: [
    async ({}, use) => {
      const stage = await Stage.start()
      await use(stage)
      await stage.stop()
    },
    { scope: 'worker' },
  ],
  open: async ({ context, demo, stage }, use) => {
    await use(async (content, until = 'load') => {
      const page = await context.newPage()
      const service = `e2e-${(count += 1)}`
      const visit: Visit = {
        page,
        service,
        console: [],
        errors: [],
        spans: (complete) => demo.spansOf(service, complete),
      }
      page.on('console', (message) => visit.console.push(`${message.type()}: ${message.text()}`))
      page.on('pageerror', (error) => {
        if (isThrown(String(error))) visit.errors.push(String(error))
      })
      const head =
        (preface && `<script>${preface}</script>`) + (content.head ?? '').replaceAll('{service}', service)
      await page.goto(stage.page({ ...content, head }), { waitUntil: until })
      // The agent begins to report the page load one task after the load event, and goes on when it is asked for something. With
      // Elastic's it ends a second later.
      await page.evaluate(() => new Promise((resolve) => setTimeout(resolve)))
      if (until === 'load') {
        await page.evaluate(() => {
          const { apm } = (globalThis as { headwater?: { apm?: Asked } }).headwater ?? {}
          if (!apm?.addFilter) apm?.isActive?.()
        })
      }
      await page.evaluate(addHelpers)
      return visit
    })
  },
  visit: async ({ open, demo }, use) => {
    await use(async (options = {}, page = {}) => active(await open(withAgent(demo, options, page))))
  },
  start: async ({ open, demo }, use) => {
    await use(async (options = {}, page = {}) => {
      return active(await open(withAgent(demo, options, page), 'domcontentloaded'))
    })
  },
})

function withAgent(demo: Demo, options: Options, page: Page): Page {
  const defaults = { serviceName: '{service}', serverUrl: demo.collector, flushInterval: 20 }
  return { ...page, head: agentScript({ ...defaults, ...options }) + (page.head ?? '') }
}

/** What a page without an agent does not do proves nothing. */
async function active(visit: Visit): Promise<Visit> {
  if (!(await visit.page.evaluate(() => headwater.apm.isActive()))) {
    throw new Error(`the agent did not start: ${visit.console.join()}`)
  }
  return visit
}

/** Among the errors of a page, Firefox tells what it says itself: what a policy forbids, what could not be loaded. */
function isThrown(error: string): boolean {
  return name !== 'firefox' || /^(\w*(Error|Exception)\b|uncaught exception)/.test(error)
}

/** Back to a page that the browser has kept: there is no load event, and not every browser tells of such a navigation. */
export async function goBack(page: BrowserPage, url: string): Promise<void> {
  await page.evaluate(() => void setTimeout(() => history.back()))
  await expect.poll(() => page.evaluate(() => location.href).catch(() => '')).toBe(url)
}

/** The script tags that start the agent with these options. @param file - of another build than the standard one. */
export function agentScript(options: Options, file = 'headwater.min.js'): string {
  return `<script src="/${file}"></script><script>initApm(${source(options)})</script>`
}

/** Runs in the page. */
function addHelpers(): void {
  Object.assign(globalThis, {
    viaXhr: (method: string, url: string, headers: Record<string, string> = {}) =>
      new Promise((resolve) => {
        const xhr = new XMLHttpRequest()
        xhr.open(method, url)
        for (const [name, value] of Object.entries(headers)) xhr.setRequestHeader(name, value)
        xhr.onloadend = () => resolve(xhr.status)
        xhr.send()
      }),
  })
}

let count = 0
