/** Options and functions that only Elastic's agent has: of `headwater/elastic`. */
import type { ElasticConfig } from './elastic-types.js'
import { hand, isRegExp, matcher, quietly } from './hooks/patch.js'
import type { Config } from './options.js'
import type { Filter } from './types.js'

/** The options that the module knows of. */
export function withoutElastic(given: ElasticConfig): Config {
  const config: Record<string, unknown> = { ...given }
  if (given.sendCredentials) config['credentials'] ??= 'include'
  if (given.session) config['session'] = true
  for (const name of [...ELASTIC.split(' '), 'apmRequest']) Reflect.deleteProperty(config, name)
  return config as unknown as Config
}

/** Takes out transactions, with those of their spans that are sent at the same time. `config` may change. */
export const ignoring =
  (config: ElasticConfig): Filter =>
  (payload) => ({
    ...payload,
    transactions: payload.transactions.filter(
      ({ name }) =>
        !config.ignoreTransactions?.some((entry) =>
          isRegExp(entry) ? matcher(entry)(String(name)) : entry === name,
        ),
    ),
  })

/**
 * Asks `apmRequest`, which may add headers.
 *
 * @returns whether the request may be made.
 */
export function isAllowed(
  { apmRequest }: ElasticConfig = {},
  url: string,
  headers: Record<string, string>,
  payload: Uint8Array,
): boolean {
  if (typeof apmRequest !== 'function') return true
  const setRequestHeader = (name: string, value: string) => (headers[name] = value)
  const xhr = { setRequestHeader } as unknown as XMLHttpRequest
  return !!quietly(() => apmRequest({ url, method: 'POST', headers, payload: payload.slice(), xhr }))
}

/** The server's configuration of agents. `native` is the `fetch` from before our patch. */
export function centralConfig(config: ElasticConfig, native: typeof fetch) {
  const address = () => {
    const server = (config.serverUrl ?? 'http://localhost:8200').replace(/\/+$/, '')
    const names = {
      'service.name': config.serviceName ?? '',
      'service.environment': config.environment ?? '',
    }
    return `${server}/config/v1/rum/agents?${new URLSearchParams(names).toString()}`
  }
  type Stored = { url?: string; etag?: string; config?: Record<string, string> }
  const known = (url: string) => {
    const stored = quietly(() => JSON.parse(localStorage.getItem(KEY) ?? '{}') as Stored)
    return stored?.url === url ? stored : {}
  }
  const options = ({ config }: Stored): ElasticConfig => {
    const rate = Number(config?.['transaction_sample_rate'] || NaN)
    return rate >= 0 && rate <= 1 ? { transactionSampleRate: rate } : {}
  }
  return {
    /** What it was for the page before. */
    stored: () => options(known(address())),
    /** What it is now. Without an answer that is known to be new there are no options. */
    async ask(): Promise<[options: ElasticConfig, config: Record<string, unknown> | undefined]> {
      try {
        const url = address()
        const { etag = '', config } = known(url)
        const full = `${url}&ifnonematch=${encodeURIComponent(etag)}`
        const response = await hand('GET ' + full, () => native(full, { credentials: 'omit' }))
        if (response.status !== 200) return [{}, response.status === 304 ? config : undefined]
        const stored = {
          url,
          etag: response.headers.get('etag') ?? '',
          config: (await response.json()) as Record<string, string>,
        }
        quietly(() => localStorage.setItem(KEY, JSON.stringify(stored)))
        return [options(stored), stored.config]
      } catch {
        return [{}, undefined]
      }
    },
  }
}

const KEY = 'headwater-central-config'

/** Those that can be written as text. */
export const ELASTIC =
  'ignoreTransactions sendCredentials context centralConfig breakdownMetrics queueLimit monitorLongtasks ' +
  'reportTransactionsWithoutSpans'
/** How each is written, as in `OPTION_TYPES`. */
export const ELASTIC_TYPES = 'lbobbnbb'
