import { fetchEventSource } from '@microsoft/fetch-event-source'

import { origins, outcome, SHORT, type Servers } from './common.js'

export async function use(servers: Servers): Promise<unknown> {
  const saw: unknown[] = []
  for (const origin of origins(servers)) {
    await fetchEventSource(`${origin}/events`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{}',
      openWhenHidden: true,
      onopen: ({ status, headers }) => {
        saw.push([status, headers.get('content-type')])
        return Promise.resolve()
      },
      onmessage: (message) => void saw.push(message),
      onclose: () => void saw.push('closed'),
    })
    saw.push(
      await outcome(() =>
        fetchEventSource(`${origin}/missing`, {
          openWhenHidden: true,
          onopen: ({ status }) => Promise.reject(new Error(`status ${status}`)),
          // Not again.
          onerror: (error) => {
            throw error
          },
        }),
      ),
    )
  }
  const controller = new AbortController()
  let messages = 0
  setTimeout(() => controller.abort(), SHORT)
  await fetchEventSource('/endless-events', {
    signal: controller.signal,
    openWhenHidden: true,
    onmessage: () => void (messages += 1),
  })
  saw.push(messages > 0)
  return saw
}
