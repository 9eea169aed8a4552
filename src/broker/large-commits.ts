/**
 * Serializes transactions whose commit takes several turns. During such a commit no batch is written and no publish is
 * confirmed. So each batch contains only one of them, which waits for memory and disk before it begins, never within.
 */
import { type Steps, WAIT } from './jobs.ts'
import type { Turn } from './turn.ts'

export class LargeCommits {
  private readonly turn: Pick<Turn, 'isFull' | 'givesUp'>
  private readonly commit: { readonly number: number; readonly dirty: boolean }
  private isRunning = false
  /** Number of the batch that contains the last large commit. */
  private batch = 0

  constructor(
    turn: Pick<Turn, 'isFull' | 'givesUp'>,
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
    return true
  }

  /** Whether the batch that contains the last large commit is still open. */
  private get isBehind(): boolean {
    const { dirty, number } = this.commit
    return dirty && number === this.batch
  }

  leave(): void {
    this.isRunning = false
    this.batch = this.commit.number
  }
}
