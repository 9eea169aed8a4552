/**
 * The kinds of queue, each a row of what it allows. Nothing outside this folder asks for a kind by name: code asks the
 * row.
 */
import type { ApplyTo } from '../../policy/policy.ts'

export type QueueKindName = 'classic' | 'quorum' | 'stream'

export interface QueueKind {
  readonly name: QueueKindName
  /** The name in error texts, as RabbitMQ's modules are called. */
  readonly module: string
  /** What policies for queues of this kind apply to. */
  readonly policyTarget: ApplyTo
  /** False where a queue of this kind must be durable, shared and named. */
  readonly transient: boolean
  /** A message may come back only so often, also where x-delivery-limit does not say. */
  readonly limitsDeliveries: boolean
  /** Messages that come back go out again in the order of their return, not at their original place. */
  readonly requeuesInOrder: boolean
  /** Deliveries tell x-acquired-count beside x-delivery-count. */
  readonly tellsAcquisitions: boolean
  /** Takes x-dead-letter-strategy=at-least-once. */
  readonly atLeastOnce: boolean
  /** A single active consumer makes room for one of a higher priority, once its deliveries are settled. */
  readonly activeConsumerYields: boolean
  /** A policy's overflow comes before that of the declaration. */
  readonly policyOverflowWins: boolean
  /** basic.get and queue.purge. */
  readonly takesOut: boolean
  /** basic.get beside a single active consumer. */
  readonly getBesideSingleActive: boolean
  /** The exclusive flag of consumers counts. */
  readonly exclusiveConsumers: boolean
  /** A prefetch limit that the consumers of a channel share. */
  readonly sharedPrefetch: boolean
  /** Consumers have positions: they acknowledge, have a prefetch limit, and say where they begin. */
  readonly positions: boolean
  /** Its replicas can be told to grow, shrink and move. */
  readonly replicated: boolean
  /** Messages stay when they are read. Asked for in this folder only. */
  readonly isStream: boolean
}

const work = {
  limitsDeliveries: false,
  requeuesInOrder: false,
  tellsAcquisitions: false,
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
    tellsAcquisitions: true,
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
    takesOut: false,
    getBesideSingleActive: false,
    exclusiveConsumers: false,
    sharedPrefetch: false,
    positions: true,
    isStream: true,
  },
]

export const classic = rows[0] as QueueKind

/** undefined for a kind that does not exist. */
export function queueKind(name: string): QueueKind | undefined {
  return rows.find((r) => r.name === name)
}
