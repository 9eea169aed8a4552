/**
 * Applies the durable batches of the commit log to the store, some time later and with the writes of many batches
 * merged. The position up to which the store has everything is written along with them, so the store always holds
 * exactly what the log held up to some record.
 */
import type { Clock, Timer } from '../../util/clock.ts'
import type { StorageWrite } from '../storage.ts'
import { PendingWrites } from './pending-writes.ts'

/** ms from the first unapplied write until it is applied: by then, many of the messages have been settled. */
const APPLY_MS = 500
/** Octets of unapplied writes that are applied without waiting. */
const APPLY_BYTES = 4 * 1024 * 1024
/** Approximate octets per transaction of the store: it needs as much memory again, and malloc keeps a part of that. */
const PIECE_BYTES = 4 * 1024 * 1024
/** Maximum number of writes per transaction: it is assembled in one turn of the event loop. */
const PIECE_WRITES = 1_000
const RETRY_MS = 500

/** Key under which the store keeps how far it has applied the log. */
export const APPLIED_KEY = 'applied'

/** Applies all writes or none, and resolves when they are on disk. @throws StorageError */
export type Take = (writes: readonly StorageWrite[]) => Promise<void>

/** Properties that the store keeps beside the applied position, such as from where the log has to be read again. */
export type Mark = (position: number) => object

/**
 * Splits writes into transactions. The last one states how far the store has applied the log: after a crash in between,
 * all of them are applied again from the log, with the same result. Each is made when it is its turn: 100,000 deletions
 * at once would take 50 ms, most of them for the garbage collector.
 */
function* piecesOf(
  writes: Iterable<StorageWrite>,
  last: StorageWrite | undefined,
): Generator<StorageWrite[]> {
  let piece: StorageWrite[] = []
  let bytes = 0
  for (const w of writes) {
    if ((bytes >= PIECE_BYTES && w.op === 'record') || piece.length === PIECE_WRITES) {
      yield piece
      piece = []
      bytes = 0
    }
    if (w.op === 'record') bytes += w.bytes.length
    piece.push(w)
  }
  if (last !== undefined) piece.push(last)
  if (piece.length > 0) yield piece
}

export class Applier {
  /** The store has everything up to this position. */
  applied: number
  /** Like `applied`, but on disk, so that the log may be trimmed. */
  flushed: number
  /** Number of calls of `add` whose writes the store has. */
  done = 0
  /** The error of the last attempt, if it failed. */
  failure: unknown
  /** Writes that are being applied; further ones are gathered meanwhile. */
  flight: PendingWrites | undefined
  gathering = new PendingWrites()
  private readonly take: Take
  private readonly clock: Clock
  private readonly moved: () => void
  private readonly mark: Mark
  private position: number
  /** Position and mark that the store has, or that are being written. */
  private written = ''
  private added = 0
  private timer: Timer | undefined
  private running: Promise<void> | undefined
  private stopped = false
  /** From when on no further piece is begun, in ms of `elapsed`: the log has the rest. */
  private endsAt = Number.POSITIVE_INFINITY
  /** Ends the wait before the next attempt. */
  private retry: () => void = () => {}

  /**
   * @param position up to which the store has everything
   * @param moved called when the store has applied more, or has failed to
   */
  constructor(take: Take, position: number, clock: Clock, moved: () => void, mark: Mark = () => ({})) {
    this.take = take
    this.mark = mark
    this.position = this.applied = this.flushed = position
    this.clock = clock
    this.moved = moved
  }

  /** Octets that the store has not applied. */
  get bytes(): number {
    return this.gathering.bytes + (this.flight?.bytes ?? 0)
  }

  get idle(): boolean {
    return this.running === undefined && this.gathering.empty && this.position === this.applied
  }

  /**
   * Adds the writes of one batch, which is durable: the log has it at that position, or, without a position, it bypasses
   * the log.
   */
  add(writes: readonly StorageWrite[], position = this.position): void {
    this.gathering.add(writes)
    this.position = position
    this.added++
    if (this.running !== undefined || this.stopped) return
    if (this.gathering.bytes >= APPLY_BYTES) this.soon()
    else this.timer ??= this.clock.after(APPLY_MS, () => this.run())
  }

  /** Has the mark written again, since it may have changed. */
  touch(): void {
    if (this.running === undefined && !this.stopped)
      this.timer ??= this.clock.after(APPLY_MS, () => this.run())
  }

  /** Applies what is pending now, or when the writes in progress are done. */
  soon(): void {
    if (this.timer !== undefined && this.running === undefined) this.run()
    else if (this.running === undefined && !this.gathering.empty && !this.stopped) this.run()
  }

  private run(): void {
    this.timer?.cancel()
    this.timer = undefined
    const flight = this.gathering
    this.gathering = new PendingWrites()
    this.flight = flight
    const { position, added } = this
    const text = JSON.stringify({ position, ...this.mark(position) })
    const isNews = position > this.applied || !flight.empty || text !== this.written
    const last = isNews ? ({ op: 'put', key: APPLIED_KEY, value: Buffer.from(text) } as const) : undefined
    this.written = text
    this.running = this.attempt(() => piecesOf(flight.writes(), last)).then((isDone) => {
      this.running = undefined
      if (!isDone) return
      this.flight = undefined
      this.applied = this.flushed = position
      this.done = added
      this.goOn()
      this.moved()
    })
  }

  private goOn(): void {
    if (this.gathering.empty || this.stopped) return
    if (this.gathering.bytes >= APPLY_BYTES) this.run()
    else this.timer ??= this.clock.after(APPLY_MS, () => this.run())
  }

  /**
   * Retries until it succeeds: the log has the writes, so nothing is lost meanwhile.
   * @param pieces makes the same pieces each time
   * @returns false if the store does not have all pieces: `drain` has ended the attempts
   */
  private async attempt(pieces: () => Iterable<StorageWrite[]>): Promise<boolean> {
    let taken = 0
    for (;;) {
      try {
        let at = 0
        for (const piece of pieces()) {
          if (at++ < taken) continue
          if (this.isLate) return false
          await this.take(piece)
          taken++
        }
        this.failure = undefined
        return true
      } catch (error) {
        this.failure = error
        this.moved()
      }
      if (this.stopped) return false
      await new Promise<void>((resolve) => {
        this.retry = resolve
        this.clock.after(RETRY_MS, resolve)
      })
    }
  }

  private get isLate(): boolean {
    return this.clock.elapsed() >= this.endsAt
  }

  /**
   * Applies everything that is pending, as far as the store can take it within `ms`.
   * @returns whether the store has all of it @throws the error of the store, after which nothing more is tried
   */
  async drain(ms = Number.POSITIVE_INFINITY): Promise<boolean> {
    this.stopped = true
    this.endsAt = this.clock.elapsed() + ms
    this.timer?.cancel()
    this.timer = undefined
    this.retry()
    await this.running
    if (this.failure === undefined && !this.gathering.empty && !this.isLate) {
      this.run()
      await this.running
    }
    if (this.failure !== undefined) throw this.failure
    return this.flight === undefined && this.gathering.empty
  }
}
