/** What is known to differ in the browsers other than Chromium. `docs/browsers.md` is written from it. */
import { browser, type BrowserName } from './browsers.js'

export interface Difference {
  browser: Exclude<BrowserName, 'chromium'>
  /** Of the tests: the file's name, a space, and the title, with those of its groups. */
  tests: RegExp
  /**
   * `fails`: the test runs, and has to fail, so that it is noticed when it no longer does.
   * `skipped`: there is nothing to run, or no way to.
   * `expected`: the test says itself what it expects of this browser.
   */
  outcome: 'fails' | 'skipped' | 'expected'
  /** Without a full stop. */
  reason: string
}

export const DIFFERENCES: readonly Difference[] = [
  {
    browser: 'firefox',
    tests: /^(requests.spec.ts a synchronous XHR is a request|traps.spec.ts X5b)/,
    outcome: 'expected',
    reason:
      'where the connection breaks off during a synchronous request, Firefox raises `error` before it throws, without an agent too: ' +
      'the span ends there, and its `error.type` is `error`, as it is for other requests by XHR, and not `NetworkError`',
  },
  {
    browser: 'firefox',
    tests: /^requests.spec.ts the resource says who the page is/,
    outcome: 'expected',
    reason:
      'Firefox has no `navigator.userAgentData`: `browser.platform`, `browser.mobile` and `browser.brands` are left out',
  },
  {
    browser: 'firefox',
    tests: /^errors.spec.ts a script of another origin/,
    outcome: 'fails',
    reason:
      'as it runs in these tests, Firefox tells the page what the script of another port and host name on this machine has thrown',
  },
  {
    browser: 'firefox',
    tests: /^streaming-upload.spec.ts/,
    outcome: 'skipped',
    reason:
      'Firefox streams no bodies up: without an agent, too, it sends the text `[object ReadableStream]` (that this stays so is in traps F15b and F21c)',
  },
  {
    browser: 'firefox',
    tests: /^delivery.spec.ts (hidden|discarded|crash|offline|offline-exit):/,
    outcome: 'skipped',
    reason:
      'Playwright hides and discards no tab of Firefox, does not let it crash and does not cut its network',
  },
  {
    browser: 'firefox',
    tests:
      /^delivery.spec.ts (stay|location|many|down|down-at-exit|status-(408|500|502|504)|hang|hangAfterRead|cutRequest|wrongCors-preflight|partial|nothing is sent before .* a date)/,
    outcome: 'skipped',
    reason: 'what such an answer means, and how long it is waited, is up to the module; others like them run',
  },
  {
    browser: 'firefox',
    tests: /^page-load-trace.spec.ts malformed ones/,
    outcome: 'skipped',
    reason:
      'it is the module that tells good ids from bad ones, with dozens of pages that take long in Firefox',
  },
  {
    browser: 'firefox',
    tests: /^unusual-places.spec.ts a prerendered page/,
    outcome: 'skipped',
    reason: 'Firefox does not prerender: it has neither `document.prerendering` nor speculation rules',
  },
  {
    browser: 'webkit',
    tests: /^(requests.spec.ts a synchronous XHR is a request|traps.spec.ts X5b)/,
    outcome: 'expected',
    reason: 'as in Firefox: `error` is raised before a broken synchronous request throws',
  },
  {
    browser: 'webkit',
    tests: /^requests.spec.ts the resource says who the page is/,
    outcome: 'expected',
    reason: 'as in Firefox: there is no `navigator.userAgentData`',
  },
  {
    browser: 'webkit',
    tests: /^traps.spec.ts (F15b|F21c)/,
    outcome: 'skipped',
    reason:
      'their pages come by `https:`, and WebKit runs no script from `http:` in them, not from 127.0.0.1 either; it streams no bodies up',
  },
  {
    browser: 'webkit',
    tests: /^exit.spec.ts a page that is left before its load event/,
    outcome: 'fails',
    reason:
      'a page that is left before its load event hears neither `pagehide` nor `visibilitychange` in WebKit, so what waits is lost (what was due before is not)',
  },
  {
    browser: 'webkit',
    tests:
      /^(requests.spec.ts (what the page itself calls off|a timeout)|transparent-fetch.spec.ts an abort stops)/,
    outcome: 'fails',
    reason:
      'WebKit rejects every aborted `fetch` with an `AbortError`, whatever the reason of its signal, so that of `AbortSignal.timeout` looks like a request that was called off, and is no error',
  },
  {
    browser: 'webkit',
    tests: /^transparent-(fetch|xhr).spec.ts looks like the native/,
    outcome: 'fails',
    reason: 'WebKit prints every Proxy as `function ProxyObject() { [native code] }` (trap F16b)',
  },
  {
    browser: 'webkit',
    tests: /^unusual-places.spec.ts a prerendered page/,
    outcome: 'skipped',
    reason: 'WebKit does not prerender: it has neither `document.prerendering` nor speculation rules',
  },
  {
    browser: 'webkit',
    tests: /^unusual-places.spec.ts a tab opened by the page/,
    outcome: 'skipped',
    reason: 'WebDriver has neither an event for a new window nor scripts that run ahead of a page',
  },
  {
    browser: 'webkit',
    tests: /^pause-and-consent.spec.ts .*stopped, nothing of it is left/,
    outcome: 'skipped',
    reason: 'WebDriver cannot ask for a garbage collection',
  },
  {
    browser: 'webkit',
    tests:
      /^(exit.spec.ts a click|header-rules.spec.ts the shop’s own buttons|requests.spec.ts every failure of the shop)/,
    outcome: 'skipped',
    reason: 'these use more of Playwright than `tests/support/webkit.ts` offers',
  },
]

/** What is known of a test in this browser. */
export function known(file: string, title: string): Difference | undefined {
  return DIFFERENCES.find((one) => one.browser === browser && one.tests.test(`${file} ${title}`))
}
