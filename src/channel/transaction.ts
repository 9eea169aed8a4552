/**
 * A tx channel's open transaction: publishes already routed, and settlements already checked. Committing applies all
 * of them in one turn, so they reach the disk in one batch, all or none, across queues.
 */
import { InboundMessage } from '../broker/message.ts'
import { type ConsumedQueue, returns, type Settlement } from '../broker/queue/queue.ts'
import { copiesOf, type Route } from '../broker/router.ts'
import {
  COMMITTED_PER_STEP,
  TRANSACTION_COPIES_BYTES_MAX,
  TRANSACTION_PUBLISHES_MAX,
  TRANSACTION_ROUTES_BYTES_MAX,
} from '../limits.ts'
import { preconditionFailed } from '../protocol/errors.ts'
import type { Channel } from './channel.ts'
import type { Unsettled } from './unsettled.ts'

export interface PendingPublish {
  readonly message: InboundMessage
  readonly route: Route
  readonly mandatory: boolean
  /** Of the vhost then. */
  readonly version: number
}

/** The deliveries settled by one command, as tags from the first to the last. */
export interface PendingSettle {
  readonly first: number
  readonly last: number
  /** Without those that have commands of their own. */
  readonly multiple: boolean
  readonly how: Settlement
}

/** Of all channels. */
export interface OpenTransactions {
  routeBytes: number
}

/** Octets of a queue in a list of them, and of an effect, which is an object of its own. */
const QUEUE_BYTES = 8
const EFFECT_BYTES = 128
/** What a copy takes beside its octets. */
const COPY_BYTES = 32
/** Octets of copies that are made in less than a turn. */
const COPIES_BYTES_SMALL = 1024 * 1024

export class Transaction {
  publishes: PendingPublish[] = []
  settles: PendingSettle[] = []
  /** Tags settled by commands of their own. */
  private readonly single = new Set<number>()
  /** All tags below are in `settles`, so that repeated acknowledgements with `multiple` examine each delivery once. */
  private settledBelow = 0
  /** Total octets of the publishes. */
  private bytes = 0
  /** Copies that the commit will make, and their octets. */
  private copies = 0
  private copiesBytes = 0
  /** Octets of the lists of queues that they go to, which are part of those of all transactions. */
  private routeBytes = 0
  private readonly shared: OpenTransactions

  constructor(shared: OpenTransactions) {
    this.shared = shared
  }

  /** @param max octets of a transaction. @throws AmqpError 406 */
  addPublish(m: InboundMessage, route: Route, mandatory: boolean, max: number, version = 0): void {
    this.bytes += m.contentEnd - m.contentStart
    if (this.bytes > max) throw preconditionFailed(`transaction is larger than ${max} octets`)
    if (this.publishes.length >= TRANSACTION_PUBLISHES_MAX)
      throw preconditionFailed(`transaction is larger than ${TRANSACTION_PUBLISHES_MAX} messages`)
    const routeBytes = route.queues.length * QUEUE_BYTES + route.effects.length * EFFECT_BYTES
    if (this.shared.routeBytes + routeBytes > TRANSACTION_ROUTES_BYTES_MAX)
      throw preconditionFailed('open transactions have too many messages for too many queues')
    const copies = copiesOf(route)
    const copiesBytes = copies * (m.contentEnd - m.contentStart + COPY_BYTES)
    if (this.copiesBytes + copiesBytes > TRANSACTION_COPIES_BYTES_MAX)
      throw preconditionFailed(
        `transaction's copies for all queues are larger than ${TRANSACTION_COPIES_BYTES_MAX} octets`,
      )
    this.copies += copies
    this.copiesBytes += copiesBytes
    this.routeBytes += routeBytes
    this.shared.routeBytes += routeBytes
    this.publishes.push({ message: InboundMessage.copyOf(m), route, mandatory, version })
  }

  /** Whether the commit takes more than a step. */
  get isLarge(): boolean {
    const { publishes, settles } = this
    return (
      this.copies + publishes.length + settles.length > COMMITTED_PER_STEP ||
      this.copiesBytes > COPIES_BYTES_SMALL ||
      settles.some(({ first, last }) => last - first > COMMITTED_PER_STEP)
    )
  }

  /** Whether the client considers that delivery settled. */
  has(tag: number): boolean {
    return tag < this.settledBelow || this.single.has(tag)
  }

  /** Checks the tags now and settles them at commit. @throws AmqpError 406, nothing changed */
  addSettle(ch: Channel, tag: number, multiple: boolean, how: Settlement): void {
    const u = ch.unsettled
    const all = multiple && tag === 0
    if (!all && (!u.isOutstanding(tag) || this.has(tag)))
      throw preconditionFailed(`unknown delivery tag ${tag}`)
    const last = all ? u.nextTag - 1 : tag
    const first = multiple ? this.settledBelow : tag
    // Not gone through now: there may be millions.
    if (u.nextFrom(first, last) <= last) this.settles.push({ first, last, multiple, how })
    if (multiple) this.settledBelow = Math.max(this.settledBelow, last + 1)
    else this.single.add(tag)
  }

  /** The tags of deliveries that a command settles; undefined for each that is another command's. */
  *tagsOf({ first, last, multiple }: PendingSettle, u: Unsettled): Iterable<number | undefined> {
    for (let tag = u.nextFrom(first, last); tag <= last; tag = u.nextFrom(tag + 1, last))
      yield multiple && this.single.has(tag) ? undefined : tag
  }

  /** The queues to which a command returns deliveries. */
  queuesOf({ first, last, multiple, how }: PendingSettle, u: Unsettled): ConsumedQueue[] {
    return returns(how) ? u.queuesFrom(first, last, (tag) => multiple && this.single.has(tag)) : []
  }

  /** Also for one whose channel ends. */
  clear(): void {
    this.shared.routeBytes -= this.routeBytes
    this.routeBytes = 0
    this.publishes = []
    this.settles = []
    this.bytes = this.copies = this.copiesBytes = 0
    this.settledBelow = 0
    this.single.clear()
  }
}
