/**
 * Holds publishers while very many dead letters of messages that full queues have rejected wait to be passed on: each
 * publish may cause a thousand of them, and each takes 1 to 2 KB of memory. Clients that have never published are not
 * held. Nor is anybody while memory or disk is low: dead letters then wait for the end of that, as publishes do, and clients
 * have to be able to consume meanwhile.
 */
import type { Resumed } from '../broker/turn.ts'
import { JOB_PAUSE_MS } from '../limits.ts'
import type { Clock, Timer } from '../util/clock.ts'

export class Crowding {
  private readonly clock: Clock
  private readonly isCrowded: () => boolean
  private readonly resume: (reader: Resumed) => void
  private held: Resumed[] = []
  private timer: Timer | undefined

  /** @param resume called with each held publisher when there is room */
  constructor(clock: Clock, isCrowded: () => boolean, resume: (reader: Resumed) => void) {
    this.clock = clock
    this.isCrowded = isCrowded
    this.resume = resume
  }

  /** Whether a publisher must wait; it is resumed when there is room. */
  holds(publisher: Resumed): boolean {
    if (!this.isCrowded()) return false
    this.held.push(publisher)
    this.lookLater()
    return true
  }

  private lookLater(): void {
    this.timer ??= this.clock.after(JOB_PAUSE_MS, () => this.look())
  }

  private look(): void {
    this.timer = undefined
    if (this.isCrowded()) {
      this.lookLater()
      return
    }
    const { held } = this
    this.held = []
    for (const publisher of held) this.resume(publisher)
  }
}
