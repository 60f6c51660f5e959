/**
 * The browsers that the tests run in, chosen by `HEADWATER_BROWSER`, and what is known to differ in those other than Chromium:
 * `docs/browsers.md` is written from it.
 */
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

export type BrowserName = 'chromium' | 'firefox' | 'webkit'

export const BROWSERS: readonly BrowserName[] = ['chromium', 'firefox', 'webkit']

/** The one that this run is about. */
export const browser = chosen(process.env['HEADWATER_BROWSER'] || 'chromium')

function chosen(wanted: string): BrowserName {
  const found = BROWSERS.find((name) => name === wanted)
  if (!found) throw new Error(`HEADWATER_BROWSER is none of ${BROWSERS.join(', ')}: ${wanted}`)
  return found
}

/** The files that run, all of them if nothing is said. */
export const FILES: Partial<Record<BrowserName, readonly string[]>> = {
  // All but those on what no browser has a say in: sampling, the matrix of headers, other tracers, the viewer; and
  // those that need Chromium's own protocol.
  firefox: [
    'activities',
    'back-forward-cache',
    'before-send',
    'clients',
    'configuration',
    'connections',
    'containment',
    'delivery',
    'errors',
    'exit',
    'graphql',
    'header-rules',
    'idle',
    'linking',
    'one-trace',
    'other-patches',
    'page-load-details',
    'page-load-trace',
    'pause-and-consent',
    'payload',
    'protocols',
    'requests',
    'requests-detail',
    'sessions',
    'spans',
    'streaming-upload',
    'transparent-fetch',
    'transparent-xhr',
    'traps',
    'unusual-pages',
    'unusual-places',
  ],
  webkit: [
    'exit',
    'header-rules',
    'pause-and-consent',
    'requests',
    'transparent-fetch',
    'transparent-xhr',
    'traps',
    'unusual-pages',
    'unusual-places',
  ],
}

/** What a native `fetch` is printed as. */
export const NATIVE_FETCH =
  browser === 'chromium' ? 'function fetch() { [native code] }' : 'function fetch() {\n    [native code]\n}'

/** The `error.type` of a synchronous XHR that fails. */
export const SYNC_FAILURE = browser === 'chromium' ? 'NetworkError' : 'error'

/** For Playwright. */
export const launch = {
  chromium: {
    ...chromium(),
    // Chromium has no sandbox for root.
    args: process.getuid?.() === 0 ? ['--no-sandbox'] : [],
  },
  firefox: {
    executablePath: fileURLToPath(new URL('firefox.mjs', import.meta.url)),
    firefoxUserPrefs: {
      // `requestGC` of Playwright needs it.
      'dom.testing.testutils.enabled': true,
      // A process for each origin of each test costs more than what the test does in it.
      'fission.webContentIsolationStrategy': 0,
      'dom.ipc.processCount': 1,
    },
  },
  webkit: {},
}[browser]

/** `tools/test.mjs` names one; else a usual place; else Playwright's own. */
function chromium(): { executablePath?: string } {
  const executablePath = process.env['CHROME_PATH'] ?? '/usr/bin/chromium'
  return existsSync(executablePath) ? { executablePath } : {}
}
