// hot: per message
/** The deliveries of a channel that wait for an acknowledgement: a ring of typed arrays over delivery tags. */
import type { Queue } from '../broker/queue/queue.ts'
import { TimeMarks } from '../util/time-marks.ts'
import type { ChannelConsumer } from './consumer.ts'

const INITIAL_SLOTS = 64

export class Unsettled {
  /** Tag of the next delivery; no-ack deliveries take tags too. */
  nextTag = 1
  /** Deliveries outstanding. */
  count = 0
  /** When deliveries went out. */
  readonly sent = new TimeMarks()
  /** No delivery below this tag is outstanding. */
  private firstTag = 1
  private slots = INITIAL_SLOTS
  private outstanding = new Uint8Array(INITIAL_SLOTS)
  /** The message's number in its queue. */
  private numbers = new Float64Array(INITIAL_SLOTS)
  private queues: (Queue | undefined)[] = new Array(INITIAL_SLOTS).fill(undefined)
  /** undefined for a basic.get. */
  private consumers: (ChannelConsumer | undefined)[] = new Array(INITIAL_SLOTS).fill(undefined)

  /** Deliveries from now on go out in that second since 1970. */
  sending(second: number): void {
    this.sent.forgetBefore(this.firstTag)
    this.sent.note(this.nextTag, second)
  }

  /** A delivery that will be settled; returns its tag. */
  add(queue: Queue, number: number, consumer: ChannelConsumer | undefined): number {
    const tag = this.nextTag
    if (tag - this.firstTag === this.slots) this.grow()
    const slot = tag & (this.slots - 1)
    this.outstanding[slot] = 1
    this.numbers[slot] = number
    this.queues[slot] = queue
    this.consumers[slot] = consumer
    this.nextTag = tag + 1
    this.count++
    return tag
  }

  /** A delivery without acknowledgement; returns its tag. */
  skip(): number {
    const tag = this.nextTag
    if (this.count === 0) this.firstTag = tag + 1
    else {
      if (tag - this.firstTag === this.slots) this.grow()
      this.outstanding[tag & (this.slots - 1)] = 0
    }
    this.nextTag = tag + 1
    return tag
  }

  isOutstanding(tag: number): boolean {
    return tag >= this.firstTag && tag < this.nextTag && this.outstanding[tag & (this.slots - 1)] === 1
  }

  /** The lowest tag that may be outstanding. */
  get first(): number {
    return this.firstTag
  }

  queueOf(tag: number): Queue {
    return this.queues[tag & (this.slots - 1)] as Queue
  }

  numberOf(tag: number): number {
    return this.numbers[tag & (this.slots - 1)] as number
  }

  consumerOf(tag: number): ChannelConsumer | undefined {
    return this.consumers[tag & (this.slots - 1)]
  }

  /** Outstanding deliveries of one queue. */
  *of(queue: Queue): Iterable<{ tag: number; number: number; consumer: ChannelConsumer | undefined }> {
    for (let tag = this.firstTag; tag < this.nextTag; tag++)
      if (this.isOutstanding(tag) && this.queueOf(tag) === queue)
        yield { tag, number: this.numberOf(tag), consumer: this.consumerOf(tag) }
  }

  /** Forgets an outstanding delivery. */
  remove(tag: number): void {
    const slot = tag & (this.slots - 1)
    this.outstanding[slot] = 0
    this.queues[slot] = undefined
    this.consumers[slot] = undefined
    this.count--
    if (tag !== this.firstTag) return
    if (this.count === 0) {
      this.firstTag = this.nextTag
      if (this.slots > 65_536) this.shrink()
      return
    }
    let first = tag + 1
    while (this.outstanding[first & (this.slots - 1)] === 0) first++
    this.firstTag = first
  }

  private grow(): void {
    const slots = this.slots * 2
    const outstanding = new Uint8Array(slots)
    const numbers = new Float64Array(slots)
    const queues = new Array<Queue | undefined>(slots).fill(undefined)
    const consumers = new Array<ChannelConsumer | undefined>(slots).fill(undefined)
    for (let tag = this.firstTag; tag < this.nextTag; tag++) {
      const from = tag & (this.slots - 1)
      const to = tag & (slots - 1)
      outstanding[to] = this.outstanding[from] as number
      numbers[to] = this.numbers[from] as number
      queues[to] = this.queues[from]
      consumers[to] = this.consumers[from]
    }
    this.slots = slots
    this.outstanding = outstanding
    this.numbers = numbers
    this.queues = queues
    this.consumers = consumers
  }

  /** After a flood: the arrays of an empty ring go back to their first size. */
  private shrink(): void {
    this.slots = INITIAL_SLOTS
    this.outstanding = new Uint8Array(INITIAL_SLOTS)
    this.numbers = new Float64Array(INITIAL_SLOTS)
    this.queues = new Array(INITIAL_SLOTS).fill(undefined)
    this.consumers = new Array(INITIAL_SLOTS).fill(undefined)
  }
}
