import { io, type Socket } from 'socket.io-client'

import type { Servers } from './common.js'

export async function use({ sockets }: Servers): Promise<unknown> {
  const saw: unknown[] = []
  for (const url of [sockets.api, sockets.other]) {
    const socket: Socket = io(url, { transports: ['polling'], forceNew: true, reconnection: false })
    // It may come in the same answer as the connection.
    const news = new Promise((resolve) => socket.on('news', resolve))
    await new Promise((resolve) => socket.on('connect', () => resolve(undefined)))
    saw.push(socket.io.engine.transport.name)
    saw.push(['news', await news])
    saw.push(await socket.emitWithAck('echo', { hello: 'world' }))
    saw.push(await socket.timeout(5_000).emitWithAck('echo', 'second'))
    const gone = new Promise((resolve) => socket.on('disconnect', resolve))
    socket.disconnect()
    saw.push(await gone)
  }
  return saw
}
