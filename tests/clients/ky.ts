import ky, { HTTPError } from 'ky'

import { origins, outcome, SHORT, type Reply, type Servers } from './common.js'

export async function use(servers: Servers): Promise<unknown> {
  const saw: unknown[] = []
  for (const prefixUrl of origins(servers)) {
    const client = ky.create({
      prefixUrl,
      retry: { limit: 1, delay: () => 10 },
      hooks: {
        beforeRequest: [(request) => request.headers.set('x-own', 'hook')],
        beforeRetry: [({ retryCount }) => void saw.push(['retry', retryCount])],
        afterResponse: [(_request, _options, response) => void saw.push(['after', response.status])],
      },
    })
    saw.push(await client.get('reply', { searchParams: { a: 1 } }).json<Reply>())
    saw.push(await client.post('reply', { json: { amount: 1 } }).json<Reply>())
    saw.push(
      await client
        .extend({ headers: { 'X-Own': 'extended' } })('reply')
        .json<Reply>(),
    )
    saw.push(await client.get('flaky').text())
    const failure: unknown = await client.get('missing').catch((error: unknown) => error)
    saw.push(failure instanceof HTTPError && [failure.message, await failure.response.text()])
  }
  saw.push(await outcome(() => ky('/never?timeout', { timeout: SHORT, retry: 0 })))
  const controller = new AbortController()
  setTimeout(() => controller.abort(), SHORT)
  saw.push(await outcome(() => ky('/never?abort', { signal: controller.signal, retry: 0 })))
  saw.push(await outcome(() => ky('/broken', { retry: 0 })))
  const bytes: number[] = []
  await ky('/bytes', { onDownloadProgress: ({ transferredBytes }) => bytes.push(transferredBytes) }).bytes()
  saw.push(bytes.at(-1))
  return saw
}
