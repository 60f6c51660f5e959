import { registerInstrumentations } from '@opentelemetry/instrumentation'
import { FetchInstrumentation } from '@opentelemetry/instrumentation-fetch'
import { XMLHttpRequestInstrumentation } from '@opentelemetry/instrumentation-xml-http-request'
import { WebTracerProvider } from '@opentelemetry/sdk-trace-web'

import type { Patcher } from './patcher.js'

let disable: (() => void) | undefined

export const patcher: Patcher = {
  start({ origins }) {
    new WebTracerProvider().register()
    const propagateTraceHeaderCorsUrls = origins.map((origin) => new RegExp(origin.replaceAll('.', '\\.')))
    disable = registerInstrumentations({
      instrumentations: [
        new FetchInstrumentation({ propagateTraceHeaderCorsUrls }),
        new XMLHttpRequestInstrumentation({ propagateTraceHeaderCorsUrls }),
      ],
    })
  },
  stop: () => disable?.(),
}
