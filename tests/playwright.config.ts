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
  // Their drivers lose a message now and then; what fails twice more is a failure.
  retries: browser === 'chromium' ? 0 : 2,
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
