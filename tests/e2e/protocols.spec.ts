/** What collectors other than OTLP's over protobuf get, read by somebody else; and where it goes. */
import { setUpDecoder } from '../support/otlp-decoder.js'
import { readIntake, type Event } from '../support/intake.js'
import { source } from '../support/source.js'
import { agentScript, expect, test, type Options, type Visit } from '../support/test.js'
import { postsOf, values, type Stage } from '../support/stage.js'

const NEVER = 3_600_000

/** Starts this build. */
function head(stage: Stage, file: string, options: Options): { head: string } {
  const all = { serviceName: '{service}', serverUrl: stage.origin, flushInterval: NEVER, ...options }
  return { head: agentScript(all, file) }
}

/** Requests, an error and a method of its own; all is sent. */
async function work({ page }: Visit): Promise<void> {
  await page.evaluate(async () => {
    await fetch('/echo?protocol=ä"\\&token=x')
    await fetch('/status/500')
    await headwater.apm.flush()
  })
}

for (const compression of ['none', 'gzip']) {
  for (const protocol of ['http/protobuf', 'http/json']) {
    test(`${protocol}, compression ${compression}: OpenTelemetry's definitions read it`, async ({
      open,
      stage,
    }) => {
      // The first time, packages are fetched.
      test.setTimeout(120_000)
      const decode = setUpDecoder()
      test.skip(typeof decode === 'string', `needs Python with venv and its package index: ${String(decode)}`)
      if (typeof decode === 'string') return
      const options = {
        protocol,
        compression,
        pageLoadParentId: 'b7ad6b7169203331',
        resourceAttributes: { whole: -3, half: 0.5, tiny: 1e-7, yes: true, text: '"\n' },
      }
      const visit = await open(head(stage, 'headwater.full.min.js', options))
      await work(visit)
      const requests = postsOf(stage, '/v1/traces', visit.service)
      for (const request of requests) {
        expect(values(request, 'content-type')).toEqual([
          protocol === 'http/json' ? 'application/json' : 'application/x-protobuf',
        ])
        expect(values(request, 'content-encoding')).toEqual(compression === 'gzip' ? ['gzip'] : [])
      }
      const decoded = decode(requests.map(({ body }) => body))
      expect(decoded.flatMap(({ unknown }) => unknown)).toEqual([])
      expect(decoded.every(({ same }) => same)).toBe(true)
      const text = JSON.stringify(decoded.map(({ request }) => request))
      for (const part of [
        '{"key":"whole","value":{"intValue":"-3"}}',
        '{"key":"half","value":{"doubleValue":0.5}}',
        '{"key":"tiny","value":{"doubleValue":1e-7}}',
        '{"key":"yes","value":{"boolValue":true}}',
        '{"key":"text","value":{"stringValue":"\\"\\n"}}',
        '{"key":"http.response.status_code","value":{"intValue":"500"}}',
        `"stringValue":"${stage.origin}/echo?protocol=%C3%A4%22\\\\&token=REDACTED"`,
        '"status":{"code":"STATUS_CODE_ERROR"}',
        `"parentSpanId":"${Buffer.from('b7ad6b7169203331', 'hex').toString('base64')}"`,
        '"flags":771',
        '"name":"documentLoad","kind":"SPAN_KIND_INTERNAL"',
      ])
        expect(text).toContain(part)
    })
  }
}

test('headwater/elastic: the intake takes it, and nothing of it is dropped', async ({ open, stage }) => {
  const options = {
    serviceVersion: '1.0',
    environment: 'test',
    propagateTracestate: true,
    resourceAttributes: { 'team.name': 'river', half: 0.5, yes: true },
  }
  const visit = await open(head(stage, 'headwater.elastic.min.js', options))
  // Else the page load has the requests of the next second.
  await visit.page.evaluate(() => headwater.apm.flush())
  await work(visit)
  const requests = postsOf(stage, '/intake/v2/rum/events', visit.service)
  expect(requests.length).toBeGreaterThan(0)
  for (const request of requests) {
    expect(values(request, 'content-type')).toEqual(['application/x-ndjson'])
    expect(values(request, 'content-encoding')).toEqual(['gzip'])
  }
  const bodies = requests.map(({ body }) => readIntake(body.toString()))
  for (const [first, ...rest] of bodies) {
    expect(first).toEqual([
      'metadata',
      {
        service: {
          name: visit.service,
          version: '1.0',
          environment: 'test',
          agent: { name: 'rum-js', version: expect.any(String) },
          language: { name: 'javascript' },
        },
        labels: { team_name: 'river', half: 0.5, yes: true },
      },
    ])
    expect(rest.some(([kind]) => kind === 'metadata')).toBe(false)
  }
  const events = bodies.flat()
  const [load] = find(events, 'transaction', 'type', 'page-load')
  expect(load).toMatchObject({
    name: new URL(visit.page.url()).pathname,
    sampled: true,
    sample_rate: 1,
    context: { page: { url: visit.page.url() } },
  })
  const marks = load?.['marks'] as Record<string, Record<string, number>>
  expect(marks['agent']?.['domComplete']).toBeGreaterThan(0)
  expect(marks['navigationTiming']?.['loadEventEnd']).toBeGreaterThan(0)
  const [document] = find(events, 'span', 'type', 'hard-navigation')
  expect(document).toMatchObject({
    name: 'Requesting and receiving the document',
    subtype: 'browser-timing',
    parent_id: load?.['id'],
    transaction_id: load?.['id'],
    trace_id: load?.['trace_id'],
  })
  const children = events.filter(([, event]) => event['parent_id'] === load?.['id'])
  expect(load?.['span_count']).toEqual({ started: children.length })
  expect(find(events, 'span', 'type', 'resource')[0]).toMatchObject({
    name: `${stage.origin}/headwater.elastic.min.js`,
    subtype: 'script',
  })
  for (const event of [load, document]) {
    expect(Math.abs(Number(event?.['timestamp']) / 1_000 - Date.now())).toBeLessThan(60_000)
  }
  expect(Number(load?.['duration'])).toBeGreaterThan(0)
  // Firefox may have received it all before the navigation began.
  expect(Number(document?.['duration'])).toBeGreaterThanOrEqual(0)

  // Outside of the page load: a transaction round the span whose id the server has got.
  const name = `GET ${stage.origin}/echo`
  const [transaction] = find(events, 'transaction', 'name', name)
  const [span] = find(events, 'span', 'name', name)
  expect(transaction).toMatchObject({ type: 'http-request', span_count: { started: 1 } })
  const { host, hostname, port } = new URL(stage.origin)
  expect(span).toMatchObject({
    type: 'external',
    subtype: 'http',
    parent_id: transaction?.['id'],
    transaction_id: transaction?.['id'],
    trace_id: transaction?.['trace_id'],
    outcome: 'success',
    context: {
      http: {
        method: 'GET',
        url: `${stage.origin}/echo?protocol=%C3%A4%22\\&token=REDACTED`,
        status_code: 200,
      },
      destination: { address: hostname, port: Number(port), service: { resource: host } },
    },
  })
  const sent = stage.received.flatMap((request) => values(request, 'traceparent'))
  expect(sent).toContain(`00-${String(span?.['trace_id'])}-${String(span?.['id'])}-03`)
  expect(find(events, 'span', 'name', `GET ${stage.origin}/status/500`)[0]?.['outcome']).toBe('failure')
})

function find(events: Event[], kind: string, member: string, value: string): Event[1][] {
  return events.filter(([own, event]) => own === kind && event[member] === value).map(([, event]) => event)
}

for (const [what, options, path] of [
  ['a base', { endpoint: '{origin}/otlp' }, '/otlp/v1/traces'],
  ['a base with slashes', { endpoint: '{origin}/otlp//' }, '/otlp/v1/traces'],
  ['an exact URL', { endpoint: '{origin}/gateway/v1/traces' }, '/gateway/v1/traces'],
  ['a prefix', { serverUrlPrefix: '/take/it' }, '/take/it'],
  ['an exact URL of another form', { endpoint: '{origin}/take/this', serverUrlPrefix: '' }, '/take/this'],
  [
    'Elastic’s name, which gives way',
    { serverUrl: '{origin}/no', endpoint: '{origin}/yes' },
    '/yes/v1/traces',
  ],
] as const) {
  test(`the endpoint is ${what}`, async ({ visit, stage }) => {
    const all = Object.entries({ serverUrl: stage.origin, ...options })
    const urls = Object.fromEntries(all.map(([name, url]) => [name, url.replace('{origin}', stage.origin)]))
    const shop = await visit({ ...urls, flushInterval: NEVER })
    await work(shop)
    expect(postsOf(stage, path, shop.service).length).toBeGreaterThan(0)
  })
}

test('headers come from a function, and cookies only if asked for', async ({ open, stage }) => {
  for (const credentials of [undefined, 'same-origin']) {
    const start = { serviceName: '{service}', serverUrl: stage.origin, flushInterval: NEVER, credentials }
    const visit = await open({
      head: `<script src="/headwater.min.js"></script><script>
        document.cookie = 'who=ann; path=/'
        let count = 0
        initApm({ ...${source(start)}, headers: () => ({ 'X-Tenant': 'river-' + (count += 1) }) })
      </script>`,
    })
    await work(visit)
    const [request] = postsOf(stage, '/v1/traces', visit.service)
    if (!request) throw new Error('nothing came')
    expect(values(request, 'x-tenant')).toEqual(['river-1'])
    expect(values(request, 'cookie')).toEqual(credentials ? ['who=ann'] : [])
  }
})

test('a secret in a header is warned of, unless it stays on the page’s origin', async ({ open, stage }) => {
  for (const [headers, serverUrl, warned] of [
    [{ Authorization: 'Api-Token dt0c01.ABC' }, 'http://127.0.0.1:1', true],
    [{ 'dd-api-key': '0123' }, 'http://127.0.0.1:1', true],
    [{ 'x-tenant': 'river' }, 'http://127.0.0.1:1', false],
    [{ Authorization: 'Bearer abc' }, stage.origin, false],
  ] as const) {
    const visit = await open(head(stage, 'headwater.min.js', { headers, serverUrl }))
    const said = visit.console.filter((line) => line.includes('secret'))
    expect(said).toEqual(warned ? [expect.stringMatching(/^error: \[headwater\] headers: /)] : [])
    expect(said.join()).not.toMatch(/dt0c01|0123/)
  }
})

test('Dynatrace’s pages are no endpoint, and the console says so', async ({ open, stage }) => {
  const serverUrl = 'https://abc.apps.dynatrace.com/api/v2/otlp'
  const visit = await open(head(stage, 'headwater.full.min.js', { serverUrl }))
  expect(visit.console).toContainEqual(expect.stringMatching(/^warning: .*\.live\.dynatrace\.com/))
})

for (const [excludeRequestData, seen] of [
  [undefined, '/echo?protocol=%C3%A4%22\\&token=REDACTED'],
  ['query', '/echo'],
  [false, '/echo?protocol=%C3%A4%22\\&token=x'],
] as const) {
  test(`excludeRequestData: ${String(excludeRequestData)}`, async ({ visit, demo }) => {
    const shop = await visit({ serverUrl: demo.collector, excludeRequestData })
    await work(shop)
    const spans = await shop.spans((all) => all.filter(({ name }) => name === 'GET').length === 2)
    const urls = spans.map(({ attributes }) => String(attributes['url.full']))
    expect(urls).toContainEqual(expect.stringMatching(new RegExp(`${escape(seen)}$`)))
  })
}

function escape(text: string): string {
  return text.replace(/[\\?&.+*]/g, '\\$&')
}
