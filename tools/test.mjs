/**
 * `npm test`: sets up, builds, and runs every test and check. Parameters go to Playwright; `HEADWATER_BROWSER` names the
 * only browser to test in.
 */
import path from 'node:path'

import { build, buildDemo } from './build.mjs'
import { lint } from './lint.mjs'
import { node, root, run, say } from './run.mjs'
import { setUpBrowsers } from './setup.mjs'

await build()
buildDemo()
lint()
say('Testing the Rust code')
run('cargo', ['test', '--locked', '--workspace'])
say('Testing the trace viewer')
node('--test', ['demo-site/collector/viewer/test/'])
say('Testing the tools')
node('--test', ['tools/encode.test.mjs'])
say('Sizes')
const { size } = await import('./size.mjs')
size()
const playwright = path.join(root, 'node_modules/@playwright/test/cli.js')
const only = process.env.HEADWATER_BROWSER
const browsers = Object.entries(await setUpBrowsers(only))
for (const [browser, variables] of browsers) {
  say(`Testing in ${browser}`)
  const env = { ...process.env, ...variables, HEADWATER_BROWSER: browser }
  // Not every test is for every browser.
  const filter = [...(browser === 'chromium' ? [] : ['--pass-with-no-tests']), ...process.argv.slice(2)]
  node(playwright, ['test', '-c', 'tests', ...filter], { env })
}
say(`Tested in ${browsers.map(([browser]) => browser).join(', ')}`)
