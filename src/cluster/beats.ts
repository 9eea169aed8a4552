/** The beats of the active node: records that show, once they were read back, that its epoch was current when it sent them. */
import type { Clock } from '../util/clock.ts'
import type { Engine } from './engine.ts'
import { encodeBeat } from './record.ts'

/** Beats whose append has not ended. */
const OPEN_MAX = 8
/** Beats that are remembered. */
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

  /** One more, unless there was one in the last `everyMs`. */
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
        // What is not read back does not count.
      })
      .finally(() => {
        this.open--
      })
  }

  /** When the beat was sent that was read back; undefined where it is not one of those. */
  readBack(number: number): number | undefined {
    const at = this.sent.get(number)
    this.sent.delete(number)
    return at
  }

  /** Those of an epoch that is over count no more. */
  forget(): void {
    this.sent.clear()
    this.last = Number.NEGATIVE_INFINITY
  }
}
