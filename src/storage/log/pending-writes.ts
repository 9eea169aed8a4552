/**
 * Writes that the store has not applied yet, only the last one for each object: a later state of a segment replaces the
 * earlier one, and dropping a segment cancels the writes to it. Reads see the store through these writes.
 */
import { SplitMap } from '../../util/split-map.ts'
import type { StorageWrite } from '../storage.ts'

export interface PendingSegment {
  /** Whether the segment's records are removed from the store first (`cleared`), or its state too (`dropped`). */
  cleared: boolean
  dropped: boolean
  state: Uint8Array | undefined
  /** By index; undefined = the record is deleted. */
  readonly records: Map<number, Uint8Array | undefined>
}

interface PendingLog {
  /** Whether the log is removed from the store; nothing more is written to it then. */
  dropped: boolean
  /** Undefined if there are none: very many logs may be dropped at once. */
  segments: Map<number, PendingSegment> | undefined
}

export class PendingWrites {
  /** Octets of records, values and states. */
  bytes = 0
  /** undefined = the value is deleted. */
  readonly values = new SplitMap<string, Uint8Array | undefined>()
  private readonly logs = new SplitMap<number, PendingLog>()
  private dropsFrom: number | undefined

  get empty(): boolean {
    return this.values.size === 0 && this.logs.size === 0 && this.dropsFrom === undefined
  }

  add(writes: readonly StorageWrite[]): void {
    for (const w of writes) this.addOne(w)
  }

  private addOne(w: StorageWrite): void {
    switch (w.op) {
      case 'put':
        this.setValue(w.key, w.value)
        break
      case 'delete':
        this.setValue(w.key, undefined)
        break
      case 'record':
        this.setRecord(this.segment(w.log, w.segment), w.index, w.bytes)
        break
      case 'segment': {
        const s = this.segment(w.log, w.segment)
        this.bytes += w.state.length - (s.state?.length ?? 0)
        s.state = w.state
        break
      }
      case 'drop-record':
        this.setRecord(this.segment(w.log, w.segment), w.index, undefined)
        break
      case 'drop-segment': {
        const s = this.segment(w.log, w.segment)
        this.clear(s)
        this.bytes -= s.state?.length ?? 0
        s.state = undefined
        s.dropped = true
        break
      }
      case 'clear-segment':
        this.clear(this.segment(w.log, w.segment))
        break
      case 'drop-log':
        this.dropLog(w.log)
        break
      case 'drop-logs':
        for (const log of this.logs.keys()) if (log >= w.from) this.dropLog(log)
        this.dropsFrom = Math.min(this.dropsFrom ?? w.from, w.from)
        break
      default: {
        const never: never = w
        throw new TypeError(`unknown write ${JSON.stringify(never)}`)
      }
    }
  }

  private setValue(key: string, value: Uint8Array | undefined): void {
    this.bytes += (value?.length ?? 0) - (this.values.get(key)?.length ?? 0)
    this.values.set(key, value)
  }

  private setRecord(s: PendingSegment, index: number, bytes: Uint8Array | undefined): void {
    this.bytes += (bytes?.length ?? 0) - (s.records.get(index)?.length ?? 0)
    if (bytes === undefined && s.cleared) s.records.delete(index)
    else s.records.set(index, bytes)
  }

  private clear(s: PendingSegment): void {
    for (const bytes of s.records.values()) this.bytes -= bytes?.length ?? 0
    s.records.clear()
    s.cleared = true
  }

  private dropLog(number: number): void {
    const log = this.log(number)
    for (const s of log.segments?.values() ?? []) {
      this.clear(s)
      this.bytes -= s.state?.length ?? 0
    }
    log.segments = undefined
    log.dropped = true
  }

  private log(number: number): PendingLog {
    let log = this.logs.get(number)
    if (log === undefined) {
      log = { dropped: false, segments: undefined }
      this.logs.set(number, log)
    }
    return log
  }

  private segment(log: number, number: number): PendingSegment {
    const pending = this.log(log)
    pending.segments ??= new Map()
    const { segments } = pending
    let s = segments.get(number)
    if (s === undefined) {
      s = { cleared: false, dropped: false, state: undefined, records: new Map() }
      segments.set(number, s)
    }
    return s
  }

  /** Whether the store's contents of that log are obsolete. */
  hides(log: number): boolean {
    return this.logs.get(log)?.dropped === true || (this.dropsFrom !== undefined && log >= this.dropsFrom)
  }

  get changedLogs(): Iterable<number> {
    return this.logs.keys()
  }

  segmentsOf(log: number): ReadonlyMap<number, PendingSegment> | undefined {
    return this.logs.get(log)?.segments
  }

  /** The smallest set of writes with the same effect. */
  *writes(): Generator<StorageWrite, void> {
    if (this.dropsFrom !== undefined) yield { op: 'drop-logs', from: this.dropsFrom }
    for (const [key, value] of this.values)
      yield value === undefined ? { op: 'delete', key } : { op: 'put', key, value }
    for (const [log, { dropped, segments }] of this.logs) {
      if (dropped) yield { op: 'drop-log', log }
      for (const [segment, s] of segments ?? []) yield* writesOf(log, segment, s)
    }
  }
}

function* writesOf(log: number, segment: number, s: PendingSegment): Generator<StorageWrite, void> {
  if (s.dropped) yield { op: 'drop-segment', log, segment }
  else if (s.cleared) yield { op: 'clear-segment', log, segment }
  for (const [index, bytes] of s.records)
    yield bytes === undefined
      ? { op: 'drop-record', log, segment, index }
      : { op: 'record', log, segment, index, bytes }
  if (s.state !== undefined) yield { op: 'segment', log, segment, state: s.state }
}
