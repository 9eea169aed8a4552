/**
 * Pauses publishers for a moment while consumers' sockets are full. If consumers are almost as fast as publishers, the
 * pause keeps the surplus in memory; otherwise it would be paged out and read again, which costs more than the pause.
 * Consumers that stay slow are not waited for.
 */

import type { Resumed } from '../broker/turn.ts'
import { CONGESTION_PAUSE_MS, CONGESTION_RETRY_MS } from '../limits.ts'
import type { Clock, Timer } from '../util/clock.ts'
import { charged } from '../util/owner.ts'

export class ConsumerBackpressure {
  /** Connections with a full socket. */
  private readonly full = new Set<object>()
  private waiting: Resumed[] = []
  private timer: Timer | undefined
  /** No pauses before this time (ms of `elapsed`), because the last one did not help. */
  private notBefore = 0
  private readonly clock: Clock
  /** Octets of messages in memory, and the budget above which they are paged out. */
  private readonly memory: { readonly residentBytes: number; readonly memoryBytes: number }

  constructor(clock: Clock, memory: { readonly residentBytes: number; readonly memoryBytes: number }) {
    this.clock = clock
    this.memory = memory
  }

  /** Called when the socket of that connection is full. */
  began(connection: object): void {
    this.full.add(connection)
  }

  /** Called when the socket has drained or is closed: resumes the paused publishers. */
  ended(connection: object): void {
    if (this.full.delete(connection)) this.release()
  }

  /** Whether a publishing connection should pause; it is resumed automatically. */
  pause(reader: Resumed): boolean {
    if (this.full.size === 0 || this.full.has(reader)) return false
    if (this.memory.residentBytes < this.memory.memoryBytes || this.clock.elapsed() < this.notBefore)
      return false
    this.waiting.push(reader)
    this.timer ??= this.clock.after(CONGESTION_PAUSE_MS, () => {
      this.notBefore = this.clock.elapsed() + CONGESTION_RETRY_MS
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
