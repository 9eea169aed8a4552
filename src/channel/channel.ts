/**
 * One channel of a connection: its consumers, its unsettled deliveries and its mode. The methods are in `methods/`,
 * publishing is in `publish.ts`.
 */
import type { Broker } from '../broker/broker.ts'
import { ChannelCounters } from '../broker/counters.ts'
import { inShortSteps, inSteps, type Steps, WAIT } from '../broker/jobs.ts'
import { type ConsumedQueue, returns, type Settlement, waitsForDisk } from '../broker/queue/queue.ts'
import type { TraceOrigin } from '../broker/tracer.ts'
import type { Confirming } from '../broker/turn.ts'
import {
  CANCELLED_PER_STEP,
  REJECTED_PER_STEP,
  RESUMED_PER_STEP,
  SETTLED_PER_STEP,
  STEP_MS,
  TIMED_OUT_TAGS_MAX,
} from '../limits.ts'
import type { Caller } from '../operations/caller.ts'
import { preconditionFailed } from '../protocol/errors.ts'
import { MethodId } from '../protocol/generated/constants.ts'
import type { ServerMethod } from '../protocol/generated/methods.ts'
import type { Access } from '../security/access.ts'
import { charge } from '../util/owner.ts'
import type { Client } from './client.ts'
import type { Confirms } from './confirms.ts'
import type { ChannelConsumer } from './consumer.ts'
import { ContentAssembly } from './content-assembly.ts'
import { RouteCache } from './route-cache.ts'
import type { Transaction } from './transaction.ts'
import { Unsettled } from './unsettled.ts'

/** Number of deliveries settled per step. */
const SHARES: Record<Settlement, number> = {
  ack: SETTLED_PER_STEP,
  return: SETTLED_PER_STEP,
  fail: SETTLED_PER_STEP,
  reject: REJECTED_PER_STEP,
}

export class Channel implements Confirming, TraceOrigin {
  readonly number: number
  readonly client: Client
  readonly broker: Broker
  caller: Caller
  readonly unsettled = new Unsettled()
  /** Consumers by tag. With a shared prefetch limit, in the order in which they were last served. */
  readonly consumers = new Map<string, ChannelConsumer>()
  /** Octets of the arguments of all consumers. */
  consumerArgumentsBytes = 0
  readonly assembly = new ContentAssembly()
  routes = new RouteCache()
  /** The server has closed the channel and waits for the client's close-ok. */
  closing = false
  confirms: Confirms | undefined
  transaction: Transaction | undefined
  /** Name of the queue declared last; methods use it in place of an empty queue name. */
  lastQueue = ''
  readonly counters = new ChannelCounters()
  /** The consumer of direct replies, and the name to which responders publish. */
  replyConsumer: { tag: string; name: string } | undefined
  /** Set by basic.qos with global=false: prefetch limit of new consumers; 0 = no limit. */
  prefetch = 0
  /** Set by basic.qos with global=true: prefetch limit shared by all consumers; 0 = no limit. */
  sharedPrefetch = 0
  /** Number of unacknowledged deliveries that count for the shared limit. */
  sharedUnacked = 0
  /** Tags of deliveries requeued because of a consumer timeout; settling them is not an error. */
  private timedOut: Set<number> | undefined
  /** Number of the last turn in which the delivery time was recorded. */
  deliveryTurn = 0
  private confirming = false
  /** State of `resumeMany`: 0 = not running, 1 = running, 2 = running and must run once more. */
  private resuming = 0
  /** A publish that reached no queue waits for its confirm, which must precede the next reply. */
  owesConfirm = false
  private awaitsDurable = false

  constructor(client: Client, number: number, caller: Caller) {
    this.client = client
    this.broker = client.broker
    this.number = number
    this.caller = caller
  }

  /** Sets the user's permissions from the next method on. */
  setRights(tags: readonly string[], access: Access): void {
    this.caller = { ...this.caller, tags, access }
    this.routes = new RouteCache()
  }

  get connectionName(): string {
    return this.client.name
  }

  get userName(): string {
    return this.caller.user
  }

  failed(error: unknown): void {
    this.client.failed(error, this.number)
  }

  send(m: ServerMethod): void {
    this.client.output.method(this.number, m)
  }

  /** Records the delivery time; called before the first delivery of a turn that needs an acknowledgement. */
  noteDelivery(): void {
    const { turn } = this.broker
    this.deliveryTurn = turn.number
    this.unsettled.sending(Math.floor(turn.now() / 1000))
  }

  /**
   * Acknowledges, requeues or rejects deliveries.
   * @throws AmqpError 406 for an unknown delivery tag; nothing is settled then
   */
  settle(tag: number, multiple: boolean, how: Settlement): void {
    const u = this.unsettled
    const all = multiple && tag === 0
    const last = all ? u.nextTag - 1 : tag
    if (!all && !u.isOutstanding(tag)) {
      if (!this.wasLate(tag)) throw preconditionFailed(`unknown delivery tag ${tag}`)
      if (!multiple) return
    }
    this.handOutBefore(how)
    const first = multiple ? u.first : tag
    // Before several deliveries are requeued, all their queues have to be held.
    const next = multiple && returns(how) ? first : this.settleRange(first, last, how, SHARES[how])
    if (next <= last) this.client.pace.work(this.settling(next, last, how))
  }

  /** @param skips whether the delivery is left as it is */
  private settling(first: number, last: number, how: Settlement, skips?: (tag: number) => boolean): Steps {
    const queues = returns(how) ? this.unsettled.queuesFrom(first, last, skips) : []
    return this.holding(queues, this.settlingRange(first, last, how, skips))
  }

  private *settlingRange(
    first: number,
    last: number,
    how: Settlement,
    skips?: (tag: number) => boolean,
  ): Steps {
    const { turn } = this.broker
    const u = this.unsettled
    for (let next = u.nextFrom(first, last); next <= last; next = u.nextFrom(next, last)) {
      const waits = waitsForDisk(turn, u.queueOf(next), how)
      // The others are still in their queues at the next start.
      if (waits && turn.givesUp()) return
      if (!waits) next = this.settleRange(next, last, how, SHARES[how], skips)
      if (next <= last) yield waits ? WAIT : undefined
    }
  }

  /** Runs steps that requeue deliveries. Their queues deliver nothing meanwhile: later messages would overtake them. */
  private *holding(queues: readonly ConsumedQueue[], steps: Steps): Steps {
    for (const q of queues) q.hold()
    try {
      yield* steps
    } finally {
      for (const q of queues) q.letGo()
    }
  }

  /** Settles up to `max` deliveries, fewer if it takes long; returns the tag to continue with, or Infinity if done. */
  private settleRange(
    first: number,
    last: number,
    how: Settlement,
    max = Infinity,
    skips?: (tag: number) => boolean,
  ): number {
    const u = this.unsettled
    let left = max
    // A single dead-lettered message may be routed to thousands of queues.
    const { clock } = this.broker
    const end = how === 'ack' || first === last ? Infinity : clock.elapsed() + STEP_MS
    for (let tag = u.nextFrom(first, last); tag <= last; tag = u.nextFrom(tag + 1, last)) {
      if (left-- === 0) return tag
      if (end !== Infinity && left + 1 < max && clock.elapsed() > end) return tag
      if (skips?.(tag) === true) continue
      const consumer = u.consumerOf(tag)
      const queue = u.queueOf(tag)
      const number = u.numberOf(tag)
      u.remove(tag)
      if (how === 'ack') this.counters.acknowledged++
      try {
        queue.settle(number, how)
      } catch (error) {
        // The other deliveries are still settled.
        charge(queue, error)
      }
      consumer?.release()
    }
    return Infinity
  }

  /**
   * Settles those deliveries among the tags of one command that are still outstanding.
   * @param queues the queues to which the deliveries are requeued
   */
  *settlingEach(
    tags: Iterable<number | undefined>,
    how: Settlement,
    queues: readonly ConsumedQueue[],
  ): Steps {
    this.handOutBefore(how)
    const each = tags[Symbol.iterator]()
    const next = (): boolean => {
      const { value: tag, done } = each.next()
      if (tag !== undefined) this.settleRange(tag, tag, how)
      return done !== true
    }
    yield* this.holding(queues, inShortSteps(this.broker.clock, SHARES[how], next))
  }

  /**
   * Lets earlier publishes reach their consumers first, so that they do not take up room in queues with a maximum
   * length. The client has not seen these deliveries, so its command does not cover them.
   */
  private handOutBefore(how: Settlement): void {
    if (how !== 'ack') this.broker.turn.pumpNow()
  }

  /**
   * Requeues all unsettled deliveries, except those settled in an open transaction.
   * @param done called when all are requeued, which may take several turns
   */
  recover(done: () => void): void {
    const u = this.unsettled
    const last = u.nextTag - 1
    this.handOutBefore('return')
    const { transaction } = this
    const skips = transaction === undefined ? undefined : (tag: number) => transaction.has(tag)
    this.client.pace.work(this.settling(u.first, last, 'return', skips), () => {
      if (!this.closing) done()
    })
  }

  /** Requeues a delivery that has timed out. If the client settles it later, that has no effect. */
  timeOut(tag: number): void {
    if (this.timedOut === undefined || this.timedOut.size >= TIMED_OUT_TAGS_MAX) this.timedOut = new Set()
    this.timedOut.add(tag)
    this.settleRange(tag, tag, 'return')
  }

  /** Whether the delivery has timed out, so that settling it, once, is no error. */
  wasLate(tag: number): boolean {
    return this.timedOut?.delete(tag) === true
  }

  private forget(c: ChannelConsumer): void {
    if (this.consumers.delete(c.tag)) this.consumerArgumentsBytes -= c.arguments.bytes.length
  }

  /** Removes the consumer of that tag if its queue was deleted but the consumer has not been cancelled yet. */
  dropGone(tag: string): void {
    const c = this.consumers.get(tag)
    if (c?.queue.deleted !== true) return
    c.queue.cancel(c)
    this.consumerCancelled(c)
  }

  removeConsumer(tag: string): void {
    const c = this.consumers.get(tag)
    if (c === undefined) return
    this.forget(c)
    if (this.replyConsumer?.tag === tag) this.replyConsumer = undefined
    c.queue.cancel(c)
    c.retire()
  }

  /**
   * Removes a consumer whose queue was deleted, or whose user may no longer read the queue. Clients that announced the
   * capability consumer_cancel_notify are notified.
   */
  consumerCancelled(c: ChannelConsumer): void {
    this.forget(c)
    c.retire()
    if (!this.client.has('consumer_cancel_notify')) return
    this.client.notify(() => {
      if (!this.closing) this.send({ id: MethodId.BasicCancel, consumerTag: c.tag, nowait: true })
    })
  }

  /** Moves a consumer that got a delivery to the end, so that another one is next under the shared limit. */
  served(c: ChannelConsumer): void {
    if (this.consumers.delete(c.tag)) this.consumers.set(c.tag, c)
  }

  /** Called when the channel or its connection has credit again. Very many consumers take several turns. */
  resumeConsumers(): void {
    if (this.consumers.size > RESUMED_PER_STEP) this.resumeMany()
    else for (const c of this.consumers.values()) c.resume()
  }

  private resumeMany(): void {
    if (this.resuming !== 0) {
      this.resuming = 2
      return
    }
    this.resuming = 1
    const steps = inSteps([...this.consumers.values()], RESUMED_PER_STEP, (c) => c.resume())
    this.broker.turn.jobs.begin(steps, this, () => {
      const again = this.resuming === 2
      this.resuming = 0
      if (again && !this.closing) this.resumeMany()
    })
  }

  /** Records a publish in confirm mode. `batch` is the batch that makes it safe; 0 = safe now. */
  published(batch: number): void {
    const confirms = this.confirms
    if (confirms === undefined) return
    confirms.add(batch)
    if (batch !== 0) {
      this.broker.commit.requestFlush()
      this.broker.turn.schedule()
      if (!this.awaitsDurable) {
        this.awaitsDurable = true
        this.client.awaitDurable(this)
      }
    } else if (!confirms.waits) this.confirmLater()
  }

  /** Records a publish that a queue has rejected, or that not all queues have. */
  refused(): void {
    const confirms = this.confirms
    if (confirms === undefined || this.closing) return
    const deliveryTag = confirms.refuse()
    this.send({ id: MethodId.BasicNack, deliveryTag, multiple: false, requeue: false })
    if (!confirms.waits) this.confirmLater()
  }

  /** Called when a batch is on disk. Returns false if no publish of this channel waits for another batch. */
  becameDurable(): boolean {
    this.sendConfirms()
    this.awaitsDurable = this.confirms?.waits === true && !this.closing
    return this.awaitsDurable
  }

  private confirmLater(): void {
    if (this.confirming) return
    this.confirming = true
    this.broker.turn.confirmLater(this)
  }

  /** Confirms all publishes that are safe by now, with a single basic.ack unless publishes were rejected. */
  sendConfirms(): void {
    this.confirming = false
    this.owesConfirm = false
    if (this.confirms === undefined || this.closing) return
    for (let again = true; again; ) {
      const { upTo, count, more } = this.confirms.take(this.broker.commit.durable)
      again = more
      this.counters.confirmed += count
      this.broker.counters.confirmed += count
      if (count > 0) this.send({ id: MethodId.BasicAck, deliveryTag: upTo, multiple: count > 1 })
    }
  }

  /** Stops deliveries and replies. */
  close(): void {
    this.broker.turn.pumpNow()
    this.sendConfirms()
    this.closing = true
    this.assembly.reset()
  }

  /** Ends the channel. Consumers are cancelled first, so that requeued messages are not delivered to them again. */
  *releasing(): Steps {
    yield* this.cancelling()
    yield* this.returning()
  }

  cancelling(): Steps {
    return inSteps([...this.consumers.keys()], CANCELLED_PER_STEP, (tag) => this.removeConsumer(tag))
  }

  *returning(): Steps {
    this.transaction?.clear()
    this.transaction = undefined
    yield* this.settling(this.unsettled.first, this.unsettled.nextTag - 1, 'fail')
  }
}
