/**
 * The queue types, each described by a row of capabilities. Code outside this folder checks a capability, never the
 * name of a type.
 */
import type { ApplyTo } from '../../policy/policy.ts'

export type QueueKindName = 'classic' | 'quorum' | 'stream'

export interface QueueKind {
  readonly name: QueueKindName
  /** The name in error texts: the name of RabbitMQ's module. */
  readonly module: string
  /** The `apply-to` value of policies for queues of this type. */
  readonly policyTarget: ApplyTo
  /** Whether queues may be transient, exclusive or server-named. */
  readonly transient: boolean
  /** There is a default delivery limit, even without x-delivery-limit. */
  readonly limitsDeliveries: boolean
  /** Requeued messages are delivered in the order of their return, not at their original position. */
  readonly requeuesInOrder: boolean
  /** Redeliveries have the headers x-delivery-count and x-acquired-count even without a delivery limit. */
  readonly tellsReturns: boolean
  /** Every message is stored, regardless of its delivery mode. */
  readonly storesAll: boolean
  /** Supports x-dead-letter-strategy=at-least-once. */
  readonly atLeastOnce: boolean
  /** A single active consumer is replaced by one of higher priority once its deliveries are settled. */
  readonly activeConsumerYields: boolean
  /** A policy's `overflow` takes precedence over the queue's argument. */
  readonly policyOverflowWins: boolean
  /** Supports basic.get and queue.purge. */
  readonly takesOut: boolean
  /** Supports basic.get on a queue with x-single-active-consumer. */
  readonly getBesideSingleActive: boolean
  /** The exclusive flag of basic.consume has an effect. */
  readonly exclusiveConsumers: boolean
  /** Supports a prefetch limit shared by the consumers of a channel. */
  readonly sharedPrefetch: boolean
  /** Consumers have positions: they must acknowledge and set a prefetch limit, and can choose an offset. */
  readonly positions: boolean
  /** The commands for replicas apply. */
  readonly replicated: boolean
  /** Messages stay when they are consumed. Used only in this folder. */
  readonly isStream: boolean
}

const work = {
  limitsDeliveries: false,
  requeuesInOrder: false,
  tellsReturns: false,
  storesAll: false,
  atLeastOnce: false,
  activeConsumerYields: false,
  policyOverflowWins: false,
  takesOut: true,
  getBesideSingleActive: true,
  exclusiveConsumers: true,
  sharedPrefetch: true,
  positions: false,
  replicated: false,
  isStream: false,
}

const rows: readonly QueueKind[] = [
  {
    ...work,
    name: 'classic',
    module: 'rabbit_classic_queue',
    policyTarget: 'classic_queues',
    transient: true,
  },
  {
    ...work,
    name: 'quorum',
    module: 'rabbit_quorum_queue',
    policyTarget: 'quorum_queues',
    transient: false,
    limitsDeliveries: true,
    requeuesInOrder: true,
    tellsReturns: true,
    storesAll: true,
    atLeastOnce: true,
    activeConsumerYields: true,
    policyOverflowWins: true,
    getBesideSingleActive: false,
    exclusiveConsumers: false,
    sharedPrefetch: false,
    replicated: true,
  },
  {
    ...work,
    name: 'stream',
    module: 'rabbit_stream_queue',
    policyTarget: 'streams',
    transient: false,
    storesAll: true,
    takesOut: false,
    getBesideSingleActive: false,
    exclusiveConsumers: false,
    sharedPrefetch: false,
    positions: true,
    isStream: true,
  },
]

export const classic = rows[0] as QueueKind

/** undefined for an unknown type. */
export function queueKind(name: string): QueueKind | undefined {
  return rows.find((r) => r.name === name)
}
