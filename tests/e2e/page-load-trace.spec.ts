/** Whose trace the page load joins, if its server leaves one in more than one place, or a wrong one. */
import { readFileSync } from 'node:fs'
import path from 'node:path'

import { root } from '../support/demo.js'
import { source } from '../support/source.js'
import { only, type Span } from '../support/spans.js'
import { values, type Page, type Stage } from '../support/stage.js'
import { expect, test as base, type Options, type Visit } from '../support/test.js'

/** What the server leaves, in the order in which it counts. */
const OPTIONS = { traceId: '11111111111111112222222222222222', spanId: '1111111111111111' }
const META = { traceId: '0af7651916cd43dd8448eb211c80319c', spanId: 'b7ad6b7169203331' }
const DATADOG_META = { decimal: '9532127138774266268', traceId: '00000000000000008448eb211c80319c' }
const DATADOG_COMMENT = { decimal: '1234567890123456789', traceId: '0000000000000000112210f47de98115' }
const TRACE = { traceId: '4bf92f3577b34da6a3ce929d0e0e4736', spanId: '00f067aa0ba902b7' }
const TRACEPARENT = { traceId: '7b9e3e4068167838398f50017bfad358', spanId: 'd4ffc7e33530967a' }

const of = ({ traceId, spanId }: { traceId: string; spanId: string }, flags = '01') =>
  `00-${traceId}-${spanId}-${flags}`
const meta = (name: string, content: string | number) => `<meta name="${name}" content='${content}'>`
const datadogMeta = (id: string, time: number | string = Date.now()) =>
  meta('dd-trace-id', id) + meta('dd-trace-time', time)
const datadogComment = (id: string, time: number | string = Date.now()) =>
  `<!-- DATADOG;trace-id=${id};trace-time=${time} -->`

/** Two minutes and a little: what was rendered then is from a cache. */
const tooOld = () => Date.now() - 121_000
const oldButFresh = () => Date.now() - 100_000

interface Rendered {
  options?: Options
  /** Of the document's head, in front of the agent. */
  metas?: string
  /** Of the document's body, where the agent is if there is one. */
  comment?: string
  serverTiming?: string
}

interface Loaded extends Visit {
  /** `traceparent` of a request during the page load, in its parts. */
  traceId: string
  flags: string
  /** Its other headers. */
  tracestate: string[]
  baggage: string[]
}

/** Opens a page as a server has rendered it. */
const test = base.extend<{ load: (rendered: Rendered) => Promise<Loaded> }>({
  load: async ({ open, demo, stage }, use) => {
    await use(async ({ options = {}, metas = '', comment, serverTiming }) => {
      const mark = `page-load-${(count += 1)}`
      const script = agent({ serverUrl: demo.collector, ...options }) + request(mark)
      const page: Page = comment === undefined ? { head: metas + script } : { head: metas }
      // Ahead of `{service}` being filled in, which happens in the head alone.
      if (comment !== undefined) page.body = comment + script.replaceAll('{service}', mark)
      const visit = await open({
        ...page,
        ...(serverTiming === undefined ? {} : { headers: { 'server-timing': serverTiming } }),
      })
      if (comment !== undefined) {
        Object.assign(visit, {
          service: mark,
          spans: (complete: (spans: Span[]) => boolean) => demo.spansOf(mark, complete),
        })
      }
      return loaded(visit, stage, mark)
    })
  },
})

let count = 0

/** The full build, which the stage does not serve, and its start. */
function agent(options: Options): string {
  const file = readFileSync(path.join(root, 'js-wrapper/dist/headwater.full.min.js'))
  const all = { serviceName: '{service}', flushInterval: 20, ...options }
  return (
    `<script src="data:text/javascript;base64,${file.toString('base64')}"></script>` +
    `<script>initApm(${source(all)})</script>`
  )
}

const request = (mark: string) => `<script>globalThis.requested = fetch('/echo?${mark}&')</script>`

async function loaded(visit: Visit, stage: Stage, mark: string): Promise<Loaded> {
  expect(await visit.page.evaluate(() => headwater.apm.isActive()), visit.console.join()).toBe(true)
  await visit.page.evaluate(() => requested)
  const received = stage.only(`${mark}&`)
  const [, traceId = '', , flags = ''] = values(received, 'traceparent')[0]?.split('-') ?? []
  return Object.assign(visit, {
    traceId,
    flags,
    tracestate: values(received, 'tracestate'),
    baggage: values(received, 'baggage'),
  })
}

/** The spans of a page load that is sampled. */
async function spansOf({ spans, service }: Visit) {
  const all = await spans((some) =>
    ['documentLoad', 'documentFetch', 'GET'].every((name) => some.some((span) => span.name === name)),
  )
  return {
    load: only(all, service, 'documentLoad'),
    document: only(all, service, 'documentFetch'),
    request: only(all, service, 'GET'),
  }
}

const allOf = (skip: number): { rendered: Rendered; traceId: string; parent: string } => {
  const given = <Value>(place: number, value: Value, none: Value) => (place < skip ? none : value)
  const timing = [
    given(4, `trace;desc=${of(TRACE)}`, ''),
    // The other one stands in front: it is not the place that counts.
  ]
  const rendered: Rendered = {
    options: given(0, { pageLoadTraceId: OPTIONS.traceId, pageLoadSpanId: OPTIONS.spanId }, {}),
    metas: given(1, meta('traceparent', of(META)), '') + given(2, datadogMeta(DATADOG_META.decimal), ''),
    comment: given(3, `</body></html>${datadogComment(DATADOG_COMMENT.decimal)}`, '<p></p>'),
    serverTiming: [given(5, `traceparent;desc="${of(TRACEPARENT)}"`, 'cdn;dur=1'), ...timing].join(', '),
  }
  const traces = [OPTIONS, META, DATADOG_META, DATADOG_COMMENT, TRACE, TRACEPARENT]
  const parents = ['', META.spanId, '', '', TRACE.spanId, TRACEPARENT.spanId]
  return { rendered, traceId: traces[skip]?.traceId ?? '', parent: parents[skip] ?? '' }
}

const SOURCES = [
  'options',
  'meta traceparent',
  'Datadog’s metas',
  'Datadog’s comment',
  'Server-Timing trace',
  'Server-Timing traceparent',
]

for (const [place, name] of SOURCES.entries()) {
  test(`${name} wins over all that comes behind`, async ({ load }) => {
    const { rendered, traceId, parent } = allOf(place)
    const page = await load(rendered)
    expect(page.traceId).toBe(traceId)
    const spans = await spansOf(page)
    expect(spans.load.traceId).toBe(traceId)
    expect(spans.load.parentSpanId).toBe(parent)
    expect(spans.document.traceId).toBe(traceId)
    expect(spans.document.parentSpanId).toBe(spans.load.spanId)
    expect(spans.document.spanId === OPTIONS.spanId, 'the options name the document’s span').toBe(place === 0)
    expect(spans.request.parentSpanId).toBe(spans.load.spanId)
    expect(page.console).toEqual([])
  })
}

test('without any of them the page load starts a trace of its own', async ({ load }) => {
  const pages = [await load({}), await load({ serverTiming: 'cdn;desc=HIT' })]
  const ids = pages.map(({ traceId }) => traceId)
  for (const traceId of ids) expect(traceId).toMatch(/^(?!0+$)[0-9a-f]{32}$/)
  expect(ids[0]).not.toBe(ids[1])
  for (const page of pages) {
    expect(page.flags, 'sampled, and random').toBe('03')
    expect((await spansOf(page)).load.parentSpanId).toBe('')
  }
})

test.describe('options', () => {
  const ids = { pageLoadTraceId: OPTIONS.traceId, pageLoadSpanId: OPTIONS.spanId }

  test('pageLoadSampled: false counts, whatever the rate', async ({ load }) => {
    const page = await load({ options: { ...ids, pageLoadSampled: false, transactionSampleRate: 1 } })
    expect([page.traceId, page.flags]).toEqual([OPTIONS.traceId, '00'])
    await nothingOfThePageLoad(page)
  })

  test('pageLoadSampled: true counts, whatever the rate', async ({ load }) => {
    // The collector takes a span once, so no two tests send the same.
    const own = { ...ids, pageLoadSpanId: '2222222222222222' }
    const page = await load({ options: { ...own, pageLoadSampled: true, transactionSampleRate: 0 } })
    expect([page.traceId, page.flags]).toEqual([OPTIONS.traceId, '01'])
    expect((await spansOf(page)).document.spanId).toBe('2222222222222222')
  })

  test('pageLoadSampled counts for the trace of a meta tag, too', async ({ load }) => {
    const metas = meta('traceparent', of(META, '01'))
    const page = await load({ metas, options: { pageLoadSampled: false } })
    expect([page.traceId, page.flags]).toEqual([META.traceId, '00'])
  })

  test('without pageLoadSampled the rate decides, by the id', async ({ load }) => {
    // The last 56 bits are 0x22… of 0xff…: kept from 1 − 0x22/0x100 on, about 0.867.
    for (const [rate, flags] of [
      [0.86, '00'],
      [0.87, '01'],
    ] as const) {
      const page = await load({ options: { ...ids, transactionSampleRate: rate } })
      expect([page.traceId, page.flags], String(rate)).toEqual([OPTIONS.traceId, flags])
    }
  })

  test('pageLoadParentId is the parent of the page load', async ({ load }) => {
    const options = { pageLoadTraceId: OPTIONS.traceId, pageLoadParentId: 'abcdefabcdefabcd' }
    const { load: span, document } = await spansOf(await load({ options }))
    expect([span.traceId, span.parentSpanId]).toEqual([OPTIONS.traceId, 'abcdefabcdefabcd'])
    expect(document.parentSpanId).toBe(span.spanId)
  })

  test('what belongs to the meta tag’s trace does not go along with theirs', async ({ load }) => {
    const metas =
      meta('traceparent', of(META)) + meta('tracestate', 'vendor=1') + meta('baggage', 'tenant=blue')
    const options = { ...ids, propagateTracestate: true, propagators: ['tracecontext', 'baggage'] }
    const page = await load({ metas, options })
    expect(page.traceId).toBe(OPTIONS.traceId)
    expect(page.tracestate).toEqual(['es=s:1'])
    expect(page.baggage).toEqual([])
  })

  test('ids that a template had nothing for are as none', async ({ load }) => {
    for (const none of ['', '0'.repeat(32)]) {
      const options = { pageLoadTraceId: none, pageLoadSpanId: none.slice(16) }
      const page = await load({ options, metas: meta('traceparent', of(META)) })
      expect(page.traceId, none).toBe(META.traceId)
      expect((await spansOf(page)).document.spanId).toMatch(/^(?!0+$)[0-9a-f]{16}$/)
    }
  })
})

test.describe('pageLoadTraceTime', () => {
  const ids = {
    pageLoadTraceId: OPTIONS.traceId,
    pageLoadSpanId: OPTIONS.spanId,
    pageLoadParentId: 'abcdefabcdefabcd',
  }

  test('HTML from a cache bears no ids for the page load', async ({ load }) => {
    const page = await load({
      options: { ...ids, pageLoadTraceTime: tooOld() },
      metas: meta('traceparent', of(META)),
    })
    expect([OPTIONS.traceId, META.traceId]).not.toContain(page.traceId)
    expect(page.flags, 'a new trace').toBe('03')
  })

  test('nor for its document span or its parent, which are in the other trace', async ({ load }) => {
    const page = await load({ options: { ...ids, pageLoadTraceTime: tooOld() } })
    const { load: span, document } = await spansOf(page)
    expect.soft(span.parentSpanId).toBe('')
    expect.soft(document.spanId).not.toBe(OPTIONS.spanId)
  })

  test('the response itself is never old', async ({ load }) => {
    const page = await load({
      options: { ...ids, pageLoadTraceTime: tooOld() },
      metas: meta('traceparent', of(META)),
      serverTiming: `trace;desc=${of(TRACE)}`,
    })
    expect(page.traceId).toBe(TRACE.traceId)
  })

  test('less than two minutes are fresh', async ({ load }) => {
    const options = { ...ids, pageLoadTraceTime: oldButFresh() }
    expect((await load({ options })).traceId).toBe(OPTIONS.traceId)
    const byMeta = { pageLoadTraceTime: oldButFresh() }
    expect((await load({ options: byMeta, metas: meta('traceparent', of(META)) })).traceId).toBe(META.traceId)
  })
})

test.describe('meta tags', () => {
  test('the server’s flags are inherited', async ({ load }) => {
    for (const flags of ['01', '03']) {
      const page = await load({
        metas: meta('traceparent', of(META, flags)),
        options: { transactionSampleRate: 0 },
      })
      expect([page.traceId, page.flags]).toEqual([META.traceId, flags])
      expect((await spansOf(page)).load.parentSpanId).toBe(META.spanId)
    }
    for (const flags of ['00', '02']) {
      const page = await load({ metas: meta('traceparent', of(META, flags)) })
      expect([page.traceId, page.flags]).toEqual([META.traceId, flags])
      await nothingOfThePageLoad(page)
    }
  })

  const others = 'vendor=1,ot=th:4;rv:a0000000000000,es=s:0.25'
  const metas = meta('traceparent', of(META)) + meta('tracestate', others)

  test('tracestate is passed on where it is asked for, in the page load’s requests', async ({
    load,
    stage,
  }) => {
    for (const options of [{ propagateTracestate: true }, { tracestateMembers: ['ot'] }]) {
      const page = await load({ metas, options })
      // The order within a member is free.
      expect(partsOf(page.tracestate).sort(), JSON.stringify(options)).toEqual(partsOf([others]).sort())

      await page.page.evaluate((mark) => fetch(`/echo?${mark}`), `after-${page.service}`)
      const after = stage.only(`after-${page.service}`)
      expect(values(after, 'traceparent')[0]).not.toContain(META.traceId)
      expect(values(after, 'tracestate').join()).not.toContain('vendor')
    }
  })

  test('our members stand in front of the server’s', async ({ load }) => {
    const page = await load({ metas, options: { tracestateMembers: ['dd', 'ot'] } })
    const { request } = await spansOf(page)
    const members = page.tracestate.join().split(',')
    expect(members).toHaveLength(4)
    expect(members).toContain(`dd=s:1;o:rum;p:${request.spanId}`)
    expect(members.slice(2)).toEqual(['vendor=1', 'es=s:0.25'])
    expect(partsOf(page.tracestate)).toEqual(expect.arrayContaining(['ot th:4', 'ot rv:a0000000000000']))
  })

  test('tracestate stays here where it is not asked for', async ({ load }) => {
    const page = await load({ metas })
    expect([page.traceId, page.tracestate.length]).toEqual([META.traceId, 0])
  })

  test('baggage is passed on beside the option’s where propagators has it', async ({ load }) => {
    const metas = meta('traceparent', of(META)) + meta('baggage', 'tenant=blue;p=1,name=a%20b')
    const options = { baggage: { tier: 'gold' } }
    const page = await load({ metas, options: { ...options, propagators: ['tracecontext', 'baggage'] } })
    const members = page.baggage[0]?.split(',').map((member) => member.trim())
    expect(members?.sort()).toEqual(['name=a%20b', 'tenant=blue;p=1', 'tier=gold'])
    expect((await load({ metas, options })).baggage, 'not without the propagator').toEqual([])
  })
})

test.describe('Datadog’s hand-off', () => {
  test('an id of 128 bits has 32 hex digits', async ({ load }) => {
    const page = await load({ metas: datadogMeta('0af7651916cd43dd8448eb211c80319c') })
    expect(page.traceId).toBe('0af7651916cd43dd8448eb211c80319c')
  })

  test('what is two minutes old is ignored, by meta and by comment', async ({ load }) => {
    for (const time of [tooOld(), Date.now() - 120_000]) {
      const byMeta = await load({ metas: datadogMeta(DATADOG_META.decimal, time) })
      expect(byMeta.traceId).not.toBe(DATADOG_META.traceId)
      const comment = `</body></html>${datadogComment(DATADOG_COMMENT.decimal, time)}`
      expect((await load({ comment })).traceId).not.toBe(DATADOG_COMMENT.traceId)
    }
    const fresh = await load({ metas: datadogMeta(DATADOG_META.decimal, oldButFresh()) })
    expect(fresh.traceId).toBe(DATADOG_META.traceId)
  })

  test('old metas leave it to a comment that is not', async ({ load }) => {
    const page = await load({
      metas: datadogMeta(DATADOG_META.decimal, tooOld()),
      comment: `</body></html>${datadogComment(DATADOG_COMMENT.decimal)}`,
    })
    expect(page.traceId).toBe(DATADOG_COMMENT.traceId)
  })

  test('the comment is found at the end of the body, in front of the script that runs there', async ({
    load,
  }) => {
    const page = await load({ comment: `<p>Shop</p>\n${datadogComment(DATADOG_COMMENT.decimal)}\n` })
    expect(page.traceId).toBe(DATADOG_COMMENT.traceId)
  })

  for (const [place, body] of [
    ['at the end of the body', '<p>Shop</p>\n{comment}\n'],
    ['behind the html element', '<p>Shop</p></body></html>\n{comment}'],
  ] as const) {
    test(`the comment is found ${place} by an agent that starts later`, async ({ open, demo }) => {
      const start = `addEventListener('DOMContentLoaded', () => {`
      const head = agent({ serverUrl: demo.collector })
        .replace('<script>initApm(', `<script>${start} initApm(`)
        .replace(/<\/script>$/, '})</script>')
      // Made now: it is good for two minutes.
      const comment = datadogComment(DATADOG_COMMENT.decimal)
      const page = await open({ head, body: body.replace('{comment}', comment) })
      expect((await spansOfLoad(page)).traceId).toBe(DATADOG_COMMENT.traceId)
    })
  }

  test('a comment elsewhere in the body is the page’s own', async ({ load }) => {
    const page = await load({ comment: `<div>${datadogComment(DATADOG_COMMENT.decimal)}</div><p></p>` })
    expect(page.traceId).not.toBe(DATADOG_COMMENT.traceId)
  })
})

test.describe('malformed ones leave it to the next', () => {
  const WRONG = [
    of(META).toUpperCase(),
    of(META).slice(0, -1),
    of({ ...META, traceId: '0'.repeat(32) }),
    of({ ...META, spanId: '0'.repeat(16) }),
    of(META).replace('00-', 'ff-'),
    `${of(META)}-more`,
    'nonsense',
    '',
  ]

  test('meta traceparent', async ({ load }) => {
    for (const content of WRONG) {
      const metas = meta('traceparent', content) + datadogMeta(DATADOG_META.decimal)
      const page = await load({ metas })
      expect(page.traceId, content).toBe(DATADOG_META.traceId)
    }
  })

  test('Datadog’s metas and comment', async ({ load }) => {
    const now = Date.now()
    for (const [id, time] of [
      ['0', now],
      ['-1', now],
      ['18446744073709551616', now],
      ['8448eb211c80319c', now],
      ['', now],
      ['12', ''],
      ['12', 'soon'],
    ] as const) {
      const rendered = {
        metas: datadogMeta(id, time),
        comment: `</body></html>${datadogComment(id, time)}`,
        serverTiming: `trace;desc=${of(TRACE)}`,
      }
      expect((await load(rendered)).traceId, `${id} ${time}`).toBe(TRACE.traceId)
    }
    const metas = meta('dd-trace-id', '12')
    const page = await load({ metas, serverTiming: `trace;desc=${of(TRACE)}` })
    expect(page.traceId, 'without a time').toBe(TRACE.traceId)
  })

  test('Server-Timing', async ({ load }) => {
    for (const description of WRONG.filter(Boolean)) {
      const serverTiming = `trace;desc="${description}", traceparent;desc="${of(TRACEPARENT)}"`
      expect((await load({ serverTiming })).traceId, description).toBe(TRACEPARENT.traceId)
    }
    for (const serverTiming of [
      `trace;desc="${of(TRACE)}", trace;desc="${of(META)}"`,
      `dtTrId;desc="${TRACE.traceId}"`,
    ]) {
      const page = await load({ serverTiming })
      expect([TRACE.traceId, META.traceId], serverTiming).not.toContain(page.traceId)
      expect(page.flags, serverTiming).toBe('03')
    }
  })
})

test('Server-Timing is read in any case of its name, with the server’s decision', async ({ load }) => {
  const page = await load({ serverTiming: `Trace;dur=3;desc=${of(TRACE, '00')}` })
  expect([page.traceId, page.flags]).toEqual([TRACE.traceId, '00'])
  await nothingOfThePageLoad(page)
})

/** What `tracestate` says, without the order within its members. */
function partsOf(tracestate: string[]): string[] {
  return tracestate
    .join()
    .split(',')
    .flatMap((member) => {
      const [key, value = ''] = member.split('=')
      return value.split(';').map((part) => `${key} ${part}`)
    })
}

/** A later span arrives, but none of the page load before it. */
async function nothingOfThePageLoad({ page, spans }: Visit): Promise<void> {
  await page.evaluate(() => fetch('/echo?later').then(() => headwater.apm.flush()))
  const all = await spans((some) => some.some(({ attributes }) => attributes['url.full']))
  expect(all.map(({ attributes }) => String(attributes['url.full']).split('?')[1])).toEqual(['later'])
}

async function spansOfLoad({ spans, service }: Visit): Promise<Span> {
  const all = await spans((some) => some.some(({ name }) => name === 'documentLoad'))
  return only(all, service, 'documentLoad')
}

declare const requested: Promise<Response>
