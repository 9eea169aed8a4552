/** A store in memory. With `keeps` it keeps data like a disk for the lifetime of the process, for tests of restarts. */
import type { Storage, StorageWrite } from '../storage.ts'

interface StoredSegment {
  state: Uint8Array
  readonly records: Map<number, Uint8Array>
}

export class MemoryStorage implements Storage {
  readonly keeps: boolean
  private readonly metadata = new Map<string, Uint8Array>()
  private readonly byLog = new Map<number, Map<number, StoredSegment>>()

  constructor(options: { keeps: boolean } = { keeps: false }) {
    this.keeps = options.keeps
  }

  async write(batch: readonly StorageWrite[]): Promise<void> {
    if (this.keeps) for (const w of batch) this.apply(w)
  }

  private apply(w: StorageWrite): void {
    switch (w.op) {
      case 'put':
        this.metadata.set(w.key, new Uint8Array(w.value))
        break
      case 'delete':
        this.metadata.delete(w.key)
        break
      case 'record':
        this.segment(w.log, w.segment).records.set(w.index, new Uint8Array(w.bytes))
        break
      case 'segment':
        this.segment(w.log, w.segment).state = new Uint8Array(w.state)
        break
      case 'drop-record':
        this.byLog.get(w.log)?.get(w.segment)?.records.delete(w.index)
        break
      case 'drop-segment':
        this.byLog.get(w.log)?.delete(w.segment)
        break
      case 'clear-segment':
        this.byLog.get(w.log)?.get(w.segment)?.records.clear()
        break
      case 'drop-log':
        this.byLog.delete(w.log)
        break
      case 'drop-logs':
        for (const log of [...this.byLog.keys()]) if (log >= w.from) this.byLog.delete(log)
        break
      default: {
        const never: never = w
        throw new TypeError(`unknown write ${JSON.stringify(never)}`)
      }
    }
  }

  private segment(log: number, segment: number): StoredSegment {
    let segments = this.byLog.get(log)
    if (segments === undefined) {
      segments = new Map()
      this.byLog.set(log, segments)
    }
    let found = segments.get(segment)
    if (found === undefined) {
      found = { state: new Uint8Array(0), records: new Map() }
      segments.set(segment, found)
    }
    return found
  }

  *scan(prefix: string): Iterable<{ key: string; value: Uint8Array }> {
    for (const key of [...this.metadata.keys()].sort())
      if (key.startsWith(prefix)) yield { key, value: this.metadata.get(key) as Uint8Array }
  }

  logs(): Iterable<number> {
    return this.byLog.keys()
  }

  highestLog(): number {
    let highest = 0
    for (const log of this.byLog.keys()) highest = Math.max(highest, log)
    return highest
  }

  *segments(log: number): Iterable<{ segment: number; state: Uint8Array }> {
    const segments = this.byLog.get(log) ?? new Map<number, StoredSegment>()
    for (const segment of [...segments.keys()].sort((a, b) => a - b))
      yield { segment, state: (segments.get(segment) as StoredSegment).state }
  }

  *records(log: number, segment: number): Iterable<{ index: number; bytes: Uint8Array }> {
    const records = this.byLog.get(log)?.get(segment)?.records ?? new Map<number, Uint8Array>()
    for (const index of [...records.keys()].sort((a, b) => a - b))
      yield { index, bytes: records.get(index) as Uint8Array }
  }

  record(log: number, segment: number, index: number): Uint8Array | undefined {
    return this.byLog.get(log)?.get(segment)?.records.get(index)
  }

  /** The current contents as writes that recreate them in an empty store. @param wanted which logs */
  protected everything(wanted: (log: number) => boolean): IterableIterator<StorageWrite> {
    const writes: StorageWrite[] = []
    for (const [key, value] of this.metadata) writes.push({ op: 'put', key, value })
    for (const [log, segments] of this.byLog) {
      if (!wanted(log)) continue
      for (const [segment, { state, records }] of segments) {
        writes.push({ op: 'segment', log, segment, state })
        for (const [index, bytes] of records) writes.push({ op: 'record', log, segment, index, bytes })
      }
    }
    return writes.values()
  }

  async close(): Promise<void> {}
}
