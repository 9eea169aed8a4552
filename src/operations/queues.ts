/** Declares, deletes and purges queues (behaviour.md section 6). */
import { randomBytes } from 'node:crypto'
import { comparedArguments, kindOf, validateArguments } from '../broker/arguments/validation.ts'
import type { Broker } from '../broker/broker.ts'
import { REPLY_TO } from '../broker/direct-reply.ts'
import { classic, type QueueKind, queueKind } from '../broker/queue/kinds/kinds.ts'
import type { Queue } from '../broker/queue/queue.ts'
import type { Vhost } from '../broker/vhost.ts'
import { AmqpError, preconditionFailed, ReplyCode } from '../protocol/errors.ts'
import { FieldTable, fieldEntry, toField } from '../protocol/field-table.ts'
import {
  accessRefused,
  type Caller,
  checkAccess,
  checkEquivalent,
  checkOwner,
  checkShort,
  cleanName,
  describeQueue,
  existingQueue,
  hasReservedPrefix,
  locked,
  notFound,
} from './caller.ts'
import { checkArguments } from './equivalence.ts'

export interface QueueDeclaration {
  readonly name: string
  readonly durable: boolean
  readonly exclusive: boolean
  readonly autoDelete: boolean
  readonly arguments: FieldTable
}

/** Only checks existence and exclusiveness. @throws AmqpError 404, 405 */
export function declareQueuePassive(c: Caller, name: string): Queue {
  const q = existingQueue(c, cleanName(name))
  q.redeclared()
  return q
}

/**
 * Declaring a direct reply-to name asks whether a requester waits there.
 * @returns false for every other name. @throws AmqpError 404
 */
export function isReplyName(c: Caller, name: string): boolean {
  if (!name.startsWith(REPLY_TO)) return false
  if (name !== REPLY_TO && !c.vhost.replyQueues.has(name)) throw notFound(`no ${describeQueue(c, name)}`)
  return true
}

/** @throws AmqpError 403, 405, 406 */
export function declareQueue(broker: Broker, c: Caller, wanted: QueueDeclaration): Queue {
  broker.counters.queuesDeclared++
  const named = cleanName(wanted.name)
  checkShort('queue', named)
  const kind = kindOf(wanted.arguments, describeQueue(c, named), kindFor(broker, c, wanted))
  if (named === '' && !kind.transient)
    throw preconditionFailed(`Cannot declare a server-named queue for type ${kind.module}`)
  if (hasReservedPrefix(named)) throw accessRefused(`queue name '${named}' contains reserved prefix 'amq.*'`)
  const name = named === '' ? serverName(c) : named
  checkAccess(c, 'configure', 'queue', name)
  const existing = c.vhost.queues.get(name)
  if (existing !== undefined) {
    checkSame(c, existing, wanted, kind, broker.relaxedQuorumChecks)
    existing.redeclared()
    return existing
  }
  const what = describeQueue(c, name)
  validateArguments(wanted.arguments, kind, what)
  if (!kind.transient) checkPermanent(wanted, what)
  const deadLetterExchange = wanted.arguments.text('x-dead-letter-exchange')
  if (deadLetterExchange !== undefined) {
    checkAccess(c, 'read', 'queue', name)
    checkAccess(c, 'write', 'exchange', deadLetterExchange)
  }
  const max = c.vhost.limits['max-queues'] ?? -1
  if (max >= 0 && c.vhost.queues.size >= max)
    throw preconditionFailed(
      `cannot declare queue '${name}': queue limit in vhost '${c.vhost.name}' (${max}) is reached`,
    )
  const { queues } = broker.limits
  if (queues !== Number.POSITIVE_INFINITY && broker.count('queues') >= queues)
    throw preconditionFailed(`cannot declare queue '${name}': queue limit in cluster (${queues}) is reached`)
  const { undecided } = c.vhost.policiesOfQueue({ name, kind })
  // A queue that an operator policy is meant to bound is not created without its bounds.
  if (undecided !== undefined)
    throw preconditionFailed(
      `it takes too long to decide whether operator policy '${undecided.name}' applies: cannot declare ${what}`,
    )
  const { durable, exclusive, autoDelete } = wanted
  const queue = { name, durable, exclusive, autoDelete, kind, arguments: withKind(wanted.arguments, kind) }
  return broker.createQueue(c.vhost, queue, wanted.exclusive ? c.owner : undefined)
}

/** The default queue type of a vhost, or else of the node. */
export function defaultKind(broker: Broker, vhost: Vhost): QueueKind {
  const own = vhost.info.defaultQueueType
  return queueKind(own === 'undefined' ? broker.defaultQueueType : own) ?? classic
}

/** Whether a queue with these arguments is of a type that is always durable. */
export function isAlwaysDurable(args: FieldTable): boolean {
  return !(queueKind(args.text('x-queue-type') ?? '') ?? classic).transient
}

/** The type for a declaration without one: the default type, if the declaration suits it. */
function kindFor(broker: Broker, { vhost }: Caller, wanted: QueueDeclaration): QueueKind {
  const byDefault = defaultKind(broker, vhost)
  const suits = wanted.durable && !wanted.exclusive && !wanted.autoDelete && wanted.name !== ''
  return byDefault.transient || suits ? byDefault : classic
}

/** A type chosen by default is added to the arguments, so that redeclarations can be compared. */
function withKind(args: FieldTable, kind: QueueKind): FieldTable {
  if (kind === classic || args.get('x-queue-type') !== undefined) return args
  return FieldTable.of([...args.entries, fieldEntry('x-queue-type', toField(kind.name))])
}

function serverName(c: Caller): string {
  for (;;) {
    const name = `amq.gen-${randomBytes(16).toString('base64url')}`
    if (!c.vhost.queues.has(name)) return name
  }
}

/** Refuses properties that quorum queues cannot have. @throws AmqpError 406 */
function checkPermanent(wanted: QueueDeclaration, what: string): void {
  const refuse = (property: string): never => {
    throw preconditionFailed(`invalid property '${property}' for ${what}`)
  }
  if (wanted.autoDelete) refuse('auto-delete')
  if (wanted.exclusive) refuse('exclusive-owner')
  if (!wanted.durable) refuse('non-durable')
}

/**
 * @param relaxed compares only the arguments if the existing queue is a quorum queue: applications may still declare a
 * classic queue
 */
function checkSame(c: Caller, q: Queue, wanted: QueueDeclaration, kind: QueueKind, relaxed: boolean): void {
  const what = describeQueue(c, q.name)
  checkOwner(c, q)
  if (relaxed && q.kind.replicated) {
    const names = comparedArguments(q.kind, q.kind).filter((n) => n !== 'x-queue-type')
    checkArguments(what, names, wanted.arguments, q.arguments)
    return
  }
  if (wanted.exclusive !== q.exclusive) throw locked(c, q.name)
  // An exclusive durable queue is stored as a transient one, but its redeclaration still matches.
  checkEquivalent(what, 'durable', wanted.durable, q.durable || (q.exclusive && wanted.durable))
  checkEquivalent(what, 'auto_delete', wanted.autoDelete, q.autoDelete)
  checkArguments(what, comparedArguments(q.kind, kind), withKind(wanted.arguments, kind), q.arguments)
}

/** @throws AmqpError 403, 405, 406 for a condition that does not hold; a missing queue counts as empty */
export function deleteQueue(c: Caller, rawName: string, ifUnused: boolean, ifEmpty: boolean): number {
  const name = cleanName(rawName)
  checkAccess(c, 'configure', 'queue', name)
  const q = c.vhost.queues.get(name)
  if (q === undefined) return 0
  checkOwner(c, q)
  q.checkDeletable(c.vhost.name, ifUnused, ifEmpty)
  return c.vhost.removeQueue(q)
}

/** @returns the number of ready messages dropped. @throws AmqpError 403, 404, 405, 540 */
export function purgeQueue(c: Caller, rawName: string): number {
  const name = cleanName(rawName)
  checkAccess(c, 'read', 'queue', name)
  const q = existingQueue(c, name)
  if (!q.kind.takesOut)
    throw new AmqpError(
      ReplyCode.NotImplemented,
      `queue.purge not supported by stream queues ${describeQueue(c, name)}`,
    )
  return q.purge()
}
