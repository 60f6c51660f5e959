/**
 * Elastic's integrations of React and Vue, as they come from npm, with `headwater/elastic` in the place of `@elastic/apm-rum`:
 * the same app says the same to the intake as with Elastic's agent.
 */
import path from 'node:path'

import { build } from 'esbuild'

import { root } from '../support/demo.js'
import { INTAKE, intakeOf, linesOf, type Event } from '../support/intake.js'
import { source } from '../support/source.js'
import { postsOf, type Stage } from '../support/stage.js'
import { expect, test, type Visit } from '../support/test.js'

/** Elastic's agent ends a transaction with its request, and what the app does with the answer is cut off. */
const CUT = '.truncated'

/** The app, with one agent or the other. */
async function script(framework: string, agent: 'headwater' | 'elastic'): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [path.join(root, `tests/frameworks/${framework}.js`)],
    bundle: true,
    write: false,
    format: 'iife',
    globalName: 'shop',
    platform: 'browser',
    target: 'es2022',
    define: { 'process.env.NODE_ENV': '"production"' },
    logLevel: 'error',
    ...(agent === 'headwater' ? { alias: { '@elastic/apm-rum': 'headwater/elastic' } } : {}),
  })
  return outputFiles[0]?.text ?? ''
}

interface Visited {
  visit: Visit
  events: Event[]
}

/** What a visitor does in it, and what has come of it. */
async function shopping(
  stage: Stage,
  open: (page: { head?: string; body?: string }) => Promise<Visit>,
  framework: string,
  agent: 'headwater' | 'elastic',
): Promise<Visited> {
  const address = stage.script(await script(framework, agent))
  const config = { serverUrl: stage.origin, flushInterval: 50, logLevel: 'error' }
  const visit = await open({
    body: `<div id="app"></div><script src="${address}"></script><script>
      globalThis.apm = shop.start({ serviceName: '{service}', ...${source(config)} })
    </script>`.replaceAll('{service}', `${framework}-${agent}`),
  })
  const { page } = visit
  // Elastic's page load takes a second more, and all until then.
  await page.waitForTimeout(1_300)
  await page.click('#to-product')
  await page.waitForSelector('h1')
  await page.waitForTimeout(1_300)
  if (framework === 'vue') await page.click('#break')
  await page.click('#to-cart')
  await page.waitForSelector('h2')
  await page.waitForTimeout(1_800)
  const read = () => postsOf(stage, INTAKE, `"${framework}-${agent}"`).flatMap(({ body }) => linesOf(body))
  await expect.poll(() => routes(read()).some(({ name }) => name === '/shop/cart')).toBe(true)
  await page.waitForTimeout(200)
  const events = read()
  // Fails on what the intake would refuse.
  if (agent === 'headwater') intakeOf(stage, `"${framework}-headwater"`)
  return { visit, events }
}

/** The route changes by name, each with the spans of requests and of the app's own in it. */
function routes(events: Event[]) {
  const of = (kind: string) => events.filter(([own]) => own === kind).map(([, event]) => event)
  return of('transaction')
    .filter(({ type }) => !/^(page-load|user-interaction|http-request|page-exit)$/.test(String(type)))
    .map(({ id, name, type }) => ({
      name,
      type,
      spans: of('span')
        .filter((span) => span['transaction_id'] === id && /^(external|app)\b/.test(String(span['type'])))
        .map((span) =>
          `${String(span['type']).replace(CUT, '')} ${String(span['name'])}`.replace(/http:\/\/[^/]+/, ''),
        )
        .sort(),
    }))
}

for (const framework of ['react', 'vue']) {
  test(`${framework}: routes, spans and errors of an app`, async ({ open, stage }) => {
    test.setTimeout(60_000)
    const control = await shopping(stage, open, framework, 'elastic')
    const ours = await shopping(stage, open, framework, 'headwater')
    for (const { visit } of [control, ours]) {
      expect(visit.errors).toEqual([])
    }
    expect(routes(ours.events)).toEqual(routes(control.events))
    expect(routes(ours.events).map(({ name }) => name)).toEqual(['/shop/products/:id', '/shop/cart'])
    const errors = ({ events }: Visited) =>
      events
        .filter(([kind]) => kind === 'error')
        .map(([, error]) => error['exception'] as { message: string; type: string })
    const known = ({ message, type }: { message: string; type: string }) => `${type}: ${message}`
    expect(errors(ours).map(known)).toEqual(errors(control).map(known))
    if (framework === 'vue') expect(errors(ours).map(known)).toEqual(['TypeError: of a component'])
  })
}
