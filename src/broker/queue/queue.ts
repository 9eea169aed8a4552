/** What exchanges, channels and operations see of a queue, whatever its kind. */
import type { FieldTable } from '../../protocol/field-table.ts'
import type { Incoming } from '../message.ts'
import type { Consumer } from './consumers.ts'
import type { QueueKind } from './kinds/kinds.ts'
import type { Segment } from './segment.ts'

/** The message is in the queue; nothing to wait for. */
export const PUBLISH_STORED = 0
/** It is safe once the open batch is on disk. */
export const PUBLISH_DURABLE = 1
/** The queue refuses it (x-overflow=reject-publish). */
export const PUBLISH_REFUSED = 2

export type DeathReason = 'rejected' | 'expired' | 'maxlen' | 'delivery_limit'

export interface Delivery {
  readonly segment: Segment
  readonly index: number
  /** By which the message is settled. */
  readonly number: number
}

export interface QueueInfo {
  readonly name: string
  readonly durable: boolean
  readonly exclusive: boolean
  readonly autoDelete: boolean
  readonly kind: QueueKind
  /** As declared. */
  readonly arguments: FieldTable
}

export interface Queue extends QueueInfo {
  /** Messages ready, messages unacked, consumers. */
  readonly counts: { readonly ready: number; readonly unacked: number; readonly consumers: number }
  publish(m: Incoming): number
  consume(c: Consumer): void
  cancel(c: Consumer): void
  /** Finds the first ready message; `takeGot` takes it once it has been copied out. */
  get(): Delivery | undefined
  takeGot(noAck: boolean): void
  settle(number: number, how: 'ack' | 'requeue' | 'reject'): void
  purge(): number
}
