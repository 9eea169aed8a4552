/**
 * Serializes transactions whose commit takes several turns. During such a commit no batch is written and no publish is
 * confirmed. So a batch contains only the large commits of LARGE_COMMITS_MS, and each of them waits for memory and disk
 * before it begins, never within.
 */
import { LARGE_COMMITS_MS } from '../limits.ts'
import { type Steps, WAIT } from './jobs.ts'
import type { Turn } from './turn.ts'

export class LargeCommits {
  private readonly turn: Pick<Turn, 'isFull' | 'givesUp' | 'clock'>
  private readonly commit: { readonly number: number; readonly dirty: boolean }
  private isRunning = false
  /** Number of the batch that contains the last large commit, and when the first one of that batch began. */
  private batch = 0
  private began = 0

  constructor(
    turn: Pick<Turn, 'isFull' | 'givesUp' | 'clock'>,
    commit: { readonly number: number; readonly dirty: boolean },
  ) {
    this.turn = turn
    this.commit = commit
  }

  /**
   * Waits until a large commit may begin; `leave` ends it.
   * @param needsRoom whether the transaction publishes messages
   * @param isGone whether the client has closed the channel
   * @returns false if the commit must not begin
   */
  *enter(needsRoom: boolean, isGone: () => boolean): Steps<boolean> {
    while (this.isRunning || this.isBehind || (needsRoom && this.turn.isFull())) {
      if (isGone() || this.turn.givesUp()) return false
      yield WAIT
    }
    this.isRunning = true
    if (!this.isOpen) this.began = this.turn.clock.elapsed()
    this.batch = this.commit.number
    return true
  }

  /** Whether the batch that contains the last large commit is still open. */
  private get isOpen(): boolean {
    const { dirty, number } = this.commit
    return dirty && number === this.batch
  }

  private get isBehind(): boolean {
    return this.isOpen && this.turn.clock.elapsed() - this.began >= LARGE_COMMITS_MS
  }

  leave(): void {
    this.isRunning = false
  }
}
