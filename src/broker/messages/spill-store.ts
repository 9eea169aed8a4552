/**
 * Where the segments of one chain wait that have to leave memory though no log of its queue has all of them: those of
 * transient queues, and those of durable queues with transient messages in them. Each is written once and whole. What lies
 * here is of use to this process only: it bypasses the commit log, no other node gets it, and the next start removes it.
 */
import type { StorageWrite } from '../../storage/storage.ts'
import { ChainStore } from './chain-store.ts'
import type { Segment } from './segment.ts'

/** Its id is that of a log from SPILL_LOGS_FROM on, which nobody else has had in this process. */
export class SpillStore extends ChainStore {
  /** Has the whole segment written, so that it can leave memory. */
  spill(segment: Segment): void {
    segment.askSpill()
    this.listForBatch(segment)
  }

  protected has(segment: Segment): boolean {
    return segment.spilled
  }

  protected write(asked: readonly Segment[], batch: StorageWrite[]): void {
    for (const segment of asked) {
      if (segment.gone) continue
      const start = segment.offsets[0] as number
      const bytes = (segment.bytes as Uint8Array).subarray(start, Math.max(segment.used, start))
      batch.push({ op: 'record', log: this.id, segment: segment.number, index: 0, bytes })
      segment.spilledWith(this.commit.number)
    }
  }
}
