/**
 * Stores segments of one chain that have to leave memory but are not completely in its queue's log: segments of
 * transient queues, and of durable queues with transient messages. Each is written once and completely. The content is
 * useful only to this process: it bypasses the commit log, is not sent to other nodes, and is removed at the next
 * start.
 */
import type { StorageWrite } from '../../storage/storage.ts'
import { ChainStore } from './chain-store.ts'
import type { Segment } from './segment.ts'

/** The id is a log number from SPILL_LOGS_FROM on that was not used before in this process. */
export class SpillStore extends ChainStore {
  /** Writes the whole segment with the next batch, so that it can leave memory. */
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
