/** Failed logins by address: whoever guesses waits longer each time, and longer than those who do not. */
import { LOGIN_ADDRESSES_MAX, LOGIN_DELAY_MS_MAX, LOGIN_REFUSED_MS, LOGIN_REFUSED_MS_MAX } from '../limits.ts'

/** ms after which an address has a clean slate again. */
const FORGET_MS = 60_000
/** Failures with the shortest delay. */
const FREE_FAILURES = 3

export type LoginProtocol = 'amqp091' | 'http'

export class LoginThrottle {
  readonly attempts = { amqp091: { succeeded: 0, failed: 0 }, http: { succeeded: 0, failed: 0 } }
  private readonly failures = new Map<string, { count: number; last: number }>()

  /** How long the refusal of a login from there takes, in ms; counts it. */
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

  /** ms that a login from there has to wait before it is even looked at. */
  delay(address: string, now: number): number {
    const known = this.failures.get(address)
    if (known === undefined || known.count <= FREE_FAILURES || now - known.last > FORGET_MS) return 0
    const wait = Math.min(LOGIN_DELAY_MS_MAX, 100 * 2 ** (known.count - FREE_FAILURES))
    return Math.max(0, known.last + wait - now)
  }

  succeeded(address: string, protocol: LoginProtocol = 'amqp091'): void {
    this.attempts[protocol].succeeded++
    this.failures.delete(address)
  }
}
