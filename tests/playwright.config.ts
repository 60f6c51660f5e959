/** End-to-end tests: a real browser against the real demo site. Run by `npm test`. */
import { existsSync } from 'node:fs'

import { defineConfig } from '@playwright/test'

const root = process.getuid?.() === 0

export default defineConfig({
  testDir: 'e2e',
  outputDir: 'results',
  reporter: 'list',
  workers: 2,
  fullyParallel: true,
  forbidOnly: !!process.env['CI'],
  timeout: 30_000,
  use: {
    browserName: 'chromium',
    viewport: { width: 1280, height: 800 },
    colorScheme: 'light',
    screenshot: 'only-on-failure',
    launchOptions: {
      ...browser(),
      // Chromium has no sandbox for root.
      args: root ? ['--no-sandbox'] : [],
    },
  },
})

/** `tools/test.mjs` names one; else a usual place; else Playwright's own. */
function browser(): { executablePath?: string } {
  const executablePath = process.env['CHROME_PATH'] ?? '/usr/bin/chromium'
  return existsSync(executablePath) ? { executablePath } : {}
}
