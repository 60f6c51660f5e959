/** Brings a machine to where it can build and test. Quiet where nothing is to do. */
import { spawnSync } from 'node:child_process'
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

/**
 * The browsers for the tests.
 *
 * @param {string | undefined} only - the one to set up; else all but WebKit, whose driver hangs at times.
 * @returns {Promise<Record<string, object>>} for each, by its name in `tests/support/browsers.ts`, the environment
 * variables that say where it is; without those that this machine cannot have.
 */
export async function setUpBrowsers(only) {
  const found = {}
  for (const browser of only ? [only] : ['chromium', 'firefox']) {
    const variables = await (BROWSERS[browser] ?? fail(`HEADWATER_BROWSER: ${browser} is none of them.`))()
    if (variables) found[browser] = variables
  }
  return found
}

const BROWSERS = { chromium: setUpChromium, firefox: setUpFirefox, webkit: setUpWebKit }

async function setUpChromium() {
  const find = () =>
    program(
      'CHROME_PATH',
      ['google-chrome-stable', 'google-chrome', 'chromium', 'chromium-browser', 'chrome'],
      [
        '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
        '/Applications/Chromium.app/Contents/MacOS/Chromium',
        'C:\\Program Files\\Google\\Chrome\\Application\\chrome.exe',
      ],
    )
  const found = find()
  if (found) return { CHROME_PATH: found }
  say("No Chrome or Chromium found: installing Playwright's own")
  const playwright = path.join(root, 'node_modules/@playwright/test/cli.js')
  ask(process.execPath, [playwright, 'install', '--with-deps', 'chromium'], { stdio: 'inherit' })
  const { chromium } = await import('@playwright/test')
  if (existsSync(chromium.executablePath())) return { CHROME_PATH: chromium.executablePath() }
  installOnDebian('chromium')
  return {
    CHROME_PATH:
      find() ??
      fail(
        'The tests need a browser. Install Chrome or Chromium (Debian: `apt-get install chromium`), or name one:\n' +
          '  CHROME_PATH=/path/to/chrome npm test',
      ),
  }
}

function setUpFirefox() {
  const find = () =>
    program(
      'FIREFOX_PATH',
      ['firefox-esr', 'firefox'],
      ['/Applications/Firefox.app/Contents/MacOS/firefox', 'C:\\Program Files\\Mozilla Firefox\\firefox.exe'],
    )
  if (!find()) installOnDebian('firefox-esr')
  const found = find()
  if (found) return { FIREFOX_PATH: found }
  return without(
    'Firefox',
    'Install it (Debian: `apt-get install firefox-esr`), or name one: FIREFOX_PATH=/path/to/firefox npm test',
  )
}

function setUpWebKit() {
  const driver = () => program('WEBKIT_DRIVER', ['WebKitWebDriver'])
  const screen = () => process.env.DISPLAY ?? program('', ['Xvfb'])
  if (!driver() || !screen()) installOnDebian('webkit2gtk-driver', 'xvfb')
  const found = driver()
  if (found && screen()) return { WEBKIT_DRIVER: found }
  return without(
    'WebKit',
    "It needs WebKitGTK's driver and a screen, on Linux only (Debian: `apt-get install webkit2gtk-driver xvfb`)",
  )
}

/** A machine without it still tests in the others, and says in which. */
function without(browser, how) {
  say(`No ${browser} found: its tests are skipped. ${how}`)
}

function installOnDebian(...packages) {
  if (process.getuid?.() !== 0 || !existsSync('/etc/debian_version')) return
  say(`Installing Debian's ${packages.join(' and ')}`)
  // Who calls sees what is there.
  for (const command of [['update'], ['install', '-y', '--no-install-recommends', ...packages]])
    spawnSync('apt-get', ['-q', ...command], { stdio: 'inherit' })
}

/** The one that the environment names, else the first of these on the path, else of these places. */
function program(variable, names, places = []) {
  const named = process.env[variable]
  if (named && !existsSync(named)) fail(`${variable}: ${named} does not exist.`)
  const folders = (process.env.PATH ?? '').split(path.delimiter)
  const onPath = names.flatMap((name) => folders.map((folder) => path.join(folder, name)))
  return [named, ...onPath, ...places].find((candidate) => candidate && existsSync(candidate))
}
