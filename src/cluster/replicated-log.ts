/**
 * The commit log of the active node. Records are appended to the shared log, and are durable once they have been read
 * back with this node's epoch still current. Appending a batch again is harmless, since it counts only once; so an
 * append is repeated until the batch is in the log, or another node has taken over.
 */

import type { CommitLog, LogRecord } from '../storage/log/commit-log.ts'
import { StorageError } from '../storage/storage.ts'
import type { Clock } from '../util/clock.ts'
import { type Engine, EngineError } from './engine.ts'
import type { Ledger, Reading } from './ledger.ts'
import { encodeBatch } from './record.ts'

/** Maximum number of records in flight. */
const IN_FLIGHT_MAX = 4
/** ms until a failed append is retried, initially and at most. */
const RETRY_MS_MIN = 20
const RETRY_MS_MAX = 500
/** ms after which a record that was acknowledged but not read back is appended again. */
const READ_BACK_MS_MAX = 3000

interface Flight {
  readonly number: number
  readonly frames: readonly Buffer[]
  readonly sentAt: number
  readonly resolve: (number: number) => void
  readonly reject: (error: StorageError) => void
  /** Ends the wait for the read-back. */
  wake: () => void
}

export interface ReplicatedLogOptions {
  readonly engine: Engine
  readonly clock: Clock
  readonly ledger: Ledger
  /** The epoch of this node. */
  readonly epoch: number
  /** Called when a batch appended at that time has been read back: the epoch was current then. */
  readonly renewed: (sentAt: number) => void
  /** Called when the records below that number are on this node's disk. */
  readonly trimmed?: (below: number) => void
  /** Records that were read before, for a log that is opened together with its store. */
  readonly found?: readonly LogRecord[]
}

export class ReplicatedLog implements CommitLog {
  first: number
  last: number
  /** The log takes no space on the disk of this machine. */
  readonly bytes = 0
  /** ms between appending the last batch and reading it back. */
  roundTripMs = 0
  private readonly options: ReplicatedLogOptions
  private readonly found: readonly LogRecord[]
  private flight: Flight | undefined
  private over: StorageError | undefined

  constructor(options: ReplicatedLogOptions) {
    this.options = options
    this.found = options.found ?? []
    this.last = options.ledger.number
    this.first = this.found[0]?.position ?? this.last + 1
  }

  append(bytes: Uint8Array): Promise<number> {
    if (this.over !== undefined) return Promise.reject(this.over)
    const number = this.last + 1
    const frames = encodeBatch(this.options.epoch, number, bytes)
    return new Promise((resolve, reject) => {
      const sentAt = this.options.clock.elapsed()
      const flight: Flight = { number, frames, sentAt, resolve, reject, wake: () => {} }
      this.flight = flight
      this.deliver(flight).catch((error) => this.end('the replicated log has failed', error))
    })
  }

  /** Appends the parts of a batch that are missing from the log, until the batch has been read back. */
  private async deliver(flight: Flight): Promise<void> {
    let wait = RETRY_MS_MIN
    while (this.flight === flight) {
      try {
        await this.send(flight, this.nextPart(flight))
        await this.pause(READ_BACK_MS_MAX, flight)
      } catch (error) {
        if (!(error instanceof EngineError)) throw error
        if (error.code === 'FULL' && this.flight === flight) {
          this.flight = undefined
          flight.reject(
            new StorageError('FULL', `cannot append to the replicated log: ${error.message}`, error),
          )
          return
        }
        await this.pause(wait, flight)
        wait = Math.min(RETRY_MS_MAX, wait * 2)
      }
    }
  }

  private nextPart(flight: Flight): number {
    const { ledger } = this.options
    return ledger.number + 1 === flight.number ? ledger.nextPart : 0
  }

  private async send(flight: Flight, from: number): Promise<void> {
    const waiting: Promise<void>[] = []
    for (let i = from; i < flight.frames.length && this.flight === flight; i++) {
      const sent = this.options.engine.append(flight.frames[i] as Buffer)
      sent.catch(() => {})
      waiting.push(sent)
      if (waiting.length >= IN_FLIGHT_MAX) await waiting.shift()
    }
    await Promise.all(waiting)
  }

  private pause(ms: number, flight: Flight): Promise<void> {
    if (this.flight !== flight) return Promise.resolve()
    return new Promise((resolve) => {
      const timer = this.options.clock.after(ms, resolve)
      flight.wake = () => {
        timer.cancel()
        resolve()
      }
    })
  }

  /**
   * Called for each batch that counts, in order. Once this node is no longer active, they are those of the next one,
   * which the store does not have.
   */
  readBack(reading: Reading): void {
    if (reading.what !== 'batch' || this.over !== undefined) return
    this.last = reading.number
    const { flight } = this
    if (flight === undefined || flight.number !== reading.number) return
    this.flight = undefined
    flight.wake()
    this.roundTripMs = this.options.clock.elapsed() - flight.sentAt
    this.options.renewed(flight.sentAt)
    flight.resolve(reading.number)
  }

  /** Rejects the pending append and all later ones. */
  end(message: string, cause?: unknown): void {
    this.over ??= new StorageError('ENDED', message, cause)
    const { flight } = this
    this.flight = undefined
    flight?.wake()
    flight?.reject(this.over)
  }

  async *read(from: number): AsyncIterable<LogRecord> {
    for (const r of this.found) if (r.position >= from && r.position >= this.first) yield r
  }

  /** Notes what this node no longer needs; all nodes together decide what is removed from the shared log. */
  trim(below: number): void {
    if (below > this.first) this.first = Math.min(below, this.last + 1)
    this.options.trimmed?.(this.first)
  }

  async close(): Promise<void> {
    this.end('the replicated log is closed')
  }
}
