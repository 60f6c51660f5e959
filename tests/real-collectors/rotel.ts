/** It passes on what it gets: to a sink, which reads it with OpenTelemetry's own definitions. */
import { setUpDecoder } from '../support/otlp-decoder.js'
import { Rotel, ROTEL } from '../support/rotel.js'
import { bodyOf, Stage } from '../support/stage.js'
import type { RealCollector } from './collector.js'
import { itemsIn } from './item.js'

export const rotel: RealCollector = {
  name: 'rotel',
  version: ROTEL,
  homepage: 'https://github.com/streamfold/rotel',
  cors: 'none',
  kept: {
    traces: [
      ...(['traceId', 'spanId', 'parentSpanId', 'name', 'kind', 'start', 'end', 'status'] as const),
      ...(['attributes', 'resource', 'scope'] as const),
    ],
    logs: ['traceId', 'spanId', 'name', 'severity', 'start', 'attributes', 'resource', 'scope'],
  },
  async start() {
    const decode = setUpDecoder()
    if (typeof decode === 'string') return decode
    const sink = await Stage.start()
    const program = await Rotel.start(sink.origin)
    if (typeof program === 'string') {
      await sink.stop()
      return program
    }
    return {
      origin: program.origin,
      read(signal) {
        const bodies = sink.received.filter(({ url }) => url === `/v1/${signal}`).map(bodyOf)
        return Promise.resolve(bodies.length ? itemsIn(signal, decode(bodies, signal)) : [])
      },
      async stop() {
        await program.stop()
        await sink.stop()
      },
    }
  },
}
