/** The transaction that is open, as the page's code gets it. */
import type { Module } from './load-wasm.js'
import type { Transaction } from './types.js'

/** @returns nothing if none is open. */
export function toTransaction(module: Module): Transaction | undefined {
  const current = module.ask('transaction')
  if (!current) return undefined
  const [, traceId = '', id = ''] = current.split('-')
  const decide = (keep: 0 | 1) => {
    const open = module.ask('transaction')
    // If none is open, the module says so.
    return (!open || open.includes(id)) && !!module.call('decide', '', keep)
  }
  return { traceId, id, traceparent: current, keep: () => decide(1), drop: () => decide(0) }
}
