/** What a request's span says: OpenTelemetry's conventions for HTTP clients. */
import { browser as name, SYNC_FAILURE } from '../support/browsers.js'
import { ERROR, Kind, type Span } from '../support/spans.js'
import { expect, test, type Visit } from '../support/test.js'

/** The span of the request with this in its URL; fails if there is more than one. */
async function spanOf({ spans }: Visit, url: string): Promise<Span> {
  const isIt = ({ kind, attributes }: Span) =>
    kind === Kind.Client && String(attributes['url.full']).includes(url)
  const [found, ...more] = (await spans((all) => all.some(isIt))).filter(isIt)
  if (!found || more.length) throw new Error(`${1 + more.length} spans for ${url}`)
  return found
}

test('a fetch that is answered has its method, address and status', async ({ visit, stage }) => {
  const shop = await visit()
  await shop.page.evaluate(() => fetch('/echo?x=1#part'))
  const span = await spanOf(shop, '/echo')
  expect(span.name).toBe('GET')
  expect(span.kind).toBe(Kind.Client)
  expect(span.status).toEqual({})
  expect(span.attributes).toEqual({
    'http.request.method': 'GET',
    'url.full': `${stage.origin}/echo?x=1#part`,
    'server.address': '127.0.0.1',
    'server.port': Number(new URL(stage.origin).port),
    'http.response.status_code': 200,
  })
  expect(span.scope.name).toBe('headwater')
  expect(span.end).toBeGreaterThan(span.start)
  expect(Math.abs(Number(span.start / 1_000_000n) - Date.now())).toBeLessThan(20_000)
})

test('addresses are those that the browser makes of them, whatever the base', async ({ visit }) => {
  const shop = await visit()
  const expected = await shop.page.evaluate(async () => {
    const base = document.head.appendChild(document.createElement('base'))
    const hrefs: string[] = []
    for (const href of ['', '/deep/er/', 'http://localhost:9/', 'http://127.0.0.1:9', 'data:text/html,']) {
      if (href) base.href = href
      for (const input of [
        '/bases',
        '/bases/a.b-c/42.json?x=1.2&y=_&z',
        '/bases/../bases?up',
        '/bases/./x',
        '/bases/.hidden',
        '/bases/dot.',
        '/bases//twice',
        '/bases/',
        '/bases?a b',
        '/bases/é',
        '/bases/%7e?%41',
        '/bases/a:b@c',
        '/bases\\back',
        ' /bases/space',
        '/bases/new\nline',
        '/bases#part',
        'bases?relative',
        '?bases',
      ]) {
        if (URL.canParse(input, document.baseURI)) hrefs.push(new URL(input, document.baseURI).href)
        await fetch(input, { mode: 'no-cors' }).catch(() => undefined)
      }
    }
    base.remove()
    return hrefs
  })
  const recorded = (await shop.spans((all) => all.filter(isOfBases).length >= expected.length)).filter(
    isOfBases,
  )
  expect(recorded.map(({ attributes }) => attributes['url.full']).sort()).toEqual(expected.sort())
})

const isOfBases = ({ kind, attributes }: Span) =>
  kind === Kind.Client && String(attributes['url.full']).includes('bases')

test('during the page load a request is its child, and afterwards a root', async ({ visit }) => {
  const shop = await visit({}, { body: '<script>fetch("/echo?early")</script>' })
  await shop.page.evaluate(() => fetch('/echo?late'))
  const early = await spanOf(shop, '?early')
  const late = await spanOf(shop, '?late')
  const load = (await shop.spans(() => true)).find(({ name }) => name === 'documentLoad')
  expect(early.parentSpanId).toBe(load?.spanId)
  expect(early.traceId).toBe(load?.traceId)
  expect(late.parentSpanId).toBe('')
  expect(late.traceId).not.toBe(load?.traceId)
})

test('client and server errors are errors, by fetch and by XHR', async ({ visit }) => {
  const shop = await visit()
  await shop.page.evaluate(async () => {
    for (const status of [404, 500]) {
      await fetch(`/status/${status}?by=fetch`)
      await viaXhr('POST', `/status/${status}?by=xhr`)
    }
  })
  for (const status of [404, 500]) {
    for (const [by, method] of [
      ['fetch', 'GET'],
      ['xhr', 'POST'],
    ] as const) {
      const span = await spanOf(shop, `/status/${status}?by=${by}`)
      expect(span.name).toBe(method)
      expect(span.status.code).toBe(ERROR)
      expect(span.status.message ?? '').toBe('')
      expect(span.attributes['http.response.status_code']).toBe(status)
      expect(span.attributes['error.type']).toBe(String(status))
    }
  }
})

test('answers without a body and redirects are no errors', async ({ visit }) => {
  const shop = await visit()
  await shop.page.evaluate(async () => {
    await fetch('/status/204?empty')
    await viaXhr('GET', '/status/204?bare')
    await fetch('/redirect?to=/echo')
    await fetch('/redirect?manual', { redirect: 'manual' })
  })
  for (const [url, status] of [
    ['/status/204?empty', 204],
    ['/status/204?bare', 204],
    ['/redirect?to', 200],
    ['/redirect?manual', undefined],
  ] as const) {
    const span = await spanOf(shop, url)
    expect(span.status, url).toEqual({})
    expect(span.attributes['http.response.status_code'], url).toBe(status)
  }
})

test('a network error is an error without a status', async ({ visit }) => {
  const shop = await visit()
  const outcomes = await shop.page.evaluate(async () => [
    await fetch('/broken?by=fetch').catch((error: unknown) => (error as Error).name),
    await viaXhr('GET', '/broken?by=xhr'),
  ])
  expect(outcomes).toEqual(['TypeError', 0])
  for (const [by, type] of [
    ['fetch', 'TypeError'],
    ['xhr', 'error'],
  ] as const) {
    const span = await spanOf(shop, `/broken?by=${by}`)
    expect(span.status.code).toBe(ERROR)
    expect(span.attributes['error.type']).toBe(type)
    expect(span.attributes['http.response.status_code']).toBeUndefined()
  }
})

test('what the page itself calls off is no error', async ({ visit }) => {
  const shop = await visit()
  const outcomes = await shop.page.evaluate(async () => {
    const controller = new AbortController()
    const own = new AbortController()
    const request = new AbortController()
    const xhr = new XMLHttpRequest()
    xhr.open('GET', '/never?by=xhr')
    const aborted = new Promise((resolve) => {
      xhr.onabort = () => resolve('abort')
    })
    xhr.send()
    const pending = [
      fetch('/never?by=fetch', { signal: controller.signal }),
      fetch('/never?by=reason', { signal: own.signal }),
      fetch(new Request('/never?by=request', { signal: request.signal })),
    ]
    controller.abort()
    own.abort('the page’s own reason')
    request.abort()
    xhr.abort()
    const names = pending.map((one) => one.catch((error: unknown) => (error as Error).name ?? error))
    return [...(await Promise.all(names)), await aborted]
  })
  expect(outcomes).toEqual(['AbortError', 'the page’s own reason', 'AbortError', 'abort'])
  for (const by of ['fetch', 'reason', 'request', 'xhr']) {
    const span = await spanOf(shop, `/never?by=${by}`)
    expect(span.status, by).toEqual({})
    expect(span.attributes['error.type'], by).toBeUndefined()
    expect(span.attributes['http.response.status_code'], by).toBeUndefined()
  }
})

test('a timeout is an error', async ({ visit }) => {
  const shop = await visit()
  const outcomes = await shop.page.evaluate(async () => {
    const xhr = new XMLHttpRequest()
    xhr.open('GET', '/never?timeout=xhr')
    xhr.timeout = 50
    const timedOut = new Promise((resolve) => {
      xhr.ontimeout = () => resolve('timeout')
    })
    xhr.send()
    const fetched = fetch('/never?timeout=fetch', { signal: AbortSignal.timeout(50) })
    return [await fetched.catch((error: unknown) => (error as Error).name), await timedOut]
  })
  expect(outcomes).toEqual(['TimeoutError', 'timeout'])
  for (const [by, type] of [
    ['fetch', 'TimeoutError'],
    ['xhr', 'timeout'],
  ] as const) {
    const span = await spanOf(shop, `/never?timeout=${by}`)
    expect(span.status.code, by).toBe(ERROR)
    expect(span.attributes['error.type'], by).toBe(type)
  }
})

test('a synchronous XHR is a request like any other', async ({ visit }) => {
  const shop = await visit()
  const outcome = await shop.page.evaluate(() => {
    const send = (url: string) => {
      const xhr = new XMLHttpRequest()
      xhr.open('GET', url, false)
      xhr.send()
      return xhr.status
    }
    const status = [send('/status/201?sync'), send('/status/503?sync')]
    try {
      send('/broken?sync')
    } catch (error) {
      return [...status, (error as Error).name]
    }
    return status
  })
  expect(outcome).toEqual([201, 503, 'NetworkError'])
  expect((await spanOf(shop, '/status/201?sync')).attributes['http.response.status_code']).toBe(201)
  expect((await spanOf(shop, '/status/503?sync')).attributes['error.type']).toBe('503')
  expect((await spanOf(shop, '/broken?sync')).attributes['error.type']).toBe(SYNC_FAILURE)
})

test('an opaque answer has no status and is no error', async ({ visit, demo }) => {
  const shop = await visit()
  await shop.page.evaluate((other) => fetch(`${other}/nothing?opaque`, { mode: 'no-cors' }), demo.other)
  const span = await spanOf(shop, '?opaque')
  expect(span.status).toEqual({})
  expect(span.attributes['http.response.status_code']).toBeUndefined()
  expect(span.attributes['server.port']).toBe(Number(new URL(demo.other).port))
})

test('methods are named as the browser sends them, and unknown ones are other', async ({ visit, stage }) => {
  const shop = await visit()
  await shop.page.evaluate(async () => {
    for (const method of ['get', 'Post', 'delete', 'PATCH', 'patch', 'PURGE']) {
      await fetch(`/echo?fetch=${method}`, { method })
      await viaXhr(method, `/echo?xhr=${method}`)
    }
    await fetch(new Request('/echo?fetch=request', { method: 'put' }))
  })
  expect((await spanOf(shop, '/echo?fetch=request')).name).toBe('PUT')
  for (const by of ['fetch', 'xhr']) {
    for (const [method, sent, name] of [
      ['get', 'GET', 'GET'],
      ['Post', 'POST', 'POST'],
      ['delete', 'DELETE', 'DELETE'],
      ['PATCH', 'PATCH', 'PATCH'],
      ['PURGE', 'PURGE', 'HTTP'],
    ] as const) {
      expect(stage.only(`/echo?${by}=${method}`).method).toBe(sent)
      const { name: own, attributes } = await spanOf(shop, `/echo?${by}=${method}`)
      expect(own).toBe(name)
      expect(attributes['http.request.method']).toBe(name === 'HTTP' ? '_OTHER' : sent)
      expect(attributes['http.request.method_original']).toBe(name === 'HTTP' ? sent : undefined)
    }
    // Node's server refuses it; the span says what was sent all the same.
    const lower = await spanOf(shop, `/echo?${by}=patch`)
    expect(lower.name).toBe('HTTP')
    expect(lower.attributes['http.request.method']).toBe('_OTHER')
    expect(lower.attributes['http.request.method_original']).toBe('patch')
  }
})

test('passwords and tokens in URLs stay in the browser', async ({ visit, stage }) => {
  const shop = await visit()
  const host = new URL(stage.origin).host
  await shop.page.evaluate(async (own) => {
    await fetch('/echo?secret=fetch&token=HUSH&X-Amz-Signature=HUSH&page=2#access_token=HUSH')
    await viaXhr('GET', '/echo?case=xhr&sig=HUSH')
    const xhr = new XMLHttpRequest()
    xhr.open('GET', `http://ann:HUSH@${own}/echo?case=userinfo`)
    await new Promise((resolve) => {
      xhr.onloadend = resolve
      xhr.send()
    })
  }, host)
  expect((await spanOf(shop, '/echo?secret')).attributes['url.full']).toBe(
    `${stage.origin}/echo?secret=REDACTED&token=REDACTED&X-Amz-Signature=REDACTED&page=2#access_token=REDACTED`,
  )
  expect((await spanOf(shop, 'case=xhr')).attributes['url.full']).toBe(
    `${stage.origin}/echo?case=xhr&sig=REDACTED`,
  )
  expect((await spanOf(shop, 'case=userinfo')).attributes['url.full']).toBe(
    `http://REDACTED:REDACTED@${host}/echo?case=userinfo`,
  )
  expect(stage.only('secret=fetch').url, 'the request itself is as it was').toContain('token=HUSH')
})

test('axios requests are spans, whichever adapter it uses', async ({ visit }) => {
  const shop = await visit({}, { head: '<script src="/axios.min.js"></script>' })
  const statuses = await shop.page.evaluate(async () => {
    const status = (url: string, adapter: 'xhr' | 'fetch') =>
      axios.put(url, { a: 1 }, { adapter, validateStatus: null }).then((response) => response.status)
    return [await status('/echo?axios=xhr', 'xhr'), await status('/status/418?axios=fetch', 'fetch')]
  })
  expect(statuses).toEqual([200, 418])
  expect((await spanOf(shop, 'axios=xhr')).name).toBe('PUT')
  expect((await spanOf(shop, 'axios=fetch')).attributes['error.type']).toBe('418')
})

test('every failure of the shop’s trouble page is one span that says what happened', async ({
  page,
  demo,
}) => {
  await page.goto(`${demo.shop}/trouble`)
  for (const [name, status, error] of [
    ['error-500', 500, '500'],
    ['error-500-axios', 500, '500'],
    ['error-404', 404, '404'],
    ['broken-json', 200, undefined],
    ['abort-fetch', undefined, undefined],
    ['abort-xhr', undefined, undefined],
    ['timeout-xhr', undefined, 'timeout'],
    ['stream', 200, undefined],
    ['network-error', undefined, 'TypeError'],
  ] as const) {
    const started = page.waitForRequest(
      (request) => request.headers()['traceparent'] !== undefined || name === 'network-error',
    )
    await page.locator(`[data-trouble="${name}"]`).click()
    const request = await started
    await expect(page.locator(`[data-outcome="${name}"]`)).toHaveClass(/good|bad/)
    const own = ({ service, kind, attributes }: Span) =>
      service === 'shop-web' && kind === Kind.Client && attributes['url.full'] === request.url()
    const traceId = request.headers()['traceparent']?.split('-')[1]
    const spans = traceId
      ? await demo.trace(traceId, (all) => all.some(own))
      : await demo.spansOf('shop-web', (all) => all.some(own))
    const [span, ...more] = spans.filter(own)
    expect(more, name).toEqual([])
    expect(span?.attributes['http.response.status_code'], name).toBe(status)
    expect(span?.attributes['error.type'], name).toBe(error)
    expect(span?.status.code, name).toBe(error ? ERROR : undefined)
  }
})

test('the resource says who the page is and which browser it runs in', async ({ visit }) => {
  const shop = await visit({
    serviceVersion: '1.2.3',
    environment: 'test',
    resourceAttributes: { team: 'river', 'team.size': 4, rate: 0.5, on: true, 'browser.language': 'own' },
  })
  const [span] = await shop.spans((all) => all.length > 0)
  const browser = await shop.page.evaluate(() => ({
    agent: navigator.userAgent,
    // Only in secure contexts, which 127.0.0.1 is one of.
    client: (navigator as { userAgentData?: { platform: string; mobile: boolean } }).userAgentData,
  }))
  expect(span?.resource).toMatchObject({
    'service.name': shop.service,
    'service.version': '1.2.3',
    'deployment.environment.name': 'test',
    'telemetry.sdk.name': 'headwater',
    'telemetry.sdk.language': 'webjs',
    'user_agent.original': browser.agent,
    'browser.language': 'own',
    team: 'river',
    'team.size': 4,
    rate: 0.5,
    on: true,
  })
  expect(!!browser.client, 'only one kind of browser names its brands').toBe(name === 'chromium')
  expect(span?.resource['browser.platform']).toBe(browser.client?.platform)
  expect(span?.resource['browser.mobile']).toBe(browser.client?.mobile)
  expect(span?.resource['browser.brands']).toEqual(
    browser.client && expect.arrayContaining([expect.stringMatching(/^\S.* \d+$/)]),
  )
})
