/** OpenTelemetry's instrumentations, set up like ours; bundled by `../agents.ts`. */
import { SpanStatusCode } from '@opentelemetry/api'
import { ExportResultCode } from '@opentelemetry/core'
import { registerInstrumentations } from '@opentelemetry/instrumentation'
import { FetchInstrumentation } from '@opentelemetry/instrumentation-fetch'
import { XMLHttpRequestInstrumentation } from '@opentelemetry/instrumentation-xml-http-request'
import { SimpleSpanProcessor, WebTracerProvider, type ReadableSpan } from '@opentelemetry/sdk-trace-web'

import type { PageAgent } from '../agents.js'
import type { Given } from '../trap.js'

const { api } = (globalThis as unknown as { origins: Given }).origins
const propagateTraceHeaderCorsUrls = [new RegExp(`^${api}/`)]
const finished: ReadableSpan[] = []
const provider = new WebTracerProvider({
  spanProcessors: [
    new SimpleSpanProcessor({
      export(spans, done) {
        finished.push(...spans)
        done({ code: ExportResultCode.SUCCESS })
      },
      shutdown: () => Promise.resolve(),
    }),
  ],
})
provider.register()
const stop = registerInstrumentations({
  instrumentations: [
    new FetchInstrumentation({ propagateTraceHeaderCorsUrls }),
    new XMLHttpRequestInstrumentation({ propagateTraceHeaderCorsUrls }),
  ],
})

const agent: PageAgent = {
  flush: () => provider.forceFlush(),
  stop,
  recorded: (mark) =>
    finished
      .filter(({ attributes }) => String(attributes['url.full'] ?? attributes['http.url']).includes(mark))
      .map(({ name, status, attributes }) => ({
        name,
        method: attributes['http.request.method'],
        original: attributes['http.request.method_original'],
        status: attributes['http.response.status_code'],
        error: attributes['error.type'],
        failed: status.code === SpanStatusCode.ERROR,
      })),
}
Object.assign(globalThis, { agent })
