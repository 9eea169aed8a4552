/** A commit log in memory, for tests: what it does with its n-th append can be told. */

import type { CommitLog, LogRecord } from '../../../src/storage/log/commit-log.ts'
import { StorageError } from '../../../src/storage/storage.ts'
import type { Fault } from './contract.ts'
import { manyTurns } from './records.ts'

export interface MemoryLogOptions {
  /**
   * What happens to the n-th append, from 1: fail: nothing is kept; lost: it is kept, and the answer is an error all the
   * same; full: it may be tried again; late: the answer takes its time.
   */
  readonly fault?: (n: number) => Fault | undefined
  /** Awaited before an append is answered. */
  readonly delay?: (n: number) => Promise<void>
}

export class MemoryLog implements CommitLog {
  first: number
  private readonly options: MemoryLogOptions
  private records: Uint8Array[] = []
  private count = 0
  private failed: StorageError | undefined

  /** @param first position of the first record to come */
  constructor(first = 1, options: MemoryLogOptions = {}) {
    this.first = first
    this.options = options
  }

  get last(): number {
    return this.first + this.records.length - 1
  }

  get bytes(): number {
    return this.records.reduce((n, r) => n + r.length, 0)
  }

  async append(bytes: Uint8Array): Promise<number> {
    if (this.failed !== undefined) throw this.failed
    const n = ++this.count
    const fault = this.options.fault?.(n)
    const copy = bytes.slice()
    await this.options.delay?.(n)
    if (fault === 'full') throw new StorageError('FULL', 'the commit log is full')
    if (fault !== 'fail') this.records.push(copy)
    if (fault === 'late') await manyTurns()
    if (fault === undefined || fault === 'late') return this.last
    this.failed = new StorageError('IO', 'cannot write to the commit log')
    throw this.failed
  }

  async *read(from: number): AsyncIterable<LogRecord> {
    const { last } = this
    for (let position = Math.max(from, this.first); position <= last; position++)
      yield { position, bytes: this.records[position - this.first] as Uint8Array }
  }

  /** As after a restart. */
  reopen(from: number): void {
    this.failed = undefined
    this.trim(from)
    if (this.records.length === 0) this.first = from
  }

  trim(below: number): void {
    const gone = Math.min(Math.max(0, below - this.first), this.records.length)
    this.records.splice(0, gone)
    this.first += gone
  }

  async close(): Promise<void> {}
}
