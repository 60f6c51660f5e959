/**
 * Hands the caller's configuration to the module, value by value. What is allowed is decided there.
 */
import { serverTimingOf } from './hooks/performance.js'
import { isRegExp } from './hooks/patch.js'
import type { Module } from './load-wasm.js'
import { OPTION_TYPES, OPTIONS, STORED_SESSION, type Config, type Facts } from './options.js'

/** How a value looks; the numbers are those of `Input` in `crate/src/options`. */
const ValueKind = {
  Absent: 0,
  Text: 1,
  Number: 2,
  Flag: 3,
  Pattern: 4,
  Function: 5,
  EmptyList: 6,
  Other: 7,
} as const

/**
 * @returns whether every value is allowed. One that is not gets a message that names the option, the
 * value and what is allowed.
 *
 * @param isRunning - whether only what is given counts.
 */
export function configure(module: Module, config: Config, log: Console, isRunning?: boolean): boolean {
  const values = config as unknown as Record<string, unknown>
  const unknown = Object.keys(values).filter((name) => !OPTIONS.includes(name))
  if (unknown.length) log.warn(`[headwater] unknown options are ignored: ${unknown.join(', ')}`)
  let good = true
  OPTIONS.forEach((name, option) => {
    if (PROTOCOLS && !FULL && isRunning && values[name] === undefined) return
    for (const [key, part] of partsOf(values[name], OPTION_TYPES[option])) {
      const [kind, text, number] = describe(part)
      const allowed = module.ask(
        'configure',
        key + text,
        option,
        kind,
        new TextEncoder().encode(key).length,
        number,
      )
      if (allowed) {
        good = false
        // A header's value may be a secret.
        const shown = name === 'headers' ? typeof part : show(part)
        log.error(
          `[headwater] ${name}${key && OPTION_TYPES[option] !== 'l' ? `[${show(key)}]` : ''}: ${shown} is not allowed; allowed: ${allowed}. ${PROTOCOLS && !FULL && isRunning ? 'It is ignored.' : 'The agent is inactive.'}`,
        )
      }
    }
  })
  return good
}

/** The parts of an option's value in their order, each with its name within an object. */
function partsOf(value: unknown, type: string | undefined): [key: string, part: unknown][] {
  if (type === 'o' && isRecord(value)) return Object.entries(value)
  if (!(type === 'j' || type === 'l') || value === undefined) return [['', value]]
  if (Array.isArray(value) && !value.length) return [['', EMPTY]]
  if (!FULL) return [value].flat().map((item) => ['', item])
  return [value].flat().flatMap((item): [string, unknown][] => {
    if (!isRecord(item)) return [['', item]]
    if (type === 'l') return [[targetRules(item), item['match'] ?? null]]
    // The name starts an environment, and both are required.
    const { name = null, origins, ...rest } = item
    return Object.entries({ name, origins: [origins].flat().length ? origins : null, ...rest }).flatMap(
      ([key, part]) => [part].flat().map((item): [string, unknown] => [key, item]),
    )
  })
}

/** How `target_rules` in `crate/src/options` reads what stands beside `match`. */
function targetRules({ dryRun, propagators = '*' }: Record<string, unknown>): string {
  return (dryRun ? '?' : '!') + [propagators].flat().join(' ')
}

/**
 * What the document says of itself now, as the page may change its URL and its head before the module asks.
 *
 * @returns a function that adds what the browser says, which does not change.
 */
export function readFacts(): () => Facts {
  const meta = (name: string) => document.querySelector<HTMLMetaElement>(`meta[name=${name}]`)?.content
  const facts = [
    globalThis.origin,
    PROTOCOLS ? document.URL : '',
    meta('traceparent'),
    meta('tracestate'),
    FULL ? meta('baggage') : '',
    FULL ? meta('dd-trace-id') : '',
    FULL ? meta('dd-trace-time') : '',
    FULL ? datadogComment(document) : '',
  ] as const
  return () => {
    const client = (navigator as { userAgentData?: UserAgentData }).userAgentData
    return [
      ...facts,
      FULL ? serverTimingOf(performance.getEntriesByType('navigation')[0]) : '',
      navigator.userAgent,
      navigator.language,
      client?.platform,
      client && String(client.mobile),
      client?.brands.map(({ brand, version }) => brand + ' ' + version).join('|'),
    ]
  }
}

/** Has the module leave uncompressed what it sends. */
export function leaveUncompressed(module: Module): void {
  reconfigure(module, 'compression', 'none')
}

/** Changes an option of an agent that runs. */
export function reconfigure(module: Module, option: keyof Config, text: string): void {
  module.later('configure', text, OPTIONS.indexOf(option), ValueKind.Text, 0, 0)
}

/** Tells the module which session the page before was in. */
export function reportSession(module: Module, session: string): void {
  reportFact(module, STORED_SESSION, session)
}

export function reportFact(module: Module, index: number, fact: string | undefined): void {
  module.call('configure', fact, OPTIONS.length + index, ValueKind.Text, 0, 0)
}

/** Datadog's servers leave it as a child of the document, or at the end of the body. */
function datadogComment(document: Document): string | undefined {
  // Null until the parser has reached it. While that reads the body, its last element is our script.
  const parents: (Node | null)[] = [document, document.body]
  for (const parent of parents)
    for (let node = parent?.lastChild; node; node = node.previousSibling) {
      const { nodeValue, tagName } = node as Element
      if (nodeValue && /^\s*DATADOG;/.test(nodeValue)) return nodeValue
      if (parent !== document && tagName && tagName !== 'SCRIPT') break
    }
  return undefined
}

/** https://wicg.github.io/ua-client-hints/ */
interface UserAgentData {
  platform: string
  mobile: boolean
  brands: { brand: string; version: string }[]
}

function describe(value: unknown): [kind: number, text: string, number: number] {
  switch (typeof value) {
    case 'undefined':
      return [ValueKind.Absent, '', 0]
    case 'string':
      return [ValueKind.Text, value, 0]
    case 'number':
      return [ValueKind.Number, '', value]
    case 'boolean':
      return [ValueKind.Flag, '', +value]
  }
  if (typeof value === 'function') return [ValueKind.Function, '', 0]
  if (value === EMPTY) return [ValueKind.EmptyList, '', 0]
  return [isRegExp(value) ? ValueKind.Pattern : ValueKind.Other, '', 0]
}

/** Stands for a list without items. */
const EMPTY = {}

function isRecord(value: unknown): value is Record<string, unknown> {
  return Object.prototype.toString.call(value) === '[object Object]'
}

function show(value: unknown): string {
  return typeof value === 'string' ? JSON.stringify(value) : String(value)
}
