/** Errors on the page become events: OTLP's log records, and Elastic's errors. */
import { intakeOf } from '../support/intake.js'
import { setUpDecoder } from '../support/otlp-decoder.js'
import { source } from '../support/source.js'
import { postsOf, type Stage } from '../support/stage.js'
import { expect, test, type Options, type Visit } from '../support/test.js'

const NEVER = 3_600_000

/** A script with functions of a known name, and its address. */
function program(stage: Stage): string {
  return stage.script(`
    function addToCart() { throw new TypeError('no cart') }
    function load() {
      try { addToCart() } catch (cause) { throw new Error('cannot load', { cause }) }
    }
    function caught(work) { try { work() } catch (error) { return error } }
  `)
}

/** They are events too. */
const WITHOUT_OTHERS = { disableInstrumentations: ['web-vitals'], session: false }

/** A page with that script, started in this way. `more` is added to the options' source. */
const page = (stage: Stage, options: Options = {}, file = 'headwater.full.min.js', more = '') => ({
  head: `<script src="/${file}"></script><script>
    initApm({ ...${source({ serviceName: '{service}', serverUrl: stage.origin, flushInterval: NEVER, ...(file.includes('full') ? WITHOUT_OTHERS : {}), ...options })}, ${more} })
  </script><script src="${program(stage)}"></script>`,
})

interface Exception {
  eventName: string
  severityNumber: number
  timeUnixNano: string
  observedTimeUnixNano: string
  traceId?: string
  spanId?: string
  attributes: Record<string, unknown>
}

/** What came as log records: OTLP's JSON. */
async function events({ page, service }: Visit, stage: Stage): Promise<Exception[]> {
  await page.evaluate(() => headwater.apm.flush())
  return postsOf(stage, '/v1/logs', service)
    .flatMap(({ body }) => {
      const { resourceLogs } = JSON.parse(body.toString()) as {
        resourceLogs: { scopeLogs: { logRecords: RawEvent[] }[] }[]
      }
      return resourceLogs.flatMap(({ scopeLogs }) => scopeLogs.flatMap(({ logRecords }) => logRecords))
    })
    .map((event) => ({
      ...event,
      attributes: Object.fromEntries(
        event.attributes.map(({ key, value }) => [key, Object.values(value)[0]]),
      ),
    }))
}

type RawEvent = Omit<Exception, 'attributes'> & {
  attributes: { key: string; value: Record<string, unknown> }[]
}

/** Runs code of the page's that nobody of ours is on the stack of. */
const run = ({ page }: Visit, code: string) =>
  page.evaluate((code) => {
    const script = document.createElement('script')
    script.textContent = code
    document.head.append(script)
    // Rejections are told of a task later.
    return new Promise((resolve) => setTimeout(resolve, 50))
  }, code)

const JSON_OPTIONS = { protocol: 'http/json' }

test('what is thrown, rejected and captured, with types, stacks and causes', async ({ open, stage }) => {
  const visit = await open(page(stage, JSON_OPTIONS))
  await run(visit, 'addToCart()')
  await run(visit, 'Promise.reject(new RangeError("too many"))')
  await run(visit, 'Promise.reject("out of stock")')
  await run(
    visit,
    'headwater.apm.captureError(caught(load), { labels: { team: "river", size: 3, big: true } })',
  )
  await run(visit, 'headwater.apm.captureError("only a text")')
  const all = await events(visit, stage)
  expect(
    all.map(({ attributes: { 'exception.type': type, 'exception.message': message, ...rest } }) => [
      type,
      message,
      rest['headwater.exception.handled'],
    ]),
  ).toEqual([
    ['TypeError', 'no cart', false],
    ['RangeError', 'too many', false],
    [undefined, 'out of stock', false],
    ['Error', 'cannot load', true],
    [undefined, 'only a text', true],
  ])
  for (const { eventName, severityNumber, timeUnixNano, observedTimeUnixNano, attributes } of all) {
    expect([eventName, severityNumber]).toEqual(['exception', 17])
    expect(Math.abs(Number(timeUnixNano) / 1e6 - Date.now())).toBeLessThan(60_000)
    expect(observedTimeUnixNano).toBe(timeUnixNano)
    expect(attributes['url.full']).toBe(visit.page.url())
  }
  const [thrown, , , captured] = all.map(({ attributes }) => attributes)
  expect(thrown?.['exception.stacktrace']).toMatch(/^TypeError: no cart\n.*addToCart.*\/script\/\d+:2:\d+/)
  expect(captured?.['exception.stacktrace']).toMatch(
    /^Error: cannot load\n[^]*\bload\b[^]*\nCaused by: TypeError: no cart\n[^]*addToCart/,
  )
  expect(captured).toMatchObject({ team: 'river', size: '3', big: true })
})

test('an error during the page load belongs to it', async ({ open, stage }) => {
  const visit = await open({
    ...page(stage, JSON_OPTIONS),
    body: '<script>setTimeout(addToCart)</script><img src="/slow/300">',
  })
  const [event] = await events(visit, stage)
  expect(event?.traceId).toMatch(/^[0-9a-f]{32}$/)
  const spans = postsOf(stage, '/v1/traces', visit.service)
    .map(({ body }) => String(body))
    .join()
  expect(spans).toContain(`"spanId":"${String(event?.spanId)}","name":"documentLoad"`)
})

test('the error of a request that has failed belongs to the request', async ({ open, stage }) => {
  const visit = await open(page(stage, JSON_OPTIONS))
  await run(visit, 'fetch("/broken?one")')
  await run(
    visit,
    'fetch("/broken?two").catch((cause) => headwater.apm.captureError(new Error("no cart", { cause })))',
  )
  await expect.poll(async () => (await events(visit, stage)).length).toBe(2)
  const found = await events(visit, stage)
  const spans = postsOf(stage, '/v1/traces', visit.service).flatMap(
    ({ body }) => String(body).match(/"spanId":"\w+"(?=(?:(?!"spanId").)*\/broken)/g) ?? [],
  )
  // They may come in another order than they were told of.
  expect(found.map(({ spanId }) => `"spanId":"${String(spanId)}"`).sort()).toEqual(spans.sort())
  expect(spans).toHaveLength(2)
})

test('the same error counts once, those to be ignored do not, and the page still hears of all', async ({
  open,
  stage,
}) => {
  const visit = await open(page(stage, JSON_OPTIONS, undefined, `ignoreErrors: [/^Range/g, 'stock']`))
  await run(visit, 'addEventListener("error", () => (globalThis.heard ??= []).push(1))')
  for (let count = 0; count < 3; count++) {
    await run(visit, 'setTimeout(addToCart)')
    await run(visit, 'throw new RangeError("too many")')
    await run(visit, 'throw new Error("out of stock")')
  }
  expect((await events(visit, stage)).map(({ attributes }) => attributes['exception.message'])).toEqual([
    'no cart',
  ])
  expect(await visit.page.evaluate(() => (globalThis as unknown as { heard: number[] }).heard.length)).toBe(9)
})

test('a script of another origin says nothing but that there was an error', async ({ open, stage }) => {
  const script = new URL(stage.script('throw new Error("secret of theirs")'))
  script.hostname = 'localhost'
  const visit = await open({ ...page(stage, JSON_OPTIONS), body: `<script src="${script.href}"></script>` })
  const [event, ...more] = await events(visit, stage)
  expect(more).toEqual([])
  expect(event?.attributes['exception.message']).toContain('Script error')
})

test('hostile errors do no harm', async ({ open, stage }) => {
  const visit = await open(page(stage, JSON_OPTIONS))
  await run(
    visit,
    `const hostile = [
       Object.create(null), Symbol('s'), null, undefined, 0, 10n,
       { get message() { throw 1 } }, new Proxy(new Error('p'), { get() { throw 2 } }),
       { message: { toString() { throw 3 } } }, Object.assign(new Error('x'), { stack: 5, name: {} }),
     ]
     const loop = new Error('loop'); loop.cause = loop
     for (const error of [...hostile, loop]) { headwater.apm.captureError(error); Promise.reject(error) }
     headwater.apm.captureError(new Error('\\x01\\x02\\x03 é'.repeat(9000)))`,
  )
  const messages = (await events(visit, stage)).map(({ attributes }) =>
    String(attributes['exception.message']),
  )
  expect(messages).toEqual(expect.arrayContaining(['Symbol(s)', 'null', 'undefined', '0', '10', 'loop']))
  expect(await visit.page.evaluate(() => headwater.apm.isActive())).toBe(true)
  expect(visit.console).toEqual([])
})

test('disableInstrumentations leaves errors to the page', async ({ open, stage }) => {
  const visit = await open(page(stage, { ...JSON_OPTIONS, disableInstrumentations: ['error', 'web-vitals'] }))
  await run(visit, 'addToCart()')
  await run(visit, 'headwater.apm.captureError("mine")')
  expect((await events(visit, stage)).map(({ attributes }) => attributes['exception.message'])).toEqual([
    'mine',
  ])
})

test('beforeSend sees events, and changes or drops them', async ({ open, stage }) => {
  const visit = await open(
    page(
      stage,
      JSON_OPTIONS,
      undefined,
      `beforeSend: (item) => {
        if (item.attributes['exception.message'] === 'drop') return false
        if (item.eventName === 'exception') { item.attributes.team = 'river'; delete item.attributes['url.full'] }
      }`,
    ),
  )
  await run(visit, 'headwater.apm.captureError("drop"); headwater.apm.captureError("keep")')
  const [event, ...more] = await events(visit, stage)
  expect(more).toEqual([])
  expect(event).toMatchObject({ eventName: 'exception', attributes: { team: 'river' } })
  expect(event?.attributes).not.toHaveProperty(['url.full'])
})

for (const protocol of ['http/protobuf', 'http/json']) {
  test(`${protocol}: OpenTelemetry's definitions read log records`, async ({ open, stage }) => {
    // The first time, packages are fetched.
    test.setTimeout(120_000)
    const decode = setUpDecoder()
    test.skip(typeof decode === 'string', `needs Python with venv and its package index: ${String(decode)}`)
    if (typeof decode === 'string') return
    const visit = await open(page(stage, { protocol }))
    await run(visit, 'addToCart()')
    await visit.page.evaluate(() => headwater.apm.flush())
    const bodies = postsOf(stage, '/v1/logs', visit.service).map(({ body }) => body)
    const [decoded, ...more] = decode(bodies, 'logs')
    expect(more).toEqual([])
    expect(decoded).toMatchObject({ unknown: [], same: true })
    const text = JSON.stringify(decoded?.request)
    for (const part of [
      '"severityNumber":"SEVERITY_NUMBER_ERROR"',
      '"eventName":"exception"',
      '{"key":"exception.type","value":{"stringValue":"TypeError"}}',
      '"scope":{"name":"headwater"',
    ])
      expect(text).toContain(part)
  })
}

test('headwater/elastic: errors as Elastic’s schema has them', async ({ open, stage }) => {
  const visit = await open({
    ...page(stage, {}, 'headwater.elastic.min.js'),
    body: '<script>setTimeout(addToCart)</script><img src="/slow/300">',
  })
  // Else the page load goes on for a second.
  await visit.page.evaluate(() => headwater.apm.flush())
  await run(visit, 'headwater.apm.captureError(caught(load), { labels: { "team.name": "river" } })')
  await run(visit, 'fetch("/broken")')
  const read = async () => {
    await visit.page.evaluate(() => headwater.apm.flush())
    return intakeOf(stage, visit.service)
  }
  await expect.poll(async () => (await read()).filter(([kind]) => kind === 'error').length).toBe(3)
  const lines = await read()
  const load = lines.find(([, event]) => event['type'] === 'page-load')?.[1]
  const [thrown, captured, rejected] = lines.filter(([kind]) => kind === 'error').map(([, error]) => error)
  const file = new URL(program(stage)).pathname.replace(/\d+$/, '').slice(1)
  expect(thrown).toMatchObject({
    id: expect.stringMatching(/^[0-9a-f]{16}$/),
    culprit: expect.stringContaining(file),
    trace_id: load?.['trace_id'],
    transaction_id: load?.['id'],
    parent_id: load?.['id'],
    transaction: { type: 'page-load', sampled: true },
    // The browser's own words, of which Firefox has fewer.
    exception: {
      type: 'TypeError',
      message: expect.stringMatching(/^(Uncaught )?TypeError: no cart$/),
      handled: false,
    },
    context: { page: { url: visit.page.url() } },
  })
  expect(Math.abs(Number(thrown?.['timestamp']) / 1_000 - Date.now())).toBeLessThan(60_000)
  const { stacktrace } = thrown?.['exception'] as { stacktrace: Record<string, unknown>[] }
  expect(stacktrace[0]).toMatchObject({
    function: 'addToCart',
    filename: expect.stringContaining(file),
    abs_path: expect.stringContaining(stage.origin),
    lineno: 2,
    colno: expect.any(Number),
  })
  expect(captured).toMatchObject({
    exception: { type: 'Error', message: 'cannot load', handled: true },
    context: { tags: { team_name: 'river' } },
  })
  const { cause } = captured?.['exception'] as { cause: { message: string; stacktrace: object[] }[] }
  expect(cause.map(({ message }) => message)).toEqual(['TypeError: no cart'])
  expect(cause[0]?.stacktrace.slice(0, 2)).toMatchObject([{ function: 'addToCart' }, { function: 'load' }])
  expect(captured).not.toHaveProperty('transaction_id')
  const broken = lines.filter(([, { name }]) => String(name).endsWith('/broken'))
  const idOf = (kind: string) => broken.find(([own]) => own === kind)?.[1]['id']
  expect(rejected).toMatchObject({
    transaction_id: idOf('transaction'),
    parent_id: idOf('span'),
    transaction: { type: 'http-request' },
    exception: {
      type: 'TypeError',
      message: expect.stringMatching(/^Unhandled promise rejection: TypeError: .*fetch/),
      handled: false,
    },
  })
})

test('headwater has no errors, and says so to nobody', async ({ open, stage }) => {
  const visit = await open(page(stage, {}, 'headwater.min.js'))
  await run(visit, 'headwater.apm.captureError(new Error("x"))')
  await run(visit, 'addToCart()')
  await visit.page.evaluate(() => headwater.apm.flush())
  expect(stage.received.some(({ url, body }) => url === '/v1/logs' && body.includes(visit.service))).toBe(
    false,
  )
  expect(visit.console).toEqual([])
})
