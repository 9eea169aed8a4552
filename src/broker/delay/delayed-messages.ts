/**
 * Stores the waiting messages of all delayed exchanges on disk, in one log with one bucket (a segment) per second in
 * which messages are due. Memory holds a counter per bucket and an index of the bucket that is due now; one timer
 * serves all buckets. A message leaves the log in the same batch in which it enters its queues.
 */
import { CONTINUES_MS, DELAYED_PER_STEP } from '../../limits.ts'
import type { GroupCommit } from '../../storage/batch.ts'
import type { Storage } from '../../storage/storage.ts'
import { type Clock, SoonestTimer } from '../../util/clock.ts'
import { Heap } from '../../util/heap.ts'
import type { Owner } from '../../util/owner.ts'
import type { Failures } from '../failures.ts'
import { inShortSteps, type Steps, WAIT } from '../jobs.ts'
import type { InboundMessage } from '../message.ts'
import { Aside } from '../queue/aside.ts'
import type { Turn } from '../turn.ts'
import { decodeHeld, encodeHeld, type Held } from './held.ts'

/** The logs of queues are numbered from 1, so 0 is free. */
export const DELAY_LOG = 0
/** The second under which the log has something else, see letter-store.ts. */
export const LETTERS_SECOND = 0
/** Number of indexes reserved at a time; the end of the reservation is stored as the state of the bucket. */
const INDEXES = 4096
const SECOND_MAX = 0xffff_ffff

/** Maximum number of indexes per second. Second and index make one number, which identifies a parked message. */
const INDEX_STEPS = 2 ** 20

interface Bucket {
  /** Index of the bucket's next message. */
  next: number
  /** Indexes below this are not assigned after a restart, since they may have been used. */
  reserved: number
  /** Indexes of the messages by due time; undefined until the second has come. */
  order: Heap | undefined
  /** Messages from this index on are not in `order` yet. */
  ordered: number
}

/** Receives a message whose delay is over; it is routed under `keys`. */
export type Deliver = (m: InboundMessage, keys: readonly string[]) => void

export class DelayedMessages {
  private readonly storage: Storage
  private readonly commit: GroupCommit
  private readonly clock: Clock
  private readonly buckets = new Map<number, Bucket>()
  /** The keys of `buckets`. */
  private readonly seconds = new Heap()
  /** Records that cannot be read from the store yet, by second and index; without a disk, all records. */
  private readonly fresh = new Map<number, Map<number, Uint8Array>>()
  private unapplied: { batch: number; second: number; index: number; bytes: Uint8Array }[] = []
  private readonly targets = new Map<number, Deliver>()
  /** Parked messages, which stay on disk, numbered by second and index. */
  readonly aside: Aside
  /** Buckets kept because of parked messages. */
  private readonly kept = new Map<number, Bucket>()
  /** Whether an exchange could not be restored. Messages for an unknown target are then parked instead of dropped. */
  targetsMissing = false
  /** Whether so many dead letters of refused messages wait that no more may be caused for now. */
  isCrowded: () => boolean = () => false
  private readonly timer: SoonestTimer
  private readonly turn: Pick<Turn, 'jobs' | 'isBehind' | 'givesUp'>
  private readonly owner: Owner
  private running = false
  private stopped = false

  /** @param failures records messages that cannot be delivered */
  constructor(
    storage: Storage,
    commit: GroupCommit,
    clock: Clock,
    turn: Pick<Turn, 'jobs' | 'isBehind' | 'givesUp'>,
    failures: Failures,
  ) {
    this.turn = turn
    this.owner = failures.owner('broker', {})
    this.storage = storage
    this.commit = commit
    this.clock = clock
    this.timer = new SoonestTimer(clock, () => this.run())
    this.aside = new Aside({
      now: () => clock.now(),
      parked: ({ number }, error) =>
        failures.note('message', { delayed: number }, error, 'message parked: it cannot be handled'),
    })
    if (commit.keeps) commit.onApplied(() => this.applied())
  }

  /** Restores the buckets of an earlier run. The targets must be registered before. */
  restore(): void {
    for (const { segment, state } of this.storage.segments(DELAY_LOG)) {
      if (segment === LETTERS_SECOND) continue
      const reserved =
        state === undefined || state.byteLength < 4 ? this.indexEnd(segment) : readReserved(state)
      this.addBucket(segment, { next: reserved, reserved, order: undefined, ordered: 0 })
    }
    this.arm()
  }

  /** The index after the last message, for a bucket whose state cannot be read. */
  private indexEnd(second: number): number {
    let end = 0
    for (const { index } of this.storage.records(DELAY_LOG, second)) end = index + 1
    return end
  }

  /** @param target the exchange's number, never used by another exchange */
  register(target: number, deliver: Deliver): void {
    this.targets.set(target, deliver)
  }

  /** From now on, messages waiting for the target are dropped when they are due. */
  unregister(target: number): void {
    this.targets.delete(target)
  }

  /** Number of seconds for which messages are waiting. */
  get size(): number {
    return this.buckets.size
  }

  /** @param due in ms since 1970 */
  add(target: number, due: number, keys: readonly string[], m: InboundMessage): void {
    const [second, bucket] = this.bucketFrom(
      Math.max(LETTERS_SECOND + 1, Math.min(SECOND_MAX, Math.floor(due / 1000))),
    )
    const index = bucket.next++
    const bytes = encodeHeld({ target, due, keys }, m)
    if (index >= bucket.reserved) this.reserve(second, bucket)
    this.keep(second, index, bytes)
    if (bucket.order !== undefined && bucket.ordered === index) {
      bucket.order.push(due, index)
      bucket.ordered++
    }
    this.arm()
  }

  /** The bucket of the second, or of the next second with a free index: the messages are then late, but not lost. */
  private bucketFrom(wanted: number): [second: number, Bucket] {
    for (let second = wanted; ; second++) {
      const known = this.buckets.get(second)
      const bucket = known ?? this.kept.get(second) ?? { next: 0, reserved: 0, order: undefined, ordered: 0 }
      if (bucket.next >= INDEX_STEPS && second < SECOND_MAX) continue
      if (known === undefined) this.addBucket(second, bucket)
      return [second, bucket]
    }
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
    this.unapplied.push({ batch: this.commit.number, second, index, bytes })
    this.commit.pendingBytes += bytes.length
    this.commit.write({ op: 'record', log: DELAY_LOG, segment: second, index, bytes })
  }

  /** The store has applied more batches: drops the copies of records that can now be read from it. */
  private applied(): void {
    const { applied } = this.commit
    const later = this.unapplied.findIndex((u) => u.batch > applied)
    const done = this.unapplied.splice(0, later < 0 ? this.unapplied.length : later)
    for (const { second, index, bytes } of done) {
      const fresh = this.fresh.get(second)
      // If the clock was set back, the second may have come again, and another message have this index by now.
      if (fresh?.get(index) !== bytes) continue
      fresh.delete(index)
      if (fresh.size === 0) this.fresh.delete(second)
    }
  }

  private arm(): void {
    if (this.seconds.size === 0 || this.running || this.stopped) return
    const second = this.seconds.firstKey
    const order = this.buckets.get(second)?.order
    const at =
      order !== undefined && order.size > 0 ? order.firstKey : order ? (second + 1) * 1000 : second * 1000
    this.timer.set(at)
  }

  /** Delivers all messages that are due, in as many steps as necessary, and as fast as the disk can take them. */
  private run(): void {
    this.running = true
    const over = (): void => {
      this.running = false
      this.arm()
    }
    // After a failure, which may be a lack of memory, it goes on later.
    const failed = (error: unknown): void => {
      this.owner.failed(error)
      this.clock.after(CONTINUES_MS, over)
    }
    this.turn.jobs.begin(this.delivering(), { failed }, over)
  }

  private *delivering(): Steps {
    const { clock, seconds, turn } = this
    while (seconds.size > 0 && seconds.firstKey * 1000 <= clock.now() && !this.stopped) {
      const second = seconds.firstKey
      const bucket = this.buckets.get(second) as Bucket
      const order = bucket.order ?? new Heap()
      bucket.order = order
      yield* inShortSteps(clock, DELAYED_PER_STEP, () => this.enter(second, bucket, order))
      const isDue = (): boolean => order.size > 0 && order.firstKey <= clock.now() && !this.stopped
      const goesOn = (): boolean => isDue() && !turn.isBehind() && !this.isCrowded()
      yield* inShortSteps(clock, DELAYED_PER_STEP, () => {
        if (goesOn()) this.release(second, order.pop())
        return goesOn()
      })
      if (isDue()) {
        if (turn.givesUp()) this.stop()
        else yield WAIT
        continue
      }
      if (bucket.ordered < bucket.next) continue
      if (order.size > 0 || (second + 1) * 1000 > clock.now()) return
      // Meanwhile a message of an earlier second may have come, which was overdue: from a long transaction, or after an alarm.
      if (seconds.firstKey !== second) continue
      seconds.pop()
      this.buckets.delete(second)
      if (!this.kept.has(second)) this.commit.write({ op: 'drop-segment', log: DELAY_LOG, segment: second })
    }
  }

  /** Adds the bucket's next message to `order`. Returns false if all messages have been added. */
  private enter(second: number, bucket: Bucket, order: Heap): boolean {
    if (bucket.ordered >= bucket.next || this.stopped) return false
    const index = bucket.ordered++
    try {
      const bytes = this.find(second, index)
      if (bytes !== undefined) order.push(decodeHeld(bytes).held.due, index)
    } catch (error) {
      this.park(second, index, error)
    }
    return true
  }

  private find(second: number, index: number): Uint8Array | undefined {
    return this.fresh.get(second)?.get(index) ?? this.storage.record(DELAY_LOG, second, index)
  }

  private park(second: number, index: number, error: unknown): void {
    const bucket = this.buckets.get(second)
    if (bucket !== undefined) this.kept.set(second, bucket)
    this.aside.park(second * INDEX_STEPS + index, 'delay', error)
  }

  private release(second: number, index: number): void {
    try {
      const bytes = this.find(second, index)
      if (bytes !== undefined) this.handOver(bytes)
    } catch (error) {
      this.park(second, index, error)
      return
    }
    this.drop(second, index)
  }

  private drop(second: number, index: number): void {
    const fresh = this.fresh.get(second)
    if (!this.commit.keeps && fresh?.delete(index) && fresh.size === 0) this.fresh.delete(second)
    this.commit.write({ op: 'drop-record', log: DELAY_LOG, segment: second, index })
  }

  /** Delivers a parked message after all. Returns false if no parked message has that number. */
  releaseParked(number: number): boolean {
    if (this.aside.release(number).length === 0) return false
    const second = Math.floor(number / INDEX_STEPS)
    this.release(second, number % INDEX_STEPS)
    this.settled(second)
    return true
  }

  /** Drops a parked message. Returns false if no parked message has that number. */
  dropParked(number: number): boolean {
    if (this.aside.release(number).length === 0) return false
    const second = Math.floor(number / INDEX_STEPS)
    this.drop(second, number % INDEX_STEPS)
    this.settled(second)
    return true
  }

  /** Drops the bucket once its last parked message is gone. */
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
    this.stopped = true
    this.timer.stop()
  }
}

function readReserved(state: Uint8Array): number {
  return new DataView(state.buffer, state.byteOffset, state.byteLength).getUint32(0, true)
}
