// hot: per message
/**
 * A stream: an append-only log that any number of consumers read, each at its own position. Messages are removed only
 * when the stream is too long or too old, a segment at a time and without being read (behaviour.md section 14).
 */

import { REWRITTEN_BYTES_LARGE } from '../../../limits.ts'
import { AmqpError, ReplyCode } from '../../../protocol/errors.ts'
import { fieldEntry } from '../../../protocol/field-table.ts'
import { charge } from '../../../util/owner.ts'
import { withHeaders } from '../../add-header.ts'
import { QueueCounters } from '../../counters.ts'
import type { Steps } from '../../jobs.ts'
import type { InboundMessage } from '../../message.ts'
import type { Browsed } from '../../messages/order.ts'
import type { Holding } from '../../messages/segments.ts'
import type { StreamLog } from '../../messages/stream-log.ts'
import type { AppliedPolicies } from '../../policy/policy.ts'
import { Aside, type AsideEnvironment, BROKE_TWO } from '../aside.ts'
import { type Consumer, cancelling } from '../consumers.ts'
import type { BaseEnvironment } from '../environment.ts'
import {
  type Delivery,
  PUBLISH_DURABLE,
  PUBLISH_STORED,
  type Queue,
  type QueueInfo,
  type QueueSettings,
} from '../queue.ts'
import { QueueBase } from '../queue-base.ts'
import { StreamFilter } from './filter.ts'
import { type StreamOffset, streamOffset } from './offset.ts'

const OFFSET_HEADER = 'x-stream-offset'
/** Number of messages that one consumer gets before the next one is served. */
const ROUND_MESSAGES = 256
/** Number of messages, delivered or skipped, between two checks of the time. */
const MESSAGES_BETWEEN_LOOKS = 16

interface Reader {
  readonly consumer: Consumer
  readonly filter: StreamFilter | undefined
  /** Offset of the next message. */
  next: number
  /** Whether the segment with the next message could not be read. */
  stuck: boolean
}

export interface StreamEnvironment extends BaseEnvironment, AsideEnvironment {}

export class StreamQueue extends QueueBase<StreamEnvironment> implements Queue {
  readonly owner = undefined
  readonly activeConsumer = undefined
  readonly hasExclusiveConsumer = false
  readonly rewritesOnDelivery = true
  readonly aside: Aside
  private readonly messages: StreamLog
  private readonly readers = new Map<Consumer, Reader>()
  /** Readers that remain from a round for which the time did not suffice. Some may have been cancelled since. */
  private left: Reader[] = []
  private retaining = false
  /** Number of messages visited so far. */
  private looked = 0
  looks = false

  constructor(
    info: QueueInfo,
    policies: AppliedPolicies,
    settings: QueueSettings,
    messages: StreamLog,
    env: StreamEnvironment,
  ) {
    super(info, policies, settings, messages.id, env)
    this.counters = new QueueCounters()
    this.messages = messages
    this.aside = new Aside(env)
    messages.limit(settings)
  }

  configure(policies: AppliedPolicies, settings: QueueSettings): void {
    this.policies = policies
    this.settings = settings
    this.messages.limit(settings)
    this.retain(this.env.turn.now())
  }

  private retain(now: number): void {
    this.messages.retain(now)
    if (this.messages.hasExcess) this.retainMore()
  }

  /** Drops the rest of what is too old or too much, in the turns that follow. */
  private retainMore(): void {
    if (!this.retaining) this.env.turn.jobs.begin(this.retainingMore(), this.env)
  }

  private *retainingMore(): Steps {
    const { env, messages } = this
    this.retaining = true
    try {
      while (messages.hasExcess && !this.deleted) {
        messages.retain(env.turn.now())
        yield
      }
    } finally {
      this.retaining = false
    }
  }

  restore(): void {
    this.messages.restore()
  }

  get counts(): { ready: number; unacked: number; consumers: number } {
    return { ready: this.messages.end - this.messages.first, unacked: 0, consumers: this.readers.size }
  }

  get bytes(): { ready: number; unacked: number } {
    return { ready: this.messages.bytes, unacked: 0 }
  }

  get headArrivedAt(): number {
    return this.messages.firstAt
  }

  get holding(): Holding {
    return this.messages.holding
  }

  publish(m: InboundMessage): number {
    const { turn } = this.env
    this.messages.append(m, turn.now(), turn.number)
    if (this.messages.hasExcess) this.retainMore()
    this.counters.published++
    if (this.readers.size > 0) this.wake()
    return this.log === undefined ? PUBLISH_STORED : PUBLISH_DURABLE
  }

  broke(offset: number): void {
    this.aside.broke(offset)
    if (this.aside.isCondemned(offset)) this.aside.park(offset, 'delivery', new Error(BROKE_TWO))
  }

  consume(c: Consumer): void {
    const now = this.env.turn.now()
    this.retain(now)
    const next = this.positionOf(streamOffset(c.arguments, now, `queue '${this.name}'`))
    this.readers.set(c, { consumer: c, filter: StreamFilter.of(c.arguments), next, stuck: false })
    this.wake()
  }

  private positionOf(offset: StreamOffset): number {
    const { first, end, lastChunk } = this.messages
    switch (offset.from) {
      case 'first':
        return first
      case 'last':
        return Math.max(first, lastChunk)
      case 'next':
        return end
      case 'number':
        return Math.max(first, offset.number < 0 ? end + offset.number : offset.number)
      case 'time':
        return this.messages.findTime(offset.time)
    }
  }

  get consumerList(): Iterable<Consumer> {
    return this.readers.keys()
  }

  cancel(c: Consumer): void {
    this.readers.delete(c)
  }

  resume(c: Consumer): void {
    c.resting = false
    this.wake()
  }

  pump(): void {
    this.awake = false
    if (this.deleted) return
    const before = this.left
    const left: Reader[] = []
    let late = false
    for (const reader of before.length > 0 ? before : this.readers.values()) {
      if (late) left.push(reader)
      else if (this.readers.get(reader.consumer) === reader) late = this.feedOrCharge(reader)
    }
    this.left = left
    // The rest of a round is followed by a full round, since other readers may have been woken meanwhile.
    if (before.length + left.length > 0) this.wake()
  }

  /** As `feed`. A reader whose segment cannot be read waits for the queue to continue, and only that reader does. */
  private feedOrCharge(reader: Reader): boolean {
    if (reader.stuck && this.continuesLater) return false
    reader.stuck = false
    try {
      return this.feed(reader)
    } catch (error) {
      reader.stuck = true
      charge(this, error)
      return false
    }
  }

  /** Delivers to one consumer. Returns true if the time of the turn is used up. */
  private feed(reader: Reader): boolean {
    const { consumer, filter } = reader
    const { messages } = this
    if (reader.next < messages.first) reader.next = messages.first
    for (let left = ROUND_MESSAGES; reader.next < messages.end; left--) {
      // A filter decodes the headers, which may have 128 KiB.
      const looks = ++this.looked % MESSAGES_BETWEEN_LOOKS === 0 || filter !== undefined || this.looks
      this.looks = false
      const late = looks && this.env.turn.isLate
      if (left === 0 || late) {
        this.wake()
        return late
      }
      if (!consumer.hasCredit()) {
        consumer.resting = true
        return false
      }
      const sequence = reader.next
      // If the segment cannot be read, the reader continues with this message.
      const segment = messages.segmentOf(sequence)
      reader.next++
      const index = sequence - segment.base
      if (segment.lacks(index) || this.aside.isCondemned(sequence)) continue
      try {
        if (filter !== undefined && !filter.matches(segment, index)) continue
        consumer.deliver(this, segment, index, sequence)
        this.counters.delivered++
      } catch (error) {
        // Other readers cannot deliver it either, and skip it.
        this.aside.park(sequence, 'delivery', error)
      }
    }
    return false
  }

  asDelivered({ segment, index, sequence }: Delivery): InboundMessage {
    this.looks = segment.entryLength(index) >= REWRITTEN_BYTES_LARGE
    const field = fieldEntry(OFFSET_HEADER, { type: 'l', value: BigInt(sequence) })
    return withHeaders(segment, index, [OFFSET_HEADER], field.bytes, 'first')
  }

  /** Acknowledged messages stay in the stream; only the consumer's credit returns. */
  settle(): void {
    this.counters.acknowledged++
  }

  /** Nothing to wait for: requeued messages are still in the log. */
  hold(): void {}
  letGo(): void {}

  browse(after = -1): Iterable<Browsed> {
    return this.messages.browse(after)
  }

  get(): never {
    throw this.unsupported('basic.get')
  }

  takeGot(): never {
    throw this.unsupported('basic.get')
  }

  removeReady(): never {
    throw this.unsupported('taking messages out')
  }

  moveReady(): never {
    throw this.unsupported('taking messages out')
  }

  purge(): never {
    throw this.unsupported('queue.purge')
  }

  setAside(sequence: number, during: string, error: unknown): void {
    this.aside.park(sequence, during, error)
  }

  /** The messages are still in the log: a consumer that reads from there gets them again. */
  releaseParked(only?: number): number {
    return this.aside.release(only).length
  }

  private unsupported(what: string): AmqpError {
    return new AmqpError(ReplyCode.NotImplemented, `${what} not supported by stream queues`)
  }

  redeclared(): void {}

  /** Streams ignore if-unused and if-empty. */
  override checkDeletable(): void {}

  stop(): void {}

  destroy(): number {
    const { ready } = this.counts
    this.deleted = true
    this.messages.destroy()
    return ready
  }

  tellingConsumers(): Steps {
    return cancelling(this.readers.keys(), (c) => this.readers.delete(c))
  }
}
