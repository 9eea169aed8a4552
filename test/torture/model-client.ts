/** A client of the simulated broker: one channel without a socket, and what it hears as lines of text. */
import type { Broker } from '../../src/broker/broker.ts'
import type { Steps } from '../../src/broker/jobs.ts'
import { deathsOf } from '../../src/broker/queue/dead-letter.ts'
import { Channel } from '../../src/channel/channel.ts'
import type { Client, DurableWaiter } from '../../src/channel/client.ts'
import { dispatch } from '../../src/channel/dispatch.ts'
import { trusted } from '../../src/operations/caller.ts'
import type { Output } from '../../src/output/output.ts'
import { AmqpError } from '../../src/protocol/errors.ts'
import { integerOf } from '../../src/protocol/field-table.ts'
import { encodeMethodFrame } from '../../src/protocol/frame-writer.ts'
import { FRAME_HEADER, FRAME_METHOD, MethodId } from '../../src/protocol/generated/constants.ts'
import { decodeMethod } from '../../src/protocol/generated/decode.ts'
import type { AnyMethod, ClientMethod, ServerMethod } from '../../src/protocol/generated/methods.ts'
import { decodeProperties } from '../../src/protocol/generated/properties.ts'
import { Octets } from '../../src/util/copy.ts'
import { contentLine, deliveryLine } from './model-channel.ts'
import type { Death } from './model-queue.ts'

const NUMBER = 1
/** Of what a client is sent in one step. */
const OUTPUT_BYTES = 1024 * 1024

type OutputMembers = 'chunk' | 'congested' | 'position' | 'reserve' | 'method' | 'cork' | 'uncork'

/** Keeps what a connection would send, instead of a socket. */
class Kept implements Pick<Output, OutputMembers> {
  private readonly bytes = Buffer.allocUnsafeSlow(OUTPUT_BYTES)
  readonly chunk = new Octets(this.bytes)
  readonly congested = false
  private at = 0

  get position(): number {
    return this.at
  }

  reserve(size: number): number {
    const at = this.at
    this.at += size
    if (this.at > this.bytes.length) throw new RangeError('one step has too many deliveries')
    return at
  }

  method(channel: number, m: ServerMethod): void {
    const frame = encodeMethodFrame(channel, m)
    frame.copy(this.bytes, this.reserve(frame.length))
  }

  cork(): void {}
  uncork(): void {}

  take(): Buffer {
    const taken = this.bytes.subarray(0, this.at)
    this.at = 0
    return taken
  }
}

export class ModelClient {
  channel: Channel
  readonly heard: string[] = []
  readonly confirmed: string[] = []
  private readonly broker: Broker
  private readonly output = new Kept()
  private readonly mode: ClientMethod | undefined
  private readonly owner = {}
  /** They wait for the disk. */
  private waiting: DurableWaiter[] = []
  private notices: (() => void)[] | undefined
  /** The publishes up to this one are confirmed or refused. */
  private confirms = 0
  private refused = new Set<number>()

  /** @param mode confirm.select or tx.select */
  constructor(broker: Broker, mode: ClientMethod | undefined) {
    this.broker = broker
    this.mode = mode
    this.channel = this.open()
  }

  private open(): Channel {
    const vhost = this.broker.vhosts.get('/')
    if (vhost === undefined) throw new Error('there is no vhost')
    const channel = new Channel(this.asClient(), NUMBER, trusted('guest', vhost, this.owner))
    if (this.mode !== undefined) dispatch(channel, this.mode)
    this.output.take()
    this.confirms = 0
    this.refused = new Set()
    return channel
  }

  private asClient(): Client {
    const { broker } = this
    const unexpected = (error: unknown): never => {
      throw error
    }
    return {
      name: 'simulated',
      peer: { address: '127.0.0.1', port: 1 },
      broker,
      clock: broker.clock,
      output: this.output as unknown as Output,
      frameBytesMax: 131_072,
      limits: { consumersPerChannel: 1000, transactionBytes: 2 ** 24 },
      pace: {
        fannedOut: () => {},
        handled: () => {},
        work: (steps, done) => this.work(steps, done),
      },
      channelLogger: undefined as unknown as Client['channelLogger'],
      has: () => true,
      replyWhenDurable: (ch, operation) => this.reply(ch, operation),
      replyWhenAllDurable: (ch, steps) => {
        broker.turn.pumpNow()
        this.work(steps, (m) => ch.send(m))
      },
      notify: (send) => void (this.notices === undefined ? send() : this.notices.push(send)),
      awaitDurable: (w) => void this.waiting.push(w),
      congested: () => {},
      closeChannel: unexpected,
      failed: unexpected,
      broke: unexpected,
    }
  }

  private work<T>(steps: Steps<T>, done?: (result: T) => void): void {
    let failure: unknown
    const failed = (error: unknown): void => {
      failure = error
    }
    this.broker.turn.jobs.begin(steps, { failed }, done)
    if (failure !== undefined) throw failure
  }

  private reply(ch: Channel, operation: () => ServerMethod | undefined): void {
    this.broker.turn.pumpNow()
    const notices: (() => void)[] = []
    this.notices = notices
    try {
      const reply = operation()
      if (reply !== undefined) ch.send(reply)
    } finally {
      this.notices = undefined
    }
    for (const notice of notices) notice()
  }

  /** The channel is closed where that is the answer. */
  attempt(action: (ch: Channel) => void): void {
    try {
      action(this.channel)
    } catch (error) {
      if (!(error instanceof AmqpError) || error.closes !== 'channel') throw error
      this.close(`closed ${error.code}`)
    }
  }

  send(m: ClientMethod): void {
    this.attempt((ch) => dispatch(ch, m))
  }

  close(how: string): void {
    const { channel } = this
    channel.close()
    this.listen()
    this.heard.push(how)
    this.work(channel.releasing())
    this.listen()
    this.channel = this.open()
  }

  /** A batch is on disk. */
  becameDurable(): void {
    this.waiting = this.waiting.filter((w) => w.becameDurable())
  }

  /** Reads what was sent. */
  listen(): void {
    const bytes = this.output.take()
    let begun: AnyMethod | undefined
    let deaths: Death[] = []
    let returns = 0
    let left = 0
    for (let at = 0; at < bytes.length; ) {
      const type = bytes[at]
      const end = at + 7 + bytes.readUInt32BE(at + 3)
      const payload = bytes.subarray(at + 7, end)
      if (type === FRAME_METHOD) begun = this.hear(payload)
      else if (type === FRAME_HEADER) {
        const flags = payload.readUInt16BE(12)
        const { headers } = decodeProperties(flags, payload, 14, payload.length)
        deaths = historyOf(headers)
        returns = headers?.integer('x-delivery-count') ?? 0
        left = Number(payload.readBigUInt64BE(4))
      } else {
        left -= payload.length
        if (left === 0) this.heard.push(contentOf(begun, idOf(payload), deaths, returns))
      }
      at = end + 1
    }
  }

  /** Returns a method that content follows. */
  private hear(payload: Buffer): AnyMethod | undefined {
    const m = decodeMethod(payload.readUInt32BE(0), payload.subarray(4))
    if (m === undefined) throw new Error('unknown method')
    if (m.id === MethodId.BasicAck) {
      for (let n = m.multiple ? this.confirms + 1 : m.deliveryTag; n <= m.deliveryTag; n++)
        if (!this.refused.has(n)) this.confirmed.push(`confirm ${n}`)
      this.confirms = m.deliveryTag
      return undefined
    }
    if (m.id === MethodId.BasicNack) this.refused.add(m.deliveryTag)
    const line = lineOf(m)
    if (line === undefined) return m
    this.heard.push(line)
    return undefined
  }
}

function historyOf(headers: Parameters<typeof deathsOf>[0]): Death[] {
  return deathsOf(headers).map((d) => {
    const count = d.get('count')
    return {
      queue: d.text('queue') ?? '',
      reason: d.text('reason') ?? '',
      count: (count && integerOf(count)) ?? 0,
    }
  })
}

/** The padding behind it is left out. */
function idOf(body: Buffer): string {
  return body.toString().replace(/\.*$/, '')
}

function contentOf(m: AnyMethod | undefined, id: string, deaths: readonly Death[], returns: number): string {
  switch (m?.id) {
    case MethodId.BasicDeliver: {
      const what = deliveryLine(`deliver ${m.consumerTag}`, m.deliveryTag, m.redelivered, returns)
      return contentLine(what, { exchange: m.exchange, key: m.routingKey, id }, deaths)
    }
    case MethodId.BasicGetOk: {
      const what = deliveryLine(`got before ${m.messageCount}`, m.deliveryTag, m.redelivered, returns)
      return contentLine(what, { exchange: m.exchange, key: m.routingKey, id }, deaths)
    }
    case MethodId.BasicReturn:
      return contentLine('return', { exchange: m.exchange, key: m.routingKey, id }, deaths)
    default:
      throw new Error('content without its method')
  }
}

/** undefined for methods that content follows. */
function lineOf(m: AnyMethod): string | undefined {
  switch (m.id) {
    case MethodId.BasicDeliver:
    case MethodId.BasicGetOk:
    case MethodId.BasicReturn:
      return undefined
    case MethodId.QueueDeclareOk:
      return `declared ${m.queue} ${m.messageCount} ${m.consumerCount}`
    case MethodId.QueueBindOk:
      return 'bound'
    case MethodId.QueueDeleteOk:
      return `deleted ${m.messageCount}`
    case MethodId.QueuePurgeOk:
      return `purged ${m.messageCount}`
    case MethodId.BasicNack:
      return `refused ${m.deliveryTag}`
    case MethodId.BasicGetEmpty:
      return 'empty'
    case MethodId.BasicQosOk:
      return 'qos'
    case MethodId.BasicConsumeOk:
      return `consuming ${m.consumerTag}`
    case MethodId.BasicCancelOk:
      return `cancelled ${m.consumerTag}`
    case MethodId.BasicCancel:
      return `cancelled by the server ${m.consumerTag}`
    case MethodId.BasicRecoverOk:
      return 'recovered'
    case MethodId.TxCommitOk:
      return 'committed'
    case MethodId.TxRollbackOk:
      return 'rolled back'
    default:
      return `method ${m.id}`
  }
}
