/** Writes `docs/browsers.md`: what is known to differ in which browser, and why. */
import { writeFile } from 'node:fs/promises'
import path from 'node:path'

import { browser, BROWSERS, FILES } from '../support/browsers.js'
import { root } from '../support/demo.js'
import { DIFFERENCES, type Difference } from '../support/differences.js'
import { expect, test } from '../support/test.js'
import { TRAPS } from '../traps/index.js'

test('docs/browsers.md says what is known to differ', async () => {
  expect(browser).toBe('chromium')
  await writeFile(path.join(root, 'docs/browsers.md'), page())
})

function page(): string {
  return `# Browsers

\`npm test\` runs the tests of \`tests/e2e\` in Chromium and in Firefox. In one browser, WebKit among them:

\`\`\`sh
HEADWATER_BROWSER=firefox npx playwright test -c tests
\`\`\`

* **Chromium**: all tests, with Playwright.
* **Firefox**, an installed one such as Debian's ESR, with Playwright over WebDriver BiDi:
  \`tests/support/firefox.mjs\` stands between the two, as Playwright sends commands that an ESR does not know yet, and
  as each of its pages would be a new window, which takes longer than most tests: it is a tab in one that is there.
  \`FIREFOX_PATH\` names another. All files but those on what no browser has a say in, and those that need Chromium's
  own protocol: ${(FILES.firefox ?? []).map((name) => `\`${name}\``).join(', ')}.
* **WebKit**: WebKitGTK's MiniBrowser over its own WebDriver, which Playwright does not speak:
  \`tests/support/webkit.ts\` looks like the part of Playwright that the tests use. Its console and its
  uncaught errors are those that a page can hear of itself. Its driver hangs at times, so \`npm test\` leaves it out
  unless \`HEADWATER_BROWSER=webkit\` asks for it. These files:
  ${(FILES.webkit ?? []).map((name) => `\`${name}\``).join(', ')}.

What is known to differ, each with its reason. Tests that are *skipped* have nothing to run there, nothing that
is up to the browser, or no way to. Tests that *fail* run all the same, and the run says so if one passes. Where a
difference is *expected*, the test itself says what this browser does. This file is written by the tests (\`tests/support/differences.ts\`).
${BROWSERS.filter((name) => name !== 'chromium')
  .map(section)
  .join('')}
## Traps

Limits of the agent that are none in every browser ([transparency.md](transparency.md) has them all):

${TRAPS.flatMap(({ id, limit, limitIn }) =>
  limit && limitIn
    ? [`* **${id}**, in ${limitIn.map((name) => NAMES[name]).join(' and ')} only: ${limit}.`]
    : [],
).join('\n')}
`
}

const NAMES = { chromium: 'Chromium', firefox: 'Firefox', webkit: 'WebKit' }

function section(name: string): string {
  const rows = DIFFERENCES.filter((one) => one.browser === name).map(row)
  return `
## ${NAMES[name as keyof typeof NAMES]}

| tests | what | reason |
|---|---|---|
${rows.join('\n')}
`
}

function row({ tests, outcome, reason }: Difference): string {
  const pattern = tests.source.replace('^', '').replaceAll('\\.', '.').replaceAll('|', '\\|')
  return `| <code>${pattern}</code> | ${outcome} | ${reason.replaceAll('|', '\\|')} |`
}
