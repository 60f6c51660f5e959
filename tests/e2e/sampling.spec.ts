/** Which traces are recorded, and what servers are told of that. */
import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import path from 'node:path'

import { root, type Demo } from '../support/demo.js'
import { source } from '../support/source.js'
import { only, type Span } from '../support/spans.js'
import { values, type ReceivedRequest } from '../support/stage.js'
import { expect, test as base, type Options, type Visit } from '../support/test.js'

/** The same as `visit`, with the full build, which the stage does not serve. */
const test = base.extend<{
  full: (
    options: Options,
    page?: { head?: string; body?: string; headers?: Record<string, string> },
  ) => Promise<Visit>
}>({
  full: async ({ open, demo }, use) => {
    await use(async (options, page = {}) => {
      const visit = await open({ ...page, head: agent({ serverUrl: demo.collector, ...options }, page.head) })
      expect(await visit.page.evaluate(() => headwater.apm.isActive()), visit.console.join()).toBe(true)
      return visit
    })
  },
})

/** @param early - goes in front of it: the server's meta tags. */
function agent(options: Options, early = ''): string {
  const file = readFileSync(path.join(root, 'js-wrapper/dist/headwater.full.min.js'))
  const all = { serviceName: '{service}', flushInterval: 20, ...options }
  return (
    `${early}<script src="data:text/javascript;base64,${file.toString('base64')}"></script>` +
    `<script>initApm(${source(all)})</script>`
  )
}

const META = { traceId: '0af7651916cd43dd8448eb211c80319c', spanId: 'b7ad6b7169203331' }
const meta = (flags: string) =>
  `<meta name="traceparent" content="00-${META.traceId}-${META.spanId}-${flags}">`

test.describe('transactionSampleRate', () => {
  test('our own arithmetic is that of the specification’s table', () => {
    // otel: 1 in 1, 2, 3, 4, 5, 8, 10, 16, 100, 1000, 10⁴.
    const ones = [1, 2, 3, 4, 5, 8, 10, 16, 100, 1000, 10_000]
    const expected = '0 8 aaab c cccd e e666 f fd70a ffbe77 fff9724'.split(' ')
    expect(ones.map((one) => digitsOf(threshold(1 / one)))).toEqual(expected)
  })

  for (const rate of [0.5, 0.1, 0.25]) {
    test(`the trace id decides, at a rate of ${rate}`, async ({ full, stage }) => {
      const shop = await full({ transactionSampleRate: rate, tracestateMembers: ['ot', 'es'] })
      await shop.page.evaluate(async (service) => {
        await Promise.all(
          Array.from({ length: 60 }, (_, index) =>
            index % 2 ? fetch(`/echo?${service}=${index}&`) : viaXhr('GET', `/echo?${service}=${index}&`),
          ),
        )
        await headwater.apm.flush()
      }, shop.service)
      const requests = stage.received.filter(({ url }) => url.includes(`${shop.service}=`))
      expect(requests).toHaveLength(60)
      const kept: string[] = []
      for (const request of requests) {
        const { traceId, flags } = traceOf(request)
        const sampled = randomness(traceId) >= threshold(rate)
        expect(flags, traceId).toBe(sampled ? '03' : '02')
        const state = `ot=th:${digitsOf(threshold(rate))}`
        expect(values(request, 'tracestate'), traceId).toEqual([sampled ? `es=s:${rate},${state}` : 'es=s:0'])
        if (sampled) kept.push(traceId)
      }
      expect(new Set(requests.map((request) => traceOf(request).traceId)).size).toBe(60)

      const isRequest = ({ name }: Span) => name === 'GET'
      const spans = await shop.spans((all) => all.filter(isRequest).length >= kept.length)
      expect(
        spans
          .filter(isRequest)
          .map(({ traceId }) => traceId)
          .sort(),
      ).toEqual(kept.sort())
      for (const { traceId } of spans.filter(isRequest))
        expect(randomness(traceId)).toBeGreaterThanOrEqual(threshold(rate))
    })
  }

  test('it decides on page loads, and their requests go along', async ({ full, stage }) => {
    for (let index = 0; index < 8; index += 1) {
      const mark = `loads-${index}`
      const body = `<script>globalThis.requested = fetch('/echo?${mark}&')</script>`
      const { page } = await full({ transactionSampleRate: 0.5, tracestateMembers: ['ot'] }, { body })
      await page.evaluate(() => requested)
      const request = stage.only(`${mark}&`)
      const { traceId, flags } = traceOf(request)
      const sampled = randomness(traceId) >= threshold(0.5)
      expect(flags, traceId).toBe(sampled ? '03' : '02')
      expect(values(request, 'tracestate')).toEqual(sampled ? ['ot=th:8'] : [])
      await page.close()
    }
  })

  test('exported spans bear the threshold, so that a collector can count', async ({ full, demo }) => {
    const shop = await full({
      transactionSampleRate: 1,
      tracestateMembers: ['ot'],
    })
    const spans = await shop.spans((all) => all.some(({ name }) => name === 'documentLoad'))
    const load = only(spans, shop.service, 'documentLoad')
    expect((await rawSpan(demo, load)).traceState).toBe('ot=th:0')
  })
})

test.describe('samplingMode: session', () => {
  const options = { samplingMode: 'session', transactionSampleRate: 0.5, tracestateMembers: ['ot'] }

  test('all traces of a session are decided alike, over reloads and pages', async ({ full, stage }) => {
    const mark = `session-${process.pid}-`
    const body = `<script>globalThis.requested = fetch('/echo?${mark}' + Math.random())</script>`
    const first = await full(options, { body })
    await first.page.evaluate(() => requested)
    const stored = await storedId(first)
    await first.page.reload()
    await first.page.evaluate(() => requested)
    const second = await full(options, { body })
    for (const { page } of [first, second]) {
      await page.evaluate(async (query) => {
        await requested
        for (let index = 0; index < 5; index += 1) await fetch(`/echo?${query}${Math.random()}`)
      }, mark)
    }
    expect(await storedId(second), 'one session').toBe(stored)
    const requests = stage.received.filter(({ url }) => url.includes(mark))
    expect(requests).toHaveLength(13)
    const rv = sessionRandomness(stored)
    const sampled = rv >= threshold(0.5)
    const state = `${sampled ? 'th:8;' : ''}rv:${rv.toString(16).padStart(14, '0')}`
    for (const request of requests) {
      expect(traceOf(request).flags).toBe(sampled ? '03' : '02')
      expect(values(request, 'tracestate')).toEqual([`ot=${state}`])
    }
    const ids = new Set(requests.map((request) => traceOf(request).traceId))
    // Each page load has one trace, each later request its own.
    expect(ids.size).toBe(13)
  })

  // From browser-sdk's own sampler: the hash in percent of its range.
  const VECTORS = [
    ['f47ac10b-58cc-4372-a567-0e02b2c3d479', 1.0972],
    ['00000000-0000-4000-8000-000000000001', 6.0233],
    ['6ba7b810-9dad-41d1-80b4-00c04fd430c8', 28.7525],
    ['c0ffee00-1234-4abc-9def-ffffffffffff', 38.4209],
  ] as const

  for (const [name, more] of [
    ['by OpenTelemetry’s rule', {}],
    ['bit for bit as Datadog does', { propagators: ['tracecontext', 'datadog'] }],
  ] as const) {
    test(`a stored session is gone on with, ${name}`, async ({ full, open, stage }) => {
      const plain = await open({})
      for (const [id, percent] of VECTORS) {
        expect(Number((knuth(id) * 1_000_000n) >> 64n) / 10_000).toBeCloseTo(percent, 3)
        for (const rate of [0.1, 0.25, 0.5]) {
          await plain.page.evaluate((session) => {
            localStorage.setItem('headwater.session', `${session} ${Date.now() - 1000} ${Date.now() - 1000}`)
          }, id)
          const mark = `stored-${Object.keys(more).length}-${id}-${rate}`
          const body = `<script>globalThis.requested = fetch('/echo?${mark}&')</script>`
          const shop = await full({ ...options, ...more, transactionSampleRate: rate }, { body })
          await shop.page.evaluate(async (query) => {
            await requested
            await fetch(`/echo?${query}=later&`)
          }, mark)
          const expected = Number(knuth(id)) <= rate * 2 ** 64
          expect(expected, 'browser-sdk’s table').toBe(percent / 100 <= rate)
          for (const request of [stage.only(`${mark}&`), stage.only(`${mark}=later&`)]) {
            expect(traceOf(request).flags, mark).toBe(expected ? '03' : '02')
            expect(values(request, 'tracestate').join()).toContain(
              `rv:${sessionRandomness(id).toString(16).padStart(14, '0')}`,
            )
            expect(values(request, 'x-datadog-sampling-priority')).toEqual(
              'propagators' in more ? [expected ? '1' : '0'] : [],
            )
          }
          await shop.page.close()
        }
      }
    })
  }

  test('a new session has a new id, whose last group decides as Datadog’s does', async ({ full, stage }) => {
    const propagators = ['tracecontext', 'datadog']
    for (let index = 0; index < 6; index += 1) {
      const shop = await full({ ...options, propagators })
      const id = await storedId(shop)
      await shop.page.evaluate((query) => fetch(`/echo?${query}&`), `new-session-${index}`)
      const expected = Number(knuth(id)) <= 0.5 * 2 ** 64
      const request = stage.only(`new-session-${index}&`)
      expect(values(request, 'x-datadog-sampling-priority'), id).toEqual([expected ? '1' : '0'])
      expect(traceOf(request).flags, id).toBe(expected ? '03' : '02')
      await shop.page.evaluate(() => localStorage.clear())
      await shop.page.close()
    }
  })

  test('a page whose storage is blocked has a session of its own', async ({ full, stage }) => {
    // An opaque origin: reading `localStorage` throws.
    const shop = await full(
      { ...options, distributedTracingOrigins: [stage.origin] },
      { headers: { 'content-security-policy': 'sandbox allow-scripts' } },
    )
    const thrown = await shop.page.evaluate(() => {
      try {
        return String(localStorage.length)
      } catch (error) {
        return (error as Error).name
      }
    })
    expect(thrown).toBe('SecurityError')
    await shop.page.evaluate(async (origin) => {
      for (let index = 0; index < 6; index += 1) await fetch(`${origin}/echo?blocked=${index}`)
    }, stage.origin)
    const requests = stage.received.filter(({ method, url }) => method === 'GET' && url.includes('blocked='))
    expect(requests).toHaveLength(6)
    const told = new Set(requests.map((request) => values(request, 'tracestate').join()))
    expect([...told]).toEqual([expect.stringMatching(/^ot=(th:8;)?rv:[0-9a-f]{14}$/)])
    const [state = ''] = told
    const sampled = BigInt(`0x${state.slice(-14)}`) >= threshold(0.5)
    expect(state.includes('th:8')).toBe(sampled)
    for (const request of requests) expect(traceOf(request).flags).toBe(sampled ? '03' : '02')
    expect(shop.errors).toEqual([])
    expect(shop.console.filter((line) => line.includes('[headwater]'))).toEqual([])
  })
})

test.describe('tracesSampler', () => {
  for (const [answer, rate, flags] of [
    ['1', 0, '03'],
    ['0', 1, '02'],
    ['true', 0, '03'],
    ['false', 1, '02'],
    ['undefined', 1, '03'],
    ['undefined', 0, '02'],
  ] as const) {
    test(`${answer}, where the rate is ${rate}`, async ({ full, stage }) => {
      const mark = `sampler-${answer}-${rate}`
      const body = `<script>globalThis.requested = fetch('/echo?${mark}-load&')</script>`
      const shop = await full(
        { tracesSampler: raw(`() => ${answer}`), transactionSampleRate: rate },
        { body },
      )
      await shop.page.evaluate(async (query) => {
        await requested
        await fetch(`/echo?${query}-later&`)
      }, mark)
      expect(traceOf(stage.only(`${mark}-load&`)).flags).toBe(flags)
      expect(traceOf(stage.only(`${mark}-later&`)).flags).toBe(flags)
      expect(shop.console).toEqual([])
    })
  }

  test('a rate that it gives decides by the trace id, and is what servers are told', async ({
    full,
    stage,
  }) => {
    const shop = await full({
      tracesSampler: raw('() => 0.25'),
      tracestateMembers: ['ot', 'es'],
    })
    await shop.page.evaluate(() =>
      Promise.all(Array.from({ length: 24 }, (_, index) => fetch(`/echo?quarter=${index}`))),
    )
    const requests = stage.received.filter(({ url }) => url.includes('quarter='))
    expect(requests).toHaveLength(24)
    for (const request of requests) {
      const sampled = randomness(traceOf(request).traceId) >= threshold(0.25)
      expect(traceOf(request).flags).toBe(sampled ? '03' : '02')
      expect(values(request, 'tracestate')).toEqual([sampled ? 'es=s:0.25,ot=th:c' : 'es=s:0'])
    }
  })

  test('it is asked once for each trace, with what is known of it', async ({ full, stage }) => {
    const shop = await full(
      {
        tracesSampler: raw('(context) => void (globalThis.asked ??= []).push({ ...context })'),
      },
      { body: '<script>globalThis.requested = fetch("/echo?no-trace-of-its-own")</script>' },
    )
    await shop.page.evaluate(async () => {
      await requested
      await fetch('/echo?asked=fetch')
      await viaXhr('POST', '/echo?asked=xhr')
    })
    expect(await shop.page.evaluate(() => asked)).toEqual([
      { type: 'page-load', name: 'documentLoad', url: shop.page.url() },
      { type: 'http-request', name: 'GET', url: `${stage.origin}/echo?asked=fetch` },
      { type: 'http-request', name: 'POST', url: `${stage.origin}/echo?asked=xhr` },
    ])
  })

  test('the page load has the name that it was given', async ({ full }) => {
    const shop = await full({
      pageLoadTransactionName: 'Home',
      tracesSampler: raw('(context) => void (globalThis.asked ??= []).push({ ...context })'),
    })
    expect(await shop.page.evaluate(() => asked)).toEqual([
      { type: 'page-load', name: 'Home', url: shop.page.url() },
    ])
  })

  for (const [name, sampler] of [
    ['throws', '() => { throw new Error("mine") }'],
    ['gives what is no rate', '() => 7'],
  ] as const) {
    test(`one that ${name} gets one warning, and the default rate`, async ({ full, stage }) => {
      for (const [rate, flags] of [
        [1, '03'],
        [0, '02'],
      ] as const) {
        const shop = await full({ tracesSampler: raw(sampler), transactionSampleRate: rate })
        const mark = `sampler-${name.split(' ')[0]}-${rate}`
        await shop.page.evaluate(async (query) => {
          for (let index = 0; index < 3; index += 1) await fetch(`/echo?${query}=${index}&`)
        }, mark)
        for (let index = 0; index < 3; index += 1)
          expect(traceOf(stage.only(`${mark}=${index}&`)).flags).toBe(flags)
        expect(shop.errors).toEqual([])
        expect.soft(shop.console).toEqual([expect.stringMatching(/^warning: \[headwater\] tracesSampler/)])
      }
    })
  }

  for (const [by, options, head] of [
    ['a meta tag', {}, meta('01')],
    ['the options', { pageLoadTraceId: META.traceId, pageLoadSampled: true }, ''],
  ] as const) {
    test(`it is not asked where a server has decided: by ${by}`, async ({ full, stage }) => {
      const mark = `decided-${head.length}`
      const shop = await full(
        { ...options, tracesSampler: raw('(context) => ((globalThis.asked ??= []).push(context), false)') },
        { head, body: `<script>globalThis.requested = fetch('/echo?${mark}&')</script>` },
      )
      await shop.page.evaluate(() => requested)
      expect(traceOf(stage.only(`${mark}&`))).toEqual({ traceId: META.traceId, flags: '01' })
      expect(await shop.page.evaluate(() => 'asked' in globalThis)).toBe(false)
    })
  }
})

test.describe('unsampledPropagation', () => {
  for (const [value, expected] of [
    [undefined, '02'],
    ['headers', '02'],
    ['none', undefined],
  ] as const) {
    test(`${value}`, async ({ full, stage }) => {
      const mark = `unsampled-${value}`
      const shop = await full(
        {
          ...(value ? { unsampledPropagation: value } : {}),
          transactionSampleRate: 0,
          propagators: ['tracecontext', 'datadog', 'b3', 'baggage'],
          propagateTracestate: true,
          baggage: { a: 'b' },
        },
        { body: `<script>globalThis.requested = fetch('/echo?${mark}-load&')</script>` },
      )
      await shop.page.evaluate(async (query) => {
        await requested
        await fetch(`/echo?${query}-fetch&`)
        await viaXhr('GET', `/echo?${query}-xhr&`)
      }, mark)
      for (const by of ['load', 'fetch', 'xhr']) {
        const request = stage.only(`${mark}-${by}&`)
        const names = request.headers.map(([name]) => name)
        const ours = names.filter((name) => /^(traceparent|tracestate|b3|baggage|x-datadog-.*)$/.test(name))
        expect(ours.includes('traceparent'), by).toBe(expected !== undefined)
        if (expected) {
          expect(traceOf(request).flags).toBe(expected)
          expect(values(request, 'x-datadog-sampling-priority')).toEqual(['0'])
          expect(values(request, 'b3').join()).toMatch(/-0$/)
        } else {
          expect(ours, by).toEqual([])
        }
      }
    })
  }

  test('none leaves sampled traces alone', async ({ full, stage }) => {
    const shop = await full({ unsampledPropagation: 'none' })
    await shop.page.evaluate(() => fetch('/echo?sampled-none&'))
    expect(traceOf(stage.only('?sampled-none&')).flags).toBe('03')
  })

  test('none counts for what a server has not sampled, too', async ({ full, stage }) => {
    const shop = await full(
      { unsampledPropagation: 'none' },
      { head: meta('00'), body: `<script>globalThis.requested = fetch('/echo?server-none&')</script>` },
    )
    await shop.page.evaluate(() => requested)
    expect(values(stage.only('?server-none&'), 'traceparent')).toEqual([])
  })
})

test.describe('a server’s decision is never changed', () => {
  for (const [name, options] of [
    ['the rate', {}],
    ['a session', { samplingMode: 'session' }],
    ['tracesSampler', { tracesSampler: 'rate' }],
  ] as const) {
    test(`by ${name}`, async ({ full, stage }) => {
      for (const [flags, rate] of [
        ['00', 1],
        ['01', 0],
      ] as const) {
        const mark = `inherited-${name.replaceAll(' ', '-')}-${rate}`
        const shop = await full(
          {
            ...options,
            transactionSampleRate: rate,
            ...('tracesSampler' in options ? { tracesSampler: raw(`() => ${rate}`) } : {}),
          },
          { head: meta(flags), body: `<script>globalThis.requested = fetch('/echo?${mark}&')</script>` },
        )
        await shop.page.evaluate(() => requested)
        expect(traceOf(stage.only(`${mark}&`))).toEqual({ traceId: META.traceId, flags })
      }
    })
  }

  for (const method of ['keep', 'drop'] as const) {
    test(`by ${method}()`, async ({ full, stage }) => {
      const flags = method === 'keep' ? '00' : '01'
      const shop = await full(
        {},
        {
          head: meta(flags),
          body: `<script>
            globalThis.answer = headwater.apm.getCurrentTransaction().${method}()
            globalThis.requested = fetch('/echo?inherited-${method}&')
          </script>`,
        },
      )
      await shop.page.evaluate(() => requested)
      expect(await shop.page.evaluate(() => answer)).toBe(false)
      expect(traceOf(stage.only(`inherited-${method}&`))).toEqual({ traceId: META.traceId, flags })
      expect(shop.console).toEqual([expect.stringMatching(/^warning: \[headwater\] .*server has decided/)])
    })
  }
})

test.describe('keep and drop', () => {
  const members = { tracestateMembers: ['dd', 'ot', 'es'], propagators: ['tracecontext', 'datadog'] }

  for (const [method, rate, flags, priority, es] of [
    ['keep', 0, '03', '2', '1'],
    ['keep', 1, '03', '2', '1'],
    ['drop', 1, '02', '-1', '0'],
    ['drop', 0, '02', '-1', '0'],
  ] as const) {
    test(`${method}() before any request, at a rate of ${rate}`, async ({ full, stage, demo }) => {
      const mark = `manual-${method}-${rate}`
      const shop = await full(
        { ...members, transactionSampleRate: rate },
        {
          body: `<script>
            globalThis.transaction = headwater.apm.getCurrentTransaction()
            globalThis.answer = transaction.${method}()
            globalThis.requested = fetch('/echo?${mark}&')
          </script>`,
        },
      )
      await shop.page.evaluate(() => requested)
      const handle = await shop.page.evaluate(() => ({ ...transaction, answer }))
      expect(handle.answer).toBe(true)
      const request = stage.only(`${mark}&`)
      expect(traceOf(request)).toEqual({ traceId: handle.traceId, flags })
      expect(values(request, 'x-datadog-sampling-priority')).toEqual([priority])
      const [tracestate = ''] = values(request, 'tracestate')
      expect(tracestate).not.toContain('th:')
      const [, , spanId] = values(request, 'traceparent')[0]?.split('-') ?? []
      const dd = tracestate.split(',').find((member) => member.startsWith('dd=')) ?? ''
      expect(dd.slice(3).split(';')).toEqual(
        expect.arrayContaining([`s:${priority}`, 'o:rum', `p:${spanId}`]),
      )
      expect(tracestate.split(',')).toContain(`es=s:${es}`)
      expect(shop.console).toEqual([])

      if (method === 'keep') {
        const spans = await shop.spans((all) => all.some(({ name }) => name === 'documentLoad'))
        const load = only(spans, shop.service, 'documentLoad')
        expect([load.traceId, load.spanId]).toEqual([handle.traceId, handle.id])
        expect((await rawSpan(demo, load)).traceState ?? '').not.toContain('th:')
      } else {
        await nothingOfThePageLoad(shop, rate)
      }
    })
  }

  test('its traceparent is that of the page load', async ({ full }) => {
    const shop = await full(
      {},
      { body: '<script>globalThis.transaction = headwater.apm.getCurrentTransaction()</script>' },
    )
    const { traceId, id, traceparent } = await shop.page.evaluate(() => {
      const { traceId, id, traceparent } = transaction
      return { traceId, id, traceparent }
    })
    expect(traceparent).toBe(`00-${traceId}-${id}-03`)
    const spans = await shop.spans((all) => all.some(({ name }) => name === 'documentLoad'))
    const load = only(spans, shop.service, 'documentLoad')
    expect([load.traceId, load.spanId]).toEqual([traceId, id])
  })

  for (const [method, rate, flags, priority] of [
    ['keep', 0, '02', '0'],
    ['drop', 1, '03', '1'],
  ] as const) {
    test(`${method}() after a request changes nothing, and says so`, async ({ full, stage }) => {
      const mark = `late-${method}`
      const shop = await full(
        { ...members, transactionSampleRate: rate },
        {
          body: `<script>
            const before = fetch('/echo?${mark}-before&')
            globalThis.answer = headwater.apm.getCurrentTransaction().${method}()
            globalThis.requested = Promise.all([before, fetch('/echo?${mark}-after&')])
          </script>`,
        },
      )
      await shop.page.evaluate(() => requested)
      expect(await shop.page.evaluate(() => answer)).toBe(false)
      expect(shop.console).toEqual([expect.stringMatching(/^warning: \[headwater\] .*already gone out/)])
      const [first, second] = ['before', 'after'].map((name) => stage.only(`${mark}-${name}&`))
      if (!first || !second) throw new Error('both requests arrive')
      expect(traceOf(first).flags).toBe(flags)
      expect(traceOf(second)).toEqual(traceOf(first))
      for (const request of [first, second])
        expect(values(request, 'x-datadog-sampling-priority')).toEqual([priority])
      if (rate) await shop.spans((all) => all.some(({ name }) => name === 'documentLoad'))
      else await nothingOfThePageLoad(shop, rate)
    })
  }

  test('there is no transaction after the page load, and an old one decides nothing', async ({ full }) => {
    const shop = await full(
      { transactionSampleRate: 0 },
      { body: '<script>globalThis.transaction = headwater.apm.getCurrentTransaction()</script>' },
    )
    const after = await shop.page.evaluate(() => ({
      open: (headwater.apm as unknown as FullAgent).getCurrentTransaction() !== undefined,
      kept: transaction.keep(),
      dropped: transaction.drop(),
    }))
    expect(after).toEqual({ open: false, kept: false, dropped: false })
    expect(shop.errors).toEqual([])
  })
})

test.describe('sampleOnError', () => {
  const options = { transactionSampleRate: 0, sampleOnError: true, tracestateMembers: ['ot', 'dd'] }
  const KEPT = 'headwater.sampled_on_error'

  for (const [name, body, names] of [
    [
      'a request that fails',
      `<script>
        const xhr = new XMLHttpRequest()
        xhr.open('GET', '/status/500', false)
        xhr.send()
      </script>`,
      ['GET', 'documentFetch', 'documentLoad'],
    ],
    ['an exception', '<script>throw new Error("mine")</script>', ['documentFetch', 'documentLoad']],
    [
      'a rejection that nobody handles',
      '<script>Promise.reject(new Error("mine"))</script>',
      ['documentFetch', 'documentLoad'],
    ],
  ] as const) {
    test(`a page load with ${name} arrives`, async ({ full, demo }) => {
      const shop = await full(options, { body })
      const spans = await shop.spans((all) => names.every((name) => all.some((span) => span.name === name)))
      // The phases of the navigation have none.
      const requests = spans.filter(({ attributes }) => attributes['url.full'])
      expect(requests.map((span) => span.name).sort()).toEqual(names)
      const load = only(spans, shop.service, 'documentLoad')
      for (const span of spans) {
        expect(span.attributes[KEPT], span.name).toBe(true)
        expect(span.traceId).toBe(load.traceId)
        expect((await rawSpan(demo, span)).traceState ?? '', span.name).not.toContain('th:')
      }
    })
  }

  test('a page load without error does not, and what comes after it stands for itself', async ({
    full,
    demo,
  }) => {
    const shop = await full(options, {
      body: `<script>
        const xhr = new XMLHttpRequest()
        xhr.open('GET', '/echo?fine', false)
        xhr.send()
      </script>`,
    })
    await shop.page.evaluate(async () => {
      await fetch('/echo?fine-later')
      await viaXhr('GET', '/echo?fine-later')
      await fetch('/echo?stopped', { signal: AbortSignal.abort() }).catch(() => undefined)
      await fetch('/status/503?by-fetch')
      await viaXhr('GET', '/status/404?by-xhr')
      await fetch('/broken?by-fetch').catch(() => undefined)
      await headwater.apm.flush()
    })
    const spans = await shop.spans((all) => all.length >= 3)
    const queries = spans.map(({ attributes }) => String(attributes['url.full']).split('?')[1])
    expect(queries.sort()).toEqual(['by-fetch', 'by-fetch', 'by-xhr'])
    for (const span of spans) {
      expect(span.attributes[KEPT]).toBe(true)
      expect(span.parentSpanId).toBe('')
      expect((await rawSpan(demo, span)).traceState ?? '').not.toContain('th:')
    }
    expect(new Set(spans.map(({ traceId }) => traceId)).size).toBe(3)
  })

  test('servers are told of a trace that is not sampled', async ({ full, stage }) => {
    const shop = await full(options)
    await shop.page.evaluate(() => fetch('/status/500?told&'))
    const request = stage.only('?told&')
    expect(traceOf(request).flags).toBe('02')
    expect(values(request, 'tracestate').join()).not.toContain('th:')
    const [span] = await shop.spans((all) => all.length > 0)
    expect(span?.traceId).toBe(traceOf(request).traceId)
  })

  test('a trace that is sampled is nothing special', async ({ full, demo }) => {
    const shop = await full({ ...options, transactionSampleRate: 1 })
    await shop.page.evaluate(() => fetch('/status/500'))
    const spans = await shop.spans((all) => all.some(({ name }) => name === 'GET'))
    const request = only(spans, shop.service, 'GET')
    expect(request.attributes['error.type']).toBe('500')
    expect(KEPT in request.attributes).toBe(false)
    expect((await rawSpan(demo, request)).traceState).toContain('ot=th:0')
  })

  test('without the option errors are not sent either', async ({ full }) => {
    const shop = await full(
      { transactionSampleRate: 0, tracesSampler: raw('({ url }) => url.includes("marked")') },
      { body: '<script>throw new Error("mine")</script>' },
    )
    await shop.page.evaluate(async () => {
      await fetch('/status/500')
      await fetch('/echo?marked')
      await headwater.apm.flush()
    })
    const spans = await shop.spans((all) => all.length > 0)
    expect(spans.map(({ attributes }) => String(attributes['url.full']).split('?')[1])).toEqual(['marked'])
  })
})

/** Of a request after the page load only its own span arrives, at a rate of 1; else nothing at all. */
async function nothingOfThePageLoad(shop: Visit, rate: number): Promise<void> {
  // Something has to arrive, or that nothing else did would prove nothing.
  const traceparent = `00-${randomBytes(16).toString('hex')}-${randomBytes(8).toString('hex')}-01`
  await shop.page.evaluate(
    async (headers) => {
      await fetch('/echo?later', { headers })
      await headwater.apm.flush()
    },
    rate ? {} : { traceparent },
  )
  const spans = await shop.spans((all) => all.length > 0)
  expect(spans.map(({ attributes }) => String(attributes['url.full']).split('?')[1])).toEqual(['later'])
}

/** JavaScript for a test page's options. */
function raw(code: string): () => void {
  const marker = () => undefined
  marker.toString = () => code
  return marker
}

function traceOf(request: ReceivedRequest): { traceId: string; flags: string } {
  const [, traceId = '', , flags = ''] = values(request, 'traceparent')[0]?.split('-') ?? []
  return { traceId, flags }
}

/** OpenTelemetry: a trace is sampled if this reaches the threshold. */
const randomness = (traceId: string) => BigInt(`0x${traceId.slice(-14)}`)

/** OpenTelemetry: four hex digits behind the leading `f`s, rounded half up. */
function threshold(rate: number): bigint {
  const exact = (1n << 56n) - BigInt(Math.round(rate * 2 ** 56))
  const digits = exact.toString(16).padStart(14, '0')
  const kept = 4 + (/^f*/.exec(digits)?.[0].length ?? 0)
  const unit = 1n << BigInt(4 * (14 - kept))
  return ((exact + unit / 2n) / unit) * unit
}

const digitsOf = (value: bigint) => value.toString(16).padStart(14, '0').replace(/0+$/, '') || '0'

/** Datadog: the hash of a session, of which the lower part is kept. */
const knuth = (session: string) =>
  (BigInt(`0x${session.split('-')[4]}`) * 1_111_111_111_111_111_111n) % (1n << 64n)

/** The same for OpenTelemetry, where the upper part is kept. */
const sessionRandomness = (session: string) => ((1n << 64n) - 1n - knuth(session)) >> 8n

async function storedId({ page }: Visit): Promise<string> {
  const stored = await page.evaluate(() => localStorage.getItem('headwater.session'))
  const id = stored?.split(' ')[0] ?? ''
  expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
  return id
}

/** What the handy form of a span leaves out. */
async function rawSpan(demo: Demo, { traceId, spanId }: Span): Promise<{ traceState?: string }> {
  const response = await fetch(`${demo.collector}/api/traces/${traceId}`)
  const { resourceSpans } = (await response.json()) as RawTraces
  const spans = resourceSpans.flatMap(({ scopeSpans }) => scopeSpans.flatMap((scope) => scope.spans))
  const found = spans.find((span) => span.spanId === spanId)
  if (!found) throw new Error(`no span ${spanId}`)
  return found
}

interface RawTraces {
  resourceSpans: { scopeSpans: { spans: { spanId: string; traceState?: string }[] }[] }[]
}

declare const requested: Promise<Response>
declare const asked: unknown[]
declare const answer: boolean
declare const transaction: Transaction

interface FullAgent {
  getCurrentTransaction(): Transaction | undefined
}

interface Transaction {
  traceId: string
  id: string
  traceparent: string
  keep(): boolean
  drop(): boolean
}
