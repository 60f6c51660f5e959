/** A real collector takes what is sent, and passes on just that. */
import { setUpDecoder, type Decoded } from '../support/otlp-decoder.js'
import { Rotel, ROTEL } from '../support/rotel.js'
import { agentScript, expect, test } from '../support/test.js'
import { bodyOf } from '../support/stage.js'

// One after the other: the first fetches packages.
test.describe.configure({ mode: 'default' })

for (const options of [
  { protocol: 'http/protobuf' },
  { protocol: 'http/protobuf', compression: 'gzip' },
  { protocol: 'http/json' },
  { protocol: 'http/json', compression: 'gzip' },
]) {
  const what = Object.values(options).join(', ')
  test(`rotel ${ROTEL} takes ${what}`, async ({ open, stage }) => {
    // The first time, packages are fetched.
    test.setTimeout(180_000)
    const name = what.replace(/\W/g, '-')
    const decode = setUpDecoder()
    const rotel = typeof decode === 'string' ? decode : await Rotel.start(`${stage.origin}/sink-${name}`)
    const why = typeof rotel === 'string' ? rotel : ''
    test.skip(!!why, `needs Python with venv and its package index: ${why}`)
    if (typeof rotel === 'string' || typeof decode === 'string') return

    // It answers no preflights: a proxy on the page's own origin, as one would have in production.
    for (const path of ['/v1/traces', '/v1/logs'])
      stage.route(`/proxy-${name}${path}`, async ({ headers, body }, response) => {
        const passed = headers.filter(([own]) => /^content-(type|encoding)$/.test(own))
        const answer = await fetch(rotel.origin + path, {
          method: 'POST',
          headers: passed,
          body: new Uint8Array(body),
        })
        response.writeHead(answer.status, { 'content-type': answer.headers.get('content-type') ?? '' })
        response.end(Buffer.from(await answer.arrayBuffer()))
      })
    const start = {
      serviceName: '{service}',
      serverUrl: `${stage.origin}/proxy-${name}`,
      flushInterval: 3_600_000,
      resourceAttributes: { whole: -3, half: 0.5, yes: true, text: '"\n' },
      ...options,
    }
    const visit = await open({ head: agentScript(start, 'headwater.full.min.js') })
    const { sent, lost } = await visit.page.evaluate(async () => {
      await fetch('/echo?rotel=ä')
      await fetch('/status/500')
      headwater.apm.captureError(new Error('ä'))
      return headwater.apm.flush()
    })
    expect(lost).toBe(0)
    const itemsOf = (path: string) =>
      (['traces', 'logs'] as const).flatMap((signal) => {
        const bodies = stage.received
          .filter(({ url, method }) => url === `${path}/v1/${signal}` && method === 'POST')
          .map(bodyOf)
        return bodies.length === 0 ? [] : itemsIn(decode(bodies, signal).map(({ request }) => request))
      })
    await expect.poll(() => itemsOf(`/sink-${name}`).length, { timeout: 10_000 }).toBe(sent)
    expect(itemsOf(`/sink-${name}`)).toEqual(itemsOf(`/proxy-${name}`))
    await rotel.stop()
  })
}

/** Every span, or log record, with its resource and scope, as texts in an order of their own. */
function itemsIn(requests: Decoded['request'][]): string[] {
  interface Items {
    scope: unknown
    spans?: unknown[]
    logRecords?: unknown[]
  }
  interface Request {
    resourceSpans?: { resource: unknown; scopeSpans: Items[] }[]
    resourceLogs?: { resource: unknown; scopeLogs: Items[] }[]
  }
  return (requests as Request[])
    .flatMap(({ resourceSpans = [], resourceLogs = [] }) => [
      ...resourceSpans.map(({ resource, scopeSpans }) => ({ resource, scopes: scopeSpans })),
      ...resourceLogs.map(({ resource, scopeLogs }) => ({ resource, scopes: scopeLogs })),
    ])
    .flatMap(({ resource, scopes }) =>
      scopes.flatMap(({ scope, spans = [], logRecords = [] }) =>
        [...spans, ...logRecords].map((item) => JSON.stringify({ resource, scope, item }, rounded)),
      ),
    )
    .sort()
}

/** Rotel reads the decimals of JSON with an error in the last digit. */
function rounded(_: string, value: unknown): unknown {
  return typeof value === 'number' ? Number(value.toPrecision(14)) : value
}
