/** What the browser reports beside exceptions becomes errors, where the page's author asks for it. */
import { browser } from '../support/browsers.js'
import { source } from '../support/source.js'
import { postsOf, type Stage } from '../support/stage.js'
import { expect, test, type Options, type Visit } from '../support/test.js'

const NEVER = 3_600_000

const page = (stage: Stage, options: Options = {}, policy = '') => ({
  head: `<script src="/headwater.full.min.js"></script><script>initApm(${source({
    serviceName: '{service}',
    serverUrl: stage.origin,
    protocol: 'http/json',
    flushInterval: NEVER,
    disableInstrumentations: ['web-vitals'],
    session: false,
    reports: true,
    ...options,
  })})</script>`,
  ...(policy && { headers: { 'content-security-policy': policy } }),
})

/** The events so far: types and messages, and what else they say. */
async function errors({ page, service }: Visit, stage: Stage) {
  await page.evaluate(() => headwater.apm.flush())
  return postsOf(stage, '/v1/logs', service).flatMap(({ body }) => {
    const { resourceLogs } = JSON.parse(body.toString()) as Logs
    return resourceLogs.flatMap(({ scopeLogs }) =>
      scopeLogs.flatMap(({ logRecords }) =>
        logRecords.map(({ attributes }) =>
          Object.fromEntries(attributes.map(({ key, value }) => [key, Object.values(value)[0]])),
        ),
      ),
    )
  })
}

interface Logs {
  resourceLogs: {
    scopeLogs: { logRecords: { attributes: { key: string; value: Record<string, unknown> }[] }[] }[]
  }[]
}

/** Adds elements that cannot be loaded, and waits until the browser has said so. */
async function breakThings({ page }: Visit): Promise<void> {
  await page.evaluate(async () => {
    const add = (name: string, members: object) =>
      new Promise((resolve) => {
        const element = Object.assign(document.createElement(name), members)
        element.addEventListener('error', resolve)
        document.body.append(element)
      })
    await add('script', { src: '/status/404?token=hush' })
    await add('img', { src: 'data:image/png;base64,' + 'A'.repeat(99) })
    await add('link', { rel: 'stylesheet', href: '/status/500' })
    await add('script', { src: '/status/404?token=hush' })
    // No failure, but the page's own business.
    document.body.dispatchEvent(new Event('error'))
  })
}

test('resources that have not loaded, each once in a while', async ({ open, stage }) => {
  const visit = await open(page(stage))
  await breakThings(visit)
  const all = await errors(visit, stage)
  expect(all.map((event) => [event['exception.type'], event['exception.message']])).toEqual([
    ['ResourceError', `script ${stage.origin}/status/404?token=REDACTED`],
    ['ResourceError', 'img data'],
    ['ResourceError', `link ${stage.origin}/status/500`],
  ])
  expect(all[0]).toMatchObject({
    'headwater.report.subject': 'script',
    'headwater.report.url': `${stage.origin}/status/404?token=REDACTED`,
    'headwater.exception.handled': false,
    'url.full': visit.page.url(),
  })
  expect(visit.errors).toEqual([])
})

test('violations of the policy, but for those of our own', async ({ open, stage }) => {
  const policy = `default-src 'self' 'unsafe-inline' 'wasm-unsafe-eval'; connect-src ${stage.origin}/v1/logs`
  const visit = await open(page(stage, {}, policy))
  await visit.page.evaluate(async () => {
    const violated = new Promise((resolve) => document.addEventListener('securitypolicyviolation', resolve))
    document.body.append(Object.assign(new Image(), { src: 'https://img.invalid/a.png?sig=hush' }))
    await violated
    // Its spans may not be sent, which is a violation, too.
    await headwater.apm.flush()
    await new Promise((resolve) => setTimeout(resolve, 100))
  })
  const all = (await errors(visit, stage)).filter(({ 'exception.type': type }) => type !== 'ResourceError')
  expect(all.map((event) => [event['exception.type'], event['exception.message']])).toEqual([
    ['SecurityPolicyViolation', 'img-src https://img.invalid/a.png?sig=REDACTED: enforce'],
  ])
})

test('deprecations, where the browser tells of them', async ({ open, stage }) => {
  test.skip(browser !== 'chromium', 'only Chromium has an observer of reports')
  const visit = await open(page(stage))
  const own = await visit.page.evaluate(async () => {
    const told = new Promise<{ body: { id: string } }[]>((resolve) => {
      new (
        globalThis as never as { ReportingObserver: new (...all: unknown[]) => { observe(): void } }
      ).ReportingObserver(resolve, { types: ['deprecation'], buffered: true }).observe()
      const xhr = new XMLHttpRequest()
      xhr.open('GET', '/echo', false)
      xhr.send()
      addEventListener('unload', () => undefined)
      setTimeout(() => resolve([]), 2_000)
    })
    const ids = (await told).map(({ body }) => body.id)
    await new Promise((resolve) => setTimeout(resolve, 50))
    return ids
  })
  const all = await errors(visit, stage)
  expect(own.length).toBeGreaterThan(0)
  expect(all.map((event) => event['headwater.report.subject'])).toEqual(expect.arrayContaining(own))
  expect(all.every((event) => event['exception.type'] === 'DeprecationReport')).toBe(true)
})

test('nothing without the option', async ({ open, stage }) => {
  const visit = await open(page(stage, { reports: false }))
  await breakThings(visit)
  expect(await errors(visit, stage)).toEqual([])
})
