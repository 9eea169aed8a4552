// hot: per message
/** A consumer of a channel: its credit, and the encoding of its deliveries. */
import { type InboundMessage, readNames } from '../broker/message.ts'
import type { Segment } from '../broker/messages/segment.ts'
import type { Consumer } from '../broker/queue/consumers.ts'
import { type ConsumedQueue, waitsForDisk } from '../broker/queue/queue.ts'
import type { Vhost } from '../broker/vhost.ts'
import { writeContent } from '../output/content-writer.ts'
import type { Output } from '../output/output.ts'
import { FieldTable } from '../protocol/field-table.ts'
import { FRAME_METHOD, MethodId } from '../protocol/generated/constants.ts'
import { copyOctets, Octets } from '../util/copy.ts'
import { shortString } from '../util/octet-text.ts'
import { charged } from '../util/owner.ts'
import type { Channel } from './channel.ts'
import { ConsumerTimeout } from './consumer-timeout.ts'

/** Entries up to this size are copied to the output in one piece. */
const DIRECT_ENTRY_BYTES_MAX = 128 * 1024
const BASIC_DELIVER = 0x003c003c

export interface ConsumerOptions {
  readonly tag: string
  readonly noAck: boolean
  readonly exclusive: boolean
  readonly priority: number
  /** 0 = no limit. */
  readonly prefetch: number
  readonly arguments?: FieldTable | undefined
  /** x-consumer-timeout in ms; undefined = the queue's timeout applies. */
  readonly timeout?: number | undefined
}

export class ChannelConsumer implements Consumer {
  readonly tag: string
  readonly noAck: boolean
  readonly exclusive: boolean
  readonly priority: number
  readonly prefetch: number
  readonly queue: ConsumedQueue
  readonly arguments: FieldTable
  resting = false
  readonly channel: Channel
  private readonly vhost: Vhost
  /** The consumer's own x-consumer-timeout in ms, which takes precedence over the queue's. */
  private readonly ownTimeout: number | undefined
  private timeout: ConsumerTimeout | undefined
  private isRetired = false
  private readonly output: Output
  /** 1 if its deliveries count for the channel's shared prefetch limit; 0 for quorum queues and streams. */
  private readonly share: number
  unacked = 0
  /** basic.deliver from its frame header to its `redelivered` octet; the fields that vary are overwritten each time. */
  private readonly prefix: Octets

  constructor(channel: Channel, queue: ConsumedQueue, options: ConsumerOptions) {
    this.channel = channel
    this.output = channel.client.output
    this.queue = queue
    this.share = queue.kind.sharedPrefetch ? 1 : 0
    this.tag = options.tag
    this.noAck = options.noAck
    this.exclusive = options.exclusive
    this.priority = options.priority
    this.prefetch = options.prefetch
    this.arguments = options.arguments ?? FieldTable.empty
    this.prefix = deliverPrefix(channel.number, options.tag)
    this.vhost = channel.caller.vhost
    this.ownTimeout = options.timeout
    this.settingsChanged()
  }

  hasCredit(): boolean {
    if (this.output.congested) {
      this.channel.client.congested()
      return false
    }
    const channel = this.channel
    if (channel.closing) return false
    // The same check as `atSharedLimit`.
    if (channel.sharedPrefetch !== 0 && channel.sharedUnacked >= channel.sharedPrefetch && this.share !== 0)
      return channel.replyConsumer?.tag === this.tag
    return this.noAck || this.prefetch === 0 || this.unacked < this.prefetch
  }

  /** Whether the shared limit is reached. It also stops consumers without acknowledgements, as in RabbitMQ. */
  get atSharedLimit(): boolean {
    const { sharedPrefetch, sharedUnacked } = this.channel
    return sharedPrefetch !== 0 && sharedUnacked >= sharedPrefetch && this.share !== 0
  }

  deliver(queue: ConsumedQueue, segment: Segment, index: number, sequence: number): void {
    const before = this.output.position
    const tag = this.count(queue, sequence)
    try {
      this.write(queue, segment, index, sequence, tag)
    } catch (error) {
      if (this.output.position === before && !isOutOfMemory(error)) {
        this.undo(tag)
        throw error
      }
      // Part of the message was sent, or memory ran out: not known to be the message's fault.
      queue.broke(sequence)
      this.channel.client.broke(error)
    }
  }

  /** Counts a delivery; returns its tag. */
  private count(queue: ConsumedQueue, sequence: number): number {
    const channel = this.channel
    let tag: number
    const { counters } = channel
    if (this.noAck) {
      tag = channel.unsettled.skip()
      counters.deliveredNoAck++
    } else {
      counters.delivered++
      if (channel.deliveryTurn !== channel.broker.turn.number) channel.noteDelivery()
      tag = channel.unsettled.add(queue, sequence, this)
      this.unacked++
      channel.sharedUnacked += this.share
      if (channel.sharedPrefetch !== 0) channel.served(this)
    }
    return tag
  }

  /** Undoes `count` for a delivery that was not sent. Its tag stays unused. */
  private undo(tag: number): void {
    const { counters, unsettled } = this.channel
    if (this.noAck) {
      counters.deliveredNoAck--
      return
    }
    counters.delivered--
    unsettled.remove(tag)
    this.unacked--
    this.channel.sharedUnacked -= this.share
  }

  private write(queue: ConsumedQueue, segment: Segment, index: number, sequence: number, tag: number): void {
    const channel = this.channel
    const redelivered = segment.wasDelivered(index)
    if (redelivered) channel.counters.redelivered++
    if (this.timeout !== undefined && !this.noAck) this.timeout.delivered(tag)
    if (this.vhost.tracer !== undefined) this.vhost.tracer.delivered(channel, queue, segment, index)
    if (queue.rewritesOnDelivery) {
      const rewritten = queue.asDelivered({ segment, index, sequence })
      if (rewritten !== undefined) {
        this.deliverRewritten(rewritten, tag, redelivered)
        return
      }
    }
    const start = segment.offsets[index] as number
    const end = start + segment.entryLength(index)
    const namesStart = segment.namesStart(index)
    const contentStart = segment.contentStart(index)
    const prefix = this.prefix
    const max = channel.client.frameBytesMax
    const size = end - namesStart
    const direct =
      size <= DIRECT_ENTRY_BYTES_MAX && !segment.adopted && (max === 0 || segment.bodySize(index) <= max - 8)
    const copyEnd = direct ? end : contentStart + 1
    const out = this.output
    const prefixBytes = prefix.bytes.length
    const at = out.reserve(prefixBytes + copyEnd - namesStart)
    const { chunk } = out
    const o = chunk.bytes
    copyOctets(prefix, 0, prefixBytes, chunk, at)
    writeDeliver(o, at, prefixBytes, contentStart - namesStart, tag, redelivered)
    const entryAt = at + prefixBytes
    copyOctets(segment.octets, namesStart, copyEnd, chunk, entryAt)
    if (!direct) {
      out.cork()
      const owner = segment.adopted ? segment : undefined
      writeContent(out, channel.number, segment.octets, contentStart, end, max, owner)
      out.uncork()
      return
    }
    // The frames still have the publisher's channel number.
    const high = channel.number >> 8
    const low = channel.number & 0xff
    const headerAt = entryAt + contentStart - namesStart + 1
    o[headerAt + 1] = high
    o[headerAt + 2] = low
    const headerBytes =
      ((o[headerAt + 4] as number) << 16) | ((o[headerAt + 5] as number) << 8) | (o[headerAt + 6] as number)
    const bodyAt = headerAt + headerBytes + 8
    if (bodyAt < entryAt + size) {
      o[bodyAt + 1] = high
      o[bodyAt + 2] = low
    }
  }

  /** Sends a message that differs from the published one. */
  private deliverRewritten(m: InboundMessage, deliveryTag: number, redelivered: boolean): void {
    const names = { consumerTag: this.tag, ...readNames(m.source, m.namesStart) }
    this.channel.send({ id: MethodId.BasicDeliver, deliveryTag, redelivered, ...names })
    const { number, client } = this.channel
    writeContent(this.output, number, m.octets, m.contentStart, m.contentEnd, client.frameBytesMax, undefined)
  }

  /** Called when one of its deliveries is settled. */
  release(): void {
    this.unacked--
    this.channel.sharedUnacked -= this.share
    const { sharedPrefetch, sharedUnacked } = this.channel
    // The other consumers need resuming only if the shared limit was reached.
    if (sharedPrefetch !== 0 && sharedUnacked === sharedPrefetch - 1) {
      this.channel.resumeConsumers()
      if (this.isRetired) this.resume()
    } else this.resume()
  }

  settingsChanged(): void {
    const ms = this.ownTimeout ?? this.queue.settings.consumerTimeout
    if (ms <= 0) {
      this.timeout?.stop()
      this.timeout = undefined
    } else if (this.timeout !== undefined) this.timeout.ms = ms
    else {
      const { unsettled } = this.channel
      this.timeout = new ConsumerTimeout(
        ms,
        this.channel.client.clock,
        (tag) => unsettled.isOutstanding(tag),
        (tag) => this.late(tag),
        (action) => this.channel.broker.turn.jobs.soon(this.channel, action),
        () => waitsForDisk(this.channel.broker.turn, this.queue, 'return'),
      )
    }
  }

  /** Returns a delivery that has timed out. One settled in the open transaction waits for its end. */
  private late(tag: number): void {
    if (this.channel.transaction?.has(tag)) this.timeout?.delivered(tag)
    else this.channel.timeOut(tag)
  }

  /** Called when its queue has removed it: its timeout goes on for the deliveries that are not settled yet. */
  retire(): void {
    if (this.unacked === 0 || this.channel.closing || this.queue.deleted) this.timeout?.stop()
    // Resting, so that `resume` is not passed over when a delivery is settled.
    else if (this.timeout !== undefined) this.isRetired = this.resting = true
  }

  resume(): void {
    if (!this.resting) return
    if (!this.isRetired) this.queue.resume(this)
    else if (this.unacked === 0) this.timeout?.stop()
  }

  /** A failure must not keep the other consumers from being told. */
  cancelled(): void {
    charged(this.channel, () => this.channel.consumerCancelled(this))
  }
}

function deliverPrefix(channel: number, tag: string): Octets {
  const name = shortString(tag)
  const b = new Uint8Array(7 + 4 + 1 + name.length + 9)
  b[0] = FRAME_METHOD
  b[1] = channel >> 8
  b[2] = channel
  b[8] = BASIC_DELIVER >> 16
  b[10] = BASIC_DELIVER & 0xff
  b[11] = name.length
  b.set(name, 12)
  return new Octets(b)
}

/** Whether the error is a lack of memory rather than a fault of the message. */
export function isOutOfMemory(error: unknown): boolean {
  return error instanceof RangeError && /allocation failed/i.test(error.message)
}

/** Writes the fields that vary between deliveries: frame size, delivery tag, redelivered. */
function writeDeliver(
  o: Uint8Array,
  at: number,
  prefixBytes: number,
  namesBytes: number,
  tag: number,
  redelivered: boolean,
): void {
  const size = prefixBytes - 7 + namesBytes
  o[at + 5] = size >> 8
  o[at + 6] = size
  // The prefix ends with eight octets of delivery tag and the `redelivered` octet.
  const end = at + prefixBytes
  const high = Math.floor(tag / 4294967296)
  if (high !== 0) {
    o[end - 8] = high >> 16
    o[end - 7] = high >> 8
    o[end - 6] = high
  }
  o[end - 5] = tag >>> 24
  o[end - 4] = tag >>> 16
  o[end - 3] = tag >>> 8
  o[end - 2] = tag
  o[end - 1] = redelivered ? 1 : 0
}
