// hot: per message
/**
 * A queue whose messages are removed when they are settled. It defines the order of the steps; each feature has its own
 * file, and queue-parts.ts makes them. It knows consumers by their interface and the store by its log, and no other queues.
 */
import { DELIVERIES_BETWEEN_LOOKS, RESUMED_PER_STEP, REWRITTEN_BYTES_LARGE } from '../../limits.ts'
import { type Deduplication, headersOf } from '../deduplication.ts'
import { inSteps, type Steps } from '../jobs.ts'
import type { InboundMessage } from '../message.ts'
import { noMessages } from '../messages/no-messages.ts'
import type { Browsed, MessageOrder } from '../messages/order.ts'
import { STATE_READY } from '../messages/segment.ts'
import type { AppliedPolicies } from '../policy/policy.ts'
import { type Consumer, Consumers, cancelling, nobody } from './consumers.ts'
import { countedMessage } from './delivery-limit.ts'
import { Detours } from './detours.ts'
import type { QueueContents, QueueEnvironment } from './environment.ts'
import type { LengthLimit } from './length-limit.ts'
import type { StoredLetter } from './letter-store.ts'
import type { Delivery, Queue, QueueInfo, QueueSettings, Settlement } from './queue.ts'
import { PUBLISH_DURABLE, PUBLISH_REFUSED, PUBLISH_STORED } from './queue.ts'
import { QueueExpiry } from './queue-expiry.ts'
import { QueueParts } from './queue-parts.ts'
import { SingleActiveConsumer } from './single-active-consumer.ts'

export class WorkQueue extends QueueParts implements Queue {
  /** The connection that may use the queue, if it is exclusive. */
  readonly owner: object | undefined
  rewritesOnDelivery = false
  private readonly deduplication: Deduplication | undefined
  private expiry: QueueExpiry | undefined
  private limit: LengthLimit | undefined
  private holds = 0
  looks = false
  /** Number of the last turn in which an arrival time was recorded. */
  private arrivalTurn = 0

  constructor(
    info: QueueInfo,
    policies: AppliedPolicies,
    settings: QueueSettings,
    owner: object | undefined,
    contents: QueueContents,
    env: QueueEnvironment,
  ) {
    super(info, policies, settings, contents.log, env)
    this.owner = owner
    this.deduplication = contents.deduplication
    if (settings.singleActiveConsumer)
      this.consumers = new SingleActiveConsumer(info.kind.activeConsumerYields)
    this.apply(settings)
    if (contents.order !== undefined) this.begin(contents.order)
  }

  private get detours(): Detours {
    if (this.order === noMessages) this.begin()
    this.taken ??= new Detours(this, this.order, this.env)
    return this.taken
  }

  configure(policies: AppliedPolicies, settings: QueueSettings): void {
    this.policies = policies
    this.apply(settings)
    const told = inSteps([...this.consumers], RESUMED_PER_STEP, (c) => c.settingsChanged())
    if (this.consumers.size > 0) this.env.turn.jobs.begin(told, this)
    this.wake()
  }

  private apply(settings: QueueSettings): void {
    if (this.expiry === undefined || this.settings.expires !== settings.expires) {
      this.expiry?.stop()
      this.expiry =
        settings.expires < 0
          ? undefined
          : new QueueExpiry(settings.expires, this.env, this.consumers.size, () => this.env.remove(this))
    }
    this.settings = settings
    this.limit = settings.limit
    this.rewritesOnDelivery =
      this.kind.tellsReturns || settings.deliveryLimit >= 0 || settings.retry !== undefined
  }

  restore(): void {
    if (this.order === noMessages) this.begin()
    const ready = this.order.restore()
    const waiting = this.order.takeWaiting((error) => this.failed(error))
    if (waiting.length > 0) this.detours.requeues.restore(waiting)
    if (ready === 0) return
    // Any message may have a deadline; `pump` checks the head.
    this.deadlines.active = true
    this.wake()
  }

  restoreRefused(letter: StoredLetter): boolean {
    return this.detours.outbox.refused(letter.message, letter)
  }

  publish(m: InboundMessage): number {
    const { limit, deduplication } = this
    if (this.order === noMessages) this.begin()
    const headers = deduplication === undefined ? undefined : headersOf(m)
    // A duplicate is not safe before the first one is.
    if (deduplication?.isDuplicateIn(this.name, m, headers, this.env.turn.now())) return PUBLISH_DURABLE
    if (limit !== undefined && !this.hasRoom(limit, m)) return this.refuse(limit, m)
    const { messageTtl } = this.settings
    const deadline =
      m.ttl < 0 && messageTtl < 0 ? 0 : this.deadlines.deadline(m.ttl, messageTtl, this.env.turn.now())
    if (this.arrivalTurn !== this.env.turn.number) this.noteArrival()
    const { persistent } = m
    if (this.kind.storesAll) m.persistent = true
    const outcome = m.persistent && this.log !== undefined ? PUBLISH_DURABLE : PUBLISH_STORED
    this.order.append(m, deadline)
    m.persistent = persistent
    // Not before: had the queue no memory for it, the next attempt would be confirmed and dropped as a duplicate.
    deduplication?.admit(headers, this.env.turn.now())
    this.counters.published++
    // Excess messages are dropped later in the turn, after this message has reached its other queues, as in RabbitMQ.
    if (!this.awake && (this.consumers.size > 0 || deadline !== 0 || limit?.exceeded(this.order))) this.wake()
    return outcome
  }

  private noteArrival(): void {
    this.arrivalTurn = this.env.turn.number
    this.order.arriving(Math.floor(this.env.turn.now() / 1000))
  }

  /** Returns false if the queue must reject the message. Serves consumers first, which may make room. */
  private hasRoom(limit: LengthLimit, m: InboundMessage): boolean {
    if (limit.overflow === 'drop-head' || !limit.wouldExceed(this.order, m.bodySize)) return true
    this.env.turn.pumpAlone(this)
    if (!limit.wouldExceed(this.order, m.bodySize)) return true
    return this.order.ready === 0 && this.consumers.peek() !== undefined
  }

  private refuse(limit: LengthLimit, m: InboundMessage): number {
    if (!m.isOffered && (limit.overflow === 'reject-publish-dlx' || m.isDelayed))
      this.detours.outbox.refused(m)
    return PUBLISH_REFUSED
  }

  /** Delivers, expires and drops messages, in this order. */
  pump(): void {
    this.awake = false
    if (this.deleted || this.order === noMessages) return
    if (this.consumers.size > 0 && this.holds === 0 && !this.handOut()) return
    this.expireHeads()
    if (this.settings.expireAnywhere)
      this.deadlines.takeAll(this.order, this.env.turn.now(), this.detours.discards)
    // The new head may have expired, or need a timer.
    if (this.dropExcess()) this.expireHeads()
  }

  private expireHeads(): void {
    if (this.ttl?.active === true)
      this.ttl.dropHeads(this.order, this.env.turn.now(), () => this.detours.discards.head('expired'))
  }

  /** Drops messages above the limit, unless messages are being requeued. Returns whether any was dropped. */
  private dropExcess(): boolean {
    const { limit, order } = this
    let dropped = false
    if (this.holds > 0) return dropped
    while (limit?.exceeded(order) && order.head() && this.detours.discards.head('maxlen')) dropped = true
    return dropped
  }

  /** After a requeue, classic queues drop excess messages before delivering, as in RabbitMQ, and others after that. */
  cameBack(): void {
    if (!this.kind.requeuesInOrder) this.dropExcess()
    this.wake()
  }

  /** Delivers to consumers. Returns false if it continues in the next turn: deliveries may have 1 MiB each. */
  private handOut(): boolean {
    const { order, consumers, counters, ttl } = this
    let segment: MessageOrder['headSegment'] | undefined
    for (let looked = 1; ; looked++) {
      if (this.looks || looked % DELIVERIES_BETWEEN_LOOKS === 0) {
        this.looks = false
        if (this.env.turn.isLate) {
          this.wake()
          return false
        }
      }
      if (!order.head()) break
      // The next segment may have been read from disk, and may consist of one large message: check the time.
      if (segment !== order.headSegment) this.looks ||= segment !== undefined
      segment = order.headSegment
      if (ttl?.active === true && ttl.headExpired(order, this.env.turn.now())) {
        if (!this.detours.discards.head('expired')) break
        continue
      }
      const c = consumers.next()
      if (c === undefined) break
      if (!this.deliverHead(c)) continue
      if (c.noAck) {
        counters.deliveredNoAck++
        order.removeHead()
      } else {
        counters.delivered++
        order.takeHead()
      }
    }
    return true
  }

  /** Returns false if the message cannot be delivered and was parked. */
  private deliverHead(c: Consumer): boolean {
    const { headSegment: segment, headIndex: index, headSequence: sequence } = this.order
    try {
      c.deliver(this, segment, index, sequence)
    } catch (error) {
      this.setAside(sequence, 'delivery', error)
      return false
    }
    if (segment.wasDelivered(index)) this.counters.redelivered++
    return true
  }

  setAside(sequence: number, during: string, error: unknown): void {
    this.order.take(sequence)
    this.detours.aside.park(sequence, during, error)
  }

  releaseParked(only?: number): number {
    const numbers = this.taken?.aside.release(only) ?? []
    let released = numbers.length
    for (const n of numbers)
      try {
        this.order.requeue(n)
      } catch (error) {
        this.detours.aside.park(n, 'release', error)
        if (only !== undefined) throw error
        released--
      }
    this.wake()
    return released
  }

  broke(sequence: number): void {
    this.detours.aside.broke(sequence)
  }

  consume(c: Consumer): void {
    if (this.consumers === nobody) this.consumers = new Consumers()
    this.consumers.add(c)
    this.expiry?.used(this.consumers.size)
    this.wake()
  }

  cancel(c: Consumer): void {
    this.consumers.remove(c)
    this.expiry?.used(this.consumers.size)
    if (this.autoDelete && this.consumers.size === 0 && !this.deleted) this.env.remove(this)
    // The queue may have a new active consumer.
    else if (this.order.ready > 0) this.wake()
  }

  resume(c: Consumer): void {
    this.consumers.resume(c)
    if (this.order.ready > 0) this.wake()
  }

  hold(): void {
    this.holds++
  }

  letGo(): void {
    this.holds--
    this.cameBack()
  }

  get(): Delivery | undefined {
    if (this.order === noMessages) this.begin()
    this.expiry?.used(this.consumers.size)
    this.env.turn.pumpAlone(this)
    // An expired message that is still at the head does not count.
    if (!this.order.head() || this.ttl?.headExpired(this.order, this.env.turn.now())) {
      this.counters.gotEmpty++
      return undefined
    }
    const { headSegment: segment, headIndex: index, headSequence: sequence } = this.order
    return { segment, index, sequence }
  }

  takeGot(noAck: boolean): void {
    const { headSegment, headIndex } = this.order
    if (headSegment.wasDelivered(headIndex)) this.counters.redelivered++
    if (noAck) this.counters.gotNoAck++
    else this.counters.got++
    if (noAck) this.order.removeHead()
    else this.order.takeHead()
    this.headLeft()
  }

  /** Called when the head was removed outside `pump`: the next message may have expired, or need a timer. */
  private headLeft(): void {
    if (this.ttl?.active === true && this.order.ready > 0) this.wake()
  }

  settle(sequence: number, how: Settlement): void {
    if (this.deleted) return
    try {
      if (how === 'ack') {
        this.order.settle(sequence)
        this.counters.acknowledged++
      } else if (how === 'reject') this.detours.outbox.die(sequence, 'rejected')
      else this.detours.requeues.requeue(sequence, how)
    } catch (error) {
      this.detours.late.add(sequence, how, error)
      throw error
    }
  }

  asDelivered({ segment, index }: Delivery): InboundMessage | undefined {
    if (segment.deliveryCounts === undefined) return undefined
    this.looks = segment.entryLength(index) >= REWRITTEN_BYTES_LARGE
    return countedMessage(segment, index, this.kind.tellsReturns)
  }

  browse(after = -1): Iterable<Browsed> {
    this.env.turn.pumpAlone(this)
    return this.order.browse(after)
  }

  removeReady(sequence: number): void {
    this.order.take(sequence)
    this.order.settle(sequence)
    this.headLeft()
  }

  moveReady(sequence: number, give: () => boolean): boolean {
    // Read before the message is in the other queue: if that failed then, it would be in both.
    const { segment, index } = this.order.find(sequence)
    if (segment.state(index) !== STATE_READY) return false
    const { turn } = this.env
    segment.pin()
    // Nor may it be delivered meanwhile.
    turn.pumpsNone = true
    try {
      if (!give()) return false
      this.removeReady(sequence)
      return true
    } finally {
      turn.pumpsNone = false
      segment.unpin()
    }
  }

  purge(): number {
    this.env.turn.pumpAlone(this)
    return this.order.purge()
  }

  redeclared(): void {
    this.expiry?.used(this.consumers.size)
  }

  /** Called by the vhost, which removes the queue. */
  destroy(): number {
    const ready = this.order.ready
    this.deleted = true
    this.stop()
    this.order.destroy()
    this.deduplication?.destroy()
    return ready
  }

  tellingConsumers(): Steps {
    const { consumers } = this
    return cancelling(consumers, (c) => consumers.remove(c))
  }

  stop(): void {
    this.ttl?.stop()
    this.expiry?.stop()
    this.taken?.stop()
  }
}
