/**
 * One period of a node's life on the shared log, from opening its store to closing it: it reads the log, applies the
 * batches that count to the store and, while the node is active, gives the broker a log to write to.
 */

import { Applier } from '../storage/log/applier.ts'
import { BatchError, decodeBatch } from '../storage/log/batch-codec.ts'
import { LoggedStorage } from '../storage/log/logged-storage.ts'
import { StorageError } from '../storage/storage.ts'
import type { Clock } from '../util/clock.ts'
import type { Engine, Unsubscribe } from './engine.ts'
import { Ledger, type Place, type Reading } from './ledger.ts'
import { Places } from './places.ts'
import { RecordError } from './record.ts'
import type { ReplicaStore, StoredPlace } from './replica-store.ts'
import { ReplicatedLog } from './replicated-log.ts'

/** Octets not yet applied to the store, above which reading of the log pauses, and below which it resumes. */
const BEHIND_BYTES_MAX = 64 * 1024 * 1024
const BEHIND_BYTES_LOW = 16 * 1024 * 1024
/** Number of records after which the store notes how far the log has been read, even if no batch was among them. */
const TOUCH_RECORDS = 500

export interface SessionListener {
  /** Called with the meaning of each record of the log. */
  read(reading: Reading): void
  /** Called when the log no longer has the next record. */
  gone(): void
  /** Called when the log cannot be read, and retrying does not help. */
  failed(error: StorageError): void
}

export interface SessionOptions {
  readonly store: ReplicaStore
  readonly engine: Engine
  readonly clock: Clock
  readonly place: StoredPlace
  /** Identifies the log. */
  readonly log: string
  readonly listener: SessionListener
  /** Called when a batch appended at that time was read back. */
  readonly renewed: (sentAt: number) => void
}

export class Session {
  readonly ledger: Ledger
  readonly store: ReplicaStore
  /** The store's place in the log when it was opened. */
  readonly begin: StoredPlace
  private readonly options: SessionOptions
  private readonly places: Places
  private readonly applier: Applier
  private stopReading: Unsubscribe | undefined
  private storage: LoggedStorage | undefined
  /** Set while this node is active. */
  private activeLog: ReplicatedLog | undefined
  private touched: number
  private ended = false
  private working: Promise<void> = Promise.resolve()

  constructor(options: SessionOptions) {
    const { place, store, clock, log } = options
    this.options = options
    this.store = store
    this.begin = place
    this.ledger = new Ledger(place)
    this.places = new Places(place, log)
    this.touched = place.sequence
    this.applier = new Applier(
      (writes) => this.inTurn(() => store.write(writes)),
      place.number,
      clock,
      () => this.applied(),
      (number) => this.places.mark(number),
    )
  }

  /** Records after this place are needed to bring the store up to date. */
  get flushed(): Place {
    return this.places.flushed
  }

  /** Identifies the log. */
  get log(): string {
    return this.options.log
  }

  /** Octets of batches that the store has not applied. */
  get behindBytes(): number {
    return this.storage?.unappliedBytes ?? this.applier.bytes
  }

  get roundTripMs(): number | undefined {
    return this.activeLog?.roundTripMs
  }

  start(): void {
    if (this.stopReading !== undefined || this.ended) return
    const { engine, listener, log } = this.options
    const reader = {
      record: (sequence: number, bytes: Uint8Array) => this.record(sequence, bytes),
      gone: () => listener.gone(),
      missing: (sequence: number) => {
        this.stop()
        listener.failed(
          new StorageError(
            'DAMAGED',
            `record ${sequence} of the cluster's log is missing: somebody has deleted it`,
          ),
        )
      },
    }
    // Reading may begin long after this node has joined the log, and again after each pause.
    this.stopReading = engine.read(this.ledger.sequence + 1, reader, log)
  }

  private record(sequence: number, bytes: Uint8Array): void {
    if (this.ended) return
    let reading: Reading
    try {
      reading = this.ledger.read(sequence, bytes)
      this.places.add(this.ledger.place)
      if (reading.what === 'batch') this.batch(reading)
    } catch (error) {
      this.stop()
      this.options.listener.failed(unreadable(sequence, error))
      return
    }
    this.options.listener.read(reading)
    if (this.ledger.place.sequence - this.touched >= TOUCH_RECORDS) this.touch()
  }

  private batch(reading: Extract<Reading, { what: 'batch' }>): void {
    if (this.activeLog !== undefined) {
      this.activeLog.readBack(reading)
      return
    }
    this.applier.add(decodeBatch(reading.bytes).writes, reading.number)
    if (this.behindBytes > BEHIND_BYTES_MAX) this.stop()
  }

  private touch(): void {
    this.touched = this.ledger.place.sequence
    if (this.storage === undefined) this.applier.touch()
    else this.storage.touch()
  }

  private applied(): void {
    if (this.applier.failure === undefined) this.places.flush(this.applier.flushed)
    if (this.behindBytes < BEHIND_BYTES_LOW && this.activeLog === undefined) this.start()
    if (this.store.maintenanceDue === true && this.activeLog === undefined && !this.ended)
      this.inTurn(() => this.store.maintain?.() ?? Promise.resolve()).catch(() => {
        // The next write reports what is wrong.
      })
  }

  /** Runs the operations of the store one after another. */
  private inTurn(work: () => Promise<void>): Promise<void> {
    const done = this.working.then(work)
    this.working = done.catch(() => {})
    return done
  }

  /**
   * Called when this node has become active: opens the storage for the broker. @throws StorageError if the store fails
   * to apply what is pending
   */
  async openStorage(epoch: number): Promise<LoggedStorage> {
    const { engine, clock, renewed } = this.options
    const log = new ReplicatedLog({
      engine,
      clock,
      ledger: this.ledger,
      epoch,
      renewed,
      trimmed: (below) => this.places.flush(below - 1),
    })
    this.activeLog = log
    await this.applier.drain()
    await this.working
    this.storage = await LoggedStorage.open(
      this.store,
      async () => log,
      clock,
      (number) => this.places.mark(number),
    )
    this.storage.deliveriesUnknown = true
    return this.storage
  }

  /** Called when another node is active: rejects all appends from now on. */
  endWriting(): void {
    this.activeLog?.end('another node of the cluster is active now')
  }

  private stop(): void {
    this.stopReading?.()
    this.stopReading = undefined
  }

  /** Applies what is pending to the store, and closes it. */
  async close(): Promise<void> {
    this.ended = true
    this.stop()
    this.endWriting()
    try {
      if (this.storage === undefined) await this.applier.drain()
    } finally {
      await this.working
      await (this.storage ?? this.store).close()
    }
  }
}

function unreadable(sequence: number, error: unknown): StorageError {
  if (!(error instanceof RecordError || error instanceof BatchError))
    return new StorageError('DAMAGED', `record ${sequence} of the cluster's log cannot be dealt with`, error)
  const text = `record ${sequence} of the cluster's log cannot be read: ${error.message}`
  return error.isNewer
    ? new StorageError('VERSION', `${text}. Upgrade this node`, error)
    : new StorageError('DAMAGED', text, error)
}
