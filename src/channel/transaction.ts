/**
 * A tx channel's open transaction: publishes already routed, and settlements already checked. Committing applies all
 * of them in one turn, so they reach the disk in one batch, all or none, across queues.
 */
import { InboundMessage } from '../broker/message.ts'
import type { Settlement } from '../broker/queue/queue.ts'
import type { Route } from '../broker/router.ts'
import { TRANSACTION_PUBLISHES_MAX } from '../limits.ts'
import { preconditionFailed } from '../protocol/errors.ts'
import type { Channel } from './channel.ts'

export interface PendingPublish {
  readonly message: InboundMessage
  readonly route: Route
  readonly mandatory: boolean
}

/** The deliveries settled by one command. */
export interface PendingSettle {
  readonly tags: readonly number[]
  readonly how: Settlement
}

export class Transaction {
  publishes: PendingPublish[] = []
  settles: PendingSettle[] = []
  /** Tags in `settles`, which the client considers settled. */
  readonly settled = new Set<number>()
  /** All tags below are in `settles`, so that repeated acknowledgements with `multiple` examine each delivery once. */
  private settledBelow = 0
  /** Total octets of the publishes. */
  private bytes = 0

  /** @param max octets of a transaction. @throws AmqpError 406 */
  addPublish(m: InboundMessage, route: Route, mandatory: boolean, max: number): void {
    this.bytes += m.contentEnd - m.contentStart
    if (this.bytes > max) throw preconditionFailed(`transaction is larger than ${max} octets`)
    if (this.publishes.length >= TRANSACTION_PUBLISHES_MAX)
      throw preconditionFailed(`transaction is larger than ${TRANSACTION_PUBLISHES_MAX} messages`)
    this.publishes.push({ message: InboundMessage.copyOf(m), route, mandatory })
  }

  /** Checks the tags now and settles them at commit. @throws AmqpError 406, nothing changed */
  addSettle(ch: Channel, tag: number, multiple: boolean, how: Settlement): void {
    const u = ch.unsettled
    const outstanding = (t: number): boolean => u.isOutstanding(t) && !this.settled.has(t)
    const all = multiple && tag === 0
    if (!all && !outstanding(tag)) throw preconditionFailed(`unknown delivery tag ${tag}`)
    const last = all ? u.nextTag - 1 : tag
    const tags: number[] = []
    const first = multiple ? this.settledBelow : tag
    for (let t = u.nextFrom(first, last); t <= last; t = u.nextFrom(t + 1, last)) {
      if (this.settled.has(t)) continue
      this.settled.add(t)
      tags.push(t)
    }
    if (multiple) this.settledBelow = Math.max(this.settledBelow, last + 1)
    if (tags.length > 0) this.settles.push({ tags, how })
  }

  clear(): void {
    this.publishes = []
    this.settles = []
    this.bytes = 0
    this.settledBelow = 0
    this.settled.clear()
  }
}
