/**
 * Group commit: collects changes, writes them as one batch, and numbers the batches. One batch is written at a time;
 * changes made meanwhile form the next one. Code that waits for the disk remembers a batch number instead of a promise
 * per message. There are two such numbers, because the store may apply a batch later than the batch becomes durable:
 * messages of durable batches may be confirmed, messages of applied batches may leave memory. Up to which batch the
 * store itself is on disk, so that the journal can be trimmed, is tracked by the log (`Applier.flushed`).
 */
import type { Clock, Timer } from '../util/clock.ts'
import { charged, type Owner, StoreFailure } from '../util/owner.ts'
import { LOG_NUMBER_MAX, SPILL_LOGS_FROM, type Storage, StorageError, type StorageWrite } from './storage.ts'

/** Changes that nobody waits for are written after this time, in ms, or after twice that at most. */
const LAZY_MS = 10
const RETRY_MS = 500

/** A source of changes, such as a queue's log, which is asked for them when a batch is built. */
export interface BatchSource {
  collect(batch: StorageWrite[]): void
}

/** The awaited changes will not be written: the broker was closed, or another node is active. */
export class Abandoned extends Error {
  constructor() {
    super('the broker was closed before this was written')
  }
}

/** Whether the store accepts no more writes until the next start. */
const isFinal = (error: unknown): error is StorageError =>
  error instanceof StorageError && error.code === 'IO'

const rethrow: Owner = {
  failed(error) {
    throw error
  },
}

export class GroupCommit {
  /** The batch that changes made now belong to. */
  number = 1
  /** All batches up to this one are on disk: their messages may be confirmed. */
  durable = 0
  /**
   * All batches up to this one can be read from the store: their messages may leave memory, and their octets may
   * change.
   */
  applied = 0
  /** Logs from this number on need not outlive the process. */
  readonly spillLogsFrom = SPILL_LOGS_FROM
  readonly logNumberMax = LOG_NUMBER_MAX
  /** Octets of messages in the open batch and in the one being written. */
  pendingBytes = 0
  /** Counts changes of metadata, so that callers can tell whether they made one. */
  changes = 0
  /** Error of the last write, which is being retried. */
  failure: unknown
  readonly keeps: boolean
  private readonly storage: Storage
  private readonly clock: Clock
  private readonly owner: Owner
  private sources: BatchSource[] = []
  private metadata: StorageWrite[] = []
  private inFlight: Promise<void> | undefined
  private flightBytes = 0
  private urgent = false
  private maintaining = false
  private lazy: Timer | undefined
  private waiting: { number: number; resolve: () => void; reject: (error: Error) => void }[] = []
  private readonly durableListeners: (() => void)[] = []
  private readonly appliedListeners: (() => void)[] = []
  private readonly failureListeners: ((error: unknown) => void)[] = []
  private closed = false
  private readonly stopListening: (() => void) | undefined
  /** Number of atomic groups of changes that are not complete. */
  private holds = 0
  /** Why the store fails to apply durable batches, which it retries; undefined if it does not fail. */
  applyFailure: unknown
  /** Number of successful writes. */
  private writes = 0
  /** Batches that are durable but not applied, in order, each with the number of writes up to it. */
  private unapplied: { number: number; writes: number }[] = []

  /** @param owner is charged with errors of listeners */
  constructor(storage: Storage, clock: Clock, owner: Owner = rethrow) {
    this.storage = storage
    this.owner = owner
    this.keeps = storage.keeps
    this.clock = clock
    this.stopListening = storage.onApplied?.(() => this.takenOver())
  }

  /** Called each time `durable` has grown. */
  onDurable(listener: () => void): void {
    this.durableListeners.push(listener)
  }

  /** Called each time `applied` has grown or an attempt to apply has failed. */
  onApplied(listener: () => void): void {
    this.appliedListeners.push(listener)
  }

  onFailure(listener: (error: unknown) => void): void {
    this.failureListeners.push(listener)
  }

  /** Registers a source that has changes; called once per source and batch. */
  add(source: BatchSource): void {
    this.sources.push(source)
    this.changed()
  }

  put(key: string, value: Uint8Array): void {
    this.write({ op: 'put', key, value })
  }

  delete(key: string): void {
    this.write({ op: 'delete', key })
  }

  write(op: StorageWrite): void {
    if (!this.keeps) return
    this.metadata.push(op)
    this.changes++
    this.changed()
  }

  /** Marks a change of messages as one whose reply has to wait for the disk, like changes of metadata. */
  noteChange(): void {
    if (this.dirty) this.changes++
  }

  /** Changes from now on until `letGo` are written atomically, even if they take several turns. */
  hold(): void {
    this.holds++
  }

  letGo(): void {
    this.holds--
    if (this.holds === 0 && this.inFlight === undefined && this.dirty) this.changed()
  }

  /** Nothing is written before that. */
  get isHeld(): boolean {
    return this.holds > 0
  }

  /** Requests that the open batch is written at the end of the turn. */
  requestFlush(): void {
    this.urgent = true
  }

  get dirty(): boolean {
    return this.sources.length > 0 || this.metadata.length > 0
  }

  /** The batch that contains the latest change: once it is durable, everything so far is on disk. */
  get latest(): number {
    return this.dirty ? this.number : this.number - 1
  }

  /** Whether a flush or an application to the store is outstanding. */
  get busy(): boolean {
    return this.keeps && (this.inFlight !== undefined || this.dirty || this.unapplied.length > 0)
  }

  /**
   * Whether more than `changesMax` changes of metadata wait for the current write to end, so that callers should make
   * no more for now. If no write is in progress, requests that they be written at the end of the turn.
   */
  isBehind(changesMax: number): boolean {
    if (this.metadata.length <= changesMax || this.failure !== undefined || this.closed) return false
    if (this.inFlight !== undefined) return true
    this.requestFlush()
    return false
  }

  /** Octets of messages that cannot be evicted yet. */
  get unsafeBytes(): number {
    return this.pendingBytes + (this.storage.unappliedBytes ?? 0)
  }

  /** Requests that durable batches are applied soon, to free memory. */
  applySoon(): void {
    if (this.unapplied.length > 0) this.storage.applySoon?.()
  }

  private changed(): void {
    if (this.closed) return
    if (this.lazy === undefined && this.inFlight === undefined) this.startLazily()
  }

  /**
   * The timer keeps running when batches are written for other reasons: a timer per batch would cost more than the
   * batch.
   */
  private startLazily(): void {
    const { number } = this
    this.lazy = this.clock.after(LAZY_MS, () => {
      this.lazy = undefined
      if (this.number === number) this.start()
      else if (this.dirty && this.inFlight === undefined) this.startLazily()
    })
  }

  /**
   * Resolves when all changes so far are on disk.
   *
   * @throws Abandoned if they never will be written, StorageError if the store accepts no more writes until the next
   * start
   */
  async flush(): Promise<void> {
    if (!this.dirty && this.inFlight === undefined) return
    if (this.closed) throw new Abandoned()
    if (isFinal(this.failure)) throw this.failure
    const number = this.latest
    this.requestFlush()
    const done = new Promise<void>((resolve, reject) => this.waiting.push({ number, resolve, reject }))
    this.turnEnd()
    await done
  }

  /**
   * Called at the end of a turn: starts a requested batch unless one is being written. What was noted as pending without
   * any change, such as duplicates, is released by an empty one.
   */
  turnEnd(): void {
    if (this.inFlight !== undefined) return
    if (this.urgent || (this.pendingBytes > 0 && !this.dirty)) this.start()
  }

  private start(): void {
    if (this.inFlight !== undefined || this.maintaining || this.closed || this.holds > 0) return
    this.urgent = false
    const batch = this.metadata
    this.metadata = []
    const sources = this.sources
    this.sources = []
    try {
      for (const s of sources) s.collect(batch)
      this.inFlight = batch.length === 0 ? Promise.resolve() : this.storage.write(batch)
    } catch (error) {
      throw this.lost(error)
    }
    const number = this.number++
    this.flightBytes = this.pendingBytes
    this.inFlight.then(
      () => this.landed(number, batch.length),
      (error) => this.failed(error, batch, number),
    )
  }

  /**
   * A batch was lost while being built, so later confirms could be wrong: confirms nothing more and ends the process.
   */
  private lost(cause: unknown): StoreFailure {
    this.closed = true
    const failure = new StoreFailure('a batch could not be built', { cause })
    this.clock.defer(() => {
      throw failure
    })
    return failure
  }

  private landed(number: number, size: number): void {
    this.inFlight = undefined
    if (this.closed) return
    this.failure = undefined
    this.durable = number
    if (size > 0) this.writes++
    const applied = this.noteApplied(number)
    this.pendingBytes -= this.flightBytes
    if (this.waiting.length > 0) {
      const ready = this.waiting.filter((w) => w.number <= number)
      this.waiting = this.waiting.filter((w) => w.number > number)
      for (const w of ready) w.resolve()
    }
    for (const listener of this.durableListeners) charged(this.owner, listener)
    if (applied) for (const listener of this.appliedListeners) charged(this.owner, listener)
    if (this.inFlight === undefined) this.maintain()
    this.proceed()
  }

  /** Returns whether the store has applied the batch already; if not, the batch is queued in `unapplied`. */
  private noteApplied(number: number): boolean {
    const applied = this.writes <= (this.storage.applied ?? this.writes)
    const last = this.unapplied.at(-1)
    if (applied) this.applied = number
    else if (last?.writes === this.writes) last.number = number
    else this.unapplied.push({ number, writes: this.writes })
    return applied
  }

  /** Called when the store has applied durable batches or has failed to. */
  private takenOver(): void {
    const applied = this.storage.applied ?? 0
    const { applyFailure } = this.storage
    if (applyFailure !== undefined && this.applyFailure === undefined)
      for (const listener of this.failureListeners) listener(applyFailure)
    this.applyFailure = applyFailure
    let taken = 0
    for (
      let next = this.unapplied[0];
      next !== undefined && next.writes <= applied;
      next = this.unapplied[++taken]
    )
      this.applied = next.number
    this.unapplied.splice(0, taken)
    if (this.closed) return
    for (const listener of this.appliedListeners) charged(this.owner, listener)
  }

  /** Starts the next batch, at once if it was requested. */
  private proceed(): void {
    if (this.urgent) this.start()
    else if (this.dirty) this.changed()
  }

  /** Runs maintenance of the store, in a later event. */
  private maintain(): void {
    if (this.storage.maintenanceDue !== true || this.closed) return
    this.maintaining = true
    this.clock.defer(() => {
      const done = this.storage.maintain?.() ?? Promise.resolve()
      done.then(
        () => this.goOn(),
        (error) => {
          for (const listener of this.failureListeners) listener(error)
          this.maintaining = false
          if (this.dirty) this.changed()
        },
      )
    })
  }

  private goOn(): void {
    this.maintaining = false
    if (!this.urgent) this.maintain()
    this.proceed()
  }

  /**
   * Retries the batch until it succeeds; nothing in it has been confirmed. Rejects waiting flushes if the failure is
   * final.
   */
  private failed(error: unknown, batch: StorageWrite[], number: number): void {
    if (error instanceof StorageError && error.code === 'ENDED') {
      this.abandon().catch(() => {})
      return
    }
    const first = this.failure === undefined
    this.failure = error
    if (first) for (const listener of this.failureListeners) listener(error)
    if (isFinal(error)) for (const w of this.waiting.splice(0)) w.reject(error)
    if (this.closed) return
    this.clock.after(RETRY_MS, () => {
      if (this.closed) return
      this.storage.write(batch).then(
        () => this.landed(number, batch.length),
        (e) => this.failed(e, batch, number),
      )
    })
  }

  /** Discards pending changes. Resolves when the current write has ended, successfully or not. */
  async abandon(): Promise<void> {
    this.end()
    this.sources = []
    this.metadata = []
    for (const w of this.waiting.splice(0)) w.reject(new Abandoned())
    await this.inFlight?.catch(() => {})
  }

  /** Stops using the store. */
  private end(): void {
    this.closed = true
    this.lazy?.cancel()
    this.stopListening?.()
  }

  /** Writes pending changes. @throws if the store refuses them */
  async close(): Promise<void> {
    const done = this.flush()
    const failed = new Promise<never>((_, reject) => {
      if (this.failure !== undefined) reject(this.failure)
      this.onFailure(reject)
    })
    try {
      await Promise.race([done, failed])
    } finally {
      this.end()
    }
  }
}
