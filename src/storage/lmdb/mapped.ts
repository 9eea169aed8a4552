/**
 * How much of the store's file is mapped into memory. If the system does not report it, this is estimated from what was
 * read; the kernel also maps the surroundings of a page, up to 2 MiB.
 */
import { mappedMemory } from '../../util/process-memory.ts'

/** Memory mapped by removing a record: its first page and the surroundings. */
export const SWEEP_READ_BYTES = 64 * 1024
/** Memory read by a commit, approximately: pages that it copies to other places in the file. */
export const COMMIT_READ_BYTES = 6 * 4096
/** Memory read additionally per write: the page it changes. */
export const WRITE_READ_BYTES = 4096
/** Mapped octets above which the file is remapped. */
const MAPPED_BYTES_MAX = 24 * 1024 * 1024

export class MappedPages {
  private readBytes = 0
  /** Octets of all mapped files when this one was mapped. */
  private before: number | undefined

  /** Called when the file was remapped. */
  restart(): void {
    this.readBytes = 0
    this.before = mappedMemory()
  }

  read(bytes: number): void {
    this.readBytes += bytes
  }

  get areMany(): boolean {
    const now = this.before === undefined ? undefined : mappedMemory()
    return (now === undefined ? this.readBytes : now - (this.before ?? 0)) >= MAPPED_BYTES_MAX
  }
}
