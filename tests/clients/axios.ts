import axios, { AxiosError, isAxiosError, isCancel } from 'axios'

import { origins, outcome, SHORT, type Reply, type Servers } from './common.js'

export async function use(servers: Servers): Promise<unknown> {
  const saw: unknown[] = []
  for (const adapter of ['xhr', 'fetch'] as const) {
    for (const baseURL of origins(servers)) {
      const client = axios.create({ baseURL, adapter, params: { adapter } })
      client.interceptors.request.use((config) => {
        config.headers.set('X-Own', 'interceptor')
        return config
      })
      client.interceptors.response.use(
        (response) => {
          saw.push(['intercepted', response.status, response.headers['content-type']])
          return response
        },
        (error: unknown) => {
          saw.push(['intercepted', isAxiosError(error) && error.response?.status])
          throw error as AxiosError
        },
      )
      saw.push((await client.get<Reply>('/reply')).data)
      saw.push((await client.post<Reply>('/reply', { amount: 1 })).data)
      saw.push((await client.put<Reply>('/reply', new URLSearchParams({ a: '1' }))).data)
      saw.push(await outcome(() => client.get('/missing')))
      saw.push(await outcome(() => client.delete('/failing')))
    }
    saw.push(await outcome(() => axios.get(`/never?${adapter}=timeout`, { adapter, timeout: SHORT })))
    const controller = new AbortController()
    const pending = axios.get(`/never?${adapter}=abort`, { adapter, signal: controller.signal })
    setTimeout(() => controller.abort(), SHORT)
    saw.push(await pending.catch((error: unknown) => [isCancel(error), String(error)]))
    saw.push(await outcome(() => axios.get(`/broken?${adapter}`, { adapter })))
  }
  let progress = 0
  await axios.post('/reply', 'x'.repeat(100_000), {
    adapter: 'xhr',
    onUploadProgress: ({ loaded }) => (progress = loaded),
  })
  saw.push(progress)
  return saw
}
