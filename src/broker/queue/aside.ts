/**
 * Parked messages of one queue or exchange: the broker failed to handle them, and set them aside so that those behind
 * them go on. They are neither ready nor unacked, stay on disk, and come back after a restart or when an operator
 * releases them.
 */
import { SUSPECTS_MAX } from '../../limits.ts'
import { StoreFailure } from '../../util/owner.ts'

export interface ParkedMessage {
  /** Its sequence number in the queue, or its offset in a stream. */
  readonly number: number
  /** The operation that failed: delivery, get, retry, delay, or the reason for dead lettering. */
  readonly during: string
  readonly reason: string
  /** In ms since 1970. */
  readonly parkedAt: number
}

export interface AsideEnvironment {
  now(): number
  /** Called once per message. */
  parked(message: ParkedMessage, error: unknown): void
}

/** As operators see them. */
export type ParkedMessages = Iterable<ParkedMessage> & { readonly size: number }

const none: ReadonlyMap<number, ParkedMessage> = new Map()
export const nothingAside: ParkedMessages = new Set()

export class Aside implements ParkedMessages {
  private readonly env: AsideEnvironment
  private messages: Map<number, ParkedMessage> | undefined
  /** Messages whose delivery has broken a connection, and those that have broken two. */
  private suspects: Set<number> | undefined
  private condemned: Set<number> | undefined

  constructor(env: AsideEnvironment) {
    this.env = env
  }

  get size(): number {
    return this.messages?.size ?? 0
  }

  [Symbol.iterator](): Iterator<ParkedMessage> {
    return (this.messages ?? none).values()
  }

  has(number: number): boolean {
    return this.messages?.has(number) === true
  }

  /** @throws StoreFailure if the store failed rather than the message */
  park(number: number, during: string, error: unknown): void {
    if (error instanceof StoreFailure) throw error
    this.messages ??= new Map()
    if (this.messages.has(number)) return
    const reason = error instanceof Error ? error.message : String(error)
    const message = { number, during, reason, parkedAt: this.env.now() }
    this.messages.set(number, message)
    this.env.parked(message, error)
  }

  /** Nothing is parked any more, or the message of that number is not; returns what was. */
  release(only?: number): number[] {
    if (only !== undefined) {
      this.suspects?.delete(only)
      return this.messages?.delete(only) ? [only] : []
    }
    const numbers = [...(this.messages ?? none).keys()]
    this.messages = undefined
    this.suspects = undefined
    return numbers
  }

  /** Its delivery broke a connection, which is about to return it. Once may be a coincidence. */
  broke(number: number): void {
    this.suspects ??= new Set()
    if (this.suspects.delete(number)) {
      this.condemned ??= new Set()
      this.condemned.add(number)
      return
    }
    if (this.suspects.size >= SUSPECTS_MAX) this.suspects.clear()
    this.suspects.add(number)
  }

  /** It comes back from a second broken connection, and must not break a third. */
  condemns(number: number): boolean {
    return this.condemned !== undefined && this.condemned.size > 0 && this.condemned.delete(number)
  }
}
