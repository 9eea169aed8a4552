/**
 * How much of the store's file is in memory because it was read. Where the system does not tell, that is estimated from
 * what was read; the kernel maps what is around a page too, up to 2 MiB.
 */
import { mappedMemory } from '../../util/process-memory.ts'

/** What removing a record maps: its first page, and what is around it. */
export const SWEEP_READ_BYTES = 64 * 1024
/** What a commit reads of the trees, about: pages that it replaces by copies elsewhere in the file. */
export const COMMIT_READ_BYTES = 6 * 4096
/** What one write of a batch reads more: the page that it changes. */
export const WRITE_READ_BYTES = 4096
/** Octets of the mapped file in memory after which it is mapped anew. */
const MAPPED_BYTES_MAX = 24 * 1024 * 1024

export class MappedPages {
  private readBytes = 0
  /** Of all mapped files, when this one was mapped. */
  private before: number | undefined

  /** The file has been mapped anew. */
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
