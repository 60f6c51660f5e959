/** Bodies that are streamed up, `duplex: 'half'`: trace headers are added without touching the stream. */
import { startHttp2 } from '../support/http2.js'
import { agentScript, expect, test } from '../support/test.js'

// The certificate is of our own making.
test.use({ ignoreHTTPSErrors: true })

for (const how of ['init', 'request'] as const) {
  test(`a streamed upload by ${how} arrives whole, with trace headers`, async ({ page, demo }) => {
    const options = { serviceName: 'upload', serverUrl: demo.collector, propagateTracestate: true }
    const server = await startHttp2(`<!doctype html><title>Upload</title>${agentScript(options)}`)
    test.skip(!server, 'needs openssl, to make a certificate: browsers stream bodies over HTTP/2 only')
    if (!server) return
    await page.goto(server.origin)
    const outcome = await page.evaluate(async (by) => {
      const encoder = new TextEncoder()
      let pulls = 0
      const body = new ReadableStream<Uint8Array>({
        pull(controller) {
          pulls += 1
          if (pulls > 3) controller.close()
          else controller.enqueue(encoder.encode(`part ${pulls}, `))
        },
      })
      // Later than the type definitions.
      const init = { method: 'POST', body, duplex: 'half', headers: { tracestate: 'a=1' } } as RequestInit
      const answer = await (by === 'init' ? fetch('/upload', init) : fetch(new Request('/upload', init)))
      return {
        active: headwater.apm.isActive(),
        answer: (await answer.json()) as Record<string, string>,
        locked: by === 'init' && body.locked,
      }
    }, how)
    server.stop()
    expect(outcome).toEqual({
      active: true,
      answer: {
        method: 'POST',
        body: 'part 1, part 2, part 3, ',
        traceparent: expect.stringMatching(/^00-[0-9a-f]{32}-[0-9a-f]{16}-03$/) as unknown as string,
        tracestate: 'es=s:1,a=1',
      },
      locked: how === 'init',
    })
  })
}
