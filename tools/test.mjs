/** `npm test`: sets up, builds, and runs every test and check. Parameters go to Playwright. */
import path from 'node:path'

import { build, buildDemo } from './build.mjs'
import { lint } from './lint.mjs'
import { node, root, run, say } from './run.mjs'
import { setUpBrowser } from './setup.mjs'

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
say('Testing in a real browser')
process.env.CHROME_PATH = await setUpBrowser()
node(path.join(root, 'node_modules/@playwright/test/cli.js'), [
  'test',
  '-c',
  'tests',
  ...process.argv.slice(2),
])
