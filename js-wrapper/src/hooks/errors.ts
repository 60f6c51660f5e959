/** Reports what has failed on the page. */
import { packAttributes, packParts } from '../attributes.js'
import type { Module } from '../load-wasm.js'
import { isRegExp, listen, matcher, quietly } from './patch.js'

export interface ErrorReporter {
  /**
   * Reports an error, or whatever was thrown in its place.
   *
   * @param place - `url:line:column`, for what has no stack.
   * @param shown - the message that Elastic's agent gives it, from its type and message.
   */
  report: (
    thrown: unknown,
    handled: boolean,
    place?: string,
    labels?: Record<string, unknown>,
    shown?: (summary: string) => string,
  ) => void
  /** A request has failed with this error, which the page may report or not catch. */
  requestFailed: (error: unknown, id: number) => void
}

/** @param ignored - the option `ignoreErrors`. */
export function errorReporter(module: Module, ignored: readonly (string | RegExp)[]): ErrorReporter {
  const requests = new WeakMap<object, number>()
  const patterns = ignored.map((entry) =>
    isRegExp(entry) ? matcher(entry) : (text: string) => text.includes(entry),
  )
  const report: ErrorReporter['report'] = (thrown, handled, place = '', labels = {}, shown) =>
    quietly(() => {
      let request = 0
      let message = ''
      const parts: unknown[] = [location.href]
      let cause = thrown
      for (let depth = 0; depth < CAUSES && (!depth || cause != null); depth++) {
        request ||= requests.get(Object(cause) as object) ?? 0
        const { name, message: own, stack, cause: next } = Object(cause) as Partial<Error>
        // Anything can be thrown.
        const what = own ?? String(cause)
        const type = own === undefined ? '' : (name ?? '')
        const summary = type ? `${type}: ${what}` : what
        if (!depth && patterns.some((matches) => matches(summary))) return
        if (!FULL && !depth) message = shown?.(summary) ?? ''
        parts.push(type, what, stack ?? (!depth && place ? `at ${place}` : ''))
        cause = next
      }
      const text = packParts(parts, MOST) + (FULL ? '' : '\x03' + packParts([message], MOST))
      module.call('captureError', packAttributes(labels) + '\x03' + text, +handled, request)
    })
  return { report, requestFailed: (error, id) => requests.set(Object(error) as object, id) }
}

/** Installs the hook. */
export function hookErrors({ report }: ErrorReporter, undo: (() => void)[]): void {
  const thrown = ({ error, message, filename, lineno, colno }: ErrorEvent) =>
    // Of another origin's script nothing is known but the message.
    report(
      error ?? message,
      false,
      filename && `${filename}:${lineno}:${colno}`,
      {},
      FULL ? undefined : () => message,
    )
  const rejected = ({ reason }: PromiseRejectionEvent) =>
    report(
      reason,
      false,
      '',
      {},
      FULL ? undefined : (summary) => `Unhandled promise rejection: ${toText(reason, summary)}`,
    )
  listen(undo, 'error', thrown)
  listen(undo, 'unhandledrejection', rejected)
}

/** As Elastic's agent writes what a promise was rejected with, of which `summary` is for errors. */
function toText(reason: unknown, summary: string): string {
  if (reason === undefined || reason === null) return '<no reason specified>'
  if (typeof reason === 'function') return '<function>'
  if (typeof reason !== 'object' || typeof (reason as Partial<Error>).message === 'string') return summary
  return (!Array.isArray(reason) && quietly(() => JSON.stringify(reason))) || '<object>'
}

/** Errors with their causes, at most. */
const CAUSES = 5
/** Characters of a stack, or of a message. */
const MOST = 4_000
