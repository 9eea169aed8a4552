/**
 * A store behind a commit log: a batch is durable as soon as the log has it, which costs one wait for the disk, and the
 * store applies it some time later, together with other batches. Spill logs, which need not outlive the process, bypass
 * the commit log.
 */
import type { Clock } from '../../util/clock.ts'
import type { StoredText } from '../../util/stored-texts.ts'
import { nextTurn } from '../../util/timers.ts'
import { type Damage, SPILL_LOGS_FROM, type Storage, StorageError, type StorageWrite } from '../storage.ts'
import { APPLIED_KEY, Applier, type Mark } from './applier.ts'
import { BatchEncoder, BatchError, decodeBatch } from './batch-codec.ts'
import type { CommitLog } from './commit-log.ts'
import { Overlay } from './overlay.ts'
import { PendingWrites } from './pending-writes.ts'

/** Octets of records per transaction when the log is applied to the store at the start. */
const REPLAY_BYTES = 8 * 1024 * 1024

/** ms in which the log is applied to the store at the end: beyond, the next start applies the rest. */
export const DRAIN_MS_MAX = 2_000

/** Epoch in all batches: there is only one writer. */
const EPOCH = 0

/** The operations beyond the storage contract that a store behind a log must have. */
export interface AppliedStorage extends Storage {
  /** @throws StorageError FULL unless the disk has room for these writes and that many more octets */
  ensureRoom(batch: readonly StorageWrite[], moreBytes: number): void
}

/** Opens the log from a position on. @throws StorageError */
export type OpenLog = (from: number) => Promise<CommitLog>

export class LoggedStorage implements Storage {
  readonly keeps = true
  deliveriesUnknown = false
  private readonly store: AppliedStorage
  private readonly log: CommitLog
  private readonly clock: Clock
  private readonly applier: Applier
  private readonly overlay: Overlay
  private readonly encoder = new BatchEncoder()
  private readonly listeners = new Set<() => void>()
  /** Resolves when the pending operations of the store are done; they run one after another. */
  private working: Promise<void> = Promise.resolve()
  private keepingHouse = false
  private closed = false
  private copying: Promise<void> | undefined

  private constructor(store: AppliedStorage, log: CommitLog, clock: Clock, mark?: Mark) {
    this.store = store
    this.log = log
    this.clock = clock
    this.applier = new Applier(
      (writes) => this.inTurn(() => store.write(writes)),
      log.last,
      clock,
      () => this.moved(),
      mark,
    )
    this.overlay = new Overlay(store, () => {
      const { flight, gathering } = this.applier
      return flight === undefined ? [gathering] : [flight, gathering]
    })
  }

  /**
   * Applies the contents of the log to the store first. Closes both if that fails.
   *
   * @param mark what the store keeps about a position besides its number
   * @throws StorageError DAMAGED, VERSION, or the error of the store or of the log
   */
  static async open(
    store: AppliedStorage,
    openLog: OpenLog,
    clock: Clock,
    mark?: Mark,
  ): Promise<LoggedStorage> {
    let log: CommitLog | undefined
    try {
      const { position } = appliedOf(store)
      log = await openLog(position + 1)
      await replay(store, log, position)
      log.trim(log.last + 1)
      return new LoggedStorage(store, log, clock, mark)
    } catch (error) {
      await log?.close()
      await store.close()
      throw error
    }
  }

  async write(batch: readonly StorageWrite[]): Promise<void> {
    const kept = batch.some(isSpill) ? batch.filter((w) => !isSpill(w)) : batch
    let position: number | undefined
    let record: Buffer | undefined
    if (kept.length > 0) {
      const encoded = this.encoder.encodeInPieces(EPOCH, this.log.last + 1, kept, () => nextTurn())
      // Awaiting only where needed saves short batches a microtask.
      record = encoded instanceof Promise ? await encoded : encoded
    }
    // The journal's file may have to grow now, and the store's file later.
    this.store.ensureRoom(batch, this.applier.bytes + (record?.length ?? 0))
    if (record !== undefined) position = await this.log.append(record)
    this.applier.add(batch, position)
  }

  /** Runs `work` after the pending operations of the store. */
  private inTurn(work: () => Promise<void>): Promise<void> {
    const done = this.working.then(work)
    this.working = done.catch(() => {})
    return done
  }

  private moved(): void {
    if (this.applier.failure === undefined) this.log.trim(this.applier.flushed + 1)
    for (const listener of this.listeners) listener()
    this.keepHouse()
  }

  /** Runs maintenance of the store, one step at a time, so that writes are done in between. */
  private keepHouse(): void {
    if (this.keepingHouse || this.closed || this.store.maintenanceDue !== true) return
    this.keepingHouse = true
    this.clock.defer(() => {
      const done = this.closed ? undefined : this.inTurn(() => this.store.maintain?.() ?? Promise.resolve())
      done?.then(
        () => {
          this.keepingHouse = false
          this.keepHouse()
        },
        // The next write reports what is wrong.
        () => {
          this.keepingHouse = false
        },
      )
    })
  }

  get applied(): number {
    return this.applier.done
  }

  get unappliedBytes(): number {
    return this.applier.bytes
  }

  /** Why the store fails to apply the log; undefined if it does not fail. */
  get applyFailure(): unknown {
    return this.applier.failure
  }

  onApplied(listener: () => void): () => void {
    this.listeners.add(listener)
    return () => void this.listeners.delete(listener)
  }

  /** Has the mark written again, since it may have changed although nothing was written. */
  touch(): void {
    this.applier.touch()
  }

  applySoon(): void {
    this.applier.soon()
  }

  scan(prefix: string): Iterable<{ key: string; value: Uint8Array }> {
    return this.overlay.scan(prefix)
  }

  scanTexts(prefix: string): Iterable<StoredText> {
    return this.overlay.scanTexts(prefix)
  }

  logs(): Iterable<number> {
    return this.overlay.logs()
  }

  highestLog(): number {
    return this.overlay.highestLog()
  }

  segments(log: number): Iterable<{ segment: number; state: Uint8Array | undefined }> {
    return this.overlay.segments(log)
  }

  records(log: number, segment: number): Iterable<{ index: number; bytes: Uint8Array }> {
    return this.overlay.records(log, segment)
  }

  record(log: number, segment: number, index: number): Uint8Array | undefined {
    return this.overlay.record(log, segment, index)
  }

  get damaged(): number {
    return this.store.damaged ?? 0
  }

  onDamage(listener: (damage: Damage) => void): void {
    this.store.onDamage?.(listener)
  }

  reusableBytes(): number {
    return this.store.reusableBytes?.() ?? 0
  }

  /**
   * The store is copied while it applies the log, possibly in the middle of a batch. So the log is copied too, with
   * everything since before the copy of the store, and a start recovers from both as it does after a crash.
   */
  async copyTo(dir: string): Promise<void> {
    if (this.store.copyTo === undefined || this.log.hold === undefined || this.log.copyTo === undefined)
      throw new StorageError(
        'IO',
        'the log of this store is not in the folder alone: a copy of one node is not a backup of a cluster',
      )
    if (this.copying !== undefined)
      throw new StorageError('LOCKED', 'a copy of the store is being made already')
    const release = this.log.hold()
    this.copying = this.store.copyTo(dir).then(() => this.log.copyTo?.(dir))
    try {
      await this.copying
    } catch (error) {
      if (error instanceof StorageError) throw error
      throw new StorageError('IO', `cannot copy the data folder: ${(error as Error).message}`, error)
    } finally {
      this.copying = undefined
      release()
    }
  }

  /** Leaves an empty log, unless the store fails to apply its contents, or takes too long: the next start applies them. */
  async close(): Promise<void> {
    this.closed = true
    await this.copying?.catch(() => {})
    try {
      if (await this.applier.drain(DRAIN_MS_MAX)) this.log.trim(this.log.last + 1)
    } finally {
      await this.working
      await this.log.close()
      await this.store.close()
    }
  }
}

function isSpill(w: StorageWrite): boolean {
  return w.op === 'drop-logs' ? w.from >= SPILL_LOGS_FROM : 'log' in w && w.log >= SPILL_LOGS_FROM
}

/** The position up to which the store has applied the log. */
export function appliedOf(store: Storage): { position: number } {
  for (const { key, value } of store.scan(APPLIED_KEY))
    if (key === APPLIED_KEY) return JSON.parse(Buffer.from(value).toString()) as { position: number }
  return { position: 0 }
}

async function replay(store: Storage, log: CommitLog, applied: number): Promise<void> {
  let pending = new PendingWrites()
  let last = applied
  const apply = async (): Promise<void> => {
    const value = Buffer.from(JSON.stringify({ position: last }))
    await store.write([...pending.writes(), { op: 'put', key: APPLIED_KEY, value }])
    pending = new PendingWrites()
  }
  for await (const { position, bytes } of log.read(applied + 1)) {
    const batch = decode(bytes, position)
    if (position !== last + 1 || batch.number !== position)
      throw new StorageError('DAMAGED', `the commit log has batch ${batch.number} in place of ${last + 1}`)
    pending.add(batch.writes)
    last = position
    if (pending.bytes >= REPLAY_BYTES) await apply()
  }
  if (!pending.empty || last > applied) await apply()
}

function decode(bytes: Uint8Array, position: number): ReturnType<typeof decodeBatch> {
  try {
    return decodeBatch(bytes)
  } catch (error) {
    if (!(error instanceof BatchError)) throw error
    const code = error.isNewer ? 'VERSION' : 'DAMAGED'
    throw new StorageError(code, `the commit log cannot be read at ${position}: ${error.message}`, error)
  }
}
