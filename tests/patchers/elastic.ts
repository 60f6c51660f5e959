import { init } from '@elastic/apm-rum'

import type { Patcher } from './patcher.js'

export const patcher: Patcher = {
  start({ intake, origins }) {
    init({
      serviceName: 'other',
      serverUrl: intake,
      distributedTracingOrigins: origins,
      // Not each second: the tests count requests.
      flushInterval: 60_000,
      logLevel: 'error',
    })
  },
}
