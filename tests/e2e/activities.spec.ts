/** What a visitor does, changes of the route, and transactions of the page's own: what belongs to them, and their end. */
import { browser } from '../support/browsers.js'
import { readIntake } from '../support/intake.js'
import { postsOf, type Stage } from '../support/stage.js'
import { Kind, only, type Span } from '../support/spans.js'
import { agentScript, expect, test, type Options, type Visit } from '../support/test.js'

const page = (serverUrl: string, body: string, options: Options = {}, file = 'headwater.full.min.js') => ({
  head:
    agentScript({ serviceName: '{service}', serverUrl, flushInterval: 20, ...options }, file) +
    '<script>globalThis.own = headwater.apm</script>',
  body,
})

/** @param queries - of requests whose spans have to be there, too: they may come later, as they wait for the browser's entry. */
const until = (visit: Visit, name: string, ...queries: string[]): Promise<Span[]> =>
  visit.spans(
    (all) =>
      all.some((span) => span.name === name) &&
      queries.every((query) =>
        all.some(({ attributes }) => String(attributes['url.full']).includes(`?${query}`)),
      ),
  )

test('what follows a click soon is below it, and a click without is none', async ({ open, demo }) => {
  const visit = await open(
    page(
      demo.collector,
      `<button id="buy" name="buy">Buy</button><button id="idle">Idle</button>
      <script>
        buy.onclick = async () => {
          await fetch('/echo?first')
          await Promise.resolve()
          await fetch('/echo?second')
          setTimeout(() => fetch('/echo?late'), 400)
        }
      </script>`,
    ),
  )
  await visit.page.click('#idle')
  await visit.page.waitForTimeout(350)
  await visit.page.click('#buy')
  const all = await visit.spans(
    (spans) =>
      spans.some(({ name }) => name.startsWith('Click')) &&
      spans.some(({ attributes }) => String(attributes['url.full']).includes('late')),
  )
  const click = only(all, visit.service, 'Click - button["buy"]')
  expect(click).toMatchObject({
    parentSpanId: '',
    kind: Kind.Internal,
    attributes: {
      'headwater.type': 'user-interaction',
      'browser.tag_name': 'button',
      'browser.css_selector': '#buy',
    },
  })
  const ends = ['first', 'second'].map((query) => {
    const request = only(all, visit.service, 'GET', query)
    expect(request).toMatchObject({ traceId: click.traceId, parentSpanId: click.spanId })
    return request.end
  })
  expect(click.end, 'it ends with its last request').toBe(ends[1])
  expect(only(all, visit.service, 'GET', 'late').traceId).not.toBe(click.traceId)
  expect(all.filter(({ name }) => name.includes('Click'))).toHaveLength(1)
})

test('what a slow click does, and the frame that it holds up, are below it', async ({ open, stage }) => {
  const options = { protocol: 'http/json', routes: [] }
  for (const file of ['headwater.full.min.js', 'headwater.elastic.min.js']) {
    const isFull = file.includes('full')
    const visit = await open(
      page(
        stage.origin,
        `<button id="slow" name="slow">Slow</button><button id="late" name="late">Late</button>
        <script>
          const work = () => { for (const end = performance.now() + 150; performance.now() < end;); }
          slow.onclick = work
          late.onclick = () => { work(); fetch('/echo?late') }
        </script>`,
        isFull ? options : {},
        file,
      ),
    )
    await visit.page.evaluate(async () => {
      await own.flush()
    })
    for (const id of ['#slow', '#late']) {
      await visit.page.click(id)
      await visit.page.waitForTimeout(700)
    }
    await visit.page.evaluate(() => own.flush())
    if (isFull) {
      const spans = sentSpans(stage, visit)
      const [slow, late] = ['slow', 'late'].map((name) =>
        spans.find((span) => span.name.includes(`["${name}"]`)),
      )
      expect(spans.find(({ name }) => name === 'GET')).toMatchObject({
        traceId: late?.traceId,
        parentSpanId: late?.spanId,
      })
      // Firefox tells of no frames.
      if (browser !== 'chromium') continue
      const frames = sentFrames(stage, visit)
      for (const click of [slow, late]) expect(frames).toContainEqual([click?.traceId, click?.spanId])
    } else {
      const events = postsOf(stage, '/intake/v2/rum/events', `"${visit.service}"`).flatMap(({ body }) =>
        readIntake(body.toString()),
      )
      const late = events.find(([, { name }]) => name === 'Click - button["late"]')?.[1]
      const request = events.find(([, { name }]) => String(name).startsWith('GET'))?.[1]
      expect(request?.['parent_id']).toBe(late?.['id'])
      if (browser !== 'chromium') continue
      const slow = events.find(([, { name }]) => name === 'Click - button["slow"]')?.[1]
      expect(events.find(([, event]) => event['parent_id'] === slow?.['id'])?.[1]).toMatchObject({
        name: 'Longtask(self)',
      })
    }
  }
})

interface Sent {
  traceId: string
  spanId: string
  parentSpanId?: string
  name: string
  eventName: string
}

/** What has come as JSON. */
const sentSpans = (stage: Stage, { service }: Visit): Sent[] =>
  postsOf(stage, '/v1/traces', service).flatMap(({ body }) =>
    (
      JSON.parse(body.toString()) as { resourceSpans: { scopeSpans: { spans: Sent[] }[] }[] }
    ).resourceSpans.flatMap(({ scopeSpans }) => scopeSpans.flatMap(({ spans }) => spans)),
  )
const sentFrames = (stage: Stage, { service }: Visit): string[][] =>
  postsOf(stage, '/v1/logs', service)
    .flatMap(({ body }) =>
      (
        JSON.parse(body.toString()) as { resourceLogs: { scopeLogs: { logRecords: Sent[] }[] }[] }
      ).resourceLogs.flatMap(({ scopeLogs }) => scopeLogs.flatMap(({ logRecords }) => logRecords)),
    )
    .flatMap(({ eventName, traceId, spanId }) =>
      eventName === 'browser.long_animation_frame' ? [[traceId, spanId]] : [],
    )

const ROUTES = { routes: ['/products/:id', '/cart'] }

test('a route change, with what it asks for, until it is painted', async ({ open, demo }) => {
  const visit = await open(page(demo.collector, '', ROUTES))
  await visit.page.evaluate(() => {
    history.pushState(null, '', '/products/42?token=secret#reviews')
    void fetch('/echo?product')
    // No route: another place in the same document, and the entry's state.
    history.replaceState({ a: 1 }, '', '/products/42?token=secret#top')
  })
  const all = await until(visit, '/products/:id', 'product')
  const route = only(all, visit.service, '/products/:id')
  const product = only(all, visit.service, 'GET', 'product')
  expect(product).toMatchObject({ traceId: route.traceId, parentSpanId: route.spanId })
  expect(route.attributes).toMatchObject({
    'headwater.type': 'route-change',
    'url.template': '/products/:id',
    'url.full': expect.stringMatching(/\/products\/42\?token=REDACTED#reviews$/),
    'browser.navigation.type': 'push',
    'browser.navigation.same_document': true,
  })
  expect(route.end).toBeGreaterThanOrEqual(product.end)
  await visit.page.evaluate(() => history.back())
  const isBack = ({ attributes }: Span) => attributes['browser.navigation.type'] === 'traverse'
  const back = (await visit.spans((spans) => spans.some(isBack))).find(isBack)
  // No template fits: what it is called is made up of its segments.
  expect(back?.name).toMatch(/^\/page\//)
  expect(back?.attributes).not.toHaveProperty(['url.template'])
  expect(visit.errors).toEqual([])
})

test('a click that changes the route is that change, from the click on', async ({ open, demo }) => {
  const visit = await open(
    page(
      demo.collector,
      `<a id="cart" href="/cart">Cart</a>
      <script>
        cart.onclick = async (event) => {
          event.preventDefault()
          await fetch('/echo?before')
          history.pushState(null, '', '/cart')
          await fetch('/echo?after')
        }
      </script>`,
      ROUTES,
    ),
  )
  await visit.page.click('#cart')
  const all = await until(visit, '/cart', 'before', 'after')
  const route = only(all, visit.service, '/cart')
  for (const query of ['before', 'after']) {
    const request = only(all, visit.service, 'GET', query)
    expect(request.parentSpanId).toBe(route.spanId)
    expect(request.start).toBeGreaterThanOrEqual(route.start)
  }
  expect(all.filter(({ name }) => name.startsWith('Click'))).toEqual([])
})

test('forms and keys in controls', async ({ open, demo }) => {
  const visit = await open(
    page(
      demo.collector,
      `<form id="form" name="search"><input id="q" name="q"></form><div id="shadow"></div>
      <script>
        form.onsubmit = (event) => { event.preventDefault(); fetch('/echo?submitted') }
        q.oninput = () => fetch('/echo?typed')
        const root = shadow.attachShadow({ mode: 'open' })
        root.innerHTML = '<p data-transaction-name="add"><button>Add</button></p>'
        root.querySelector('button').onclick = () => fetch('/echo?added')
      </script>`,
    ),
  )
  await visit.page.locator('#shadow button').click()
  await visit.page.waitForTimeout(350)
  await visit.page.locator('#q').pressSequentially('x')
  await visit.page.waitForTimeout(350)
  await visit.page.evaluate(() => {
    document.querySelector('form')?.requestSubmit()
  })
  const all = await until(visit, 'Submit - form["search"]', 'added', 'typed', 'submitted')
  for (const [query, name] of [
    ['added', 'Click - add'],
    ['typed', 'Key - input["q"]'],
    ['submitted', 'Submit - form["search"]'],
  ] as const) {
    expect(only(all, visit.service, 'GET', query).parentSpanId).toBe(only(all, visit.service, name).spanId)
  }
  expect(JSON.stringify(all.map(({ attributes }) => attributes))).not.toContain('"x"')
})

test('what is going on ends when the page is left', async ({ open, demo }) => {
  const visit = await open(page(demo.collector, '<button id="go">Go</button>', { flushInterval: 3_600_000 }))
  await visit.page.evaluate(() => {
    const { own } = globalThis as unknown as { own: { startTransaction: (name: string) => unknown } }
    own.startTransaction('forgotten')
    document.querySelector('button')?.addEventListener('click', () => {
      void fetch('/echo?gone')
      location.href = '/echo?next'
    })
  })
  await visit.page.click('#go')
  const all = await visit.spans((spans) => spans.some(({ name }) => name === 'forgotten'))
  const click = only(all, visit.service, 'Click - button')
  expect(only(all, visit.service, 'GET', 'gone').parentSpanId).toBe(click.spanId)
  expect(only(all, visit.service, 'forgotten').attributes).toMatchObject({
    'headwater.type': 'custom.truncated',
  })
})

for (const [disabled, click, route] of [
  [['click'], false, true],
  [['eventtarget'], false, true],
  [['history'], true, false],
] as const) {
  test(`switched off: ${disabled[0]}`, async ({ open, demo }) => {
    const visit = await open(
      page(demo.collector, '<button id="go" onclick="fetch(\'/echo?clicked\')">Go</button>', {
        disableInstrumentations: disabled,
        ...ROUTES,
      }),
    )
    await visit.page.click('#go')
    await visit.page.waitForTimeout(400)
    await visit.page.evaluate(() => {
      history.pushState(null, '', '/cart')
      void fetch('/echo?routed')
    })
    await visit.page.waitForTimeout(1_300)
    const all = await visit.spans((spans) =>
      spans.some(({ attributes }) => String(attributes['url.full']).includes('routed')),
    )
    expect(all.some(({ name }) => name === 'Click - button')).toBe(click)
    expect(all.some(({ name }) => name === '/cart')).toBe(route)
  })
}

interface Api {
  observe: (event: string, observer: (transaction: Own) => void) => () => void
  startTransaction: (name: string, type?: unknown, options?: unknown) => Own
  startSpan: (name: string, type?: string, options?: unknown) => Own
  getCurrentTransaction: () => Own | undefined
  getTraceparent: () => string | undefined
  setCustomContext: (custom: object) => void
  flush: () => Promise<unknown>
}
interface Own {
  name: string
  type: string
  traceparent: string
  ended: boolean
  addLabels: (labels: object) => Own
  addContext: (context: object) => Own
  addLink: (link: object) => Own
  mark: (key: string) => void
  addMarks: (marks: object) => void
  addTask: (id?: string) => string
  removeTask: (id: string) => void
  block: (blocked: boolean) => void
  detectFinish: () => void
  end: (time?: number) => void
}
declare const own: Api

test('managed transactions: tasks, blocks and spans that block', async ({ open, demo }) => {
  const visit = await open(page(demo.collector, ''))
  const seen = await visit.page.evaluate(async () => {
    const settle = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))
    const heard: string[] = []
    own.observe('transaction:start', ({ name }) => heard.push('start ' + name))
    const forget = own.observe('transaction:end', (transaction) => {
      transaction.name += '!'
      heard.push('end ' + transaction.name)
    })
    const managed = own.startTransaction('checkout', 'cart', { managed: true })
    const current = own.getCurrentTransaction() === managed && own.getTraceparent() === managed.traceparent
    const task = managed.addTask()
    const blocking = own.startSpan('blocking', 'app', { blocking: true })
    await settle(50)
    managed.removeTask(task)
    const open = [managed.ended]
    managed.block(true)
    blocking.end()
    await settle(300)
    open.push(managed.ended)
    managed.block(false)
    open.push(managed.ended)
    forget()
    own.startTransaction('unmanaged').end()
    return { heard, open, current, none: own.getCurrentTransaction() === undefined }
  })
  expect(seen).toEqual({
    heard: ['start checkout', 'end checkout!', 'start unmanaged'],
    open: [false, false, true],
    current: true,
    none: true,
  })
  const all = await until(visit, 'unmanaged')
  const checkout = only(all, visit.service, 'checkout!')
  const blocking = only(all, visit.service, 'blocking')
  expect(blocking.parentSpanId).toBe(checkout.spanId)
  expect(checkout.end).toBe(blocking.end)
})

test('a router’s transaction is one with the route change, and names the page load', async ({
  open,
  demo,
}) => {
  const router = `own.startTransaction('/items/:id', 'route-change', { managed: true, canReuse: true })`
  const visit = await open(page(demo.collector, `<script>${router}</script>`))
  await visit.page.evaluate(() => {
    history.pushState(null, '', '/items/9')
    own.startTransaction('/items/:id/mine', 'route-change', { managed: true, canReuse: true }).detectFinish()
    void fetch('/echo?item')
  })
  const all = await until(visit, '/items/:id/mine', 'item')
  const route = only(all, visit.service, '/items/:id/mine')
  expect(only(all, visit.service, 'GET', 'item').parentSpanId).toBe(route.spanId)
  expect(only(all, visit.service, '/items/:id').attributes).toHaveProperty(['browser.navigation_timing.type'])
  expect(all.filter(({ attributes }) => attributes['headwater.type'] === 'route-change')).toHaveLength(1)
})

test('links, marks and context', async ({ open, demo, stage }) => {
  const other = { traceId: '0af7651916cd43dd8448eb211c80319c', spanId: 'b7ad6b7169203331' }
  const give = (context: typeof other) => {
    const span = own.startTransaction('told', 'cart.add')
    span
      .addLink({ context, attributes: { why: 'batch' } })
      .addLink({ context: { traceId: 'x', spanId: 'y' } })
    span.addLabels({ count: 2, list: ['a'] })
    span.addContext({ custom: { cart: { items: 3 }, size: 7 }, user: { id: 5 }, tags: { 'a.b': true } })
    span.mark('hero')
    span.addMarks({ agent: { timeToFirstByte: 5 } })
    span.end()
  }
  const visit = await open(page(demo.collector, ''))
  await visit.page.evaluate(give, other)
  const told = only(await until(visit, 'told'), visit.service, 'told')
  expect(told.links).toEqual([other])
  expect(told.attributes).toMatchObject({
    count: 2,
    list: 'a',
    'headwater.context.cart': '{"items":3}',
    'headwater.context.size': 7,
    'user.id': '5',
    'a.b': true,
    'headwater.agent.timeToFirstByte': 5,
    'headwater.custom.hero': expect.any(Number),
  })

  const elastic = await open(page(stage.origin, '', { flushInterval: 3_600_000 }, 'headwater.elastic.min.js'))
  await elastic.page.evaluate(() => {
    own.setCustomContext({ shop: 'berlin' })
  })
  await elastic.page.evaluate(give, other)
  await elastic.page.evaluate(() => own.flush())
  const lines = postsOf(stage, '/intake/v2/rum/events', elastic.service)
    .map(({ body }) => body.toString())
    .flatMap(readIntake)
  expect(lines.find(([, event]) => event['name'] === 'told')?.[1]).toMatchObject({
    type: 'cart.add',
    links: [{ trace_id: other.traceId, span_id: other.spanId }],
    marks: { agent: { timeToFirstByte: 5 }, custom: { hero: expect.any(Number) } },
    context: {
      custom: { cart: '{"items":3}', size: 7, shop: 'berlin' },
      tags: { count: 2, list: 'a', a_b: true },
      user: { id: '5' },
    },
  })
})

test('nothing that a page gives wrong is thrown, or switches the agent off', async ({ open, demo }) => {
  const visit = await open(page(demo.collector, ''))
  const seen = await visit.page.evaluate(async () => {
    const wrong: unknown[] = [
      undefined,
      null,
      Symbol('s'),
      5n,
      () => 5,
      {
        toString() {
          throw new Error('mine')
        },
      },
    ]
    const thrown: string[] = []
    for (const value of wrong) {
      const span = own.startTransaction('wrong', { managed: true }) as unknown as Record<
        string,
        (...given: unknown[]) => unknown
      >
      const methods = ['setAttribute', 'setAttributes', 'addLabels', 'addContext', 'addLink', 'setStatus']
      methods.push(
        'updateName',
        'recordException',
        'mark',
        'addMarks',
        'startSpan',
        'block',
        'removeTask',
        'end',
      )
      for (const name of methods)
        try {
          span[name]?.(value, value)
        } catch (error) {
          thrown.push(`${name}: ${String(error)}`)
        }
      const agent = own as unknown as typeof span
      for (const name of ['startTransaction', 'startSpan', 'observe', 'setCustomContext'])
        try {
          agent[name]?.(value, value, value)
        } catch (error) {
          thrown.push(`${name}: ${String(error)}`)
        }
    }
    // One that ends what it is told of.
    own.observe('transaction:end', (transaction) => {
      transaction.end()
    })
    own.startTransaction('last').end()
    await own.flush()
    return { thrown, active: (own as unknown as { isActive: () => boolean }).isActive() }
  })
  expect(seen).toEqual({ thrown: [], active: true })
  await until(visit, 'last')
  expect(visit.console).toEqual([])
})
