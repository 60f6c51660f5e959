import { datadogRum } from '@datadog/browser-rum'

import type { Patcher } from './patcher.js'

export const patcher: Patcher = {
  start({ intake, origins }) {
    datadogRum.init({
      applicationId: 'application',
      clientToken: 'token',
      service: 'other',
      proxy: intake,
      sessionSampleRate: 100,
      sessionReplaySampleRate: 0,
      traceSampleRate: 100,
      allowedTracingUrls: origins.map((match) => ({ match, propagatorTypes: ['tracecontext'] })),
    })
  },
}
