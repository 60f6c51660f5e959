/** Honeycomb's distribution of OpenTelemetry, as its documentation starts it. */
import { HoneycombWebSDK, WebVitalsInstrumentation } from '@honeycombio/opentelemetry-web'
import { trace } from '@opentelemetry/api'
import { getWebAutoInstrumentations } from '@opentelemetry/auto-instrumentations-web'

import { page } from '../contract.js'
import { span } from './opentelemetry.js'

new HoneycombWebSDK({
  endpoint: page.collector,
  apiKey: 'key',
  serviceName: 'bench',
  skipOptionsValidation: true,
  instrumentations: [getWebAutoInstrumentations(), new WebVitalsInstrumentation()],
}).start()
page.bench = {
  async flush() {
    // That of another copy of the API.
    const provider = trace.getTracerProvider() as { getDelegate?: () => { forceFlush?: () => Promise<void> } }
    await provider.getDelegate?.().forceFlush?.()
  },
  span,
}
