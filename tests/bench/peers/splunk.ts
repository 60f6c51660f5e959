/** Splunk's distribution of OpenTelemetry, with OTLP. */
import { SplunkRum } from '@splunk/otel-web'

import { page } from '../contract.js'
import { span } from './opentelemetry.js'

SplunkRum.init({
  beaconEndpoint: `${page.collector}/v1/rumotlp`,
  allowInsecureBeacon: true,
  rumAccessToken: 'token',
  applicationName: 'bench',
  deploymentEnvironment: 'production',
  exporter: { otlp: true },
})
page.bench = { flush: () => SplunkRum.provider?.forceFlush(), span }
