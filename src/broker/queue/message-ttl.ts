/** Message TTL: deadlines at publish, and the expiry at the head of the queue (behaviour.md section 11). */
import type { Clock, Timer } from '../clock.ts'

export class MessageTtl {
  /** x-message-ttl in ms; -1 = none. */
  queueTtl: number
  /** A message with a deadline has been here; before that the queue never looks. */
  active = false
  private readonly clock: Clock
  private readonly expire: () => void
  private timer: Timer | undefined
  private timerAt = 0

  constructor(queueTtl: number, clock: Clock, expire: () => void) {
    this.queueTtl = queueTtl
    this.clock = clock
    this.expire = expire
  }

  /** When a message published now expires, in ms since 1970; 0 = never. `ttl` is the message's own, -1 = none. */
  deadline(ttl: number, now: number): number {
    const shorter = ttl < 0 ? this.queueTtl : this.queueTtl < 0 ? ttl : Math.min(ttl, this.queueTtl)
    if (shorter < 0) return 0
    this.active = true
    return now + shorter
  }

  /** Sees to it that `expire` is called at that time (ms since 1970), when the head may have expired. */
  wakeAt(deadline: number): void {
    if (this.timer !== undefined) {
      if (this.timerAt <= deadline) return
      this.timer.cancel()
    }
    this.timerAt = deadline
    this.timer = this.clock.after(deadline - this.clock.now(), () => {
      this.timer = undefined
      this.expire()
    })
  }

  stop(): void {
    this.timer?.cancel()
    this.timer = undefined
  }
}
