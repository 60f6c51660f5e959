/** Writes `docs/transparency.md`: what each trap does to a page alone, with our agent, and with others. */
import { writeFile } from 'node:fs/promises'
import path from 'node:path'

import { root } from '../support/demo.js'
import { inLanes } from '../support/lanes.js'
import { versionOf, type AgentName } from '../traps/agents.js'
import { difference, shorten, sorted, type Gallery, type Outcome } from '../traps/gallery.js'
import { TRAPS } from '../traps/index.js'
import { expect, test } from '../traps/test.js'
import type { Trap } from '../traps/trap.js'

const AGENTS = ['standard', 'full', 'elastic', 'opentelemetry'] as const

/** As many at a time as a machine has processors for. */
const PAGES = [1, 2]

type Row = Record<(typeof AGENTS)[number] | 'native', string>

test('docs/transparency.md says what every trap does, with every agent', async ({ gallery, browser }) => {
  test.setTimeout(600_000)
  const rows = new Map<Trap, Row>()
  const natives = new Map<Trap, string>()
  await inLanes(TRAPS, PAGES, async (trap) => {
    natives.set(trap, shorten(JSON.stringify((await gallery.native(trap)).seen), 70))
  })
  for (const trap of TRAPS) {
    const native = natives.get(trap) ?? ''
    rows.set(trap, { native, standard: '', full: '', elastic: '', opentelemetry: '' })
  }
  await inLanes(AGENTS, PAGES, async (agent) => {
    for (const [trap, row] of rows) row[agent] = await verdict(gallery, trap, agent)
  })
  // Where we cannot be the same and are, the agent has not run.
  for (const [{ id, limit }, row] of rows) {
    if (limit) expect(row.standard + row.full, id).toMatch(/differs.*differs/)
  }
  await writeFile(path.join(root, 'docs/transparency.md'), page(rows, browser.version()))
})

async function verdict(gallery: Gallery, trap: Trap, agent: AgentName): Promise<string> {
  const native = await gallery.native(trap)
  const saw = await gallery.run(trap, agent)
  const found = difference(native.seen, saw.seen) ?? spanDifference(trap, saw)
  if (found !== undefined) return `differs: ${found}`
  return trap.spans && !saw.spans ? 'same; spans –' : 'same'
}

function spanDifference({ spans }: Trap, saw: Outcome): string | undefined {
  return spans && saw.spans && difference(sorted(spans), saw.spans, 'spans')
}

function page(rows: ReadonlyMap<Trap, Row>, chromium: string): string {
  const same = (agent: keyof Row) => [...rows.values()].filter((row) => row[agent].startsWith('same')).length
  const lines = [...rows].map(
    ([{ id, title, spans }, row]) =>
      `| ${id} | ${cell(title)} | ${spans ? 'page, spans' : 'page'} | ${code(row.native)} | ${AGENTS.map(
        (agent) => outcome(row[agent]),
      ).join(' | ')} |`,
  )
  const limits = TRAPS.flatMap(({ id, limit }) => (limit ? [`* **${id}**: ${limit}.`] : []))
  const versions = AGENTS.map((agent) => `| ${NAMES[agent]} | ${same(agent)} | ${rows.size - same(agent)} |`)
  return `# Transparency: what a page can tell

Agents that patch \`fetch\` and \`XMLHttpRequest\` break pages in ways that are known. Each row is one such trap: a function
that runs in a page without an agent, and then with one. What the page observes has to be the same: values, types, errors,
the order of events and microtasks, unhandled rejections, properties, how often its getters run, what servers receive.
Rows that begin with "Spans:" also compare the spans of the requests with OpenTelemetry's conventions.

\`\`\`sh
npx playwright test -c tests traps
\`\`\`

The run writes this file. Rows F and X are the traps of OpenTelemetry's instrumentations of \`fetch\` and XHR, E those of
Elastic's agent, V those of other vendors' agents. All agents add headers for the page's own origin and one other;
\`propagateTracestate\` is on. \`headwater/full\` runs with all propagators, all members of \`tracestate\`, sessions,
\`sampleOnError\` and a trusted environment. Where an agent differs, the first difference stands here, shortened: without
the agent → with it. "spans –" means that an agent's spans are of another kind and were not compared.

Chromium ${chromium}; ${NAMES.elastic}; ${NAMES.opentelemetry}, with \`@opentelemetry/instrumentation-xml-http-request\`
${versionOf('@opentelemetry/instrumentation-xml-http-request')} and \`@opentelemetry/sdk-trace-web\` ${versionOf('@opentelemetry/sdk-trace-web')}.

| agent | same | differs |
|---|---|---|
${versions.join('\n')}

Where ours cannot be the same:

${limits.join('\n')}

| row | trap | compared | native | Headwater | Headwater, full | Elastic | OpenTelemetry |
|---|---|---|---|---|---|---|---|
${lines.join('\n')}
`
}

const NAMES = {
  standard: '`headwater`',
  full: '`headwater/full`',
  elastic: `\`@elastic/apm-rum\` ${versionOf('@elastic/apm-rum')}`,
  opentelemetry: `\`@opentelemetry/instrumentation-fetch\` ${versionOf('@opentelemetry/instrumentation-fetch')}`,
}

function outcome(text: string): string {
  return text.startsWith('differs: ') ? `**differs**: ${code(text.slice('differs: '.length))}` : text
}

/** As code in a table's cell. */
function code(text: string): string {
  return `<code>${text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('|', '&#124;').replaceAll('*', '&#42;').replaceAll('`', '&#96;').replaceAll('_', '&#95;').replace(/\s+/g, ' ')}</code>`
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|')
}
