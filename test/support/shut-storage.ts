/** A store in memory whose writes wait while it is shut. */
import { MemoryStorage } from '../../src/storage/memory/memory-storage.ts'
import type { StorageWrite } from '../../src/storage/storage.ts'

export class ShutStorage extends MemoryStorage {
  /** Whether a write waits. */
  isAsked = false
  private isShut = false
  private release: () => void = () => {}

  constructor() {
    super({ keeps: true })
  }

  shut(): void {
    this.isShut = true
  }

  open(): void {
    this.isShut = false
    this.release()
  }

  override async write(batch: readonly StorageWrite[]): Promise<void> {
    if (this.isShut) {
      this.isAsked = true
      await new Promise<void>((resolve) => (this.release = resolve))
      this.isAsked = false
    }
    await super.write(batch)
  }
}
