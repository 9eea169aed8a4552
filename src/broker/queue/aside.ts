/**
 * Parked messages of one queue or exchange: messages that the broker failed to handle and set aside so that the
 * messages behind them are delivered. They count neither as ready nor as unacknowledged, stay on disk, and are ready
 * again after a restart or when an operator releases them.
 */
import { SUSPECTS_MAX } from '../../limits.ts'
import { StoreFailure } from '../../util/owner.ts'

export interface ParkedMessage {
  /** The message's sequence number in the queue, or its offset in a stream. */
  readonly number: number
  /** The operation that failed: delivery, get, retry, release, delay, or the reason for dead lettering. */
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

/** The parked messages as operators see them. */
export type ParkedMessages = Iterable<ParkedMessage> & { readonly size: number }

/** Why a message is parked that has broken two connections. */
export const BROKE_TWO = 'its delivery has broken two connections'

const none: ReadonlyMap<number, ParkedMessage> = new Map()
export const nothingAside: ParkedMessages = new Set()

export class Aside implements ParkedMessages {
  private readonly env: AsideEnvironment
  private messages: Map<number, ParkedMessage> | undefined
  /** `suspects`: messages whose delivery has broken one connection; `condemned`: two connections. */
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

  /**
   * Parks a message.
   * @throws StoreFailure if `error` is a failure of the store, for which the message is not to blame
   */
  park(number: number, during: string, error: unknown): void {
    if (error instanceof StoreFailure) throw error
    this.messages ??= new Map()
    if (this.messages.has(number)) return
    const reason = error instanceof Error ? error.message : String(error)
    const message = { number, during, reason, parkedAt: this.env.now() }
    this.messages.set(number, message)
    this.env.parked(message, error)
  }

  /** Forgets all parked messages, or only that one; returns the numbers of those forgotten. */
  release(only?: number): number[] {
    if (only !== undefined) {
      this.suspects?.delete(only)
      this.condemned?.delete(only)
      return this.messages?.delete(only) ? [only] : []
    }
    const numbers = [...(this.messages ?? none).keys()]
    this.messages = undefined
    this.suspects = undefined
    this.condemned = undefined
    return numbers
  }

  /** Notes that the message's delivery broke a connection, which will requeue it. Once may be a coincidence. */
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

  /** Whether the message has broken two connections and must not be delivered again. */
  isCondemned(number: number): boolean {
    return this.condemned?.has(number) === true
  }

  /** The same for a message that is requeued, and is parked now. Forgets that. */
  condemns(number: number): boolean {
    return this.condemned !== undefined && this.condemned.size > 0 && this.condemned.delete(number)
  }
}
