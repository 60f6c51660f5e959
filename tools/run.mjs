/** Runs programs for the other tools, and speaks to the person at the terminal. */
import { spawn, spawnSync } from 'node:child_process'
import { fileURLToPath, pathToFileURL } from 'node:url'

/** The repository. */
export const root = fileURLToPath(new URL('..', import.meta.url))

/** Whether a tool, given its `import.meta.url`, was started by itself and not imported by another. */
export function isMain(url) {
  return process.argv[1] !== undefined && pathToFileURL(process.argv[1]).href === url
}

/** Says what is going on. */
export function say(text) {
  console.log(`\n▸ ${text}`)
}

/** Stops with a sentence instead of a stack trace. */
export function fail(text) {
  console.error(`\n✗ ${text}`)
  process.exit(1)
}

/** Runs a program in the repository and waits; stops everything if it fails. */
export function run(program, parameters, options = {}) {
  const { status, error, signal } = spawnSync(program, parameters, {
    cwd: root,
    stdio: 'inherit',
    ...options,
  })
  if (error) fail(`${program}: ${error.message}`)
  if (status !== 0) fail(`${program} ${parameters.join(' ')} ended with ${signal ?? status}`)
}

/** Runs a program and returns what it prints, or nothing if it fails. */
export function ask(program, parameters, options = {}) {
  const { status, stdout } = spawnSync(program, parameters, { cwd: root, encoding: 'utf8', ...options })
  return status === 0 ? stdout.trim() : undefined
}

/** A program of `node_modules`, run by this very Node. */
export function node(script, parameters = [], options = {}) {
  run(process.execPath, [script, ...parameters], options)
}

/** Runs a program until it ends by itself or by Ctrl-C, and ends as it does. */
export function become(program, parameters, options = {}) {
  const child = spawn(program, parameters, { cwd: root, stdio: 'inherit', ...options })
  // The terminal sends Ctrl-C to the child too; it stops by itself.
  for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => child.kill(signal))
  child.on('error', (error) => fail(`${program}: ${error.message}`))
  child.on('exit', (code, signal) => process.exit(signal ? 0 : (code ?? 1)))
  return child
}
