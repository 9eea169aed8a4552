// hot: per message
/**
 * The unacknowledged deliveries of a channel: a ring of typed arrays in the order of delivery tags. Deliveries without
 * acknowledgement use tags but no slots, and makeRoom() frees the slots of settled ones even if the first delivery is
 * still outstanding: the size of the ring depends on the number of outstanding deliveries.
 */
import type { ConsumedQueue } from '../broker/queue/queue.ts'
import { TimeMarks } from '../util/time-marks.ts'
import type { ChannelConsumer } from './consumer.ts'

const INITIAL_SLOTS = 64

export class Unsettled {
  /** Tag of the next delivery; deliveries without acknowledgement use tags too. */
  nextTag = 1
  /** Number of outstanding deliveries. */
  count = 0
  /** When the deliveries were sent. */
  readonly sent = new TimeMarks()
  /** Places from `firstPlace` to before `nextPlace` are in use; the lowest bits of a place are its slot. */
  private firstPlace = 0
  private nextPlace = 0
  /** Tag minus place, if that is the same for the whole ring (`isDense`); otherwise tags are found by binary search. */
  private offset = 1
  private isDense = true
  private slots = INITIAL_SLOTS
  private outstanding = new Uint8Array(INITIAL_SLOTS)
  private tags = new Float64Array(INITIAL_SLOTS)
  /** The messages' sequence numbers in their queues. */
  private numbers = new Float64Array(INITIAL_SLOTS)
  private queues: (ConsumedQueue | undefined)[] = new Array(INITIAL_SLOTS).fill(undefined)
  /** undefined for a delivery of basic.get. */
  private consumers: (ChannelConsumer | undefined)[] = new Array(INITIAL_SLOTS).fill(undefined)

  /** Sets the second (since 1970) that is recorded as the delivery time. */
  sending(second: number): void {
    this.sent.forgetBefore(this.first)
    this.sent.note(this.nextTag, second)
  }

  /** Capacity of the ring. */
  get capacity(): number {
    return this.slots
  }

  /** Adds a delivery that needs an acknowledgement; returns its tag. */
  add(queue: ConsumedQueue, number: number, consumer: ChannelConsumer | undefined): number {
    const tag = this.nextTag
    if (this.nextPlace - this.firstPlace === this.slots) this.makeRoom()
    const place = this.nextPlace
    if (tag - place !== this.offset) {
      if (this.count === 0) {
        this.offset = tag - place
        this.isDense = true
      } else this.isDense = false
    }
    const slot = place & (this.slots - 1)
    this.outstanding[slot] = 1
    this.tags[slot] = tag
    this.numbers[slot] = number
    this.queues[slot] = queue
    this.consumers[slot] = consumer
    this.nextPlace = place + 1
    this.nextTag = tag + 1
    this.count++
    return tag
  }

  /** Uses a tag for a delivery without acknowledgement. */
  skip(): number {
    return this.nextTag++
  }

  isOutstanding(tag: number): boolean {
    const place = this.placeFrom(tag)
    return place < this.nextPlace && this.holds(place, tag)
  }

  private holds(place: number, tag: number): boolean {
    const slot = place & (this.slots - 1)
    return this.outstanding[slot] === 1 && this.tags[slot] === tag
  }

  /** The lowest outstanding tag, or the next tag if there is none. */
  get first(): number {
    return this.count === 0 ? this.nextTag : (this.tags[this.firstPlace & (this.slots - 1)] as number)
  }

  /** The lowest outstanding tag from `tag` to `last`, or Infinity if there is none. */
  nextFrom(tag: number, last: number): number {
    if (tag > last) return Infinity
    const mask = this.slots - 1
    for (let place = this.placeFrom(tag); place < this.nextPlace; place++) {
      const at = this.tags[place & mask] as number
      if (at > last) return Infinity
      if (this.outstanding[place & mask] === 1) return at
    }
    return Infinity
  }

  /** The first place whose tag is not below `tag`. */
  private placeFrom(tag: number): number {
    if (this.isDense) return Math.max(this.firstPlace, tag - this.offset)
    let low = this.firstPlace
    let high = this.nextPlace
    const mask = this.slots - 1
    while (low < high) {
      const middle = Math.floor((low + high) / 2)
      if ((this.tags[middle & mask] as number) < tag) low = middle + 1
      else high = middle
    }
    return low
  }

  queueOf(tag: number): ConsumedQueue {
    return this.queues[this.placeFrom(tag) & (this.slots - 1)] as ConsumedQueue
  }

  numberOf(tag: number): number {
    return this.numbers[this.placeFrom(tag) & (this.slots - 1)] as number
  }

  consumerOf(tag: number): ChannelConsumer | undefined {
    return this.consumers[this.placeFrom(tag) & (this.slots - 1)]
  }

  /** The queues of outstanding deliveries from `tag` to `last`, without tags for which `isOther` returns true. */
  queuesFrom(tag: number, last: number, isOther?: (tag: number) => boolean): ConsumedQueue[] {
    const found = new Set<ConsumedQueue>()
    const mask = this.slots - 1
    let before: ConsumedQueue | undefined
    for (let place = this.placeFrom(tag); place < this.nextPlace; place++) {
      const queue = this.queues[place & mask]
      if (queue === undefined || queue === before) continue
      const at = this.tags[place & mask] as number
      if (at > last) break
      if (!found.has(queue) && isOther?.(at) === true) continue
      before = queue
      found.add(queue)
    }
    return [...found]
  }

  /** Removes an outstanding delivery. */
  remove(tag: number): void {
    const place = this.placeFrom(tag)
    const mask = this.slots - 1
    const slot = place & mask
    this.outstanding[slot] = 0
    this.queues[slot] = undefined
    this.consumers[slot] = undefined
    this.count--
    if (this.count === 0) {
      this.firstPlace = this.nextPlace = 0
      this.offset = this.nextTag
      this.isDense = true
      if (this.slots > 65_536) this.resize(INITIAL_SLOTS)
      return
    }
    if (place !== this.firstPlace) return
    let first = place + 1
    while (this.outstanding[first & mask] === 0) first++
    this.firstPlace = first
  }

  /** Compacts the ring if at least half of it is settled; otherwise enlarges it. */
  private makeRoom(): void {
    this.resize(this.count * 2 <= this.slots ? this.slots : this.slots * 2)
  }

  /** Resizes to `slots`, a power of 2 not below the number of outstanding deliveries. */
  private resize(slots: number): void {
    const outstanding = new Uint8Array(slots)
    const tags = new Float64Array(slots)
    const numbers = new Float64Array(slots)
    const queues = new Array<ConsumedQueue | undefined>(slots).fill(undefined)
    const consumers = new Array<ChannelConsumer | undefined>(slots).fill(undefined)
    let to = 0
    for (let place = this.firstPlace; place < this.nextPlace; place++) {
      const from = place & (this.slots - 1)
      if (this.outstanding[from] === 0) continue
      outstanding[to] = 1
      tags[to] = this.tags[from] as number
      numbers[to] = this.numbers[from] as number
      queues[to] = this.queues[from]
      consumers[to] = this.consumers[from]
      to++
    }
    this.firstPlace = 0
    this.nextPlace = to
    this.offset = to === 0 ? this.nextTag : (tags[0] as number)
    this.isDense = to === 0 || (tags[to - 1] as number) - to + 1 === this.offset
    this.slots = slots
    this.outstanding = outstanding
    this.tags = tags
    this.numbers = numbers
    this.queues = queues
    this.consumers = consumers
  }
}
