/** `WebSocket` and `EventSource` as spans, from construction to end; and how often `sendBeacon` is called. */
import type { Module } from '../load-wasm.js'
import type { Spans } from '../span.js'
import type { Span } from '../types.js'
import { quietly, resolve, watch, watchConstructor } from './patch.js'

/** One that is open, and its numbers so far: its span has them at once, as it may end with the page. */
interface Connection {
  span: Span
  numbers: Record<string, number>
}

/** The spans of one kind of them. */
class Connections<Target extends EventTarget & { url: string }> {
  readonly #open = new Map<object, Connection>()

  /** @param listen - listens to one that has been constructed. */
  constructor(
    name: 'WebSocket' | 'EventSource',
    spans: Spans,
    undo: (() => void)[],
    listen: (target: Target) => void,
  ) {
    const begin = (made: object, startTime: number) => {
      const target = made as Target
      const attributes = { 'url.full': target.url }
      const span = spans.startSpan(name, { startTime, kind: CLIENT, attributes })
      if (!span.isRecording()) return
      this.#open.set(target, { span, numbers: {} })
      on(target, 'open', () => {
        // An event source opens again and again.
        if (this.#open.get(target)?.numbers['opened'] === undefined)
          this.count(target, 'opened', performance.now() - startTime)
      })
      on(target, 'message', ({ data }: MessageEvent) => {
        this.count(target, 'messages_received', 1)
        this.count(target, 'bytes_received', sizeOf(data))
      })
      listen(target)
    }
    watchConstructor(name, begin, undo)
  }

  /** Adds to a number. */
  count(target: object, name: string, more: number): void {
    const connection = this.#open.get(target)
    if (!connection) return
    const { span, numbers } = connection
    numbers[name] = (numbers[name] ?? 0) + more
    span.setAttribute(`headwater.connection.${name}`, numbers[name])
  }

  /** Ends one, if it has not ended. */
  end(target: object, attributes: Record<string, unknown> = {}): void {
    const { span } = this.#open.get(target) ?? {}
    this.#open.delete(target)
    span?.setAttributes(attributes)
    if ('error.type' in attributes) span?.setStatus({ code: 2 })
    span?.end()
  }
}

/** Installs the hook for sockets. */
export function hookWebSocket(spans: Spans, undo: (() => void)[]): void {
  const connections: Connections<WebSocket> = new Connections<WebSocket>('WebSocket', spans, undo, (socket) =>
    on(socket, 'close', ({ code, wasClean }: CloseEvent) =>
      connections.end(socket, {
        'headwater.connection.close_code': code,
        'headwater.connection.was_clean': wasClean,
        ...(socket.protocol && { 'headwater.connection.subprotocol': socket.protocol }),
        ...(!wasClean && { 'error.type': String(code) }),
      }),
    ),
  )
  const sent = (socket: object, [data]: unknown[]) => {
    connections.count(socket, 'messages_sent', 1)
    connections.count(socket, 'bytes_sent', sizeOf(data))
  }
  watch(WebSocket.prototype, 'send', sent, undo)
}

/** The same for event sources. Of events with names of their own nothing is known. */
export function hookEventSource(spans: Spans, undo: (() => void)[]): void {
  const connections: Connections<EventSource> = new Connections<EventSource>(
    'EventSource',
    spans,
    undo,
    (source) =>
      on(source, 'error', () => {
        if (source.readyState === source.CLOSED) connections.end(source, { 'error.type': 'error' })
        // The browser tries again by itself.
        else connections.count(source, 'reconnects', 1)
      }),
  )
  watch(EventSource.prototype, 'close', (source) => connections.end(source), undo)
}

/** Counts beacons, and those that the browser has not taken. */
export function hookBeacons(module: Module, undo: (() => void)[]): void {
  const seen = (_: object, [input]: unknown[], taken: unknown) => {
    const url = resolve(input)
    if (url) module.call('beacon', url, +!taken)
  }
  watch(Navigator.prototype, 'sendBeacon', seen, undo)
}

/** UTF-16 units of a text, bytes of anything else: neither is copied to be counted. */
function sizeOf(data: unknown): number {
  if (typeof data === 'string') return data.length
  const { byteLength, size } = Object(data) as { byteLength?: number; size?: number }
  return byteLength ?? size ?? 0
}

/** Listens for as long as the target lives. zone.js would take each event for one of the page's. */
function on(target: EventTarget, type: string, listener: (event: never) => void): void {
  const own = target as EventTarget & { __zone_symbol__addEventListener?: EventTarget['addEventListener'] }
  const heard = (event: Event) => quietly(() => listener(event as never))
  if (own.__zone_symbol__addEventListener) own.__zone_symbol__addEventListener(type, heard)
  else target.addEventListener(type, heard)
}

/** OpenTelemetry's `SpanKind` of who asks another one, as its API numbers it. */
const CLIENT = 2
