/**
 * The open transaction of a tx channel: publishes already routed, and settlements already checked. The commit applies
 * them in steps but has them written as one batch, so that all or none of them survive a crash, across queues.
 */
import { InboundMessage } from '../broker/message.ts'
import { type ConsumedQueue, returns, type Settlement } from '../broker/queue/queue.ts'
import { copiesOf, type Route } from '../broker/router.ts'
import {
  COMMITTED_PER_STEP,
  TRANSACTION_COPIES_BYTES_MAX,
  TRANSACTION_COPIES_MAX,
  TRANSACTION_PUBLISHES_MAX,
  TRANSACTION_ROUTES_BYTES_MAX,
  TRANSACTION_SETTLES_MAX,
} from '../limits.ts'
import { preconditionFailed } from '../protocol/errors.ts'
import type { Channel } from './channel.ts'
import type { Unsettled } from './unsettled.ts'

export interface PendingPublish {
  readonly message: InboundMessage
  readonly route: Route
  readonly mandatory: boolean
  /** The vhost's version when the message was routed. */
  readonly version: number
}

/** The deliveries settled by one command, as a range of tags. */
export interface PendingSettle {
  readonly first: number
  readonly last: number
  /** Whether deliveries that have commands of their own are excluded. */
  readonly multiple: boolean
  readonly how: Settlement
}

/** Totals of all channels. */
export interface OpenTransactions {
  routeBytes: number
}

/** Octets of an entry in the list of queues, and of an effect, which is an object of its own. */
const QUEUE_BYTES = 8
const EFFECT_BYTES = 128
/** Octets that a copy needs in addition to its content. */
const COPY_BYTES = 32
/** Cost of a copy that an exchange keeps, such as a delayed message: it becomes a record of its own. */
const KEPT_COPY_COST = 16
/** Octets that can be copied in less than a turn. */
const COPIES_BYTES_SMALL = 1024 * 1024

export class Transaction {
  publishes: PendingPublish[] = []
  settles: PendingSettle[] = []
  /** Tags settled by commands for one delivery. */
  private readonly single = new Set<number>()
  /** All tags below are in `settles`: repeated acknowledgements with `multiple` examine each delivery only once. */
  private settledBelow = 0
  /** Octets of all publishes. */
  private bytes = 0
  /** Number of copies that the commit will make, and their octets. */
  private copies = 0
  private copiesBytes = 0
  /** Cost of making them, measured in copies for queues. */
  private copiesCost = 0
  /** Octets of the routes of all publishes, which are also counted in `shared`. */
  private routeBytes = 0
  private readonly shared: OpenTransactions

  constructor(shared: OpenTransactions) {
    this.shared = shared
  }

  /**
   * Adds a publish.
   * @param max maximum octets of a transaction
   * @param version the vhost's version when the message was routed
   * @throws AmqpError 406 if the transaction is too large
   */
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
    const queues = route.queues.length
    const copiesCost = queues + (copies - queues) * KEPT_COPY_COST
    if (this.copiesCost + copiesCost > TRANSACTION_COPIES_MAX)
      throw preconditionFailed(
        `transaction's messages are for more than ${TRANSACTION_COPIES_MAX} queues together`,
      )
    this.copiesCost += copiesCost
    this.copies += copies
    this.copiesBytes += copiesBytes
    this.routeBytes += routeBytes
    this.shared.routeBytes += routeBytes
    this.publishes.push({ message: InboundMessage.copyOf(m), route, mandatory, version })
  }

  /** Whether the commit may take more than one step. */
  get isLarge(): boolean {
    const { publishes, settles } = this
    return (
      this.copies + publishes.length + settles.length > COMMITTED_PER_STEP ||
      this.copiesBytes > COPIES_BYTES_SMALL ||
      settles.some(({ first, last }) => last - first > COMMITTED_PER_STEP)
    )
  }

  /** Whether the client has settled the delivery in this transaction. */
  has(tag: number): boolean {
    return tag < this.settledBelow || this.single.has(tag)
  }

  /**
   * Checks the tags now, to settle them at commit.
   * @throws AmqpError 406 for an unknown tag, or if the transaction is too large; nothing is changed then
   */
  addSettle(ch: Channel, tag: number, multiple: boolean, how: Settlement): void {
    const u = ch.unsettled
    const all = multiple && tag === 0
    if (!all && (!u.isOutstanding(tag) || this.has(tag))) {
      if (!ch.wasLate(tag)) throw preconditionFailed(`unknown delivery tag ${tag}`)
      if (!multiple) return
    }
    if (this.settles.length >= TRANSACTION_SETTLES_MAX)
      throw preconditionFailed(`transaction is larger than ${TRANSACTION_SETTLES_MAX} acknowledgements`)
    const last = all ? u.nextTag - 1 : tag
    const first = multiple ? this.settledBelow : tag
    // Only the range is stored, since it may contain millions of deliveries.
    if (u.nextFrom(first, last) <= last) this.settles.push({ first, last, multiple, how })
    if (multiple) this.settledBelow = Math.max(this.settledBelow, last + 1)
    else this.single.add(tag)
  }

  /** The tags that a command settles; undefined in place of each tag that another command settles. */
  *tagsOf({ first, last, multiple }: PendingSettle, u: Unsettled): Iterable<number | undefined> {
    for (let tag = u.nextFrom(first, last); tag <= last; tag = u.nextFrom(tag + 1, last))
      yield multiple && this.single.has(tag) ? undefined : tag
  }

  /** The queues to which a command requeues deliveries. */
  queuesOf({ first, last, multiple, how }: PendingSettle, u: Unsettled): ConsumedQueue[] {
    return returns(how) ? u.queuesFrom(first, last, (tag) => multiple && this.single.has(tag)) : []
  }

  /** Empties the transaction; also called when the channel ends. */
  clear(): void {
    this.shared.routeBytes -= this.routeBytes
    this.routeBytes = 0
    this.publishes = []
    this.settles = []
    this.bytes = this.copies = this.copiesBytes = this.copiesCost = 0
    this.settledBelow = 0
    this.single.clear()
  }
}
