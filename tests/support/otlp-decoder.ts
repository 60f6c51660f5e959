/** Somebody else's decoder for what we send: OpenTelemetry's definitions for Python, in an environment of our own. */
import { execFileSync } from 'node:child_process'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'

import { root } from './demo.js'
import { CACHE, setUpPython } from './packages.js'

export interface Decoded {
  /** Paths of fields that the definitions do not have. */
  unknown: string[]
  /** Whether encoding it again gives the same bytes. */
  same: boolean
  request: unknown
}

/** @returns a decoder, or why there is none on this machine. */
export function setUpDecoder(): ((bodies: Buffer[], signal?: 'traces' | 'logs') => Decoded[]) | string {
  const environment = setUpPython('opentelemetry-proto', VERSION)
  if (typeof environment === 'string') return environment
  const python = path.join(environment.programs, 'python')
  return (bodies, signal = 'traces') => {
    const folder = path.join(CACHE, `bodies-${process.pid}`)
    mkdirSync(folder, { recursive: true })
    const files = bodies.map((body, index) => {
      const file = path.join(folder, `${index}.${signal}.bin`)
      writeFileSync(file, body)
      return file
    })
    const script = path.join(root, 'tests/support/decode_otlp.py')
    const output = execFileSync(python, [script, ...files], { encoding: 'utf8' })
    rmSync(folder, { recursive: true })
    const lines = output.trim().split('\n')
    return lines.map((line) => JSON.parse(line) as Decoded)
  }
}

/** Protobuf's own JSON has bytes in base64 and enumerations by name; OTLP's has neither. */
export function otlpJsonOf(request: Decoded['request']): unknown {
  return JSON.parse(JSON.stringify(request), (key, value: unknown) => {
    if (typeof value !== 'string') return value
    if (/^(traceId|spanId|parentSpanId)$/.test(key)) return Buffer.from(value, 'base64').toString('hex')
    if (key === 'kind') return ['', 'INTERNAL', 'SERVER', 'CLIENT'].indexOf(value.replace('SPAN_KIND_', ''))
    if (key === 'code') return ['UNSET', 'OK', 'ERROR'].indexOf(value.replace('STATUS_CODE_', ''))
    if (key === 'severityNumber')
      return { INFO: 9, WARN: 13, ERROR: 17 }[value.replace('SEVERITY_NUMBER_', '')]
    return value
  })
}

const VERSION = '1.45.0'
