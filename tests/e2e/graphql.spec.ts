/** Requests that are all alike get names that tell them apart: templates of their URLs, and GraphQL operations. */
import type { Span } from '../support/spans.js'
import { expect, test, type Options, type Visit } from '../support/test.js'
import { source } from '../support/source.js'

/** A page of this build; its agent's own events are left off. */
const page = (collector: string, options: Options, file = 'headwater.full.min.js') => ({
  head: `<script src="/${file}"></script><script>initApm(${source({ serviceName: '{service}', serverUrl: collector, flushInterval: 50, ...options })})</script>`,
})

/** The spans of requests with this in their URL, the first to start first. */
async function requests(visit: Visit, part: string, count: number): Promise<Span[]> {
  const of = (spans: Span[]) =>
    spans.filter(({ kind, attributes }) => kind === 3 && String(attributes['url.full']).includes(part))
  const spans = of(await visit.spans((all) => of(all).length >= count))
  expect(spans).toHaveLength(count)
  return spans.sort((a, b) => Number(a.start - b.start))
}

test('a template names requests of its origin', async ({ open, demo, stage }) => {
  const foreign = stage.origin.replace('127.0.0.1', 'localhost')
  const urlTemplates = ['/status/:code', `${foreign}/echo/*`]
  const visit = await open(page(demo.collector, { urlTemplates }))
  await visit.page.evaluate(async (foreign) => {
    await fetch('/status/404?named')
    await viaXhr('POST', '/status/200?named')
    await fetch(foreign + '/echo/a/b?named')
    await fetch(foreign + '/status/200?named')
    await fetch('/status/200', { method: 'PURGE', body: 'named', headers: { 'x-own': 'named' } })
  }, foreign)
  const spans = await requests(visit, '?named', 4)
  expect(spans.map(({ name, attributes }) => [name, attributes['url.template']])).toEqual([
    ['GET /status/:code', '/status/:code'],
    ['POST /status/:code', '/status/:code'],
    ['GET /echo/*', '/echo/*'],
    ['GET', undefined],
  ])
  const [unknown] = (await visit.spans((all) => all.some(({ name }) => name.startsWith('HTTP')))).filter(
    ({ name }) => name.startsWith('HTTP'),
  )
  expect(unknown?.name).toBe('HTTP /status/:code')
})

const DOCUMENT = 'query Products($first: Int) { products(first: $first) { id } }'

/** What a page says of it: name, type, operation. */
const told = ({ name, attributes }: Span) => [
  name,
  attributes['graphql.operation.type'],
  attributes['graphql.operation.name'],
]

test('operations in URLs, whose documents and variables are not recorded', async ({ open, demo }) => {
  const visit = await open(page(demo.collector, { graphql: 'url' }))
  await visit.page.evaluate(async (document) => {
    const get = (parameters: Record<string, string>) =>
      fetch('/echo?' + String(new URLSearchParams({ ...parameters, ours: '' })))
    await get({ query: document, variables: '{"first":"secret"}' })
    await get({ operationName: 'Known', extensions: '{"persistedQuery":{"version":1,"sha256Hash":"ab"}}' })
    await get({ query: 'red shoes' })
    await fetch('/echo?ours', { method: 'POST', body: JSON.stringify({ query: document }) })
  }, DOCUMENT)
  const spans = await requests(visit, 'ours', 4)
  expect(spans.map(told)).toEqual([
    ['query Products', 'query', 'Products'],
    ['GraphQL Operation', undefined, 'Known'],
    ['GET', undefined, undefined],
    ['POST', undefined, undefined],
  ])
  expect(spans[0]?.attributes['url.full']).toMatch(/\?query=REDACTED&variables=REDACTED&ours=$/)
  expect(spans[2]?.attributes['url.full']).toMatch(/\?query=red\+shoes&/)
})

test('operations in bodies that are strings, which arrive as they were', async ({ open, demo, stage }) => {
  const visit = await open(page(demo.collector, { graphql: 'body' }))
  const bodies = await visit.page.evaluate(async (document) => {
    const json = JSON.stringify({
      query: `${document} mutation Add { add }`,
      operationName: 'Add',
      variables: { card: 'secret' },
    })
    const bodies: unknown[] = [json, '{"query":"red shoes"}', '{"query', '[1]', document]
    for (const body of bodies) {
      const headers = body === document ? { 'Content-Type': 'application/graphql' } : {}
      await fetch('/echo?bodies', { method: 'POST', body: body as string, headers })
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
    // What is no string, and what a getter holds, is not touched.
    await fetch('/echo?bodies', { method: 'POST', body: new Blob([json]) })
    let reads = 0
    const init = {
      method: 'POST',
      get body() {
        reads += 1
        return json
      },
    }
    await fetch('/echo?bodies', init)
    await new Promise<void>((resolve) => {
      const xhr = new XMLHttpRequest()
      xhr.open('POST', '/echo?bodies')
      xhr.setRequestHeader('content-type', 'application/graphql; charset=utf-8')
      xhr.onloadend = () => resolve()
      xhr.send('subscription Prices { price }')
    })
    return [...bodies, json, json, 'subscription Prices { price }', reads]
  }, DOCUMENT)
  expect(bodies.pop()).toBe(1)
  const spans = await requests(visit, '?bodies', bodies.length)
  expect(spans.map(told)).toEqual([
    ['mutation Add', 'mutation', 'Add'],
    ['POST', undefined, undefined],
    ['POST', undefined, undefined],
    ['POST', undefined, undefined],
    ['query Products', 'query', 'Products'],
    ['POST', undefined, undefined],
    ['POST', undefined, undefined],
    ['subscription Prices', 'subscription', 'Prices'],
  ])
  const received = stage.received.filter(({ method, url }) => method === 'POST' && url.endsWith('?bodies'))
  expect(received.map(({ body }) => body.toString())).toEqual(bodies)
  expect(JSON.stringify(spans, (_, value: unknown) => (typeof value === 'bigint' ? 0 : value))).not.toMatch(
    /secret|sha256|price \}/,
  )
  expect(visit.errors).toEqual([])
})

test('a batch is named after its operations', async ({ open, demo, stage }) => {
  const visit = await open(page(demo.collector, { graphql: 'body' }))
  const document = (name: string) => ({
    query: DOCUMENT.replace('Products', name),
    variables: { card: 'secret' },
  })
  const bodies = [
    [document('A'), { ...document('B'), operationName: 'B' }, document('A')],
    [document('A'), { query: 'mutation Add { add }' }],
    [{ operationName: 'Known', extensions: { persistedQuery: { sha256Hash: 'secret' } } }],
    Array.from('ABCDEFGHIJKL', document),
    [document('A'), { query: 'red shoes' }],
    [document('A'), null],
    [document('A'), 'query'],
    [],
  ].map((body) => JSON.stringify(body))
  await visit.page.evaluate(async (bodies) => {
    for (const body of bodies) {
      await fetch('/echo?batch', { method: 'POST', body })
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
  }, bodies)
  const spans = await requests(visit, '?batch', bodies.length)
  expect(spans.map(told)).toEqual([
    ['query A,B', 'query', 'A,B'],
    ['A,Add', undefined, 'A,Add'],
    ['GraphQL Operation', undefined, 'Known'],
    ['query A,B,C,D,E', 'query', 'A,B,C,D,E'],
    ['POST', undefined, undefined],
    ['POST', undefined, undefined],
    ['POST', undefined, undefined],
    ['POST', undefined, undefined],
  ])
  const received = stage.received.filter(({ url }) => url.endsWith('?batch'))
  expect(received.map(({ body }) => body.toString())).toEqual(bodies)
  expect(JSON.stringify(spans, (_, value: unknown) => (typeof value === 'bigint' ? 0 : value))).not.toMatch(
    /secret/,
  )
  expect(visit.errors).toEqual([])
})

test('without the option nothing is looked for, and a wrong one is refused', async ({ open, demo }) => {
  const visit = await open(page(demo.collector, {}))
  await visit.page.evaluate((query) => fetch('/echo?plain&query=' + encodeURIComponent(query)), DOCUMENT)
  const [span] = await requests(visit, '?plain', 1)
  expect(span?.name).toBe('GET')
  expect(span?.attributes).not.toHaveProperty(['graphql.operation.type'])
  for (const [options, file] of [
    [{ graphql: 'all' }, 'headwater.full.min.js'],
    [{ urlTemplates: ['no path'] }, 'headwater.full.min.js'],
    [{ graphql: 'url' }, 'headwater.elastic.min.js'],
  ] as const) {
    const wrong = await open(page(demo.collector, options, file))
    await expect
      .poll(() => wrong.console.join())
      .toMatch(/\[headwater\] (graphql|urlTemplates): .* is not allowed/)
  }
})
