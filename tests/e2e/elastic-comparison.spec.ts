/**
 * The same page, driven in the same way, once with Elastic's agent and once with `headwater/elastic`: what arrives is compared
 * field by field. Each difference has its reason here, and stands in `docs/elastic.md` (written with `HEADWATER_TABLES=1`).
 */
import { readFile } from 'node:fs/promises'
import path from 'node:path'

import { root } from '../support/demo.js'
import { INTAKE, intakeOf, linesOf, type Event } from '../support/intake.js'
import { source } from '../support/source.js'
import { postsOf, type Stage } from '../support/stage.js'
import { markdownTable, replaceBetween } from '../support/table.js'
import { expect, test, type Visit } from '../support/test.js'

const DOCUMENT = path.join(root, 'docs/elastic.md')

const BODY = `<h1>Shop</h1><button type="button" name="buy">Buy</button>
  <link rel="stylesheet" href="/style.css"><img alt="" width="10" height="10" src="/pixel.svg">
  <script>
    document.querySelector('button').addEventListener('click', () => { fetch('/echo?click') })
    addEventListener('DOMContentLoaded', () => { for (const end = performance.now() + 20; performance.now() < end;); })
  </script>`

const FILES = [
  ['style.css', 'text/css', 'p{}'],
  ['pixel.svg', 'image/svg+xml', '<svg xmlns="http://www.w3.org/2000/svg"/>'],
  ['throws.js', 'text/javascript', 'setTimeout(function later() { throw new RangeError("thrown") })'],
] as const

const options = (serverUrl: string) =>
  source({
    serviceName: '{service}',
    serviceVersion: '1.2.3',
    environment: 'test',
    serverUrl,
    flushInterval: 20,
    propagateTracestate: true,
    pageLoadTransactionName: 'Shop',
  })

const OURS = (stage: Stage) =>
  `<script src="/headwater.elastic.min.js"></script><script>globalThis.agent = initApm(${options(stage.origin)})</script>`
const THEIRS = (stage: Stage) =>
  `<script src="/elastic-apm-rum.js"></script><script>globalThis.agent = elasticApm.init(${options(`${stage.origin}/theirs`)})</script>`

/** What depends on the moment, or on the agent's own file. */
const NO_DIFFERENCE = ''

interface Named {
  type?: string
  name?: string
  exception?: { message?: string }
}

/** What both agents offer, and a page uses. */
declare const agent: {
  addLabels: (labels: object) => void
  setUserContext: (user: object) => void
  setCustomContext: (context: object) => void
  startTransaction: (name: string, type: string, options?: object) => OwnTransaction
  captureError: (error: unknown) => void
}
interface OwnTransaction {
  startSpan: (name: string, type: string) => { addLabels: (labels: object) => void; end: () => void }
  addLabels: (labels: object) => void
  mark: (name: string) => void
  end: () => void
}

/** Everything that both record, one after the other, as one that is going on takes what follows. */
async function drive({ page }: Visit): Promise<void> {
  const pause = () => page.waitForTimeout(900)
  await page.evaluate(() => {
    agent.addLabels({ team: 'river' })
    agent.setUserContext({ id: 'u-9', username: 'ann', email: 'ann@example.com' })
    agent.setCustomContext({ cart: 3 })
  })
  // Elastic's page load goes on for a second.
  await page.waitForTimeout(1_600)
  await page.locator('button').click()
  await pause()
  await page.evaluate(async () => {
    history.pushState(null, '', '/products/42')
    await fetch('/echo?route')
  })
  await pause()
  await page.evaluate(async () => {
    const checkout = agent.startTransaction('checkout', 'custom', { managed: true })
    const span = checkout.startSpan('price', 'app.cart.add')
    span.addLabels({ currency: 'EUR' })
    checkout.addLabels({ step: 2 })
    checkout.mark('half')
    // Elastic's agent drops spans that take no time.
    await new Promise((resolve) => setTimeout(resolve, 20))
    span.end()
    await new Promise((resolve) => {
      const xhr = new XMLHttpRequest()
      xhr.open('POST', '/status/404')
      xhr.onloadend = resolve
      xhr.send('body')
    })
    checkout.end()
  })
  await pause()
  await page.evaluate(() => fetch('/echo?alone'))
  await pause()
  await page.evaluate(() => {
    agent.captureError(new TypeError('of the page'))
    void Promise.reject(new URIError('refused'))
    for (const reason of ['out of stock', { code: 5 }, [1], null, agent.captureError, 7])
      // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors -- that is it
      void Promise.reject(reason)
    agent.captureError('payment: declined')
    agent.captureError('declined')
    const script = document.createElement('script')
    script.src = '/throws.js'
    document.head.append(script)
  })
  await pause()
}

function received(stage: Stage, prefix: string, { service }: Visit): Event[] {
  if (!prefix) return intakeOf(stage, service)
  return postsOf(stage, prefix + INTAKE, service).flatMap(({ body }) => linesOf(body))
}

/** By what it is, each with its fields: what differs from run to run is masked. */
function fieldsOf(events: Event[], { page, service }: Visit): Map<string, Map<string, string>> {
  const own = new URL(page.url()).origin
  const all = new Map<string, Map<string, string>>()
  const nameOf = ([kind, event]: Event) => {
    const { type = '', name, exception } = event as Named
    const text = name ?? exception?.message ?? ''
    return `${kind} ${type} ${text}`.replaceAll(own, '').replace(/\/page\/\d+|\/[\w-]*\d+\.html/, '/page')
  }
  for (const event of events) {
    const fields = new Map<string, string>()
    const walk = (value: unknown, at: string) => {
      if (typeof value !== 'object' || value === null) {
        const text = mask(JSON.stringify(value), at)
        fields.set(at, text.replaceAll(own, '').replaceAll(service, 'shop'))
      } else
        for (const [key, item] of Object.entries(value))
          walk(item, Array.isArray(value) ? `${at}[]` : at && `${at}.${key}`)
    }
    for (const [key, value] of Object.entries(event[1])) walk(value, key)
    const name = nameOf(event)
    if (!all.has(name)) all.set(name, fields)
  }
  return all
}

/** What no two runs have in common. */
function mask(text: string, at: string): string {
  if (/(^|[._])id$/.test(at) && !at.startsWith('context.user')) return '…'
  if (
    /^\d+(\.\d+)?$/.test(text) &&
    /duration|start$|timestamp|marks\.|experience|_size|lineno|colno/.test(at)
  )
    return '0'
  if (/url|page|referer|culprit|filename|abs_path|function|stack|server-timing/.test(at)) return '…'
  return text
}

/**
 * Why it differs: the first that fits `sign kind type name: field`. The sign is `-` for what Elastic's agent has and we have not,
 * `+` the other way round, `~` for another value.
 */
const REASONS: [pattern: RegExp, reason: string][] = [
  [
    /longtask|^[~] transaction page-load .*span_count|Fire "load"|Making a connection|resource .*\.js$/,
    NO_DIFFERENCE,
  ],
  [/^~ metadata .*agent\.version/, 'our own version; the name is theirs, as the server wants it'],
  [/user\./, 'once, in the metadata: the server puts it on every event'],
  [/^\+ .*timestamp/, 'when it was, and not when it has arrived'],
  [/^- span .*: start/, 'the server has it from the timestamps'],
  [/service\.(name|type)/, 'what newer servers want'],
  [/session/, '[sessions](sessions.md)'],
  [/sample_rate/, 'the server takes a missing one for 1'],
  [/page\.referer/, 'with the page load, and only where there is one'],
  [/browser_|network_|error_type/, 'more labels'],
  [/^- error .*(rejection|declined).*: culprit/, 'what has no stack has no place'],
  [/^- error .*rejection.*context\.custom/, 'the message has it'],
  [/exception\.handled/, 'whether the page has caught it'],
  [/hard-navigation Requesting.*http\.|resource .*status_code/, 'the browser knows'],
]

test('field by field', async ({ open, stage }) => {
  for (const [name, type, text] of FILES)
    stage.route(`/${name}`, (_, response) => {
      response.writeHead(200, { 'content-type': type }).end(text)
    })
  const visits: [Visit, string][] = []
  for (const [head, prefix] of [
    [THEIRS(stage), '/theirs'],
    [OURS(stage), ''],
  ] as const) {
    const visit = await open({ head, body: BODY })
    await drive(visit)
    visits.push([visit, prefix])
  }
  const [theirs, ours] = visits.map(([visit, prefix]) => fieldsOf(received(stage, prefix, visit), visit))
  if (!theirs || !ours) throw new Error('gone')
  const found: { text: string; field: string; before: string; now: string }[] = []
  let equal = 0
  for (const name of new Set([...theirs.keys(), ...ours.keys()])) {
    const [their, our] = [theirs.get(name), ours.get(name)]
    const differs = (sign: string, field: string, before = '', now = '') =>
      found.push({ text: `${sign} ${name}${field && `: ${field}`}`, field: field || name, before, now })
    if (!their || !our) differs(their ? '-' : '+', '')
    else
      for (const field of new Set([...their.keys(), ...our.keys()])) {
        const [before, now] = [their.get(field), our.get(field)]
        if (before === now) equal += 1
        else differs(before === undefined ? '+' : now === undefined ? '-' : '~', field, before, now)
      }
  }
  expect(ours.get('error  Unhandled promise rejection: out of stock')?.get('exception.type')).toBe(
    '"Unhandled promise rejection"',
  )
  const reasons = found.map(({ text }) => REASONS.find(([pattern]) => pattern.test(text))?.[1])
  expect(found.filter((_, index) => reasons[index] === undefined)).toEqual([])
  expect(equal).toBeGreaterThan(150)

  const rows = found.flatMap(({ text, field, before, now }, index) => {
    const reason = reasons[index]
    const kind = text.split(' ')[1] ?? ''
    return reason ? [{ key: [`\`${field}\``, before, now, reason] as const, kind }] : []
  })
  const kinds = new Map<string, Set<string>>()
  for (const { key, kind } of rows) {
    const cells = JSON.stringify(key)
    kinds.set(cells, (kinds.get(cells) ?? new Set()).add(kind))
  }
  const lines = [...kinds].map(([cells, kinds]) => {
    const [field = '', before = '', now = '', reason = ''] = JSON.parse(cells) as string[]
    return [field, [...kinds].join(', '), code(before), code(now), reason]
  })
  if (process.env['HEADWATER_TABLES'])
    await replaceBetween(
      DOCUMENT,
      'fields',
      markdownTable([['field', 'of', 'Elastic’s agent', 'here', 'why'], ...lines]),
    )
  const documented = await readFile(DOCUMENT, 'utf8')
  for (const [field = '', , , , reason = ''] of lines)
    expect(
      documented.split('\n').some((line) => line.includes(field) && line.includes(reason)),
      field,
    ).toBe(true)
})

const code = (text: string) => (text ? `\`${text}\`` : '–')
