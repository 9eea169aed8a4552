/** Beats of the active node: records which, once read back, prove that its epoch was current when it sent them. */
import type { Clock } from '../util/clock.ts'
import type { Engine } from './engine.ts'
import { encodeBeat } from './record.ts'

/** Maximum number of beats whose append is pending. */
const OPEN_MAX = 8
/** Maximum number of beats that are remembered. */
const SENT_MAX = 32

export class Beats {
  private readonly engine: Engine
  private readonly clock: Clock
  private sent = new Map<number, number>()
  private number = 0
  private open = 0
  private last = Number.NEGATIVE_INFINITY

  constructor(engine: Engine, clock: Clock) {
    this.engine = engine
    this.clock = clock
  }

  /** Appends a beat, unless one was sent within the last `everyMs`. */
  beat(epoch: number, everyMs: number): void {
    const now = this.clock.elapsed()
    if (now - this.last < everyMs || this.open >= OPEN_MAX) return
    this.last = now
    const number = ++this.number
    this.sent.set(number, now)
    this.sent.delete(number - SENT_MAX)
    this.open++
    this.engine
      .append(encodeBeat(epoch, number))
      .catch(() => {
        // A beat that is not read back does not count.
      })
      .finally(() => {
        this.open--
      })
  }

  /** Returns when a beat that was read back had been sent; undefined if the beat is not remembered. */
  readBack(number: number): number | undefined {
    const at = this.sent.get(number)
    this.sent.delete(number)
    return at
  }

  /** Beats of an epoch that has ended no longer count. */
  forget(): void {
    this.sent.clear()
    this.last = Number.NEGATIVE_INFINITY
  }
}
