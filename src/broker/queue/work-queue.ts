// hot: per message
/**
 * A queue whose messages leave when they are settled. Owns the order of the steps; each feature has its file.
 * Knows consumers by their contract, the store by its log, other queues not at all.
 */

import { preconditionFailed } from '../../protocol/errors.ts'
import type { FieldTable } from '../../protocol/field-table.ts'
import type { Clock } from '../clock.ts'
import { type Content, type Incoming, readContent } from '../message.ts'
import type { Turn } from '../turn.ts'
import { type Consumer, type ConsumerRound, Consumers } from './consumers.ts'
import { DeliveryCounts } from './delivery-limit.ts'
import type { QueueKind } from './kinds/kinds.ts'
import type { LengthLimit } from './length-limit.ts'
import { MessageTtl } from './message-ttl.ts'
import type { MessageOrder } from './order.ts'
import {
  type DeathReason,
  type Delivery,
  PUBLISH_DURABLE,
  PUBLISH_REFUSED,
  PUBLISH_STORED,
  type Queue,
  type QueueInfo,
} from './queue.ts'
import { QueueExpiry } from './queue-expiry.ts'
import { SingleActiveConsumer } from './single-active-consumer.ts'

/** What the arguments (and later policies) of a queue come to; -1 or undefined = not set. */
export interface QueueSettings {
  messageTtl: number
  expires: number
  limit: LengthLimit | undefined
  deadLetterExchange: string | undefined
  deadLetterRoutingKey: string | undefined
  singleActiveConsumer: boolean
  /** How often a message may come back; -1 = without end, and uncounted. */
  deliveryLimit: number
  /** x-max-priority; 0 = one order for all */
  maxPriority: number
}

/** Where the messages of a queue are. */
export interface QueueContents {
  readonly order: MessageOrder
  /** The number of its (first) log, for a queue whose persistent messages outlive the process. */
  readonly log: number | undefined
}

/** What a queue needs of its surroundings. */
export interface QueueEnvironment {
  readonly clock: Clock
  readonly turn: Turn
  /** Publishes the message to the queue's dead-letter exchange. */
  deadLetter(queue: WorkQueue, content: Content, reason: DeathReason): void
  /** The queue has to go by itself: x-expires, or auto-delete after its last consumer. */
  remove(queue: WorkQueue): void
}

export class WorkQueue implements Queue {
  readonly name: string
  readonly durable: boolean
  readonly exclusive: boolean
  readonly autoDelete: boolean
  readonly kind: QueueKind
  readonly arguments: FieldTable
  readonly settings: QueueSettings
  /** The connection that may use it, for an exclusive queue. */
  readonly owner: object | undefined
  readonly log: number | undefined
  deleted = false
  /** Marks the queue as reached by the routing pass of that number. */
  routeStamp = 0
  private readonly env: QueueEnvironment
  private readonly order: MessageOrder
  private readonly consumers: ConsumerRound
  private readonly ttl: MessageTtl
  private readonly expiry: QueueExpiry | undefined
  private readonly limit: LengthLimit | undefined
  private awake = false

  constructor(
    info: QueueInfo,
    settings: QueueSettings,
    owner: object | undefined,
    contents: QueueContents,
    env: QueueEnvironment,
  ) {
    this.name = info.name
    this.durable = info.durable
    this.exclusive = info.exclusive
    this.autoDelete = info.autoDelete
    this.kind = info.kind
    this.arguments = info.arguments
    this.settings = settings
    this.owner = owner
    this.log = contents.log
    this.env = env
    this.order = contents.order
    this.consumers = settings.singleActiveConsumer ? new SingleActiveConsumer() : new Consumers()
    this.ttl = new MessageTtl(settings.messageTtl, env.clock, () => this.wake())
    this.limit = settings.limit
    if (settings.expires >= 0)
      this.expiry = new QueueExpiry(settings.expires, env.clock, () => this.env.remove(this))
  }

  /** Takes back what the log kept. */
  restore(): void {
    const ready = this.order.restore()
    // Any of them may carry a deadline: the first look at the head tells.
    this.ttl.active = ready > 0
    if (ready > 0) this.wake()
  }

  get counts(): { ready: number; unacked: number; consumers: number } {
    return { ready: this.order.ready, unacked: this.order.unacked, consumers: this.consumers.size }
  }

  /** Octets of the bodies of ready and unacked messages. */
  get bytes(): { ready: number; unacked: number } {
    return { ready: this.order.readyBytes, unacked: this.order.unackedBytes }
  }

  publish(m: Incoming): number {
    const limit = this.limit
    if (limit !== undefined && !this.hasRoom(limit, m)) return this.refuse(limit, m)
    const ttl = this.ttl
    const deadline = m.ttl < 0 && ttl.queueTtl < 0 ? 0 : ttl.deadline(m.ttl, this.env.turn.now())
    this.order.append(m, deadline)
    if (limit?.exceeded(this.order)) this.pump()
    else if (!this.awake && (this.consumers.size > 0 || deadline !== 0)) this.wake()
    return m.persistent && this.log !== undefined ? PUBLISH_DURABLE : PUBLISH_STORED
  }

  /** False where the queue has to refuse the message; consumers get their chance first. */
  private hasRoom(limit: LengthLimit, m: Incoming): boolean {
    if (limit.overflow === 'drop-head' || !limit.wouldExceed(this.order, m.bodySize)) return true
    this.pump()
    return !limit.wouldExceed(this.order, m.bodySize) || this.canHandOver()
  }

  private refuse(limit: LengthLimit, m: Incoming): number {
    if (limit.overflow === 'reject-publish-dlx' && this.settings.deadLetterExchange !== undefined) {
      const content = readContent(m.source, m.namesStart, m.contentStart, m.contentEnd)
      this.env.deadLetter(this, content, 'maxlen')
    }
    return PUBLISH_REFUSED
  }

  /** A consumer would take the message at once. */
  private canHandOver(): boolean {
    const c = this.order.ready === 0 ? this.consumers.next() : undefined
    return c !== undefined
  }

  wake(): void {
    if (this.awake || this.deleted) return
    this.awake = true
    this.env.turn.pumpLater(this)
  }

  /** Hands out, expires and drops what is due, in this order. */
  pump(): void {
    this.awake = false
    if (this.deleted) return
    if (this.consumers.size > 0) this.handOut()
    if (this.ttl.active) this.dropExpired()
    const limit = this.limit
    if (limit !== undefined)
      while (limit.exceeded(this.order) && this.order.head()) this.discardHead('maxlen')
  }

  private handOut(): void {
    const order = this.order
    const consumers = this.consumers
    const expiring = this.ttl.active
    while (order.ready > 0) {
      if (!order.head()) return
      if (expiring && this.headExpired()) {
        this.discardHead('expired')
        continue
      }
      const c = consumers.next()
      if (c === undefined) return
      const segment = order.headSegment
      const index = order.headIndex
      c.deliver(this, segment, index, order.headNumber)
      if (c.noAck) order.removeHead()
      else order.takeHead()
    }
  }

  /** Strictly in the past: a TTL of 0 lets a message reach a consumer that is ready in the same turn. */
  private headExpired(): boolean {
    const at = this.order.headSegment.expiresAt(this.order.headIndex)
    return at !== 0 && at < this.env.turn.now()
  }

  private dropExpired(): void {
    const now = this.env.turn.now()
    while (this.order.head()) {
      const at = this.order.headSegment.expiresAt(this.order.headIndex)
      if (at === 0) return
      if (at > now) {
        this.ttl.wakeAt(at)
        return
      }
      this.discardHead('expired')
    }
  }

  private discardHead(reason: DeathReason): void {
    if (this.settings.deadLetterExchange !== undefined)
      this.env.deadLetter(this, this.order.headSegment.content(this.order.headIndex), reason)
    this.order.removeHead()
  }

  consume(c: Consumer): void {
    this.consumers.add(c)
    this.expiry?.used(this.consumers.size)
    this.wake()
  }

  cancel(c: Consumer): void {
    this.consumers.remove(c)
    this.expiry?.used(this.consumers.size)
    if (this.autoDelete && this.consumers.size === 0 && !this.deleted) this.env.remove(this)
  }

  /** The consumer has credit again. */
  resume(c: Consumer): void {
    this.consumers.resume(c)
    if (this.order.ready > 0) this.wake()
  }

  /** One consumer is active at a time: none may be exclusive. */
  get singleActive(): boolean {
    return this.consumers.single
  }

  get hasExclusiveConsumer(): boolean {
    return this.consumers.hasExclusive
  }

  get(): Delivery | undefined {
    this.expiry?.used(this.consumers.size)
    this.pump()
    if (!this.order.head()) return undefined
    const { headSegment: segment, headIndex: index, headNumber: number } = this.order
    return { segment, index, number }
  }

  /** Completes a get once its message has been copied out. */
  takeGot(noAck: boolean): void {
    if (noAck) this.order.removeHead()
    else this.order.takeHead()
  }

  settle(number: number, how: 'ack' | 'requeue' | 'reject'): void {
    if (this.deleted) return
    if (how === 'requeue') {
      if (this.settings.deliveryLimit >= 0 && this.exceedsDeliveryLimit(number)) return
      this.order.giveBack(number)
      this.wake()
      return
    }
    if (how === 'reject' && this.settings.deadLetterExchange !== undefined) {
      const { segment, index } = this.order.find(number)
      this.env.deadLetter(this, segment.content(index), 'rejected')
    }
    this.order.settle(number)
  }

  /** Counts that the message has come back; one that has come back too often leaves instead. */
  private exceedsDeliveryLimit(number: number): boolean {
    const { segment, index } = this.order.find(number)
    segment.deliveryCounts ??= new DeliveryCounts()
    if (segment.deliveryCounts.add(index) <= this.settings.deliveryLimit) return false
    if (this.settings.deadLetterExchange !== undefined)
      this.env.deadLetter(this, segment.content(index), 'delivery_limit')
    this.order.settle(number)
    return true
  }

  purge(): number {
    this.pump()
    return this.order.purge()
  }

  /** A declare that found the queue as it is. */
  redeclared(): void {
    this.expiry?.used(this.consumers.size)
  }

  /** Ends the queue's life; returns how many messages were ready. Called by the vhost, which forgets it. */
  destroy(): number {
    const ready = this.order.ready
    this.deleted = true
    this.stop()
    for (const c of [...this.consumers]) {
      this.consumers.remove(c)
      c.cancelled()
    }
    this.order.destroy()
    return ready
  }

  /** No more timers; the messages stay where they are. */
  stop(): void {
    this.ttl.stop()
    this.expiry?.stop()
  }

  /** @throws AmqpError 406 where a condition of queue.delete does not hold */
  checkDeletable(vhost: string, ifUnused: boolean, ifEmpty: boolean): void {
    this.pump()
    if (ifUnused && this.consumers.size > 0)
      throw preconditionFailed(`queue '${this.name}' in vhost '${vhost}' in use`)
    if (ifEmpty && this.order.ready > 0)
      throw preconditionFailed(`queue '${this.name}' in vhost '${vhost}' not empty`)
  }
}
