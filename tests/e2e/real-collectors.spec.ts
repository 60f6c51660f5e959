/**
 * Real collectors take what a page in Chromium sends, in every form, and keep what it said. With `HEADWATER_COLLECTORS=1`
 * they are installed (2 GB, one of them is compiled), and if all pass, the table in `docs/delivery.md` is written.
 */
import path from 'node:path'
import { mkdirSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'

import type { Browser, Request } from '@playwright/test'

import { ENCODERS, type Encoder, type RealCollector } from '../real-collectors/collector.js'
import { REAL_COLLECTORS } from '../real-collectors/index.js'
import { itemsIn, reduced, type Field, type Item, type Signal } from '../real-collectors/item.js'
import { root } from '../support/demo.js'
import { setUpDecoder } from '../support/otlp-decoder.js'
import type { Stage } from '../support/stage.js'
import { markdownTable, replaceBetween } from '../support/table.js'
import { agentScript, expect, test } from '../support/test.js'

// One after the other: they are large.
test.describe.configure({ mode: 'default' })

const SIGNALS = ['traces', 'logs'] as const
const FORMS = Object.keys(ENCODERS) as Encoder[]

const rows = new Map<RealCollector, string[]>()

for (const collector of REAL_COLLECTORS) {
  const {
    name,
    version,
    homepage,
    headers = {},
    cors,
    refuses = {},
    refusesLogs,
    kept,
    form = same,
  } = collector
  test(`${name} ${version} keeps what the page has sent`, async ({ browser, stage }, testInfo) => {
    test.skip(!process.env['HEADWATER_COLLECTORS'], 'HEADWATER_COLLECTORS=1 installs them')
    test.setTimeout(3_600_000)
    const title = `[${name}](${homepage})`
    const decode = setUpDecoder()
    const folder = testInfo.outputPath('data')
    mkdirSync(folder, { recursive: true })
    const running =
      typeof decode === 'string' ? decode : await collector.start({ origin: stage.origin, folder })
    if (typeof running === 'string') rows.set(collector, [title, version, `could not be run: ${running}`])
    test.skip(typeof running === 'string', typeof running === 'string' ? running : '')
    if (typeof running === 'string' || typeof decode === 'string') return

    const cells = new Map<string, string>()
    try {
      for (const encoder of FORMS) {
        const letsIn = cors === 'all' || (cors === 'without gzip' && !encoder.includes('gzip'))
        if (!letsIn) {
          // To the agent, one that does not let the page in is away.
          const { outcome, warnings, posts } = await visit(browser, stage, collector, encoder, running.origin)
          expect(new Set(posts.map(({ status }) => status)), encoder).toEqual(new Set([undefined]))
          expect(outcome, encoder).toMatchObject({ sent: 0, lost: 0 })
          expect(warnings, encoder).toEqual([REFUSED])
        }
        const target = letsIn ? running.origin : proxyTo(running.origin, stage)
        const { service, posts, outcome, warnings } = await visit(browser, stage, collector, encoder, target)
        const count = { sent: 0, lost: 0 }
        for (const signal of SIGNALS) {
          const what = `${encoder}, ${signal}`
          const refusal = (signal === 'logs' ? refusesLogs : undefined) ?? refuses[encoder]
          const own = posts.filter((post) => post.signal === signal)
          const bodies = own.map(({ body }) => body)
          const sent = itemsIn(signal, decode(bodies, signal))
          expect(sent.length, what).toBeGreaterThan(1)
          expect(new Set(own.map(({ status }) => status)), what).toEqual(new Set([refusal ?? 200]))
          // Where there is no place for log records, none are made once that is known.
          const hasLast = sent.some(({ attributes }) => attributes['exception.message'] === 'ä 2')
          expect(hasLast, what).toBe(signal === 'logs' && refusal !== 404 && refusal !== 405)
          const traceIds = sent.map(({ traceId }) => traceId)
          const read = async () => {
            const items = await running.read(signal)
            // Not all have the resource of spans, and not all log records have a trace.
            return items.filter(({ traceId, resource }) =>
              signal === 'traces' ? traceIds.includes(traceId) : resource['service.name'] === service,
            )
          }
          const fields = kept[signal]
          cells.set(what, refusal === undefined ? 'yes' : `no, ${refusal}`)
          if (refusal !== undefined) {
            count.lost += sent.length
            if (fields) expect(await read(), what).toEqual([])
            continue
          }
          count.sent += sent.length
          if (!fields) throw new Error(`${name} keeps nothing of ${signal}`)
          await expect
            .poll(async () => (await read()).length, { message: what, timeout: 20_000 })
            .toBe(sent.length)
          const there = reduced(await read(), fields)
          const here = reduced(
            sent.map((item) => form(item, signal)),
            fields,
          )
          expect(there.map(withoutTimes), what).toEqual(here.map(withoutTimes))
          for (const [index, { start = 0, end = 0 }] of there.entries()) {
            expect(Math.abs(start - (here[index]?.start ?? 0)), `${what}: start`).toBeLessThan(0.01)
            expect(Math.abs(end - (here[index]?.end ?? 0)), `${what}: end`).toBeLessThan(0.01)
          }
        }
        expect(outcome, encoder).toEqual({ waiting: 0, ...count })
        // Once, however many requests have been refused.
        expect(warnings, encoder).toEqual(count.lost ? [REFUSED] : [])
      }
    } finally {
      await running.stop()
    }
    rows.set(collector, [
      title,
      version,
      ...FORMS.map((encoder) => cells.get(`${encoder}, traces`) ?? ''),
      logsCell(cells),
      CORS[cors] +
        Object.keys(headers)
          .map((header) => `, with its own header \`${header}\``)
          .join(''),
      keeps(collector),
    ])
  })
}

test.afterAll(async ({ browser }) => {
  if (rows.size < REAL_COLLECTORS.length) return
  const head = ['', 'version', ...FORMS, 'log records', 'CORS', 'what came back as it was sent']
  const body = [...rows.values()].map((row) => [...row, ...head.slice(row.length).map(() => '')])
  await replaceBetween(
    path.join(root, 'docs/delivery.md'),
    'collectors',
    `Chromium ${browser.version()}.\n\n${markdownTable([head, ...body])}`,
  )
})

interface Post {
  signal: Signal
  /** As it was before it was compressed. */
  body: Buffer
  /** None without an answer that the page may see. */
  status: number | undefined
}

interface Visit {
  service: string
  posts: Post[]
  outcome: { sent: number; waiting: number; lost: number }
  /** Of the agent's. */
  warnings: string[]
}

/** A page load with an error in it, some requests and another error; and both once more, after all has been sent. */
async function visit(
  browser: Browser,
  stage: Stage,
  { headers }: RealCollector,
  encoder: Encoder,
  target: string,
): Promise<Visit> {
  const service = `real-${(visits += 1)}`
  // What an earlier page has left in storage is none of its business.
  const context = await browser.newContext()
  const page = await context.newPage()
  const requests: Request[] = []
  const warnings: string[] = []
  page.on('request', (request) => {
    if (request.method() === 'POST' && request.url().startsWith(`${target}/v1/`)) requests.push(request)
  })
  page.on('console', (message) => {
    if (message.text().startsWith('[headwater]')) warnings.push(`${message.type()}: ${message.text()}`)
  })
  const options = {
    ...{ serviceName: service, serverUrl: target, flushInterval: 3_600_000, ...ENCODERS[encoder] },
    resourceAttributes: { whole: -3, half: 0.5, yes: true, text: '"\n' },
    ...(headers ? { headers } : {}),
  }
  const body = '<script>headwater.apm.captureError(new Error("early"))</script>'
  await page.goto(stage.page({ head: agentScript(options, 'headwater.full.min.js'), body }))
  const work = (round: number) =>
    page.evaluate(async (round) => {
      // The agent reports the page load one task after the load event.
      await new Promise((resolve) => setTimeout(resolve))
      await fetch(`/echo?round=${round}&text=ä`)
      await fetch('/echo', { method: 'POST', body: 'x' })
      await fetch('/status/500')
      headwater.apm.captureError(new TypeError(`ä ${round}`))
      return headwater.apm.flush()
    }, round)
  await work(1)
  const outcome = await work(2)
  const posts = await Promise.all(
    requests.map(async (request) => {
      const response = await request.response()
      const sent = request.postDataBuffer() ?? Buffer.alloc(0)
      return {
        signal: request.url().endsWith('/v1/logs') ? ('logs' as const) : ('traces' as const),
        body: request.headers()['content-encoding'] === 'gzip' ? gunzipSync(sent) : sent,
        status: response?.status(),
      }
    }),
  )
  await context.close()
  return { service, posts, outcome, warnings }
}

let visits = 0

/** A path on the page's own origin that passes everything on, as one would have in production. */
function proxyTo(origin: string, stage: Stage): string {
  const base = `/proxy-${new URL(origin).port}`
  for (const signal of SIGNALS) {
    stage.route(`${base}/v1/${signal}`, async ({ headers, body }, response) => {
      const passed = headers.filter(([own]) => /^content-(type|encoding)$/.test(own))
      const answer = await fetch(`${origin}/v1/${signal}`, {
        method: 'POST',
        headers: passed,
        body: new Uint8Array(body),
      })
      response.writeHead(answer.status, { 'content-type': answer.headers.get('content-type') ?? '' })
      response.end(Buffer.from(await answer.arrayBuffer()))
    })
  }
  return stage.origin + base
}

function same(item: Item): Item {
  return item
}

function withoutTimes(item: Partial<Item>): Partial<Item> {
  return { ...item, start: 0, end: 0 }
}

function logsCell(cells: Map<string, string>): string {
  const [traces = [], logs = []] = SIGNALS.map((signal) =>
    FORMS.map((encoder) => cells.get(`${encoder}, ${signal}`) ?? ''),
  )
  if (new Set(logs).size === 1) return logs[0] ?? ''
  return logs.join() === traces.join() ? 'as spans' : logs.join('; ')
}

/** What the table says of the fields that were compared. */
function keeps({ kept, remark }: RealCollector): string {
  const named = (fields: readonly Field[]) =>
    [...new Set(fields.map((field) => WORDS[field]).filter((word) => word !== ''))].join(', ')
  return [
    `spans: ${named(kept.traces ?? [])}`,
    ...(kept.logs ? [`log records: ${named(kept.logs)}`] : []),
    ...(remark ? [remark] : []),
  ].join('; ')
}

const REFUSED = 'warning: [headwater] the collector did not accept spans; see the network log'

const CORS = {
  all: 'yes',
  'without gzip': 'yes, but not with gzip',
  none: 'no',
}

const WORDS: Record<Field, string> = {
  traceId: 'ids',
  spanId: 'ids',
  parentSpanId: 'parents',
  name: 'names',
  kind: 'kinds',
  status: 'status',
  severity: 'severity',
  start: 'times',
  end: 'times',
  attributes: 'attributes',
  resource: 'resource',
  scope: 'scope',
}
