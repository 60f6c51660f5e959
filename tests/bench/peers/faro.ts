/** Grafana Faro with tracing, as its quick start has it. */
import { getWebInstrumentations, initializeFaro } from '@grafana/faro-web-sdk'
import { TracingInstrumentation } from '@grafana/faro-web-tracing'

import { page } from '../contract.js'
import { attributesOf } from './attributes.js'

const faro = initializeFaro({
  url: `${page.collector}/collect`,
  app: { name: 'bench', version: '1.0.0', environment: 'production' },
  instrumentations: [...getWebInstrumentations(), new TracingInstrumentation()],
})
let tracer: ReturnType<NonNullable<ReturnType<typeof faro.api.getOTEL>>['trace']['getTracer']> | undefined
page.bench = {
  span(name, attributes) {
    tracer ??= faro.api.getOTEL()?.trace.getTracer('bench')
    tracer?.startSpan(name).setAttributes(attributesOf(attributes)).end()
  },
}
