/** A store to stand behind a commit log in tests. */
import type { AppliedStorage } from '../../../src/storage/log/logged-storage.ts'
import { MemoryStorage } from '../../../src/storage/memory/memory-storage.ts'
import { StorageError, type StorageWrite } from '../../../src/storage/storage.ts'
import { PowerCut } from './records.ts'

/** In memory, all or nothing, until it is told to fail. */
export class Store extends MemoryStorage implements AppliedStorage {
  batches: StorageWrite[][] = []
  full = false
  failing: StorageError | undefined
  /** The power is gone. */
  cut = false

  constructor() {
    super({ keeps: true })
  }
  ensureRoom(): void {
    if (this.full) throw new StorageError('FULL', 'full')
  }
  override async write(batch: readonly StorageWrite[]): Promise<void> {
    await Promise.resolve()
    if (this.cut) throw new PowerCut()
    if (this.failing !== undefined) throw this.failing
    this.batches.push([...batch])
    await super.write(batch)
  }
  /** What it holds, as text. */
  content(): string {
    const values = Array.from(this.scan(''), (e) => `${e.key}=${Buffer.from(e.value).toString('hex')}`)
    const segments = Array.from(this.segments(1), (s) => [
      s.segment,
      Buffer.from(s.state).toString('hex'),
      Array.from(this.records(1, s.segment), (r) => `${r.index}:${Buffer.from(r.bytes).toString('hex')}`),
    ])
    return JSON.stringify([values.filter((v) => !v.startsWith('applied=')), segments])
  }
}
