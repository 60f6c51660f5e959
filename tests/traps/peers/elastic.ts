/** Elastic's agent, set up like ours; bundled by `../agents.ts`. */
import { init } from '@elastic/apm-rum'

import type { PageAgent } from '../agents.js'
import type { Given } from '../trap.js'

const { own, api } = (globalThis as unknown as { origins: Given }).origins

init({
  serviceName: 'traps',
  serverUrl: `${own}/intake`,
  distributedTracingOrigins: [api],
  propagateTracestate: true,
  flushInterval: 20,
  logLevel: 'error',
})

// It has no way to be stopped.
const agent: PageAgent = { flush: () => undefined, stop: () => undefined }
Object.assign(globalThis, { agent })
