/**
 * The waiting messages of all delayed exchanges, on disk in one log with a bucket for each second in which a message is
 * due. Memory holds a counter per bucket, and an index of the bucket that is due now; one timer serves all. A message
 * leaves the log in the batch in which it enters its queues.
 */
import { DELAYED_PER_TURN_MAX } from '../../limits.ts'
import type { GroupCommit } from '../../storage/batch.ts'
import type { Storage } from '../../storage/storage.ts'
import type { Clock, Timer } from '../../util/clock.ts'
import { Heap } from '../../util/heap.ts'
import type { Failures } from '../failures.ts'
import type { InboundMessage } from '../message.ts'
import { Aside } from '../queue/aside.ts'
import { decodeHeld, encodeHeld, type Held } from './held.ts'

/** Logs of queues are numbered from 1. */
const DELAY_LOG = 0
/** Indexes are reserved this many at a time; the end of the reservation is stored with the bucket. */
const INDEXES = 4096
const SECOND_MAX = 0xffff_ffff

/** More than the indexes of one second. */
const INDEX_STEPS = 2 ** 20

interface Bucket {
  /** Index of the next message in it. */
  next: number
  /** Indexes below are not used again after a restart. */
  reserved: number
  /** By due time; undefined until the second has come. */
  order: Heap | undefined
}

/** Receives a message whose delay is over; it is routed under `keys`. */
export type Deliver = (m: InboundMessage, keys: readonly string[]) => void

export class DelayedMessages {
  private readonly storage: Storage
  private readonly commit: GroupCommit
  private readonly clock: Clock
  private readonly buckets = new Map<number, Bucket>()
  /** The seconds of `buckets`. */
  private readonly seconds = new Heap()
  /** Records that the store cannot be asked for yet, by second and index; without a disk, all. */
  private readonly fresh = new Map<number, Map<number, Uint8Array>>()
  private unapplied: { batch: number; second: number; index: number }[] = []
  private readonly targets = new Map<number, Deliver>()
  /** Messages that stay on disk, numbered by second and index. */
  readonly aside: Aside
  /** Buckets kept because of those. */
  private readonly kept = new Map<number, Bucket>()
  /** An unregistered target may be one that could not be restored: its messages are set aside instead of dropped. */
  targetsMissing = false
  private timer: Timer | undefined
  private timerAt = 0

  /** @param failures records messages that cannot be delivered */
  constructor(storage: Storage, commit: GroupCommit, clock: Clock, failures: Failures) {
    this.storage = storage
    this.commit = commit
    this.clock = clock
    this.aside = new Aside({
      now: () => clock.now(),
      parked: ({ number }, error) =>
        failures.note('message', { delayed: number }, error, 'message parked: it cannot be handled'),
    })
    if (commit.keeps) commit.onApplied(() => this.applied())
  }

  /** Restores the buckets of an earlier run. Targets must be registered already. */
  restore(): void {
    for (const { segment, state } of this.storage.segments(DELAY_LOG)) {
      const reserved =
        state === undefined || state.byteLength < 4 ? this.indexEnd(segment) : readReserved(state)
      this.addBucket(segment, { next: reserved, reserved, order: undefined })
    }
    this.arm()
  }

  /** The index after the last message of a bucket whose state cannot be read. */
  private indexEnd(second: number): number {
    let end = 0
    for (const { index } of this.storage.records(DELAY_LOG, second)) end = index + 1
    return end
  }

  /** @param target a number that no other exchange has ever had */
  register(target: number, deliver: Deliver): void {
    this.targets.set(target, deliver)
  }

  /** Messages still waiting for that target are dropped when they are due. */
  unregister(target: number): void {
    this.targets.delete(target)
  }

  /** Seconds in which something is due. */
  get size(): number {
    return this.buckets.size
  }

  /** @param due in ms since 1970 */
  add(target: number, due: number, keys: readonly string[], m: InboundMessage): void {
    const second = Math.min(SECOND_MAX, Math.floor(due / 1000))
    let bucket = this.buckets.get(second)
    if (bucket === undefined) {
      bucket = this.kept.get(second) ?? { next: 0, reserved: 0, order: undefined }
      this.addBucket(second, bucket)
    }
    const index = bucket.next++
    const bytes = encodeHeld({ target, due, keys }, m)
    if (index >= bucket.reserved) this.reserve(second, bucket)
    this.keep(second, index, bytes)
    bucket.order?.push(due, index)
    this.arm()
  }

  private addBucket(second: number, bucket: Bucket): void {
    this.buckets.set(second, bucket)
    this.seconds.push(second, second)
  }

  private reserve(second: number, bucket: Bucket): void {
    bucket.reserved = bucket.next + INDEXES
    const state = new Uint8Array(4)
    new DataView(state.buffer).setUint32(0, bucket.reserved, true)
    this.commit.write({ op: 'segment', log: DELAY_LOG, segment: second, state })
  }

  private keep(second: number, index: number, bytes: Uint8Array): void {
    let fresh = this.fresh.get(second)
    if (fresh === undefined) {
      fresh = new Map()
      this.fresh.set(second, fresh)
    }
    fresh.set(index, bytes)
    if (!this.commit.keeps) return
    this.unapplied.push({ batch: this.commit.number, second, index })
    this.commit.pendingBytes += bytes.length
    this.commit.write({ op: 'record', log: DELAY_LOG, segment: second, index, bytes })
  }

  /** The store can be asked for more of them. */
  private applied(): void {
    const { applied } = this.commit
    const later = this.unapplied.findIndex((u) => u.batch > applied)
    const done = this.unapplied.splice(0, later < 0 ? this.unapplied.length : later)
    for (const { second, index } of done) {
      const fresh = this.fresh.get(second)
      if (fresh?.delete(index) && fresh.size === 0) this.fresh.delete(second)
    }
  }

  private arm(): void {
    if (this.seconds.size === 0) return
    const second = this.seconds.firstKey
    const order = this.buckets.get(second)?.order
    const at =
      order !== undefined && order.size > 0 ? order.firstKey : order ? (second + 1) * 1000 : second * 1000
    if (this.timer !== undefined) {
      if (this.timerAt <= at) return
      this.timer.cancel()
    }
    this.timerAt = at
    this.timer = this.clock.after(Math.max(0, at - this.clock.now()), () => {
      this.timer = undefined
      this.run()
    })
  }

  /** Delivers a limited number of due messages. */
  private run(): void {
    const now = this.clock.now()
    let left = DELAYED_PER_TURN_MAX
    while (this.seconds.size > 0 && this.seconds.firstKey * 1000 <= now && left > 0) {
      const second = this.seconds.firstKey
      const bucket = this.buckets.get(second) as Bucket
      bucket.order ??= this.index(second)
      const { order } = bucket
      for (; order.size > 0 && order.firstKey <= now && left > 0; left--) this.release(second, order.pop())
      if (order.size > 0 || (second + 1) * 1000 > now) break
      this.seconds.pop()
      this.buckets.delete(second)
      if (!this.kept.has(second)) this.commit.write({ op: 'drop-segment', log: DELAY_LOG, segment: second })
    }
    this.arm()
  }

  /** What is in the bucket, by due time. */
  private index(second: number): Heap {
    const order = new Heap()
    const fresh = this.fresh.get(second)
    for (const { index, bytes } of this.storage.records(DELAY_LOG, second))
      if (!fresh?.has(index)) this.enter(order, second, index, bytes)
    for (const [index, bytes] of fresh ?? []) this.enter(order, second, index, bytes)
    return order
  }

  private enter(order: Heap, second: number, index: number, bytes: Uint8Array): void {
    try {
      order.push(decodeHeld(bytes).held.due, index)
    } catch (error) {
      this.park(second, index, error)
    }
  }

  private park(second: number, index: number, error: unknown): void {
    const bucket = this.buckets.get(second)
    if (bucket !== undefined) this.kept.set(second, bucket)
    this.aside.park(second * INDEX_STEPS + index, 'delay', error)
  }

  private release(second: number, index: number): void {
    const fresh = this.fresh.get(second)
    const bytes = fresh?.get(index) ?? this.storage.record(DELAY_LOG, second, index)
    try {
      if (bytes !== undefined) this.handOver(bytes)
    } catch (error) {
      this.park(second, index, error)
      return
    }
    if (!this.commit.keeps && fresh?.delete(index) && fresh.size === 0) this.fresh.delete(second)
    this.commit.write({ op: 'drop-record', log: DELAY_LOG, segment: second, index })
  }

  /** Hands out a message that was set aside, once more. False where there is none of that number. */
  releaseParked(number: number): boolean {
    if (this.aside.release(number).length === 0) return false
    const second = Math.floor(number / INDEX_STEPS)
    this.release(second, number % INDEX_STEPS)
    this.settled(second)
    return true
  }

  /** Drops a message that was set aside. False where there is none of that number. */
  dropParked(number: number): boolean {
    if (this.aside.release(number).length === 0) return false
    const [second, index] = [Math.floor(number / INDEX_STEPS), number % INDEX_STEPS]
    const fresh = this.fresh.get(second)
    if (!this.commit.keeps && fresh?.delete(index) && fresh.size === 0) this.fresh.delete(second)
    this.commit.write({ op: 'drop-record', log: DELAY_LOG, segment: second, index })
    this.settled(second)
    return true
  }

  /** The bucket goes with the last message that stayed in it. */
  private settled(second: number): void {
    for (const { number } of this.aside) if (Math.floor(number / INDEX_STEPS) === second) return
    if (!this.kept.delete(second) || this.buckets.has(second)) return
    this.commit.write({ op: 'drop-segment', log: DELAY_LOG, segment: second })
  }

  private handOver(bytes: Uint8Array): void {
    const { held, message }: { held: Held; message: InboundMessage } = decodeHeld(bytes)
    const target = this.targets.get(held.target)
    if (target === undefined && this.targetsMissing)
      throw new Error('its exchange is not there, or could not be read')
    target?.(message, held.keys)
  }

  stop(): void {
    this.timer?.cancel()
    this.timer = undefined
  }
}

function readReserved(state: Uint8Array): number {
  return new DataView(state.buffer, state.byteOffset, state.byteLength).getUint32(0, true)
}
