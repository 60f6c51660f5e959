/**
 * Hands the caller's configuration to the module, value by value. What is allowed is decided there.
 */
import type { Module } from './load-wasm.js'
import { FACTS, OPTION_TYPES, OPTIONS, type Config } from './options.js'

/** How a value looks; the numbers are those of `Input` in `crate/src/options`. */
const ValueKind = { Absent: 0, Text: 1, Number: 2, Flag: 3, Pattern: 4, Other: 5 } as const

/**
 * @returns whether every value is allowed. One that is not gets a message that names the option, the
 * value and what is allowed.
 */
export function configure(module: Module, config: Config, log: Console): boolean {
  const values = config as unknown as Record<string, unknown>
  const unknown = Object.keys(values).filter((name) => !OPTIONS.includes(name))
  if (unknown.length) log.warn(`[headwater] unknown options are ignored: ${unknown.join(', ')}`)
  let good = true
  OPTIONS.forEach((name, option) => {
    const value = values[name]
    const type = OPTION_TYPES[option]
    const parts =
      type === 'list' && Array.isArray(value)
        ? value.map((item): [string, unknown] => ['', item])
        : type === 'object' && isRecord(value)
          ? Object.entries(value)
          : [['', value] as const]
    for (const [key, part] of parts) {
      const [kind, text, number] = describe(part)
      const allowed = module.configure(option, kind, key, text, number)
      if (allowed) {
        good = false
        // A header's value may be a secret.
        const shown = name === 'headers' ? typeof part : show(part)
        log.error(
          `[headwater] ${name}${key && `[${show(key)}]`}: ${shown} is not allowed; allowed: ${allowed}. The agent is inactive.`,
        )
      }
    }
  })
  return good
}

/** Tells the module what the browser and the document say of themselves. */
export function reportFacts(module: Module): void {
  const { navigator, document, origin } = globalThis
  const client = (navigator as { userAgentData?: UserAgentData }).userAgentData
  const facts: Record<(typeof FACTS)[number], string | undefined> = {
    PageOrigin: origin,
    PageTraceParent: document.querySelector<HTMLMetaElement>('meta[name=traceparent]')?.content,
    UserAgent: navigator.userAgent,
    Language: navigator.language,
    Platform: client?.platform,
    Mobile: client && String(client.mobile),
    Brands: client?.brands.map(({ brand, version }) => brand + ' ' + version).join('|'),
  }
  FACTS.forEach((fact, index) => {
    module.configure(OPTIONS.length + index, ValueKind.Text, '', facts[fact] ?? '', 0)
  })
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
  return [value instanceof RegExp ? ValueKind.Pattern : ValueKind.Other, '', 0]
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return Object.prototype.toString.call(value) === '[object Object]'
}

function show(value: unknown): string {
  return typeof value === 'string' ? JSON.stringify(value) : String(value)
}
