/** `addFilter`: shows what is sent to the page's functions, in the form that Elastic's agent gives it. */
import { quietly } from './hooks/patch.js'
import type { Filter, FilterPayload, FilterTransaction } from './types.js'

/**
 * @param body - newline-delimited JSON, as `crate/src/encode/elastic.rs` writes it.
 * @returns the same after the filters; nothing if they have dropped it.
 */
export function applyFilters(filters: readonly Filter[], body: Uint8Array): Uint8Array | undefined {
  const lines = new TextDecoder().decode(body).trim().split('\n')
  try {
    let payload: ReturnType<Filter> = toPayload(lines)
    for (const filter of filters) {
      payload = filter(payload)
      if (!payload) return undefined
    }
    const events = toEvents(payload)
    return events.length ? new TextEncoder().encode([lines[0], ...events, ''].join('\n')) : undefined
  } catch (error) {
    // One that has failed may be there to keep something secret.
    complain(filters, error)
    return undefined
  }
}

function toPayload(lines: string[]): FilterPayload {
  const events = lines.map(
    (line) =>
      JSON.parse(line) as Partial<Record<'transaction' | 'span', FilterTransaction>> & {
        error?: FilterPayload['errors'][number]
      },
  )
  const byId = new Map<unknown, FilterTransaction>()
  for (const { transaction } of events)
    if (transaction) byId.set(transaction['id'], { ...transaction, spans: [] })
  for (const { span } of events) {
    if (!span) continue
    const { trace_id, transaction_id: id } = span
    // The page load's first spans are sent before it ends.
    const parent = byId.get(id) ?? { id, trace_id, name: '', type: 'page-load', context: {} }
    byId.set(id, parent)
    ;(parent.spans ??= []).push(span)
  }
  return { transactions: [...byId.values()], errors: events.flatMap(({ error }) => (error ? [error] : [])) }
}

function toEvents({ transactions, errors }: FilterPayload): string[] {
  const events = [
    ...errors.map((error) => error && { error }),
    ...transactions.flatMap((one) => {
      const { spans = [], ...transaction } = one || {}
      return [
        // One of which only the spans are here has none.
        'duration' in transaction && { transaction },
        ...spans.map((span) => span && { span }),
      ]
    }),
  ]
  return events.filter(Boolean).map((event) => JSON.stringify(event))
}

/** Once. */
function complain(about: object, error: unknown): void {
  if (!failed.has(about)) quietly(() => console.error('[headwater] a filter failed; nothing is sent', error))
  failed.add(about)
}

const failed = new WeakSet()
