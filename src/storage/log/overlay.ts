/** Reads a store as it will be once it has applied the pending writes. */
import { asTexts, type StoredText, textsOf } from '../../util/stored-texts.ts'
import type { Storage } from '../storage.ts'
import type { PendingSegment, PendingWrites } from './pending-writes.ts'

type Reads = Pick<Storage, 'scan' | 'scanTexts' | 'logs' | 'highestLog' | 'segments' | 'records' | 'record'>
type Layers = readonly PendingWrites[]

/** Pending writes to a segment, merged from all layers. */
interface Merged {
  /** Whether the store's records of the segment are obsolete. */
  hidden: boolean
  state: Uint8Array | undefined
  readonly records: Map<number, Uint8Array | undefined>
}

function mergeSegment(layers: Layers, log: number, segment: number): Merged | undefined {
  let merged: Merged | undefined
  for (const layer of layers) {
    const hides = layer.hides(log)
    const s = layer.segmentsOf(log)?.get(segment)
    if (!hides && s === undefined) continue
    merged ??= { hidden: false, state: undefined, records: new Map() }
    addLayer(merged, s, hides)
  }
  return merged
}

function addLayer(merged: Merged, s: PendingSegment | undefined, hides: boolean): void {
  if (hides || s?.cleared) {
    merged.hidden = true
    merged.records.clear()
  }
  if (hides || s?.dropped) merged.state = undefined
  if (s?.state !== undefined) merged.state = s.state
  for (const [index, bytes] of s?.records ?? []) merged.records.set(index, bytes)
}

/** Merges two sorted sequences; if both have a key, `over` wins, and undefined there hides the key. */
function* merge<K extends number | string, V>(
  under: Iterable<readonly [K, V]>,
  over: ReadonlyMap<K, V | undefined>,
): Iterable<[K, V]> {
  const keys = [...over.keys()].sort((a, b) => (a < b ? -1 : 1))
  let next = 0
  for (const [key, value] of under) {
    for (; next < keys.length && (keys[next] as K) < key; next++) {
      const v = over.get(keys[next] as K)
      if (v !== undefined) yield [keys[next] as K, v]
    }
    if (!over.has(key)) yield [key, value]
  }
  for (; next < keys.length; next++) {
    const v = over.get(keys[next] as K)
    if (v !== undefined) yield [keys[next] as K, v]
  }
}

function* pairs<T, K, V>(all: Iterable<T>, pair: (t: T) => readonly [K, V]): Iterable<readonly [K, V]> {
  for (const t of all) yield pair(t)
}

export class Overlay implements Reads {
  private readonly store: Reads
  private readonly layers: () => Layers

  /** @param layers later ones take precedence over earlier ones */
  constructor(store: Reads, layers: () => Layers) {
    this.store = store
    this.layers = layers
  }

  scan(prefix: string): Iterable<{ key: string; value: Uint8Array }> {
    const over = this.pending(prefix)
    return over.size === 0 ? this.store.scan(prefix) : this.scanBoth(prefix, over)
  }

  scanTexts(prefix: string): Iterable<StoredText> {
    const over = this.pending(prefix)
    return over.size === 0 ? textsOf(this.store, prefix) : asTexts(this.scanBoth(prefix, over))
  }

  private pending(prefix: string): ReadonlyMap<string, Uint8Array | undefined> {
    const over = new Map<string, Uint8Array | undefined>()
    for (const layer of this.layers())
      for (const [key, value] of layer.values) if (key.startsWith(prefix)) over.set(key, value)
    return over
  }

  private *scanBoth(
    prefix: string,
    over: ReadonlyMap<string, Uint8Array | undefined>,
  ): Iterable<{ key: string; value: Uint8Array }> {
    const under = pairs(this.store.scan(prefix), (e) => [e.key, e.value] as const)
    for (const [key, value] of merge(under, over)) yield { key, value }
  }

  *logs(): Iterable<number> {
    for (const layer of this.layers()) yield* layer.changedLogs
    yield* this.store.logs()
  }

  highestLog(): number {
    let highest = this.store.highestLog()
    for (const layer of this.layers()) for (const log of layer.changedLogs) highest = Math.max(highest, log)
    return highest
  }

  *segments(log: number): Iterable<{ segment: number; state: Uint8Array | undefined }> {
    const layers = this.layers()
    const over = new Map<number, Uint8Array | undefined>()
    let hidden = false
    for (const layer of layers) {
      if (layer.hides(log)) {
        hidden = true
        over.clear()
      }
      for (const [number, s] of layer.segmentsOf(log) ?? [])
        if (s.dropped || s.state !== undefined) over.set(number, s.state)
    }
    const under = hidden ? [] : pairs(this.store.segments(log), (e) => [e.segment, e.state] as const)
    for (const [segment, state] of merge(under, over)) yield { segment, state }
  }

  *records(log: number, segment: number): Iterable<{ index: number; bytes: Uint8Array }> {
    const merged = mergeSegment(this.layers(), log, segment)
    if (merged === undefined) {
      yield* this.store.records(log, segment)
      return
    }
    const all = this.store.records(log, segment)
    const under = merged.hidden ? [] : pairs(all, (e) => [e.index, e.bytes] as const)
    for (const [index, bytes] of merge(under, merged.records)) yield { index, bytes }
  }

  /**
   * Searches the layers without merging them: messages that are due are read one by one, and very many records of their
   * segment may be pending.
   */
  record(log: number, segment: number, index: number): Uint8Array | undefined {
    const layers = this.layers()
    for (let i = layers.length - 1; i >= 0; i--) {
      const layer = layers[i] as PendingWrites
      const s = layer.segmentsOf(log)?.get(segment)
      if (s?.records.has(index)) return s.records.get(index)?.slice()
      if (s?.cleared || layer.hides(log)) return undefined
    }
    return this.store.record(log, segment, index)
  }
}
