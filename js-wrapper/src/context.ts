/** What the page says of itself and of its visitor. */
import type { UserContext } from './types.js'

/** Values that a label may have; others as texts, and none for what is nothing. */
export function toLabels(labels: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const entries = Object.entries(labels).filter(([, value]) => value !== null && value !== undefined)
  return Object.fromEntries(
    entries.map(([key, value]) => [key, /^(number|boolean)$/.test(typeof value) ? value : String(value)]),
  )
}

/** Elastic's custom context: anything. */
export function toCustom(custom: object): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(custom).map(([key, value]) => [
      'headwater.context.' + key,
      Object(value) === value ? JSON.stringify(value) : value,
    ]),
  )
}

/** Elastic's context of a transaction or span, of which `tags`, `user` and `custom` are the page's to give. */
export function toContext(context: {
  tags?: Readonly<Record<string, unknown>>
  user?: UserContext
  custom?: object
}): Record<string, unknown> {
  const { tags = {}, user = {}, custom = {} } = context
  return { ...toLabels(tags), ...toUser(user), ...toCustom(custom) }
}

/** OpenTelemetry's names. Anything but texts, and a number as the id, is left out. */
export function toUser({ id, username, email }: UserContext): Record<string, string> {
  const user: Record<string, string> = {}
  if (typeof id === 'number' || typeof id === 'string') user['user.id'] = String(id)
  if (typeof username === 'string') user['user.name'] = username
  if (typeof email === 'string') user['user.email'] = email
  return user
}
