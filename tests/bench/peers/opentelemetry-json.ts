import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http'

import { page } from '../contract.js'
import { start } from './opentelemetry.js'

start(new OTLPTraceExporter({ url: `${page.collector}/v1/traces` }))
