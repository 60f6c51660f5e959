/** OpenTelemetry's API, the adapter to it, and libraries that are instrumented with it. */
export * as api from '@opentelemetry/api'
export { suppressTracing } from '@opentelemetry/core'
export { registerInstrumentations } from '@opentelemetry/instrumentation'
export { DocumentLoadInstrumentation } from '@opentelemetry/instrumentation-document-load'
export { LongTaskInstrumentation } from '@opentelemetry/instrumentation-long-task'
export { UserInteractionInstrumentation } from '@opentelemetry/instrumentation-user-interaction'
export { ContextManager, registerTracerProvider, TracerProvider } from 'headwater/opentelemetry'
