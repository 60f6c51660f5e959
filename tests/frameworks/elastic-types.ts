/* eslint-disable @typescript-eslint/no-unsafe-class-instance-assignment, @typescript-eslint/no-unsafe-member-access, @typescript-eslint/no-unsafe-call -- Elastic's types are classes, and `any`s */
/**
 * What is written against the types of `@elastic/apm-rum` compiles against those of `headwater/elastic`. Only the compiler runs it
 * (`npm run lint`).
 */
import * as elastic from '@elastic/apm-rum'
import start, { apm, apmBase, ApmBase, init, initApm, type ElasticConfig } from 'headwater/elastic'

// Ours in the place of theirs.
const assigned: {
  apm: typeof elastic.apm
  apmBase: typeof elastic.apmBase
  init: typeof elastic.init
  default: typeof elastic.default
  ApmBase: typeof elastic.ApmBase
} = { apm, apmBase, init, default: start, ApmBase }
declare const theirs: elastic.AgentConfigOptions
const config: ElasticConfig = theirs

/** As a page has it that was written for theirs. */
export function use() {
  const agent = init({
    apiVersion: 2,
    serviceName: 'shop',
    serverUrl: 'https://apm.example',
    serverUrlPrefix: '/prefix',
    serviceVersion: '1.0',
    active: true,
    instrument: true,
    disableInstrumentations: [
      'page-load',
      'eventtarget',
      'click',
      'error',
      'history',
      'fetch',
      'xmlhttprequest',
    ],
    environment: 'test',
    logLevel: 'debug',
    breakdownMetrics: true,
    flushInterval: 100,
    pageLoadTraceId: '',
    pageLoadSampled: false,
    pageLoadSpanId: '',
    pageLoadTransactionName: 'home',
    distributedTracing: true,
    distributedTracingOrigins: ['https://a.example', /b/],
    errorThrottleLimit: 1,
    errorThrottleInterval: 1,
    transactionThrottleLimit: 1,
    transactionThrottleInterval: 1,
    transactionSampleRate: 0.5,
    centralConfig: true,
    ignoreTransactions: ['a', /b/],
    propagateTracestate: true,
    eventsLimit: 80,
    queueLimit: -1,
    sendCredentials: true,
    apmRequest({ xhr, url, method, payload, headers }) {
      xhr.setRequestHeader('X-Own', url + method + String(payload) + String(headers?.['a']))
      return true
    },
  })
  agent.observe('transaction:start', (transaction) => {
    if (transaction.type === 'custom') transaction.name = 'changed'
    transaction.addLabels({ a: 'b', c: 1, d: true })
  })
  agent.config({ serviceVersion: '2' })
  agent.setUserContext({ id: 1, username: 'a', email: 'b' })
  agent.setCustomContext({ any: { thing: 1 } })
  agent.addLabels({ a: 1 })
  agent.setInitialPageLoadName('home')
  agent.captureError(new Error('a'), { labels: { b: 'c' } })
  agent.captureError('text')
  agent.addFilter((payload) => {
    for (const error of payload.errors) if (error['exception']) delete error['exception'].message
    payload.transactions = payload.transactions.filter(({ name, spans }) => name !== 'a' && spans.length)
    return payload
  })
  agent.addFilter(() => false)
  const transaction = apm.startTransaction('name', 'type', { managed: true, canReuse: true, startTime: 1 })
  apm.startTransaction(null, null)
  apm.getCurrentTransaction()?.addContext({ custom: { a: 1 } })
  const span = transaction?.startSpan('name', null, {
    blocking: true,
    parentId: 'a',
    sync: true,
    startTime: 1,
  })
  if (span) span.sync = false
  apm.startSpan(undefined, 'type')?.end(5)
  const task = transaction?.addTask(7)
  if (task !== undefined) transaction?.removeTask(task)
  transaction?.mark('a')
  transaction?.captureBreakdown()
  const durations: (number | null | undefined)[] = [transaction?.duration(), span?.duration()]
  apm.serviceFactory.getService('LoggingService').warn('a')
  // @ts-expect-error -- no such method, in either
  agent.nonsense()
  // @ts-expect-error -- a name is a text
  agent.startTransaction(7)
  return [assigned, config, durations, apmBase.isActive(), apm.isEnabled(), initApm]
}
