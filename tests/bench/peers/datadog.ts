/** Datadog's RUM without session replay, with tracing of the page's own origin. */
import { datadogRum } from '@datadog/browser-rum-slim'

import { page } from '../contract.js'
import { attributesOf } from './attributes.js'

datadogRum.init({
  applicationId: '00000000-0000-4000-8000-000000000000',
  clientToken: 'pub00000000000000000000000000000000',
  site: 'datadoghq.com',
  service: 'bench',
  proxy: `${page.collector}/datadog`,
  sessionSampleRate: 100,
  traceSampleRate: 100,
  trackResources: true,
  trackLongTasks: true,
  trackUserInteractions: true,
  allowedTracingUrls: [location.origin],
  // The benchmark hides the page by an event of its own.
  allowUntrustedEvents: true,
})
page.bench = {
  span(name, attributes) {
    datadogRum.startDurationVital(name, { context: attributesOf(attributes) })
    datadogRum.stopDurationVital(name)
  },
}
