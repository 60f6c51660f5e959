import { ofetch } from 'ofetch'

import { origins, outcome, SHORT, type Reply, type Servers } from './common.js'

export async function use(servers: Servers): Promise<unknown> {
  const saw: unknown[] = []
  for (const baseURL of origins(servers)) {
    const client = ofetch.create({
      baseURL,
      onRequest: ({ options }) => options.headers.set('x-own', 'hook'),
      onResponse: ({ response }) => void saw.push(['response', response.status]),
      onResponseError: ({ response }) => void saw.push(['error', response.status]),
    })
    saw.push(await client<Reply>('/reply', { query: { a: 1 } }))
    saw.push(await client<Reply>('/reply', { method: 'POST', body: { amount: 1 } }))
    saw.push((await client.raw<Reply>('/reply', { method: 'PATCH', body: 'text' })).status)
    // Tried again once, as this status is worth it.
    saw.push(await client('/flaky'))
    saw.push(await outcome(() => client('/missing')))
  }
  saw.push(await outcome(() => ofetch('/never?timeout', { timeout: SHORT, retry: 0 })))
  const controller = new AbortController()
  setTimeout(() => controller.abort(), SHORT)
  saw.push(await outcome(() => ofetch('/never?abort', { signal: controller.signal, retry: 0 })))
  saw.push(await outcome(() => ofetch('/broken', { retry: 0 })))
  return saw
}
