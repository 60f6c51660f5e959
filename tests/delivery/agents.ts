/** The agents whose losses are compared, each with its defaults. */
import { bundle } from '../support/bundle.js'
import { source } from '../support/source.js'
import { agentScript } from '../support/test.js'
import type { Stage } from '../support/stage.js'
import { versionOf } from '../traps/agents.js'

export const AGENTS = ['headwater', 'elastic', 'opentelemetry', 'sentry'] as const
export type AgentName = (typeof AGENTS)[number]

export const TITLES: Record<AgentName, string> = {
  headwater: '`headwater`',
  elastic: `\`@elastic/apm-rum\` ${versionOf('@elastic/apm-rum')}`,
  opentelemetry: `\`@opentelemetry/exporter-trace-otlp-proto\` ${versionOf('@opentelemetry/exporter-trace-otlp-proto')}`,
  sentry: `\`@sentry/browser\` ${versionOf('@sentry/browser')}`,
}

/** What a page has for an agent of somebody else's, and what it has from it. */
export interface PeerWindow {
  collector: string
  /** What the agent needs to happen around requests in order to record them. */
  around?: <Result>(work: () => Promise<Result>) => Promise<Result>
}

/** The tags that start an agent. @param options - more of them, for ours, and `file` for another build. */
export async function startAgent(
  agent: AgentName,
  stage: Stage,
  collector: string,
  options: Record<string, unknown> = {},
): Promise<string> {
  if (agent === 'headwater') {
    const { file = 'headwater.min.js', ...others } = options
    const all = { serviceName: 'delivery', serverUrl: collector, ...others }
    return agentScript(all, String(file))
  }
  const script = stage.script(await bundle(`delivery/peers/${agent}.ts`, 'peer'))
  return `<script>collector = ${source(collector)}</script><script src="${script}"></script>`
}
