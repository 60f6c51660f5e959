/** Pages that have changed what the agent builds on. */
import { agentScript, expect, test } from '../support/test.js'

for (const [what, change] of [
  [
    'a frozen window.fetch',
    "Object.defineProperty(window, 'fetch', { value: fetch, writable: false, configurable: false })",
  ],
  [
    'a missing fetch descriptor',
    "Object.defineProperty(window, 'fetch', { get: () => native, configurable: true })",
  ],
  ['a frozen XMLHttpRequest prototype', 'Object.freeze(XMLHttpRequest.prototype)'],
  ['no XMLHttpRequest at all', 'delete window.XMLHttpRequest'],
  [
    'a page that has patched fetch before',
    'window.fetch = function fetch(...all) { return native.apply(this, all) }',
  ],
] as const) {
  test(`a page with ${what} works as without the agent`, async ({ open, demo }) => {
    const shop = await open({
      head: `<script>const native = fetch; ${change}</script>${agentScript({ serviceName: 'shop', serverUrl: demo.collector })}`,
    })
    const outcome = await shop.page.evaluate(async () => ({
      active: headwater.apm.isActive(),
      fetch: (await fetch('/echo')).status,
      xhr: typeof XMLHttpRequest === 'undefined' ? 200 : await viaXhr('GET', '/echo'),
    }))
    expect(outcome).toEqual({ active: true, fetch: 200, xhr: 200 })
    expect(shop.errors).toEqual([])
    expect(shop.console).toEqual([])
  })
}

test('a RegExp of the page that sends a request itself, or throws, breaks nothing', async ({
  open,
  demo,
}) => {
  const shop = await open({ head: '<script src="/headwater.min.js"></script>' })
  const outcome = await shop.page.evaluate(
    async ([serverUrl, api]) => {
      const sending = /^never$/
      sending.test = () => {
        void fetch('/echo?from-regexp')
        return false
      }
      initApm({ serviceName: 'shop', serverUrl, distributedTracingOrigins: [sending] })
      const first = (await fetch(`${api}/stock?ids=1`)).status
      headwater.apm.stop()
      const throwing = /^never$/
      throwing.test = () => {
        throw new Error('thrown by the page’s RegExp')
      }
      initApm({ serviceName: 'shop', serverUrl, distributedTracingOrigins: [throwing] })
      return [first, (await fetch(`${api}/stock?ids=1`)).status, (await fetch('/echo')).status]
    },
    [demo.collector, demo.api] as const,
  )
  expect(outcome).toEqual([200, 200, 200])
  expect(shop.errors).toEqual([])
})
