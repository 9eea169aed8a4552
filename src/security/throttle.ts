/** Throttles failed logins by address: each further failure is delayed longer, without affecting other addresses. */
import type { EventEmitter } from 'node:events'
import { LOGIN_ADDRESSES_MAX, LOGIN_DELAY_MS_MAX, LOGIN_REFUSED_MS, LOGIN_REFUSED_MS_MAX } from '../limits.ts'
import type { Clock } from '../util/clock.ts'
import { whenThereIsTime } from '../util/timers.ts'

/** ms after which the failures of an address are forgotten. */
const FORGET_MS = 60_000
/** Number of failures that get the minimum delay. */
const FREE_FAILURES = 3

export type LoginProtocol = 'amqp091' | 'http'

export class LoginThrottle {
  readonly attempts = { amqp091: { succeeded: 0, failed: 0 }, http: { succeeded: 0, failed: 0 } }
  private readonly failures = new Map<string, { count: number; last: number }>()

  /** Counts a failure at `now`, in ms of `elapsed`; returns the ms after which the connection ends. */
  refused(address: string, now: number, protocol: LoginProtocol = 'amqp091'): number {
    this.attempts[protocol].failed++
    const known = this.failures.get(address)
    const count = known === undefined || now - known.last > FORGET_MS ? 1 : known.count + 1
    this.failures.delete(address)
    this.failures.set(address, { count, last: now })
    for (const oldest of this.failures.keys()) {
      if (this.failures.size <= LOGIN_ADDRESSES_MAX) break
      this.failures.delete(oldest)
    }
    const doublings = Math.max(0, count - FREE_FAILURES)
    return Math.min(LOGIN_REFUSED_MS_MAX, LOGIN_REFUSED_MS * 2 ** doublings)
  }

  /** ms that a login from that address must wait before it is processed. */
  delay(address: string, now: number): number {
    const known = this.failures.get(address)
    if (known === undefined || known.count <= FREE_FAILURES || now - known.last > FORGET_MS) return 0
    const wait = Math.min(LOGIN_DELAY_MS_MAX, 100 * 2 ** (known.count - FREE_FAILURES))
    return Math.max(0, known.last + wait - now)
  }

  /**
   * Resolves when a login from that address may be processed. Logins that wait for the delay of their address all
   * become due at the same time, so addresses take turns then. If the client has left, the promise stays pending, and
   * nothing refers to it.
   * @param client emits `close` when it leaves
   */
  wait(address: string, clock: Clock, client: EventEmitter & { readonly destroyed: boolean }): Promise<void> {
    return new Promise((resolve) => {
      const timer = clock.after(this.delay(address, clock.elapsed()), () => {
        client.off('close', left)
        whenThereIsTime(() => {
          if (!client.destroyed) resolve()
        }, address)
      })
      const left = (): void => timer.cancel()
      client.once('close', left)
    })
  }

  succeeded(address: string, protocol: LoginProtocol = 'amqp091'): void {
    this.attempts[protocol].succeeded++
    this.failures.delete(address)
  }
}
