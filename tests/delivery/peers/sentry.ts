/** Sentry with tracing, as its documentation starts it; bundled by `../agents.ts`. */
import { browserTracingIntegration, init, startSpan, withActiveSpan } from '@sentry/browser'

import type { PeerWindow } from '../agents.js'

const page = globalThis as unknown as PeerWindow
init({
  dsn: `${page.collector.replace('//', '//key@')}/1`,
  integrations: [browserTracingIntegration()],
  tracesSampleRate: 1,
})
// Without a span around them it does not record requests; in the page load's they would wait for that to end.
page.around = (work) => withActiveSpan(null, () => startSpan({ name: 'work', op: 'ui.action' }, work))
