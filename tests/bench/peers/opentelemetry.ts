/** OpenTelemetry's instrumentations as their documentation starts them, with one exporter or the other. */
import { context, trace } from '@opentelemetry/api'
import { registerInstrumentations } from '@opentelemetry/instrumentation'
import { DocumentLoadInstrumentation } from '@opentelemetry/instrumentation-document-load'
import { FetchInstrumentation } from '@opentelemetry/instrumentation-fetch'
import { UserInteractionInstrumentation } from '@opentelemetry/instrumentation-user-interaction'
import { XMLHttpRequestInstrumentation } from '@opentelemetry/instrumentation-xml-http-request'
import { BatchSpanProcessor, WebTracerProvider, type SpanExporter } from '@opentelemetry/sdk-trace-web'

import { page, type Bench } from '../contract.js'
import { attributesOf } from './attributes.js'

export function start(exporter: SpanExporter): void {
  const provider = new WebTracerProvider({ spanProcessors: [new BatchSpanProcessor(exporter)] })
  provider.register()
  registerInstrumentations({
    instrumentations: [
      new DocumentLoadInstrumentation(),
      new FetchInstrumentation(),
      new XMLHttpRequestInstrumentation(),
      new UserInteractionInstrumentation(),
    ],
  })
  page.bench = { flush: () => provider.forceFlush(), span }
}

/** For all that hand out OpenTelemetry's API. */
export const span: NonNullable<Bench['span']> = (name, attributes) => {
  tracer ??= trace.getTracer('bench')
  tracer.startSpan(name, {}, context.active()).setAttributes(attributesOf(attributes)).end()
}

let tracer: ReturnType<typeof trace.getTracer> | undefined
