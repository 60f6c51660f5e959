/** OpenTelemetry as its documentation starts it, with protobuf; bundled by `../agents.ts`. */
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto'
import { registerInstrumentations } from '@opentelemetry/instrumentation'
import { FetchInstrumentation } from '@opentelemetry/instrumentation-fetch'
import { BatchSpanProcessor, WebTracerProvider } from '@opentelemetry/sdk-trace-web'

import type { PeerWindow } from '../agents.js'

const { collector } = globalThis as unknown as PeerWindow
new WebTracerProvider({
  spanProcessors: [new BatchSpanProcessor(new OTLPTraceExporter({ url: `${collector}/v1/traces` }))],
}).register()
registerInstrumentations({ instrumentations: [new FetchInstrumentation()] })
