/** End-to-end tests: a real browser against the real demo site. Run by `npm test`. */
import { defineConfig } from '@playwright/test'

import { browser, FILES, launch } from './support/browsers.js'

export default defineConfig({
  testDir: 'e2e',
  testMatch: FILES[browser]?.map((name) => `**/${name}.spec.ts`) ?? '**/*.spec.ts',
  outputDir: `results/${browser}`,
  reporter: 'list',
  workers: 2,
  fullyParallel: true,
  forbidOnly: !!process.env['CI'],
  // Other browsers' drivers lose a message now and then, and on a machine that others use, too, any browser can
  // be too late: what fails again is a failure, and what doesn't is listed as flaky. Firefox stops the scripts of a tab that
  // is closed, sometimes before they have sent.
  retries: browser === 'chromium' ? (process.env['CI'] ? 1 : 0) : 3,
  // Each window of Firefox is as slow as a whole browser.
  timeout: browser === 'chromium' ? 30_000 : 90_000,
  use: {
    browserName: browser,
    // Over WebDriver BiDi, which a Firefox that is not Playwright's own speaks too.
    ...(browser === 'firefox' ? { channel: 'moz-firefox' } : {}),
    viewport: { width: 1280, height: 800 },
    colorScheme: 'light',
    screenshot: 'only-on-failure',
    launchOptions: launch,
  },
})
