/**
 * A tab that Playwright does not see: its own tabs are never hidden, and a tab with a debugger is never
 * discarded.
 */
import type { Browser, CDPSession } from '@playwright/test'

export class RawTab {
  readonly #browser: Browser
  readonly #session: CDPSession
  readonly #context: string
  readonly #target: string
  readonly #url: string

  private constructor(browser: Browser, session: CDPSession, context: string, target: string, url: string) {
    this.#browser = browser
    this.#session = session
    this.#context = context
    this.#target = target
    this.#url = url
  }

  static async open(browser: Browser, url: string): Promise<RawTab> {
    const session = await browser.newBrowserCDPSession()
    const { browserContextId } = await session.send('Target.createBrowserContext')
    // With its last tab a context ends, and with it all requests under way.
    await session.send('Target.createTarget', { url: 'about:blank', browserContextId })
    const { targetId } = await session.send('Target.createTarget', { url, browserContextId })
    return new RawTab(browser, session, browserContextId, targetId, url)
  }

  /** Opens another tab in front of it. */
  async hide(): Promise<void> {
    await this.#session.send('Target.createTarget', { url: 'about:blank', browserContextId: this.#context })
  }

  /** Has the browser take its memory, as it does where there is too little. */
  async discard(): Promise<void> {
    // The page that does it is one for the whole browser.
    const own = discards.then(() => this.#discard())
    discards = own.catch(() => undefined)
    await own
  }

  async #discard(): Promise<void> {
    const page = await this.#browser.newPage()
    page.setDefaultTimeout(15_000)
    const row = page.getByRole('row').filter({ has: page.getByText(this.#url, { exact: true }) })
    for (const end = Date.now() + 30_000; ;) {
      try {
        await page.goto('chrome://discards')
        await row.getByText('Urgent Discard').click()
        await row.getByText('discarded').first().waitFor()
        break
      } catch (error) {
        if (Date.now() > end) throw error
        // The first time, and again if another test has been faster.
        await page.goto('chrome://chrome-urls')
        await page
          .getByRole('button', { name: 'Enable internal debugging pages' })
          .click()
          .catch(() => undefined)
      }
    }
    await page.close()
  }

  async close(): Promise<void> {
    await this.#session.send('Target.closeTarget', { targetId: this.#target }).catch(() => undefined)
    await this.#session.send('Target.disposeBrowserContext', { browserContextId: this.#context })
    await this.#session.detach()
  }
}

let discards: Promise<unknown> = Promise.resolve()
