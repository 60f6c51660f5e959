/* eslint-disable @typescript-eslint/no-deprecated -- `fetchQuery` is what pages call today */
import { MutationObserver, QueryClient, QueryObserver } from '@tanstack/query-core'

import { origins, outcome, SHORT, type Reply, type Servers } from './common.js'

export async function use(servers: Servers): Promise<unknown> {
  const saw: unknown[] = []
  const client = new QueryClient({ defaultOptions: { queries: { retryDelay: 10 } } })
  client.mount()
  for (const origin of origins(servers)) {
    const json = async (path: string, init?: RequestInit) => {
      const response = await fetch(`${origin}${path}`, init)
      if (!response.ok) throw new Error(`status ${response.status}`)
      return (await response.json()) as Reply
    }
    const query = {
      queryKey: [origin, 'reply'],
      queryFn: ({ signal }: { signal: AbortSignal }) => json('/reply', { signal }),
      // Or the observer would ask once more, in a race with what follows.
      staleTime: Infinity,
    }
    // Two that want the same share a request.
    saw.push(await Promise.all([client.fetchQuery(query), client.fetchQuery(query)]))
    const observer = new QueryObserver(client, query)
    const unsubscribe = observer.subscribe(({ status }) => void saw.push(['observed', status]))
    await client.invalidateQueries({ queryKey: [origin] })
    unsubscribe()
    const mutation = new MutationObserver(client, {
      mutationFn: (amount: number) =>
        json('/reply', {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify({ amount }),
        }),
      onSettled: (_data, error) => void saw.push(['settled', error]),
    })
    saw.push(await mutation.mutate(1))
    const wrong = { queryKey: [origin, 'wrong'], queryFn: () => json('/missing'), retry: 1 }
    saw.push(await outcome(() => client.fetchQuery(wrong)))
  }
  const never = {
    queryKey: ['never'],
    queryFn: ({ signal }: { signal: AbortSignal }) => fetch('/never', { signal }),
  }
  const pending = outcome(() => client.fetchQuery(never))
  setTimeout(() => void client.cancelQueries({ queryKey: ['never'] }), SHORT)
  saw.push(await pending)
  client.unmount()
  return saw
}
