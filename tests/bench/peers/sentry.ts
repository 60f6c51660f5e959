/** Sentry with tracing, as its documentation starts it. */
import {
  browserTracingIntegration,
  flush,
  init,
  startInactiveSpan,
  startSpan,
  withActiveSpan,
} from '@sentry/browser'

import { page } from '../contract.js'
import { attributesOf } from './attributes.js'

init({
  dsn: `${page.collector.replace('//', '//key@')}/1`,
  integrations: [browserTracingIntegration()],
  tracesSampleRate: 1,
  tracePropagationTargets: [location.origin],
})
page.bench = {
  // Without a span around them it does not record requests; in the page load's they would wait for that to end.
  around: (work) => withActiveSpan(null, () => startSpan({ name: 'work', op: 'ui.action' }, work)),
  flush: () => flush(),
  span: (name, attributes) => startInactiveSpan({ name, attributes: attributesOf(attributes) }).end(),
}
