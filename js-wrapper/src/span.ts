/** Spans that the page's own code starts and ends. */
import { packAttributes } from './attributes.js'
import { quietly } from './hooks/patch.js'
import type { Module } from './load-wasm.js'
import type { Span, SpanOptions } from './types.js'

/** Starts spans of one agent. */
export interface Spans {
  /** @param above - the span's parent; without one it is the span that the code runs in, or the page load. */
  start(name: unknown, options: SpanOptions | string | undefined, isRoot: boolean, above?: number): Span
  run<Result>(span: Span, work: () => Result): Result
}

/** @param report - records an exception. */
export function createSpans(module: Module, report: (error: unknown) => void): Spans {
  const numbers = new WeakMap<Span, number>()
  let last = 0

  const start: Spans['start'] = (name, options, isRoot, above = 0) => {
    const number = (last = (last + 1) >>> 0)
    const { type, startTime, attributes } = typeof options === 'object' ? options : { type: options }
    const given: Record<string, unknown> = { ...attributes, ...(type && { 'headwater.type': type }) }
    let title = String(name)
    const context =
      module.ask('startSpan', title, number, startTime ?? performance.now(), above, +isRoot) ?? ''
    // Nothing is recorded, and every call is good all the same.
    let open = context !== ''
    let failed = false
    const [, traceId = '', spanId = ''] = context.split('-')
    const span: Span = {
      traceId,
      spanId,
      traceparent: context,
      isRecording: () => open,
      setAttribute: (key, value) => span.setAttributes({ [key]: value }),
      setAttributes(more) {
        quietly(() => Object.assign(given, more))
        return span
      },
      addLabels: (labels) => span.setAttributes(labels),
      setStatus({ code }) {
        failed = code === 2
        return span
      },
      updateName(text) {
        title = String(text)
        return span
      },
      recordException(error) {
        failed = true
        run(span, () => report(error))
        return span
      },
      startSpan: (name, options) => start(name, options, false, number),
      end(time) {
        if (!open) return
        open = false
        quietly(() =>
          module.call(
            'endSpan',
            title.replace(/[\x01-\x03]/g, ' ') + '\x03' + packAttributes(given),
            number,
            time ?? performance.now(),
            +failed,
          ),
        )
      },
    }
    numbers.set(span, number)
    return span
  }

  const run: Spans['run'] = (span, work) => {
    const before = module.call('enterSpan', '', numbers.get(span) ?? 0)
    try {
      return work()
    } finally {
      module.call('enterSpan', '', before ?? 0)
    }
  }
  return { start, run }
}
