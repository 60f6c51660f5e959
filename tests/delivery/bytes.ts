/** How many bytes an agent sends for so many requests. */
import type { AgentName } from './agents.js'
import { TITLES } from './agents.js'
import { Play, sleep, type World } from './play.js'

export interface Variant {
  title: string
  agent: AgentName
  /** Of our agent. */
  options?: Record<string, unknown>
}

const FULL = 'headwater.full.min.js'

export const VARIANTS: readonly Variant[] = [
  { title: `${TITLES.headwater}, OTLP/protobuf`, agent: 'headwater' },
  {
    title: `${TITLES.headwater}, OTLP/protobuf, gzip`,
    agent: 'headwater',
    options: { file: FULL, compression: 'gzip' },
  },
  {
    title: `${TITLES.headwater}, OTLP/JSON`,
    agent: 'headwater',
    options: { file: FULL, protocol: 'http/json' },
  },
  {
    title: `${TITLES.headwater}, OTLP/JSON, gzip`,
    agent: 'headwater',
    options: { file: FULL, protocol: 'http/json', compression: 'gzip' },
  },
  {
    title: '`headwater/elastic`, intake v2, gzip',
    agent: 'headwater',
    options: { file: 'headwater.elastic.min.js' },
  },
  { title: `${TITLES.elastic}, intake v2, gzip`, agent: 'elastic' },
  { title: `${TITLES.opentelemetry}, OTLP/protobuf`, agent: 'opentelemetry' },
  { title: `${TITLES.sentry}, envelopes`, agent: 'sentry' },
]

export const SIZES = [10, 100, 1_000] as const

export interface Size {
  bytes: number
  /** Requests whose span has come, and whose has not. */
  spans: number
  lost: number
}

/** Bodies on the wire; each size by a page of its own, whose page load has been sent before. */
export async function measure(world: World, { agent, options }: Variant): Promise<Size[]> {
  const sizes: Size[] = []
  for (const size of SIZES) {
    await world.collector.reset()
    const play = new Play(world, agent, options)
    try {
      const page = await play.open()
      await sleep(PAGE_LOAD)
      await play.work(page, size)
      const end = Date.now() + 15_000
      let outcome = await play.outcome()
      while (outcome.lost && Date.now() < end) {
        await sleep(200)
        outcome = await play.outcome()
      }
      const { requests } = await world.collector.received(play.run)
      const own = requests.filter(({ runs }) => runs.length)
      const bytes = own.reduce((sum, { bytes: some }) => sum + some, 0)
      sizes.push({ bytes, spans: size - outcome.lost, lost: outcome.lost })
    } finally {
      await play.end()
    }
  }
  return sizes
}

/** Elastic's is sent a second and a half after the load event, Sentry's later. */
const PAGE_LOAD = 3_000
