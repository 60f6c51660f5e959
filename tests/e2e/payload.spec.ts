/** The bytes that the browser sends, read with OpenTelemetry's own definitions. */
import { otlpJsonOf, setUpDecoder } from '../support/otlp-decoder.js'
import { ERROR, Kind, only, spansIn } from '../support/spans.js'
import { expect, test } from '../support/test.js'

test('what is sent is OTLP, field for field and byte for byte', async ({ visit, stage }) => {
  // The first time, packages are fetched.
  test.setTimeout(120_000)
  const decode = setUpDecoder()
  test.skip(typeof decode === 'string', `needs Python with venv and its package index: ${String(decode)}`)
  if (typeof decode === 'string') return

  const shop = await visit({
    serverUrl: stage.origin,
    flushInterval: 3_600_000,
    serviceVersion: '1.0 – Füße 🦦',
    pageLoadParentId: 'b7ad6b7169203331',
    resourceAttributes: { whole: -3, half: 0.5, yes: true, text: '' },
  })
  await shop.page.evaluate(async () => {
    await fetch('/echo?payload=ä&token=x')
    await fetch('/status/500')
    await fetch('/echo', { method: 'PURGE' })
    await headwater.apm.flush()
  })
  await shop.page.close()
  const bodies = stage.received
    .filter(({ url, body }) => url === '/v1/traces' && body.includes(shop.service))
    .map(({ body }) => body)
  const decoded = decode(bodies)
  expect(decoded.length).toBeGreaterThan(0)
  for (const { unknown, same } of decoded) {
    expect(unknown).toEqual([])
    expect(same, 'encoded again, it gives the same bytes').toBe(true)
  }

  const spans = decoded.flatMap(({ request }) => spansIn(otlpJsonOf(request)))
  const load = only(spans, shop.service, 'documentLoad')
  expect(load.parentSpanId).toBe('b7ad6b7169203331')
  expect(load.flags, 'sampled, random, parent known to be remote').toBe(0x303)
  expect(load.resource).toMatchObject({
    'service.version': '1.0 – Füße 🦦',
    whole: -3,
    half: 0.5,
    yes: true,
    'telemetry.sdk.name': 'headwater',
  })
  expect(load.scope.name).toBe('headwater')
  expect(load.scope.version).toBe(load.resource['telemetry.sdk.version'])
  const request = only(spans, shop.service, 'GET', 'payload')
  expect(request.kind).toBe(Kind.Client)
  expect(request.attributes['url.full']).toBe(`${stage.origin}/echo?payload=%C3%A4&token=REDACTED`)
  expect(request.flags).toBe(0x103)
  expect(request.traceId).toMatch(/^[0-9a-f]{32}$/)
  expect(only(spans, shop.service, 'GET', '/status/500').status).toEqual({ code: ERROR })
  expect(only(spans, shop.service, 'HTTP').attributes['http.request.method_original']).toBe('PURGE')
  for (const { start, end, name } of spans) {
    expect(end >= start, name).toBe(true)
    expect(Math.abs(Number(start / 1_000_000n) - Date.now()), name).toBeLessThan(60_000)
  }
  for (const { resourceSpans } of decoded.map(({ request: own }) => own as { resourceSpans: unknown[] })) {
    expect(resourceSpans).toEqual([
      expect.objectContaining({
        scopeSpans: [expect.objectContaining({ schemaUrl: expect.stringMatching(/\/schemas\/1\.\d+\.0$/) })],
      }),
    ])
  }
})
