/** The caller of an operation, and the checks and error texts that all operations share. */
import type { Exchange } from '../broker/exchange/exchange.ts'
import type { Queue } from '../broker/queue/queue.ts'
import type { Vhost } from '../broker/vhost.ts'
import { AmqpError, preconditionFailed, ReplyCode } from '../protocol/errors.ts'
import { type Access, fullAccess, type Right } from '../security/access.ts'
import { fitsShortString, octetLength } from '../util/octet-text.ts'
import { InvalidRequest } from './invalid-request.ts'

export interface Caller {
  readonly user: string
  readonly tags: readonly string[]
  readonly access: Access
  readonly vhost: Vhost
  /** The connection, which owns its exclusive queues. */
  readonly owner: object
}

/** A caller with all permissions: the broker itself, or the program that embeds it. */
export function trusted(user: string, vhost: Vhost, owner: object): Caller {
  return { user, tags: [], access: fullAccess, vhost, owner }
}

/** Names and routing keys have to fit into a short string. @throws InvalidRequest in RabbitMQ's words */
export function checkShort(what: string, text: string): void {
  if (fitsShortString(text)) return
  throw new InvalidRequest(`${what} should be less than 255 bytes, actually was ${octetLength(text)}`)
}

export const EXCLUSIVE_TEXT =
  'It could be originally declared on another connection or the exclusive property value does not match that of the original declaration.'

export function describeQueue(c: Caller, name: string): string {
  return `queue '${name}' in vhost '${c.vhost.name}'`
}

export function describeExchange(c: Caller, name: string): string {
  return `exchange '${name}' in vhost '${c.vhost.name}'`
}

/** @throws AmqpError 403 */
export function checkAccess(c: Caller, right: Right, what: 'queue' | 'exchange', name: string): void {
  if (c.access.allows(right, name)) return
  const shown = name === '' ? 'amq.default' : name
  throw accessRefused(
    `${right} access to ${what} '${shown}' in vhost '${c.vhost.name}' refused for user '${c.user}'`,
  )
}

/** Checks routing keys of a topic exchange if the user has a topic permission for it. @throws AmqpError 403 */
export function checkTopicAccess(c: Caller, right: 'write' | 'read', x: Exchange, routingKey: string): void {
  if (!c.access.restrictsTopic(x.name) || x.type !== 'topic') return
  if (c.access.allowsTopic(right, x.name, routingKey)) return
  throw accessRefused(
    `${right} access to topic '${routingKey}' in ${describeExchange(c, x.name)} refused for user '${c.user}'`,
  )
}

export function accessRefused(text: string): AmqpError {
  return new AmqpError(ReplyCode.AccessRefused, text)
}

export function notFound(text: string): AmqpError {
  return new AmqpError(ReplyCode.NotFound, text)
}

/** @throws AmqpError 404 */
export function existingExchange(c: Caller, name: string): Exchange {
  const x = c.vhost.exchanges.get(name)
  if (x === undefined) throw notFound(`no ${describeExchange(c, name)}`)
  return x
}

/** @throws AmqpError 404, or 405 for another connection's exclusive queue */
export function existingQueue(c: Caller, name: string): Queue {
  const q = c.vhost.queues.get(name)
  if (q === undefined) throw notFound(`no ${describeQueue(c, name)}`)
  checkOwner(c, q)
  return q
}

/** @throws AmqpError 405 */
export function checkOwner(c: Caller, q: Queue): void {
  if (!q.exclusive || q.owner === c.owner) return
  throw locked(c, q.name)
}

export function locked(c: Caller, queue: string): AmqpError {
  return new AmqpError(
    ReplyCode.ResourceLocked,
    `cannot obtain exclusive access to locked ${describeQueue(c, queue)}. ${EXCLUSIVE_TEXT}`,
  )
}

/** @throws AmqpError 406 if they differ */
export function checkEquivalent(
  what: string,
  argument: string,
  received: string | boolean,
  current: string | boolean,
): void {
  if (received === current) return
  throw preconditionFailed(
    `inequivalent arg '${argument}' for ${what}: received '${received}' but current is '${current}'`,
  )
}

/** Line breaks are removed from exchange and queue names (behaviour.md section 5). */
export function cleanName(name: string): string {
  return name.replace(/[\r\n]/g, '')
}

export function hasReservedPrefix(name: string): boolean {
  return name.startsWith('amq.')
}
