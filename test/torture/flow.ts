/** A queue with one producer at full speed and one consumer, and what has become of each message. */
import { MethodId } from '../../src/protocol/generated/constants.ts'
import { ackFrame, Client, publishFrame } from '../bench/amqp.ts'
import { cameTrue } from '../support/until.ts'

export interface FlowOptions {
  readonly queue: string
  /** Of a body; fewer than 16 KiB, with 8 for its number. */
  readonly bytes: number
  readonly persistent: boolean
  /** There is a consumer all the while; else only where `drain` starts one. */
  readonly consumed: boolean
}

const BLOCK_BYTES = 32 * 1024
const SOCKET_BYTES_MAX = 128 * 1024
const PREFETCH = 1000
const ACK_EVERY = 100
const [CONFIRMED, RECEIVED, REFUSED] = [1, 2, 4]
/** Without a message received or confirmed for so long, something is stuck. */
const STUCK_MS = 60_000

export class Flow {
  readonly name: string
  /** In all rounds. */
  confirmedInAll = 0
  blocked = false
  timesBlocked = 0
  readonly problems: string[] = []
  private readonly o: FlowOptions
  private readonly producer: Client
  private readonly consumer: Client
  private readonly message: { bytes: Buffer; bodyAt: number }
  private readonly perBlock: number
  /** Of the messages of this round, by number: what has happened to each. */
  private states = new Uint8Array(1 << 16)
  private sent = 0
  private confirmed = 0
  /** All up to this one are confirmed. */
  private low = 0
  private received = 0
  private last = 0
  private unacked = 0
  private publishing = false
  /** Of the producer's channel, in earlier rounds. */
  private before = 0

  private constructor(o: FlowOptions, producer: Client, consumer: Client) {
    this.o = o
    this.name = o.queue
    this.producer = producer
    this.consumer = consumer
    this.message = publishFrame('', o.queue, Buffer.alloc(o.bytes), o.persistent ? 2 : 1)
    this.perBlock = Math.max(1, Math.floor(BLOCK_BYTES / this.message.bytes.length))
    producer.handlers = {
      onConfirm: (tag, multiple, refused) => this.settled(tag - this.before, multiple, refused),
      onBlocked: (blocked) => this.onBlocked(blocked),
    }
    consumer.handlers.onMessage = (tag, buffer, at) => this.came(tag, buffer.readDoubleBE(at))
    producer.socket.on('drain', () => this.pump())
  }

  static async open(url: string, o: FlowOptions): Promise<Flow> {
    const [producer, consumer] = await Promise.all([Client.open(url), Client.open(url)])
    await producer.declare(o.queue, true)
    await producer.confirmSelect()
    await consumer.qos(PREFETCH)
    const flow = new Flow(o, producer, consumer)
    if (o.consumed) await consumer.consume(o.queue, false)
    return flow
  }

  start(): void {
    this.publishing = true
    this.pump()
  }

  private onBlocked(blocked: boolean): void {
    this.blocked = blocked
    if (blocked) this.timesBlocked++
  }

  private pump(): void {
    const { bytes, bodyAt } = this.message
    while (this.publishing && this.producer.socket.writableLength < SOCKET_BYTES_MAX) {
      const block = Buffer.allocUnsafe(this.perBlock * bytes.length)
      for (let n = 0; n < this.perBlock; n++) {
        bytes.copy(block, n * bytes.length)
        block.writeDoubleBE(++this.sent, n * bytes.length + bodyAt)
      }
      this.producer.socket.write(block)
    }
  }

  private state(number: number): number {
    if (number >= this.states.length) {
      const more = new Uint8Array(Math.max(this.states.length * 2, number + 1))
      more.set(this.states)
      this.states = more
    }
    return this.states[number] as number
  }

  private mark(number: number, what: number): boolean {
    const state = this.state(number)
    if ((state & what) !== 0) return false
    this.states[number] = state | what
    return true
  }

  private settled(number: number, multiple: boolean, refused: boolean): void {
    for (let n = multiple ? this.low + 1 : number; n <= number; n++)
      if (this.mark(n, refused ? REFUSED : CONFIRMED)) this.confirmed++
    if (multiple) this.low = Math.max(this.low, number)
    while ((this.state(this.low + 1) & (CONFIRMED | REFUSED)) !== 0) this.low++
  }

  private came(tag: number, number: number): void {
    if (number <= this.last) this.wrong(`message ${number} came behind ${this.last}`)
    else if (number > this.sent) this.wrong(`message ${number} was never sent`)
    else if (this.mark(number, RECEIVED)) this.received++
    this.last = Math.max(this.last, number)
    // All of a round are acknowledged, also where their number is no multiple.
    if (++this.unacked < ACK_EVERY && this.received < this.sent) return
    this.unacked = 0
    this.consumer.socket.write(ackFrame(tag, true))
  }

  private wrong(text: string): void {
    if (this.problems.length < 5) this.problems.push(`${this.name}: ${text}`)
  }

  /** Publishes nothing more, lets the consumer take everything, and looks for what was confirmed and never came. */
  async drain(): Promise<void> {
    this.publishing = false
    if (!this.o.consumed) await this.consumer.consume(this.o.queue, false)
    const isDone = (): boolean => this.confirmed === this.sent && this.received === this.sent
    while (!isDone()) {
      const [confirmed, received] = [this.confirmed, this.received]
      const goesOn = (): boolean => this.confirmed !== confirmed || this.received !== received
      if (await cameTrue(goesOn, STUCK_MS, 20)) continue
      this.wrong(`of ${this.sent} messages ${confirmed} were confirmed and ${received} have come`)
      break
    }
    for (let n = 1; n <= this.sent; n++) {
      const state = this.state(n)
      if ((state & CONFIRMED) !== 0 && (state & RECEIVED) === 0)
        this.wrong(`message ${n} was confirmed and is lost`)
      if ((state & REFUSED) !== 0) this.wrong(`message ${n} was refused`)
    }
    await this.begin()
  }

  /** Everything is acknowledged: the next round starts from 1. */
  private async begin(): Promise<void> {
    const cancel = { id: MethodId.BasicCancel, consumerTag: 'c', nowait: false } as const
    if (!this.o.consumed) await this.consumer.call(cancel, MethodId.BasicCancelOk)
    this.confirmedInAll += this.confirmed
    this.before += this.sent
    this.states = new Uint8Array(1 << 16)
    this.sent = this.confirmed = this.low = this.received = this.last = this.unacked = 0
  }

  close(): void {
    this.producer.close()
    this.consumer.close()
  }
}
