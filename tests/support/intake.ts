/** Elastic's intake: what the schemas allow, and what the server's model keeps. */
import { readFileSync } from 'node:fs'
import path from 'node:path'

import { Ajv } from 'ajv'

import { root } from './demo.js'
import { postsOf, type Stage } from './stage.js'

/** A line of a body: its one member's name and value. */
export type Event = [kind: string, event: Record<string, unknown>]

interface Schema {
  properties?: Record<string, Schema>
  items?: Schema
  additionalProperties?: unknown
  patternProperties?: unknown
}

const KINDS = ['metadata', 'transaction', 'span', 'error']
const schemas = Object.fromEntries(
  KINDS.map((kind) => {
    const file = path.join(root, `tests/vectors/elastic-intake-v2/${kind}.json`)
    return [kind, JSON.parse(readFileSync(file, 'utf8')) as Schema]
  }),
)
const ajv = new Ajv({ strict: false, allErrors: true })
const validators = Object.fromEntries(KINDS.map((kind) => [kind, ajv.compile(schemas[kind] ?? {})]))

/** The lines of a body, whatever they are. */
export const linesOf = (body: Buffer): Event[] =>
  body
    .toString()
    .trim()
    .split('\n')
    .flatMap((line) => Object.entries(JSON.parse(line) as Record<string, Event[1]>))

/** What has come of a service, each body read by {@link readIntake}. */
export const intakeOf = (stage: Stage, service: string): Event[] =>
  postsOf(stage, INTAKE, service).flatMap(({ body }) => readIntake(body.toString()))

/** Where both agents send it. */
export const INTAKE = '/intake/v2/rum/events'

/** Reads a body, and fails on what a server would refuse or drop. */
export function readIntake(body: string): Event[] {
  return body
    .trim()
    .split('\n')
    .map((line) => {
      const [[kind, event] = ['', undefined]] = Object.entries(JSON.parse(line) as Record<string, Event[1]>)
      const validate = validators[kind]
      if (!validate || !event) throw new Error(`no such event: ${line}`)
      if (!validate(event)) throw new Error(`${ajv.errorsText(validate.errors)}: ${line}`)
      const unknown = unknownIn(event, schemas[kind] ?? {}, kind)
      if (unknown.length) throw new Error(`the server drops ${unknown.join()}: ${line}`)
      return [kind, event]
    })
}

/** Schemas allow what they do not know, and the server's decoder drops it. */
function unknownIn(value: unknown, schema: Schema, at: string): string[] {
  if (Array.isArray(value)) return value.flatMap((item) => unknownIn(item, schema.items ?? {}, at))
  if (typeof value !== 'object' || value === null) return []
  const { properties } = schema
  // Labels, marks and their like have names of the sender's.
  if (!properties || schema.additionalProperties || schema.patternProperties) return []
  return Object.entries(value).flatMap(([name, item]) => {
    const own = properties[name]
    return own ? unknownIn(item, own, `${at}.${name}`) : [`${at}.${name}`]
  })
}
