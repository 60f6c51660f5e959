/** Brings a machine to where it can build and test. Quiet where nothing is to do. */
import { existsSync, readdirSync, statSync } from 'node:fs'
import { homedir } from 'node:os'
import path from 'node:path'

import { ask, fail, root, run, say } from './run.mjs'

/** Node's version and the packages of the lock file. */
export function setUpNode() {
  const [major] = process.versions.node.split('.')
  if (+major < 20)
    fail(`Node ${process.versions.node} is too old: install Node 20 or later (https://nodejs.org).`)
  const lock = path.join(root, 'package-lock.json')
  const installed = path.join(root, 'node_modules/.package-lock.json')
  if (existsSync(installed) && statSync(installed).mtimeMs >= statSync(lock).mtimeMs) return
  say('Installing the npm packages of package-lock.json')
  run(process.platform === 'win32' ? 'npm.cmd' : 'npm', ['ci', '--no-fund', '--no-audit'])
}

/**
 * The Rust compiler and its target for WebAssembly.
 *
 * @returns {{ abort: boolean }} whether the standard library can be built without its panic messages,
 * for which the compiler's sources and its switches are needed. Without, the module works but is
 * bigger.
 */
export function setUpRust() {
  // rustup's folder need not be on the path of the shell that started us.
  const bin = path.join(process.env.CARGO_HOME ?? path.join(homedir(), '.cargo'), 'bin')
  if (existsSync(bin)) process.env.PATH += path.delimiter + bin
  const version = ask('rustc', ['--version'])
  if (!version || !ask('cargo', ['--version'])) {
    fail('No Rust compiler found. Install rustup (https://rustup.rs), then run this again.')
  }
  const [, major, minor] = /(\d+)\.(\d+)/.exec(version) ?? []
  if (+major === 1 && +minor < 89)
    fail(`${version} is too old: run \`rustup update stable\`, or install Rust 1.89 or later.`)
  const rustup = ask('rustup', ['--version']) !== undefined

  const target = 'wasm32-unknown-unknown'
  const hasTarget = () => {
    const folder = ask('rustc', ['--print', 'target-libdir', '--target', target])
    return folder && existsSync(folder) && readdirSync(folder).some((file) => /^libcore-/.test(file))
  }
  if (!hasTarget()) {
    if (!rustup) {
      fail(
        `${version} has no standard library for ${target}, and there is no rustup to add it.\n` +
          '  Debian, Ubuntu:  apt-get install libstd-rust-dev-wasm32\n' +
          '  Fedora:          dnf install rust-std-static-wasm32-unknown-unknown\n' +
          '  elsewhere:       install rustup (https://rustup.rs), then run this again.',
      )
    }
    say(`Adding Rust's target ${target}`)
    if (ask('rustup', ['target', 'add', target]) === undefined || !hasTarget()) {
      fail(`The target could not be added. Run \`rustup target add ${target}\` to see why.`)
    }
  }

  if (process.env.HEADWATER_PLAIN) return { abort: false }
  const sources = () =>
    existsSync(path.join(ask('rustc', ['--print', 'sysroot']), 'lib/rustlib/src/rust/library/Cargo.lock'))
  if (!sources() && rustup) {
    say("Adding rust-src, the standard library's sources")
    ask('rustup', ['component', 'add', 'rust-src'])
  }
  const flags = ['-Zunstable-options', '-Cpanic=immediate-abort', '--print', 'cfg', '--target', target]
  const abort =
    sources() && ask('rustc', flags, { env: { ...process.env, RUSTC_BOOTSTRAP: '1' } }) !== undefined
  if (!abort) {
    say(
      "The module is built with the ready-made standard library and will be bigger: the compiler's sources are missing\n" +
        '  (`rustup component add rust-src`, Debian: `apt-get install rust-src`), or it is older than 1.92.',
    )
  }
  return { abort }
}

/** A Chromium for the tests. @returns {Promise<string>} its path. */
export async function setUpBrowser() {
  const found = findBrowser()
  if (found) return found
  say("No Chrome or Chromium found: installing Playwright's own")
  const playwright = path.join(root, 'node_modules/@playwright/test/cli.js')
  ask(process.execPath, [playwright, 'install', '--with-deps', 'chromium'], { stdio: 'inherit' })
  const { chromium } = await import('@playwright/test')
  if (existsSync(chromium.executablePath())) return chromium.executablePath()
  if (process.getuid?.() === 0 && existsSync('/etc/debian_version')) {
    say("That failed: installing Debian's chromium package")
    run('apt-get', ['update', '-q'])
    run('apt-get', ['install', '-y', '-q', 'chromium'])
    const installed = findBrowser()
    if (installed) return installed
  }
  return fail(
    'The tests need a browser. Install Chrome or Chromium (Debian: `apt-get install chromium`), or name one:\n' +
      '  CHROME_PATH=/path/to/chrome npm test',
  )
}

function findBrowser() {
  const named = process.env.CHROME_PATH
  if (named && !existsSync(named)) fail(`CHROME_PATH: ${named} does not exist.`)
  const names = ['google-chrome-stable', 'google-chrome', 'chromium', 'chromium-browser', 'chrome']
  const folders = (process.env.PATH ?? '').split(path.delimiter)
  const candidates = [
    named,
    ...names.flatMap((name) => folders.map((folder) => path.join(folder, name))),
    '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
    '/Applications/Chromium.app/Contents/MacOS/Chromium',
    'C:\\Program Files\\Google\\Chrome\\Application\\chrome.exe',
  ]
  return candidates.find((candidate) => candidate && existsSync(candidate))
}
