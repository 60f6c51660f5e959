/** Other tracers' own code that reads and writes trace headers, as their npm packages have it. */
import { createRequire } from 'node:module'

import type { Context as OtelContext, TextMapPropagator } from '@opentelemetry/api'

import type { Headers } from './trace-headers.js'

/** What a tracer has read. */
export interface Extracted {
  traceId: string
  spanId: string
  priority: number | undefined
  origin: string | undefined
  tags: Record<string, string>
  /** Why, and in which style, for each trace that was not joined. */
  links: string[]
  baggage: Record<string, string>
}

/** What a tracer is to write. */
export interface Injected {
  traceId: string
  spanId: string
  priority: -1 | 0 | 1 | 2
  tracestate?: string
  origin?: string
  baggage?: Record<string, string>
}

export interface Datadog {
  name: string
  /** With its default configuration; `styles` are `DD_TRACE_PROPAGATION_STYLE`. */
  extract(headers: Headers, styles?: readonly string[]): Extracted | undefined
  /** What it passes on, after it has read these. */
  passOn(headers: Headers): Headers
  inject(context: Injected, styles?: readonly string[]): Headers
}

/** Its packages: two majors, which are both in use. */
export function loadDatadog(): Datadog[] {
  return ['dd-trace', 'dd-trace-6'].map(loadOne)
}

function loadOne(packageName: string): Datadog {
  // Internals, without types. They run without a tracer and send nothing.
  const load = (file: string): unknown => require(`${packageName}/packages/dd-trace/src/${file}.js`)
  const { version } = require(`${packageName}/package.json`) as { version: string }
  const Propagator = load('opentracing/propagation/text_map') as new (config: object) => {
    extract(carrier: object): SpanContext | null
    inject(context: SpanContext | null, carrier: Headers): Headers | undefined
  }
  const SpanContext = load('opentracing/span_context') as new (members: object) => SpanContext
  const TraceState = load('opentracing/propagation/tracestate') as { fromString(text: string): object }
  const id = load('id') as (text: string, radix: number) => object
  const items = load('baggage') as {
    getAllBaggageItems(): Record<string, string>
    setAllBaggageItems(items: object): void
  }
  const config = (load('config/index') as () => object)()
  const propagator = (styles: readonly string[] | undefined) =>
    new Propagator(
      styles
        ? (Object.create(config, {
            tracePropagationStyle: { value: { extract: styles, inject: styles } },
          }) as object)
        : config,
    )
  return {
    name: `dd-trace ${version}`,
    extract(headers, styles) {
      const context = propagator(styles).extract(lowerCase(headers))
      const baggage = { ...items.getAllBaggageItems() }
      if (!context) return undefined
      const { _sampling, _trace, _links } = context
      return {
        traceId: context.toTraceId(true),
        spanId: context.toSpanId(true),
        priority: _sampling.priority,
        origin: _trace.origin,
        tags: { ..._trace.tags },
        links: _links.map(({ attributes: { reason, context_headers } }) => `${reason}:${context_headers}`),
        baggage,
      }
    },
    passOn(headers) {
      const both = propagator(undefined)
      return both.inject(both.extract(lowerCase(headers)), {}) ?? {}
    },
    inject({ traceId, spanId, priority, tracestate, origin, baggage = {} }, styles) {
      const tid = traceId.slice(0, 16)
      const context = new SpanContext({
        traceId: id(traceId.slice(16), 16),
        spanId: id(spanId, 16),
        sampling: { priority },
        trace: {
          started: [],
          finished: [],
          tags: { '_dd.p.dm': '-1', ...(/[^0]/.test(tid) ? { '_dd.p.tid': tid } : {}) },
          origin,
        },
        ...(tracestate ? { tracestate: TraceState.fromString(tracestate) } : {}),
      })
      items.setAllBaggageItems(baggage)
      return propagator(styles).inject(context, {}) ?? {}
    },
  }
}

interface SpanContext {
  toTraceId(hex: true): string
  toSpanId(hex: true): string
  _sampling: { priority?: number }
  _trace: { origin?: string; tags: Record<string, string> }
  _links: { attributes: { reason: string; context_headers: string } }[]
}

export interface OpenTelemetry {
  name: string
  extract(format: OtelFormat, headers: Headers): OtelExtracted | undefined
  extractBaggage(headers: Headers): Record<string, string>
  /** `flags` are `traceparent`'s. */
  inject(format: OtelFormat, context: Omit<Injected, 'priority'> & { flags: number }): Headers
}

export type OtelFormat = 'tracecontext' | 'b3' | 'b3multi'

export interface OtelExtracted {
  traceId: string
  spanId: string
  flags: number
  tracestate: string
}

export async function loadOpenTelemetry(): Promise<OpenTelemetry> {
  const api = await import('@opentelemetry/api')
  const core = await import('@opentelemetry/core')
  const b3 = await import('@opentelemetry/propagator-b3')
  const { VERSION } = require('@opentelemetry/core/build/src/version.js') as { VERSION: string }
  const { defaultTextMapGetter, defaultTextMapSetter, propagation, ROOT_CONTEXT, trace } = api
  const propagators: Record<OtelFormat, TextMapPropagator> = {
    tracecontext: new core.W3CTraceContextPropagator(),
    b3: new b3.B3Propagator(),
    b3multi: new b3.B3Propagator({ injectEncoding: b3.B3InjectEncoding.MULTI_HEADER }),
  }
  const baggages = new core.W3CBaggagePropagator()
  return {
    name: `OpenTelemetry ${VERSION}`,
    extract(format, headers) {
      const context = propagators[format].extract(ROOT_CONTEXT, lowerCase(headers), defaultTextMapGetter)
      const span = trace.getSpanContext(context)
      if (!span || !trace.isSpanContextValid(span)) return undefined
      return {
        traceId: span.traceId,
        spanId: span.spanId,
        flags: span.traceFlags,
        tracestate: span.traceState?.serialize() ?? '',
      }
    },
    extractBaggage(headers) {
      const context = baggages.extract(ROOT_CONTEXT, lowerCase(headers), defaultTextMapGetter)
      const entries = propagation.getBaggage(context)?.getAllEntries() ?? []
      return Object.fromEntries(entries.map(([name, { value }]) => [name, value]))
    },
    inject(format, { traceId, spanId, flags, tracestate, baggage = {} }) {
      const headers: Headers = {}
      let context: OtelContext = trace.setSpanContext(ROOT_CONTEXT, {
        traceId,
        spanId,
        traceFlags: flags,
        ...(tracestate ? { traceState: api.createTraceState(tracestate) } : {}),
      })
      const entries = Object.entries(baggage).map(([name, value]) => [name, { value }] as const)
      context = propagation.setBaggage(context, propagation.createBaggage(Object.fromEntries(entries)))
      propagators[format].inject(context, headers, defaultTextMapSetter)
      baggages.inject(context, headers, defaultTextMapSetter)
      return headers
    },
  }
}

/** As Node's servers give them out. */
function lowerCase(headers: Headers): Headers {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]))
}

const require = createRequire(import.meta.url)
