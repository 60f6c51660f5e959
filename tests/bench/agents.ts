/** The agents that are measured, each with its defaults as far as it records at all then. */
import { readFileSync } from 'node:fs'
import path from 'node:path'

import { bundle, bundleModules } from '../support/bundle.js'
import { root } from '../support/demo.js'
import { source } from '../support/source.js'
import { versionOf } from '../traps/agents.js'

export interface Agent {
  name: string
  /** For tables, without version. */
  title: string
  /** What the costs of the others are above, or compared with; ours; or somebody else's. */
  kind: 'none' | 'floor' | 'ours' | 'peer'
  /** The npm packages that it is made of. */
  packages: readonly string[]
  /** The minified files for a script tag that these come with, as paths within them. */
  published?: readonly string[]
  /** Milliseconds that it waits by itself before it sends, at most, where it cannot be told to. */
  patience: number
  /** Whether a page can make spans of its own with it. */
  spans: boolean
  /** How many of anything it is tried with at once; 0 if not. */
  scales: number
  /** What starts it, in the same script, where its file is the one that is shipped. */
  start?(): Promise<string>
  /** Its files by name, the one to load first; further ones are loaded when it needs them. */
  files(): Promise<[name: string, text: string][]>
  /** Whether they are modules. */
  modules: boolean
}

/** What starts ours, after its file. Limits are lifted for all agents that have some. */
function ours(name: string, title: string, file: string, whole: boolean): Agent {
  // That of `headwater` cannot be: 20,000 spans a minute.
  const isLimited = name === 'headwater'
  const options = { serviceName: 'bench', ...(isLimited ? {} : { eventsLimit: 1_000_000_000 }) }
  return {
    name,
    title,
    kind: 'ours',
    packages: [],
    patience: 0,
    modules: false,
    spans: whole,
    scales: isLimited ? 1_000 : 100_000,
    start: async () =>
      `initApm(Object.assign(${source(options)}, { serverUrl: collector }))
${await bundle('bench/peers/headwater.ts', 'own', true)}`,
    files: () => Promise.resolve([[file, readFileSync(path.join(root, 'js-wrapper/dist', file), 'utf8')]]),
  }
}

function peer(name: string, title: string, packages: readonly string[], patience = 0): Agent {
  return {
    name,
    title,
    kind: 'peer',
    packages,
    patience,
    modules: false,
    spans: true,
    scales: SCALED.has(name) ? 1_000 : 0,
    files: async () => [[`${name}.js`, await bundle(`bench/peers/${name}.ts`, 'peer', true)]],
  }
}

/** Others are slow enough for all to wait. */
const SCALED = new Set(['elastic', 'opentelemetry-protobuf', 'sentry', 'datadog'])

export const NONE: Agent = {
  name: 'none',
  title: 'no agent',
  kind: 'none',
  packages: [],
  patience: 0,
  modules: false,
  spans: true,
  scales: 100_000,
  files: () => Promise.resolve([['none.js', 'globalThis.bench = {}']]),
}

export const FLOOR: Agent = {
  name: 'floor',
  title: 'floor',
  kind: 'floor',
  packages: [],
  patience: 0,
  modules: false,
  spans: true,
  scales: 100_000,
  files: async () => [['floor.js', await bundle('bench/floor.ts', 'floor', true)]],
}

export const AGENTS: readonly Agent[] = [
  NONE,
  FLOOR,
  ours('headwater', 'Headwater', 'headwater.min.js', false),
  ours('headwater-elastic', 'Headwater, elastic', 'headwater.elastic.min.js', true),
  ours('headwater-full', 'Headwater, full', 'headwater.full.min.js', true),
  {
    ...peer('elastic', 'Elastic', ['@elastic/apm-rum'], 700),
    published: ['@elastic/apm-rum/dist/bundles/elastic-apm-rum.umd.min.js'],
  },
  peer('opentelemetry-json', 'OpenTelemetry, JSON', [
    '@opentelemetry/sdk-trace-web',
    '@opentelemetry/instrumentation-fetch',
    '@opentelemetry/instrumentation-xml-http-request',
    '@opentelemetry/instrumentation-document-load',
    '@opentelemetry/instrumentation-user-interaction',
    '@opentelemetry/exporter-trace-otlp-http',
  ]),
  peer('opentelemetry-protobuf', 'OpenTelemetry, protobuf', ['@opentelemetry/exporter-trace-otlp-proto']),
  {
    ...peer('faro', 'Grafana Faro', ['@grafana/faro-web-sdk', '@grafana/faro-web-tracing'], 1_800),
    published: [
      '@grafana/faro-web-sdk/dist/bundle/faro-web-sdk.iife.js',
      '@grafana/faro-web-tracing/dist/bundle/faro-web-tracing.iife.js',
    ],
  },
  peer('sentry', 'Sentry', ['@sentry/browser']),
  {
    ...peer('datadog', 'Datadog', ['@datadog/browser-rum-slim']),
    published: ['@datadog/browser-rum-slim/bundle/datadog-rum-slim.js'],
  },
  peer('honeycomb', 'Honeycomb', [
    '@honeycombio/opentelemetry-web',
    '@opentelemetry/auto-instrumentations-web',
  ]),
  peer('splunk', 'Splunk', ['@splunk/otel-web']),
  {
    ...peer('new-relic', 'New Relic', ['@newrelic/browser-agent']),
    // What it loads later is most of it.
    modules: true,
    spans: false,
    files: () => bundleModules('bench/peers/new-relic.ts'),
  },
]

/** Names and versions of all packages that are compared. */
export function versions(agents: readonly Agent[]): string[] {
  return agents.flatMap(({ packages }) => packages.map((name) => `\`${name}\` ${versionOf(name)}`))
}
