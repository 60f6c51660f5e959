/** A collector, or a back end that takes OTLP over HTTP, of somebody else's. */
import type { Field, Item, Signal } from './item.js'

export interface RealCollector {
  name: string
  version: string
  homepage: string
  /** What else it wants to be sent. */
  headers?: Record<string, string>
  /** For which forms it lets pages of other origins in. */
  cors: 'all' | 'without gzip' | 'none'
  /** The status with which it refuses what it does not take. */
  refuses?: Partial<Record<Encoder, number>>
  refusesLogs?: number
  /** What it keeps of spans and of log records. */
  kept: Partial<Record<Signal, readonly Field[]>>
  /** A span, or a log record, as it gives it out, and what the table says of that. */
  form?: (sent: Item, signal: Signal) => Item
  remark?: string
  /** @returns why it does not run. */
  start(place: Place): Promise<Running | string>
}

export interface Place {
  /** The origin of the pages. */
  origin: string
  /** An empty folder. */
  folder: string
}

export interface Running {
  origin: string
  /** Everything that it has. */
  read(signal: Signal): Promise<Item[]>
  stop(): Promise<void>
}

export const ENCODERS = {
  protobuf: { protocol: 'http/protobuf' },
  'protobuf, gzip': { protocol: 'http/protobuf', compression: 'gzip' },
  JSON: { protocol: 'http/json' },
  'JSON, gzip': { protocol: 'http/json', compression: 'gzip' },
} as const

export type Encoder = keyof typeof ENCODERS

/** What a collector does not tell. */
export const UNTOLD: Item = {
  traceId: '',
  spanId: '',
  parentSpanId: '',
  name: '',
  kind: 0,
  status: 0,
  severity: 0,
  start: 0,
  end: 0,
  attributes: {},
  resource: {},
  scope: '',
}

export async function json<Answer>(url: string, init?: RequestInit): Promise<Answer> {
  const response = await fetch(url, init)
  if (!response.ok) throw new Error(`${url} answered ${response.status}: ${await response.text()}`)
  return (await response.json()) as Answer
}

/** The place in a list of OTLP's, whatever the case. */
export function numberOf(list: readonly string[], name: string): number {
  return list.indexOf(name.toUpperCase())
}

export const KINDS = ['UNSPECIFIED', 'INTERNAL', 'SERVER', 'CLIENT', 'PRODUCER', 'CONSUMER']
export const STATUSES = ['UNSET', 'OK', 'ERROR']
