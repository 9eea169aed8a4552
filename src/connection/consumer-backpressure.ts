/**
 * A pause for publishers while consumers' sockets are full. Where a consumer takes almost as much as comes in, a moment
 * of waiting keeps the surplus in memory; without it the surplus would be paged out and read again, which costs both
 * sides more than the pause. Consumers that are slow for longer are not waited for.
 */

import type { Resumed } from '../broker/turn.ts'
import { CONGESTION_PAUSE_MS, CONGESTION_RETRY_MS } from '../limits.ts'
import type { Clock, Timer } from '../util/clock.ts'
import { charged } from '../util/owner.ts'

export class ConsumerBackpressure {
  /** Connections whose client does not take what is ready for it. */
  private readonly full = new Set<object>()
  private waiting: Resumed[] = []
  private timer: Timer | undefined
  /** No pauses before this time (ms since 1970): the last one was in vain. */
  private notBefore = 0
  private readonly clock: Clock
  /** Octets of messages in memory, and what may be there before anything is paged out. */
  private readonly memory: { readonly residentBytes: number; readonly memoryBytes: number }

  constructor(clock: Clock, memory: { readonly residentBytes: number; readonly memoryBytes: number }) {
    this.clock = clock
    this.memory = memory
  }

  /** The socket of that connection is full. */
  began(connection: object): void {
    this.full.add(connection)
  }

  /** It has drained, or is gone: whoever waited goes on. */
  ended(connection: object): void {
    if (this.full.delete(connection)) this.release()
  }

  /** True where a connection that reads much had better wait; it is resumed by itself. */
  pause(reader: Resumed): boolean {
    if (this.full.size === 0 || this.full.has(reader)) return false
    if (this.memory.residentBytes < this.memory.memoryBytes || this.clock.now() < this.notBefore) return false
    this.waiting.push(reader)
    this.timer ??= this.clock.after(CONGESTION_PAUSE_MS, () => {
      this.notBefore = this.clock.now() + CONGESTION_RETRY_MS
      this.release()
    })
    return true
  }

  private release(): void {
    this.timer?.cancel()
    this.timer = undefined
    const waiting = this.waiting
    this.waiting = []
    for (const w of waiting) charged(w, () => w.resumeReading())
  }
}
