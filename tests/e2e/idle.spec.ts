/** What is due is sent when the page has time for it, and within a second anyhow; what can wait begins behind the first paint. */
import { browser } from '../support/browsers.js'
import { intakeOf } from '../support/intake.js'
import { agentScript, expect, test, type Options, type Visit } from '../support/test.js'
import { values, type Stage } from '../support/stage.js'

/** Notes when the agent sends; defines a page that has one task after the other. */
const HEAD = `<script>
  {
    const native = fetch
    globalThis.sent = []
    globalThis.fetch = (input, init) => {
      if (String(input).endsWith('/v1/traces')) sent.push(performance.now())
      return native(input, init)
    }
    globalThis.busy = (milliseconds) =>
      new Promise((resolve) => {
        const start = performance.now()
        const { port1, port2 } = new MessageChannel()
        port1.onmessage = () => {
          const until = performance.now() + 30
          while (performance.now() < until);
          if (until - start < milliseconds) port2.postMessage('')
          else resolve()
        }
        port2.postMessage('')
      })
  }
</script>`

test('while the page is busy nothing is sent, for a second', async ({ open, stage }) => {
  const { page } = await open(head(stage))
  const { ended, times } = await sentWhileBusy(page, 2_500)
  expect(ended).toBeGreaterThan(0)
  const [first = 0] = times
  expect(first, 'not with the timer').toBeGreaterThan(500)
  expect(first, 'not when it is over').toBeLessThan(1_600)
})

test('a page that is left while it is busy has sent all', async ({ open, stage }) => {
  const { page } = await open(head(stage))
  await work(page, 'left', () => dispatchEvent(new PageTransitionEvent('pagehide')))
  await expect.poll(() => came(stage, 'left')).toBe(1)
})

test('an agent that is stopped while the page is busy has sent all, and sends nothing later', async ({
  open,
  stage,
}) => {
  const { page, errors } = await open(head(stage))
  await work(page, 'stopped', () => headwater.apm.stop())
  await page.waitForTimeout(1_200)
  expect(came(stage, 'stopped')).toBe(1)
  expect(errors).toEqual([])
})

for (const [what, script] of [
  ['none', 'delete globalThis.requestIdleCallback'],
  ['one that throws', 'globalThis.requestIdleCallback = () => { throw new Error("of the page") }'],
  ['nor one for frames', 'delete globalThis.requestIdleCallback; delete globalThis.requestAnimationFrame'],
  ['a page that is hidden', 'Object.defineProperty(document, "hidden", { value: true })'],
] as const) {
  test(`without a callback for idle times: ${what}`, async ({ open, stage }) => {
    const visit = await open(head(stage, {}, `<script>${script}</script>`))
    const [delay = Infinity] = (await sentWhileBusy(visit.page, 1_500)).times
    expect(delay).toBeLessThan(700)
    expect(visit.errors).toEqual([])
  })
}

/** Notes which entries are observed, and whether there had been a frame. */
const OBSERVED = `<script>
  {
    globalThis.observed = []
    let seen = false
    requestAnimationFrame(() => (seen = true))
    const { observe } = PerformanceObserver.prototype
    PerformanceObserver.prototype.observe = function ({ type }) {
      observed.push([type, seen])
      return observe.apply(this, arguments)
    }
  }
</script>`

for (const file of ['headwater.elastic.min.js', 'headwater.full.min.js']) {
  test(`${file} observes nothing before the page is seen`, async ({ open, stage }) => {
    test.skip(browser === 'firefox', 'there the module is instantiated at once')
    // The picture keeps the load event, with which the module is instantiated.
    const content = { head: OBSERVED + agentOf(stage, file), body: '<h1>Here</h1><img src="/never">' }
    const { page, errors } = await open(content, 'domcontentloaded')
    const types = () => page.evaluate(() => observed)
    await expect
      .poll(async () => (await types()).map(([type]) => type))
      .toEqual(
        expect.arrayContaining(['measure', 'paint', 'largest-contentful-paint', 'layout-shift', 'event']),
      )
    expect((await types()).filter(([, seen]) => !seen)).toEqual([])
    expect(errors).toEqual([])
  })

  test(`${file} observes when a request is made`, async ({ open, stage }) => {
    const { page } = await open({
      head: `${OBSERVED}${agentOf(stage, file)}<script>
        globalThis.counts = [observed.length]
        fetch('/echo?idle=early.')
        counts.push(observed.length)
      </script>`,
    })
    const [before, after] = await page.evaluate(() => counts)
    if (browser === 'chromium') expect(before).toBe(0)
    expect(after).toBeGreaterThan(2)
  })
}

test('what was measured before the page is seen belongs to the page load, also of one that is never seen', async ({
  open,
  stage,
}) => {
  // Before and after the agent's start.
  const measure = (name: string) =>
    `<script>performance.measure('${name}', { start: 0, duration: performance.now() + 70 })</script>`
  const script = agentOf(stage, 'headwater.elastic.min.js')
  const visit = await open({
    head: `${measure('early')}${script}${measure('boot')}<script>dispatchEvent(new PageTransitionEvent('pagehide'))</script>`,
  })
  await expect
    .poll(() => intakeOf(stage, visit.service).map(([kind, { name, type }]) => [kind, type, name].join(' ')))
    .toEqual(expect.arrayContaining(['span app early', 'span app boot']))
})

test('what was measured before a transaction, for which the module is instantiated, is not in it', async ({
  open,
  stage,
}) => {
  test.skip(browser === 'firefox', 'there an observer is told of it a task later')
  const script = agentOf(stage, 'headwater.elastic.min.js')
  const visit = await open({
    head: `${script}<script>
      performance.measure('boot', { start: 0, duration: 100 })
      globalThis.own = headwater.apm.startTransaction('own', 'custom', { managed: true })
      setTimeout(() => own.end(), 300)
    </script>`,
  })
  const find = (kind: string, name: string) =>
    intakeOf(stage, visit.service).find((event) => event[0] === kind && event[1]['name'] === name)?.[1]
  await expect.poll(() => find('span', 'boot') && find('transaction', 'own')).toBeTruthy()
  expect(find('span', 'boot')).not.toMatchObject({ transaction_id: find('transaction', 'own')?.['id'] })
})

/** Notes in which of the tasks that a timer has begun something was done; "between" a page may do something itself. */
const STEPS = `<script>
  {
    globalThis.steps = []
    let task = 0
    const note = (name) => steps.push([name, task])
    const native = setTimeout
    globalThis.setTimeout = (run, delay) =>
      native(() => {
        task++
        note('timer')
        globalThis.between?.(task)
        run()
      }, delay)
    for (const name of ['Module', 'Instance'])
      WebAssembly[name] = new Proxy(WebAssembly[name], {
        construct(target, parameters) {
          note(name)
          return Reflect.construct(target, parameters)
        },
      })
    const { getEntriesByType } = Performance.prototype
    Performance.prototype.getEntriesByType = function (type) {
      if (type === 'resource') note('report')
      return getEntriesByType.call(this, type)
    }
  }
</script>`

for (const file of ['headwater.min.js', 'headwater.elastic.min.js', 'headwater.full.min.js']) {
  test(`${file} decodes its module in many tasks, compiles, configures and uses it in others`, async ({
    open,
    stage,
  }) => {
    test.skip(browser === 'firefox', 'there the module is instantiated at once')
    const { page, errors } = await open({ head: STEPS + agentOf(stage, file) }, 'domcontentloaded')
    const taskOf = (name: string) =>
      page.evaluate((wanted) => steps.find(([step]) => step === wanted)?.[1] ?? 0, name)
    await expect.poll(() => taskOf('report')).toBeGreaterThan(0)
    const [compiled, instantiated, reported] = [
      await taskOf('Module'),
      await taskOf('Instance'),
      await taskOf('report'),
    ]
    expect(compiled).toBeGreaterThan(5)
    expect(instantiated).toBeGreaterThan(compiled)
    expect(reported).toBeGreaterThan(instantiated)
    expect(errors).toEqual([])
  })

  test(`${file} has the rest of its module at once when a request is made in between`, async ({
    open,
    stage,
  }) => {
    test.skip(browser === 'firefox', 'there the module is instantiated at once')
    const name = `/echo?idle=${file}.between.`
    const head = `${STEPS}<script>
      globalThis.between = (task) => {
        if (task === 3) globalThis.answer = fetch('${name}')
      }
    </script>${agentOf(stage, file)}`
    const { page, errors } = await open({ head }, 'domcontentloaded')
    await expect.poll(() => page.evaluate(() => typeof answer)).toBe('object')
    await page.evaluate(() => answer)
    const [request] = stage.received.filter(({ url }) => url === name)
    expect(request && values(request, 'traceparent')).toEqual([
      expect.stringMatching(/^00-[0-9a-f]{32}-[0-9a-f]{16}-03$/),
    ])
    const names = (await page.evaluate(() => steps)).map(([step]) => step).filter((step) => step !== 'timer')
    expect(names.slice(0, 2)).toEqual(['Module', 'Instance'])
    expect(await page.evaluate(() => steps.find(([step]) => step === 'Instance')?.[1])).toBe(3)
    expect(errors).toEqual([])
  })
}

test('a page that is loaded in the background reports its load at once', async ({ open, stage }) => {
  test.skip(browser === 'firefox', 'there the module is instantiated at once')
  const hidden = '<script>Object.defineProperty(document, "hidden", { value: true })</script>'
  const head = STEPS + hidden + agentOf(stage, 'headwater.min.js')
  const { page } = await open({ head }, 'domcontentloaded')
  const names = async () =>
    (await page.evaluate(() => steps)).filter(([, task]) => task === 1).map(([step]) => step)
  await expect.poll(names).toEqual(['timer', 'report', 'Module', 'Instance'])
})

test('what happens while the module is decoded is none of the page load’s', async ({ open, demo }) => {
  test.skip(browser === 'firefox', 'there the module is instantiated at once')
  const options = { serviceName: '{service}', serverUrl: demo.collector }
  const head = `${STEPS}<script>
    globalThis.between = (task) => {
      if (task !== 3) return
      history.pushState(null, '', '/next')
      void fetch('/echo?idle=next.')
    }
  </script>${agentScript(options, 'headwater.full.min.js')}`
  const visit = await open({ head }, 'domcontentloaded')
  const spans = await visit.spans((all) => all.some(({ name }) => name === '/next'))
  const named = (name: string) => spans.find((span) => span.name.startsWith(name))
  expect(named('documentLoad')?.attributes['url.full']).toContain('/page/')
  expect(named('/next')?.attributes['headwater.type']).toBe('route-change')
  expect(named('GET')?.parentSpanId).toBe(named('/next')?.spanId)
  expect(named('GET')?.traceId).not.toBe(named('documentLoad')?.traceId)
})

/** A request ends while the page is busy for so many milliseconds. @returns when, and how long after it the agent sent. */
function sentWhileBusy(
  page: Visit['page'],
  milliseconds: number,
): Promise<{ ended: number; times: number[] }> {
  return page.evaluate(async (busyFor) => {
    await headwater.apm.flush()
    const work = busy(busyFor)
    await fetch('/echo?idle=busy.')
    sent.length = 0
    const ended = performance.now()
    await work
    return { ended, times: sent.map((time) => time - ended) }
  }, milliseconds)
}

/** A request ends while the page is busy, and then something happens before its span is sent. */
async function work(page: Visit['page'], name: string, then: () => void): Promise<void> {
  await page.evaluate(async (own) => {
    await headwater.apm.flush()
    void busy(1_000)
    await fetch(`/echo?idle=${own}.`)
    sent.length = 0
    // The timer has run out.
    await new Promise((resolve) => setTimeout(resolve, 100))
    if (sent.length) throw new Error('it was sent')
  }, name)
  await page.evaluate(then)
  const count = await page.evaluate(() => sent.length)
  expect(count, 'synchronously').toBe(1)
}

function head(stage: Stage, options: Options = {}, first = ''): { head: string } {
  const all = { serviceName: '{service}', serverUrl: stage.origin, flushInterval: 20, ...options }
  return { head: first + HEAD + agentScript(all, 'headwater.full.min.js') }
}

/** A build of the agent with its defaults. */
const agentOf = (stage: Stage, file: string) =>
  agentScript({ serviceName: '{service}', serverUrl: stage.origin }, file)

/** How often the span of the request has come. */
function came(stage: Stage, name: string): number {
  return stage.received
    .filter(({ url }) => url === '/v1/traces')
    .map(({ body }) => body.toString('latin1').split(`/echo?idle=${name}.`).length - 1)
    .reduce((sum, count) => sum + count, 0)
}

declare const answer: Promise<Response>
declare const counts: number[]
declare const observed: [type: string, seen: boolean][]
declare const busy: (milliseconds: number) => Promise<void>
declare const sent: number[]
declare const steps: [step: string, task: number][]
