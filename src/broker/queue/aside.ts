/**
 * Messages that the broker cannot handle, of one queue or exchange: set aside, so that those behind them go on. They are
 * neither ready nor unacked, stay where they are on disk, and come back with a restart or when an operator releases them.
 */
import { SUSPECTS_MAX } from '../../limits.ts'
import { StoreFailure } from '../../util/owner.ts'

export interface ParkedMessage {
  /** In its queue, by which it is settled; an offset in a stream. */
  readonly number: number
  /** What was being done with it: delivery, get, retry, delay, or why it was dead-lettered. */
  readonly during: string
  readonly reason: string
  /** In ms since 1970. */
  readonly parkedAt: number
}

export interface AsideEnvironment {
  now(): number
  /** Called once a message. */
  parked(message: ParkedMessage, error: unknown): void
}

const none: ReadonlyMap<number, ParkedMessage> = new Map()

export class Aside {
  private readonly env: AsideEnvironment
  /** Queues are many, and hardly one ever has any: sets are made when they are needed. */
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

  /** @throws StoreFailure where it was the store that failed, not the message */
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

  /** Its delivery has broken the connection, which is about to give it back: once may be chance. */
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

  /** It comes back from the second connection that its delivery has broken: there is no third one. */
  condemns(number: number): boolean {
    return this.condemned !== undefined && this.condemned.size > 0 && this.condemned.delete(number)
  }
}
