/**
 * The kinds of queue, each described by a row of capabilities. Code outside this folder asks the row, never for a kind
 * by name.
 */
import type { ApplyTo } from '../../policy/policy.ts'

export type QueueKindName = 'classic' | 'quorum' | 'stream'

export interface QueueKind {
  readonly name: QueueKindName
  /** The name in error texts, as RabbitMQ's modules are called. */
  readonly module: string
  /** The `apply-to` of policies for queues of this kind. */
  readonly policyTarget: ApplyTo
  /** False if queues of this kind must be durable, shared and named. */
  readonly transient: boolean
  /** There is a delivery limit even without x-delivery-limit. */
  readonly limitsDeliveries: boolean
  /** Requeued messages are delivered in the order of their return, not at their original position. */
  readonly requeuesInOrder: boolean
  /** Redeliveries tell x-delivery-count, with a delivery limit or without, and x-acquired-count. */
  readonly tellsReturns: boolean
  /** Every message is stored, whatever its delivery mode. */
  readonly storesAll: boolean
  /** Takes x-dead-letter-strategy=at-least-once. */
  readonly atLeastOnce: boolean
  /** A single active consumer yields to one of a higher priority once its deliveries are settled. */
  readonly activeConsumerYields: boolean
  /** The overflow of a policy takes precedence over the declaration's. */
  readonly policyOverflowWins: boolean
  /** basic.get and queue.purge. */
  readonly takesOut: boolean
  /** basic.get beside a single active consumer. */
  readonly getBesideSingleActive: boolean
  /** The exclusive flag of consumers has an effect. */
  readonly exclusiveConsumers: boolean
  /** Supports a prefetch limit shared by the consumers of a channel. */
  readonly sharedPrefetch: boolean
  /** Consumers have positions: they must acknowledge and set a prefetch limit, and choose an offset. */
  readonly positions: boolean
  /** The commands for replicas apply. */
  readonly replicated: boolean
  /** Messages stay when they are consumed. Used in this folder only. */
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

/** undefined for an unknown kind. */
export function queueKind(name: string): QueueKind | undefined {
  return rows.find((r) => r.name === name)
}
