/** `npm run dev`: the demo site, rebuilt and restarted when a source changes. Parameters go to the site. */
import { spawn, spawnSync } from 'node:child_process'
import { watch } from 'node:fs'
import path from 'node:path'

import { build, buildDemo } from './build.mjs'
import { root, say } from './run.mjs'

await build()
buildDemo()
let site = start()

/** Folder by folder, what a change there needs. The site reads its static files anew for each request. */
const FOLDERS = {
  'crate/src': 'browser',
  'js-wrapper/src': 'browser',
  'demo-site/app': 'browser',
  'demo-site/src': 'site',
  'demo-site/collector/src': 'site',
}
const wanted = new Set()
let timer
for (const [folder, what] of Object.entries(FOLDERS)) {
  watch(path.join(root, folder), { recursive: true }, (_, file) => {
    if (!file || /(^|\/)(generated|\.)/.test(file)) return
    wanted.add(what)
    clearTimeout(timer)
    // Editors write a file in several steps.
    timer = setTimeout(rebuild, 200)
  })
}
say('Watching for changes; Ctrl-C stops')

function rebuild() {
  const changes = new Set(wanted)
  wanted.clear()
  // In a process of its own: a program that does not compile must not end the watching.
  const script = `import { build, buildDemo } from './tools/build.mjs'
    ${changes.has('browser') ? 'await build()' : ''}
    ${changes.has('site') ? 'buildDemo()' : ''}`
  const { status } = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
    cwd: root,
    stdio: 'inherit',
  })
  if (status !== 0) return
  if (!changes.has('site')) return say('Reload the page')
  site.removeAllListeners('exit')
  site.on('exit', () => (site = start()))
  site.kill('SIGTERM')
}

function start() {
  const child = spawn(
    'cargo',
    ['run', '--locked', '--quiet', '-p', 'headwater-demo', '--', ...process.argv.slice(2)],
    {
      cwd: root,
      stdio: 'inherit',
    },
  )
  child.on('exit', (code) => process.exit(code ?? 0))
  return child
}
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => site.kill(signal))
