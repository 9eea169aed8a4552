/**
 * The kinds of queue, each a row of what it allows. Nothing outside this folder asks for a kind by name: code asks the
 * row.
 */
export type QueueKindName = 'classic' | 'quorum' | 'stream'

export interface QueueKind {
  readonly name: QueueKindName
  /** The name in error texts, as RabbitMQ's modules are called. */
  readonly module: string
  /** False where a queue of this kind must be durable, shared and named. */
  readonly transient: boolean
  /** How often a message may come back where x-delivery-limit does not say; -1 = without end. */
  readonly deliveryLimit: number
}

const rows: readonly QueueKind[] = [
  { name: 'classic', module: 'rabbit_classic_queue', transient: true, deliveryLimit: -1 },
  { name: 'quorum', module: 'rabbit_quorum_queue', transient: false, deliveryLimit: 20 },
]

export const classic = rows[0] as QueueKind

/** undefined for a kind that does not exist (streams are not there yet). */
export function queueKind(name: string): QueueKind | undefined {
  return rows.find((r) => r.name === name)
}
