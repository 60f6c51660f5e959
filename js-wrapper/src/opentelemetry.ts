/**
 * `headwater/opentelemetry`: what is instrumented with OpenTelemetry's API records the agent's spans.
 *
 * ```js
 * import { init } from 'headwater/full'
 * import { registerTracerProvider } from 'headwater/opentelemetry'
 *
 * registerTracerProvider(init({ serviceName: 'shop' }))
 * ```
 *
 * @packageDocumentation
 */
import * as api from '@opentelemetry/api'

import { quietly } from './hooks/patch.js'
import type { Agent, Attributes, Span } from './types.js'

/**
 * Registers a {@link TracerProvider}, a {@link ContextManager} and a {@link TraceContextPropagator} of the agent as
 * OpenTelemetry's global ones, unless there are others already, of which the API tells on the console.
 *
 * @param agent - of `headwater/full` or `headwater/elastic`, whether it runs or not.
 * @returns a function that takes them away.
 */
export function registerTracerProvider(agent: Agent): () => void {
  const undo: (() => void)[] = []
  if (api.trace.setGlobalTracerProvider(new TracerProvider(agent))) undo.push(() => api.trace.disable())
  if (api.context.setGlobalContextManager(new ContextManager(agent))) undo.push(() => api.context.disable())
  if (api.propagation.setGlobalPropagator(new TraceContextPropagator()))
    undo.push(() => api.propagation.disable())
  return () => {
    for (const step of undo.splice(0)) step()
  }
}

/** Gives tracers whose spans are the agent's. */
export class TracerProvider implements api.TracerProvider {
  readonly #agent: Agent

  /** @param agent - of `headwater/full` or `headwater/elastic`. */
  constructor(agent: Agent) {
    this.#agent = agent
  }

  /** The scope's name and version are attributes of its spans, `otel.scope.name` and `otel.scope.version`. */
  getTracer(name: string, version?: string): api.Tracer {
    return new Tracer(this.#agent, { 'otel.scope.name': name, 'otel.scope.version': version || undefined })
  }
}

class Tracer implements api.Tracer {
  readonly #agent: Agent
  readonly #scope: Attributes

  constructor(agent: Agent, scope: Attributes) {
    this.#agent = agent
    this.#scope = scope
  }

  startSpan(name: string, options: api.SpanOptions = {}, context = api.context.active()): api.Span {
    const { kind, attributes, links, startTime, root } = options
    const above = root ? undefined : api.trace.getSpan(context)
    const known = above && validContext(above)
    const given = { kind, parent: traceparentOf(above), startTime: toPageTime(startTime) }
    // Of the API's functions, only these know of the context that is asked for.
    const own = context.getValue(SUPPRESSED)
      ? undefined
      : known
        ? this.#agent.startSpan?.(name, given)
        : this.#agent.startTransaction?.(name, { ...given, parent: undefined })
    if (!own?.traceId) return api.trace.wrapSpanContext(known ?? api.INVALID_SPAN_CONTEXT)
    const span = new RecordedSpan(this.#agent, own)
    spans.set(own, span)
    return span.setAttributes(this.#scope).setAttributes(attributes).addLinks(links)
  }

  startActiveSpan<Work extends (span: api.Span) => unknown>(
    name: string,
    ...rest: [Work] | [api.SpanOptions, Work] | [api.SpanOptions, api.Context, Work]
  ): ReturnType<Work> {
    const work = rest.at(-1) as Work
    const [options, context = api.context.active()] = rest.slice(0, -1) as [api.SpanOptions?, api.Context?]
    const span = this.startSpan(name, options, context)
    const run = () => work(span) as ReturnType<Work>
    return api.context.with(api.trace.setSpan(context, span), run)
  }
}

/** A span of the agent's as the API has it. */
class RecordedSpan implements api.Span {
  readonly #agent: Agent
  /** The agent's own. */
  readonly own: Span
  #isOk = false

  constructor(agent: Agent, own: Span) {
    this.#agent = agent
    this.own = own
  }

  spanContext(): api.SpanContext {
    return this.own.spanContext()
  }
  isRecording() {
    return this.own.isRecording()
  }
  setAttribute(key: string, value: unknown) {
    return this.setAttributes({ [key]: value })
  }
  setAttributes(attributes: object = {}) {
    quietly(() => this.own.setAttributes(known(attributes)))
    return this
  }
  addEvent(name: string, attributes?: api.Attributes | api.TimeInput, time?: api.TimeInput) {
    quietly(() => {
      if (isTime(attributes)) this.own.addEvent(name, undefined, toPageTime(attributes))
      else this.own.addEvent(name, known(attributes), toPageTime(time))
    })
    return this
  }
  addLink({ context, attributes }: api.Link) {
    this.own.addLink({ context, attributes: known(attributes) })
    return this
  }
  addLinks(links: readonly api.Link[] = []) {
    for (const link of links) quietly(() => this.addLink(link))
    return this
  }
  setStatus({ code, message }: api.SpanStatus) {
    // Once it is well, it stays so: https://opentelemetry.io/docs/specs/otel/trace/api/#set-status
    if (this.#isOk || !code) return this
    this.#isOk = code === api.SpanStatusCode.OK
    this.own.setStatus({ code })
    const text = this.#isOk ? undefined : message
    return this.setAttributes({ 'otel.status_description': text })
  }
  updateName(name: string) {
    this.own.updateName(name)
    return this
  }
  recordException(exception: api.Exception) {
    if (!this.isRecording()) return
    const { name, message, code } = Object(exception) as {
      name?: string
      message?: string
      code?: string | number
    }
    // One that has a code only.
    const error = message === undefined && code !== undefined ? { name, message: String(code) } : exception
    // The status is left to who has called this.
    this.#agent.withSpan?.(this.own, () => this.#agent.captureError(error))
  }
  end(time?: api.TimeInput) {
    this.own.end(toPageTime(time))
  }
}

/**
 * What is active until a function returns: it is not known behind an `await`, unless the rest is bound or called with it
 * again. What the agent itself does in between counts, too: the page load, clicks, `withSpan()`.
 */
export class ContextManager implements api.ContextManager {
  readonly #agent: Agent
  /** The context that was entered last, and what the agent had to say of the active span right then. */
  #top: { context: api.Context; span: Span | undefined } | undefined

  /** @param agent - of `headwater/full` or `headwater/elastic`. */
  constructor(agent: Agent) {
    this.#agent = agent
  }

  active(): api.Context {
    const own = this.#agent.getActiveSpan?.()
    const { context = api.ROOT_CONTEXT, span } = this.#top ?? {}
    // Since then somebody has entered another one.
    return own && own !== span && !span?.ended
      ? api.trace.setSpan(context, adapted(this.#agent, own))
      : context
  }

  with<Parameters extends unknown[], Work extends (...parameters: Parameters) => ReturnType<Work>>(
    context: api.Context,
    work: Work,
    self?: ThisParameterType<Work>,
    ...parameters: Parameters
  ): ReturnType<Work> {
    const before = this.#top
    const run = () => {
      this.#top = { context, span: this.#agent.getActiveSpan?.() }
      return work.call(self, ...parameters)
    }
    const span = api.trace.getSpan(context)
    try {
      return this.#agent.withSpan
        ? this.#agent.withSpan(span instanceof RecordedSpan ? span.own : NONE, run)
        : run()
    } finally {
      this.#top = before
    }
  }

  bind<Target>(context: api.Context, target: Target): Target {
    if (typeof target !== 'function') return target
    return new Proxy(target, {
      apply: (work, self, parameters: unknown[]) =>
        this.with(context, work as unknown as (...parameters: unknown[]) => unknown, self, ...parameters),
    })
  }

  enable() {
    return this
  }

  disable() {
    this.#top = undefined
    return this
  }
}

/** W3C's `traceparent` and `tracestate`: those of the agent's spans, as its requests have them. */
export class TraceContextPropagator implements api.TextMapPropagator {
  inject(context: api.Context, carrier: unknown, setter: api.TextMapSetter) {
    const span = api.trace.getSpan(context)
    const traceparent = traceparentOf(span)
    if (!traceparent || context.getValue(SUPPRESSED)) return
    setter.set(carrier, 'traceparent', traceparent)
    const tracestate = span?.spanContext().traceState?.serialize()
    if (tracestate) setter.set(carrier, 'tracestate', tracestate)
  }

  extract(context: api.Context, carrier: unknown, getter: api.TextMapGetter): api.Context {
    const [traceparent, tracestate] = this.fields().map((name) => [getter.get(carrier, name)].flat()[0])
    const [, version, traceId = '', spanId = '', flags = '', rest] =
      /^\s*([\da-f]{2})-([\da-f]{32})-([\da-f]{16})-([\da-f]{2})(-.*)?\s*$/.exec(traceparent ?? '') ?? []
    // Later versions may have more.
    if (!version || version === 'ff' || (version === '00' && rest)) return context
    const found: api.SpanContext = { traceId, spanId, traceFlags: parseInt(flags, 16) & 3, isRemote: true }
    if (!api.isSpanContextValid(found)) return context
    if (tracestate) found.traceState = api.createTraceState(tracestate)
    return api.trace.setSpanContext(context, found)
  }

  fields() {
    return ['traceparent', 'tracestate']
  }
}

function validContext(span: api.Span): api.SpanContext | undefined {
  const context = span.spanContext()
  return api.isSpanContextValid(context) ? context : undefined
}

/** As its header has it; nothing if there is no valid one. */
function traceparentOf(span: api.Span | undefined): string | undefined {
  if (span instanceof RecordedSpan) return span.own.traceparent || undefined
  const context = span && validContext(span)
  if (!context) return undefined
  const { traceId, spanId, traceFlags } = context
  return `00-${traceId}-${spanId}-${(traceFlags & 3).toString(16).padStart(2, '0')}`
}

/** The same one each time, as who compares them expects. */
function adapted(agent: Agent, own: Span): RecordedSpan {
  const span = spans.get(own) ?? new RecordedSpan(agent, own)
  spans.set(own, span)
  return span
}

const spans = new WeakMap<Span, RecordedSpan>()

/** Without what has no value. */
const known = (attributes: object = {}): Attributes =>
  Object.fromEntries(Object.entries(attributes as Attributes).filter(([, value]) => value != null))

const isTime = (value: unknown): value is api.TimeInput =>
  typeof value === 'number' || Array.isArray(value) || value instanceof Date

/**
 * In milliseconds of `performance.now()`, from any of the API's forms: seconds and nanoseconds, a `Date`, and milliseconds
 * since 1970 or of `performance.now()`.
 */
function toPageTime(time: api.TimeInput | undefined): number | undefined {
  if (!isTime(time)) return undefined
  const milliseconds = Array.isArray(time) ? time[0] * 1e3 + time[1] / 1e6 : +time
  if (milliseconds < PAGE_TIME) return milliseconds
  // It stands still while the machine sleeps: https://github.com/w3c/hr-time/issues/115
  const origin = Date.now() - performance.now()
  const { timeOrigin } = performance
  return milliseconds - (Math.abs(origin - timeOrigin) > TOLERANCE ? origin : timeOrigin)
}

/** Whatever is less is not since 1970, but since a page was opened: three years. */
const PAGE_TIME = 1e11
/** As that of `crate/src/trace/clock.rs`, in milliseconds. */
const TOLERANCE = 50
/** Stands for no span. */
const NONE = {} as Span
/** `suppressTracing` of `@opentelemetry/core` sets it: exporters and their like are not to be traced. */
const SUPPRESSED = api.createContextKey('OpenTelemetry SDK Context Key SUPPRESS_TRACING')
