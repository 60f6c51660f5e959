/** Elastic's agent as its documentation starts it; bundled by `../agents.ts`. */
import { init } from '@elastic/apm-rum'

import type { PeerWindow } from '../agents.js'

init({ serviceName: 'delivery', serverUrl: (globalThis as unknown as PeerWindow).collector })
