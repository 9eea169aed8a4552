/**
 * Transactions that take several turns to commit. While one does, no batch goes to the disk, and nobody's publish is
 * confirmed: so there is one of them in a batch, and it waits for memory and disk before it begins, never within.
 */
import { type Steps, WAIT } from './jobs.ts'
import type { Turn } from './turn.ts'

export class LargeCommits {
  private readonly turn: Pick<Turn, 'isFull' | 'givesUp'>
  private readonly commit: { readonly number: number; readonly dirty: boolean }
  private isRunning = false
  /** The batch with the last one. */
  private batch = 0

  constructor(
    turn: Pick<Turn, 'isFull' | 'givesUp'>,
    commit: { readonly number: number; readonly dirty: boolean },
  ) {
    this.turn = turn
    this.commit = commit
  }

  /**
   * Waits for the turn of one more, which ends with `leave`.
   * @param needsRoom it publishes
   * @param isGone whether nobody waits for it any more
   * @returns false where it must not begin
   */
  *enter(needsRoom: boolean, isGone: () => boolean): Steps<boolean> {
    while (this.isRunning || this.isBehind || (needsRoom && this.turn.isFull())) {
      if (isGone() || this.turn.givesUp()) return false
      yield WAIT
    }
    this.isRunning = true
    return true
  }

  /** The batch with the last one is still to be written. */
  private get isBehind(): boolean {
    const { dirty, number } = this.commit
    return dirty && number === this.batch
  }

  leave(): void {
    this.isRunning = false
    this.batch = this.commit.number
  }
}
