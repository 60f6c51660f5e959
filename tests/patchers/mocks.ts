import { http, HttpResponse, passthrough } from 'msw'
import { setupWorker } from 'msw/browser'

const worker = setupWorker(
  http.get('*/mocked', ({ request }) =>
    HttpResponse.json(
      { mocked: new URL(request.url).search, traceparent: request.headers.get('traceparent') },
      { status: 203 },
    ),
  ),
  http.get('*/refused', () => HttpResponse.error()),
  http.all('*/reply', () => passthrough()),
)

export const start = (url: string) =>
  worker.start({ quiet: true, onUnhandledRequest: 'bypass', serviceWorker: { url, options: { scope: '/' } } })
export const stop = () => worker.stop()
