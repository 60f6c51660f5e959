import { createParser } from 'eventsource-parser'
import { EventSourceParserStream } from 'eventsource-parser/stream'

import { origins, outcome, SHORT, type Servers } from './common.js'

export async function use(servers: Servers): Promise<unknown> {
  const saw: unknown[] = []
  for (const origin of origins(servers)) {
    const response = await fetch(`${origin}/events`, {
      method: 'POST',
      headers: { accept: 'text/event-stream', 'content-type': 'application/json' },
      body: JSON.stringify({ prompt: 'three' }),
    })
    const events = bodyOf(response)
      .pipeThrough(new TextDecoderStream() as ReadableWritablePair<string, Uint8Array>)
      .pipeThrough(new EventSourceParserStream())
    const reader = events.getReader()
    for (let next = await reader.read(); !next.done; next = await reader.read()) saw.push(next.value)

    // By hand, and left in the middle.
    const endless = await fetch(`${origin}/endless-events`)
    const parser = createParser({ onEvent: ({ data }) => (seen = data) })
    let seen = ''
    const chunks = bodyOf(endless).pipeThrough(
      new TextDecoderStream() as ReadableWritablePair<string, Uint8Array>,
    )
    const text = chunks.getReader()
    while (!seen) parser.feed((await text.read()).value ?? '')
    await text.cancel()
    saw.push(seen)
  }
  const controller = new AbortController()
  const answer = await fetch('/endless-events?abort', { signal: controller.signal })
  setTimeout(() => controller.abort(), SHORT)
  saw.push(await outcome(() => answer.text()))
  return saw
}

function bodyOf({ body }: Response): ReadableStream<Uint8Array> {
  if (!body) throw new Error('no body')
  return body
}
