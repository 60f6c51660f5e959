/** New Relic's agent with all but session replay, and distributed tracing. */
import { BrowserAgent } from '@newrelic/browser-agent/loaders/browser-agent'

import { page } from '../contract.js'

const beacon = page.collector.replace('http://', '')
const ids = { licenseKey: 'key', applicationID: '1' }
new BrowserAgent({
  init: {
    distributed_tracing: { enabled: true },
    privacy: { cookies_enabled: true },
    session_replay: { enabled: false },
    ajax: { deny_list: [beacon] },
    ssl: false,
  },
  info: { beacon, errorBeacon: beacon, ...ids, sa: 1 },
  loader_config: { accountID: '1', trustKey: '1', agentID: '1', ...ids },
})
page.bench = {}
