/**
 * Readers of the whole store: copies and snapshots. The file is not remapped while there are any, and all of them end
 * before the store is closed, because LMDB would otherwise access unmapped memory.
 */
import { StorageError, type StorageWrite } from '../storage.ts'

export class Readers {
  private readonly copies = new Set<Promise<void>>()
  private readonly snapshots = new Set<Snapshot>()

  get any(): boolean {
    return this.copies.size + this.snapshots.size > 0
  }

  async copy(copied: Promise<void>): Promise<void> {
    this.copies.add(copied)
    try {
      await copied
    } finally {
      this.copies.delete(copied)
    }
  }

  /** @param done called once, when all writes have been read or the reader stops */
  snapshot(writes: IterableIterator<StorageWrite>, done: () => void): IterableIterator<StorageWrite> {
    const snapshot: Snapshot = new Snapshot(writes, () => {
      this.snapshots.delete(snapshot)
      done()
    })
    this.snapshots.add(snapshot)
    return snapshot
  }

  /** Waits for copies, then cuts snapshots off, because their readers may be slow. */
  async end(): Promise<void> {
    await Promise.allSettled(this.copies)
    for (const snapshot of this.snapshots) snapshot.cut()
  }
}

class Snapshot implements IterableIterator<StorageWrite> {
  private readonly writes: IterableIterator<StorageWrite>
  private readonly done: () => void
  private state: 'open' | 'ended' | 'cut' = 'open'

  constructor(writes: IterableIterator<StorageWrite>, done: () => void) {
    this.writes = writes
    this.done = done
  }

  [Symbol.iterator](): this {
    return this
  }

  next(): IteratorResult<StorageWrite> {
    if (this.state === 'cut') throw new StorageError('IO', 'the store was closed while it was read')
    try {
      const result = this.writes.next()
      if (result.done) this.end('ended')
      return result
    } catch (error) {
      this.end('ended')
      throw error
    }
  }

  return(): IteratorResult<StorageWrite> {
    this.end('ended')
    return { done: true, value: undefined }
  }

  cut(): void {
    this.end('cut')
  }

  private end(state: 'ended' | 'cut'): void {
    if (this.state !== 'open') return
    this.state = state
    this.writes.return?.()
    this.done()
  }
}
