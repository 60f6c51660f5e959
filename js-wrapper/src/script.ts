/**
 * The script-tag build: sets `window.headwater` and `window.initApm`, takes options from the tag's
 * `data-*` attributes, and runs the calls that the loader snippet has queued.
 */
import { ELASTIC, ELASTIC_TYPES } from './elastic-config.js'
import { apm, createAgent, init } from './index.js'
import { OPTION_TYPES, OPTIONS, type Config } from './options.js'

/** A queued call: the name of a method of the agent and its arguments. */
type Call = [method: keyof typeof apm, ...parameters: unknown[]]

type Globals = typeof globalThis & {
  headwater?: { q?: Call[]; apm?: typeof apm }
  initApm?: typeof init
}

const defaults = fromAttributes(document.currentScript?.dataset ?? {})
const start = (config: Config) => {
  // Attributes are defaults; an agent that they alone have started gives way.
  if (startedByAttributes) apm.stop()
  startedByAttributes = false
  return init({ ...defaults, ...config })
}
let startedByAttributes = false

const run = (call: Call) => {
  const [method, ...parameters] = call
  if (method === 'init') start(parameters[0] as Config)
  else (apm[method] as ((...parameters: unknown[]) => unknown) | undefined)?.(...parameters)
}
const globals = globalThis as Globals
const queued = globals.headwater?.q ?? []
globals.headwater = Object.assign(globals.headwater ?? {}, {
  init: start,
  initApm: start,
  createAgent,
  apm: { ...apm, init: start },
  // What the snippet goes on to queue is run at once.
  q: { push: run } as unknown as Call[],
})
globals.initApm = start
// Elastic's name of it.
if (PROTOCOLS && !FULL) Object.assign(globals, { elasticApm: globals.headwater.apm })

if (queued.length) queued.forEach(run)
else if (defaults.serviceName) {
  start(defaults as Config)
  startedByAttributes = true
}

/** Reads `data-service-name="shop"` and its like; objects and lists are JSON, or lists with commas. */
function fromAttributes(attributes: DOMStringMap): Partial<Config> {
  const config: Record<string, unknown> = {}
  const names = PROTOCOLS && !FULL ? [...OPTIONS, ...ELASTIC.split(' ')] : OPTIONS
  const types = PROTOCOLS && !FULL ? OPTION_TYPES + ELASTIC_TYPES : OPTION_TYPES
  for (const [name, text = ''] of Object.entries(attributes)) {
    const type = types[names.indexOf(name)]
    if (type)
      config[name] =
        type === 't' ? text : type === 'l' ? text.split(',').map((item) => item.trim()) : parse(text)
  }
  return config
}

/** A flag, a number, an object or a list, as JSON; a flag may also be empty. */
function parse(text: string): unknown {
  try {
    return JSON.parse(text || 'true')
  } catch {
    return text
  }
}
