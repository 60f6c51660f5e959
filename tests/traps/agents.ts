/** What the traps run in: a page alone, one with our agent of either build, and those with other agents. */
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'

import * as esbuild from 'esbuild'

import { root } from '../support/demo.js'
import { source } from '../support/source.js'
import type { Origins } from './origins.js'
import type { Recorded } from './trap.js'

/** What a page with an agent has as `agent`. */
export interface PageAgent {
  flush(): unknown
  stop(): void
  /** The spans of finished requests; ours are asked of the collector. */
  recorded?(mark: string): Recorded[]
}

export type AgentName = 'native' | 'standard' | 'full' | 'elastic' | 'opentelemetry'

/** The script that starts an agent: ours sends to the collector as this service. */
export async function agentScript(
  name: AgentName,
  origins: Origins,
  collector: string,
  service: string,
): Promise<string> {
  switch (name) {
    case 'native':
      return 'globalThis.agent = { flush() {}, stop() {} }'
    case 'standard':
    case 'full':
      return startHeadwater(built(name), name, origins, collector, service)
    default:
      return bundlePeer(name)
  }
}

/** The file of our agent, started with the options of the traps: as many as the build has. */
export function startHeadwater(
  script: string,
  build: 'standard' | 'full',
  { api }: Origins,
  serverUrl: string,
  serviceName: string,
): string {
  const standard = {
    serviceName,
    serverUrl,
    flushInterval: 20,
    // The API's other address is that over HTTP/2.
    distributedTracingOrigins: [api],
    propagateTracestate: true,
  }
  const full = {
    ...standard,
    propagators: ['tracecontext', 'datadog', 'b3', 'b3multi', 'baggage'],
    tracestateMembers: ['es', 'ot', 'dd'],
    baggage: { tenant: 'traps' },
    samplingMode: 'session',
    sampleOnError: true,
    trustedRemoteEnvironments: [{ name: 'api', origins: [api] }],
  }
  return `${script}
initApm(${source(build === 'full' ? full : standard)})
globalThis.agent = { flush: () => headwater.apm.flush(), stop: () => headwater.apm.stop() }`
}

export function built(build: 'standard' | 'full'): string {
  const name = build === 'full' ? 'headwater.full.min.js' : 'headwater.min.js'
  return readFileSync(path.join(root, 'js-wrapper/dist', name), 'utf8')
}

/** The version of an installed package. */
export function versionOf(name: string): string {
  const file = path.join(root, 'node_modules', name, 'package.json')
  return (createRequire(import.meta.url)(file) as { version: string }).version
}

async function bundlePeer(name: 'elastic' | 'opentelemetry'): Promise<string> {
  const outfile = path.join(root, 'tests/.cache', `trap-${name}-${process.pid}.js`)
  await esbuild.build({
    entryPoints: [path.join(root, 'tests/traps/peers', `${name}.ts`)],
    bundle: true,
    minify: true,
    target: 'es2022',
    format: 'iife',
    define: { 'process.env.NODE_ENV': '"production"' },
    logLevel: 'error',
    outfile,
  })
  return readFileSync(outfile, 'utf8')
}
