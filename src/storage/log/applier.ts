/**
 * Brings what the commit log has made safe into the store, some time behind and with the writes of many batches made
 * one. Together with them goes the position up to which the store has everything, so that it always holds exactly what
 * the log held up to some record.
 */
import type { Clock, Timer } from '../../util/clock.ts'
import type { StorageWrite } from '../storage.ts'
import { PendingWrites } from './pending-writes.ts'

/** ms from the first write that the store does not have until it gets it: until then much of it is settled already. */
const APPLY_MS = 500
/** Octets that are not waited with. */
const APPLY_BYTES = 4 * 1024 * 1024
/** Octets that the store takes in one transaction, about: it needs as much memory again, of which malloc keeps a part. */
const PIECE_BYTES = 4 * 1024 * 1024
/** Writes of one transaction: it is put together in one turn. */
const PIECE_WRITES = 2_000
const RETRY_MS = 500

/** Where the store says how far it has the log. */
export const APPLIED_KEY = 'applied'

/** Takes writes all or none and resolves when they are on disk. @throws StorageError */
export type Take = (writes: readonly StorageWrite[]) => Promise<void>

/** What else the store is told about how far it has the log, such as from where it has to be read again. */
export type Mark = (position: number) => object

/**
 * What goes into one transaction each. The last one says how far the store has the log: after a crash in between, all of
 * it is taken once more from the log, which comes to the same.
 */
function piecesOf(writes: StorageWrite[]): StorageWrite[][] {
  let piece: StorageWrite[] = []
  const pieces = [piece]
  let bytes = 0
  for (const w of writes) {
    if ((bytes >= PIECE_BYTES && w.op === 'record') || piece.length === PIECE_WRITES) {
      piece = []
      pieces.push(piece)
      bytes = 0
    }
    if (w.op === 'record') bytes += w.bytes.length
    piece.push(w)
  }
  return pieces
}

export class Applier {
  /** The store has everything up to this position. */
  applied: number
  /** And has it on disk, so that the log may forget it. */
  flushed: number
  /** Of the calls of `add`, the store has so many. */
  done = 0
  /** The last attempt failed. */
  failure: unknown
  /** On their way to the store; the next ones gather meanwhile. */
  flight: PendingWrites | undefined
  gathering = new PendingWrites()
  private readonly take: Take
  private readonly clock: Clock
  private readonly moved: () => void
  private readonly mark: Mark
  private position: number
  /** What the store says. */
  private written = ''
  private added = 0
  private timer: Timer | undefined
  private running: Promise<void> | undefined
  private stopped = false
  /** Ends the wait for the next attempt. */
  private retry: () => void = () => {}

  /**
   * @param position up to which the store has everything
   * @param moved called when it has more, or could not take it
   */
  constructor(take: Take, position: number, clock: Clock, moved: () => void, mark: Mark = () => ({})) {
    this.take = take
    this.mark = mark
    this.position = this.applied = this.flushed = position
    this.clock = clock
    this.moved = moved
  }

  /** Octets that the store does not have. */
  get bytes(): number {
    return this.gathering.bytes + (this.flight?.bytes ?? 0)
  }

  get idle(): boolean {
    return this.running === undefined && this.gathering.empty && this.position === this.applied
  }

  /** The writes of one batch, which are safe; the log has them at that position. */
  add(writes: readonly StorageWrite[], position: number): void {
    this.gathering.add(writes)
    this.position = position
    this.added++
    if (this.running !== undefined || this.stopped) return
    if (this.gathering.bytes >= APPLY_BYTES) this.soon()
    else this.timer ??= this.clock.after(APPLY_MS, () => this.run())
  }

  /** The store is told the mark again, which may have changed. */
  touch(): void {
    if (this.running === undefined && !this.stopped)
      this.timer ??= this.clock.after(APPLY_MS, () => this.run())
  }

  /** What there is goes to the store now, or when what is on its way has arrived. */
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
    const writes = flight.writes()
    if (position > this.applied || writes.length > 0 || text !== this.written)
      writes.push({ op: 'put', key: APPLIED_KEY, value: Buffer.from(text) })
    this.written = text
    this.running = this.attempt(piecesOf(writes)).then(() => {
      this.running = undefined
      this.flight = undefined
      if (this.stopped && this.failure !== undefined) return
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

  /** Again and again: the log has it, so nothing is lost meanwhile. */
  private async attempt(pieces: StorageWrite[][]): Promise<void> {
    let taken = 0
    for (;;) {
      try {
        for (; taken < pieces.length; taken++) await this.take(pieces[taken] as StorageWrite[])
        this.failure = undefined
        return
      } catch (error) {
        this.failure = error
        this.moved()
      }
      if (this.stopped) return
      await new Promise<void>((resolve) => {
        this.retry = resolve
        this.clock.after(RETRY_MS, resolve)
      })
    }
  }

  /** Brings everything there is into the store. @throws what the store says, and then nothing more is tried */
  async drain(): Promise<void> {
    this.stopped = true
    this.timer?.cancel()
    this.timer = undefined
    this.retry()
    await this.running
    if (this.failure === undefined && !this.gathering.empty) {
      this.run()
      await this.running
    }
    if (this.failure !== undefined) throw this.failure
  }
}
