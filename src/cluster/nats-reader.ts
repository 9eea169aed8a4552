/**
 * Reads a stream in order, with a consumer that is created again whenever records are missing: at a gap, when a
 * heartbeat of the server reports more records, and after a period of silence.
 */
import type { Msg, NatsConnection, Subscription } from '@nats-io/transport-node'
import { type Clock, pauseOn } from '../util/clock.ts'
import type { LogBounds, LogListener } from './engine.ts'
import { sequenceOf } from './nats-api.ts'

/** Maximum ms without a record or a heartbeat; heartbeats arrive every second. */
const SILENCE_MS_MAX = 2200
const LOOK_MS = 300
const RETRY_MS_MIN = 50
const RETRY_MS_MAX = 1000
const STATUS = 100
/**
 * ms for which a missing record is requested although later ones arrive: a server that lost its disk copies the log
 * meanwhile.
 */
const MISSING_MS_MAX = 300_000
/** ms for which the log may end before the next record, as it may seem to do while its servers restart. */
const SHORT_MS_MAX = 10_000

/** Creates a consumer that delivers to that subject, starting at that record. @throws EngineError */
export type MakeConsumer = (name: string, deliverTo: string, from: number) => Promise<void>

export interface NatsReaderOptions {
  /** Identity of the log; undefined = the one that is there at first. */
  readonly log?: string | undefined
  readonly connection: NatsConnection
  readonly clock: Clock
  readonly newName: () => string
  readonly inbox: () => string
  readonly make: MakeConsumer
  readonly remove: (name: string) => void
  readonly bounds: () => Promise<LogBounds>
  readonly listener: LogListener
}

export class NatsReader {
  private readonly options: NatsReaderOptions
  private next: number
  private subscription: Subscription | undefined
  private name = ''
  private heard = 0
  private making = false
  private again = false
  private wait = RETRY_MS_MIN
  private stopped = false
  private identity: string | undefined
  /** Since when the log has ended before what was read; undefined if it does not. */
  private shortSince: number | undefined
  /** When a new consumer first began after the next record; undefined if the last one did not. */
  private missingSince: number | undefined

  constructor(from: number, options: NatsReaderOptions) {
    this.next = from
    this.options = options
    this.identity = options.log
    this.remake()
    this.look()
  }

  stop(): void {
    this.stopped = true
    this.drop()
  }

  /** Creates the consumer again, since what was sent to the previous one may be lost. */
  remake(): void {
    this.again = true
    if (this.making || this.stopped) return
    this.making = true
    this.makeAll().catch(() => {})
  }

  private async makeAll(): Promise<void> {
    const { clock } = this.options
    while (this.again && !this.stopped) {
      this.again = false
      try {
        if (this.missingSince !== undefined) await pauseOn(clock, RETRY_MS_MAX)
        await this.make()
        this.wait = RETRY_MS_MIN
      } catch {
        // Retries after any error: a reader that gave up would let its node fall behind silently.
        this.again = true
        await pauseOn(clock, this.wait)
        this.wait = Math.min(RETRY_MS_MAX, this.wait * 2)
      }
    }
    this.making = false
  }

  private drop(): void {
    const { subscription, name } = this
    this.subscription = undefined
    if (subscription === undefined) return
    if (!subscription.isClosed()) subscription.unsubscribe()
    this.options.remove(name)
  }

  private async make(): Promise<void> {
    const { connection, newName, inbox, make, bounds, clock } = this.options
    this.drop()
    const { first, last, identity } = await bounds()
    this.identity ??= identity
    if (this.stopped) return
    if (first > this.next || identity !== this.identity || this.isShort(last)) {
      this.isGone(first)
      return
    }
    // Until it is certain that the consumer belongs to this log, and not to one that has just replaced it.
    const held: Msg[] = []
    let isCertain = false
    const name = newName()
    const deliverTo = inbox()
    const subscription = connection.subscribe(deliverTo, {
      callback: (error, message) => {
        if (this.subscription !== subscription) return
        if (error !== null) this.remake()
        else if (isCertain) this.received(message)
        else held.push(message)
      },
    })
    this.name = name
    this.subscription = subscription
    this.heard = clock.elapsed()
    await make(name, deliverTo, this.next)
    const after = await bounds()
    if (this.subscription !== subscription) return
    if (after.identity !== identity) {
      this.isGone(after.first)
      return
    }
    isCertain = true
    this.heard = clock.elapsed()
    for (const message of held) if (this.subscription === subscription) this.received(message)
  }

  private isGone(first: number): void {
    this.stop()
    this.options.listener.gone(first)
  }

  /** Whether the log has lost records that were read. @throws Error while that may still change */
  private isShort(last: number): boolean {
    const now = this.options.clock.elapsed()
    this.shortSince = last + 1 < this.next ? (this.shortSince ?? now) : undefined
    if (this.shortSince === undefined) return false
    if (now - this.shortSince < SHORT_MS_MAX) throw new Error(`the log ends at record ${last}`)
    return true
  }

  private received(message: Msg): void {
    this.heard = this.options.clock.elapsed()
    const sequence = message.reply === undefined ? undefined : sequenceOf(message.reply)
    if (sequence === undefined) this.status(message)
    else if (sequence === this.next) {
      this.next++
      this.missingSince = undefined
      this.options.listener.record(sequence, message.data)
    } else if (sequence > this.next) this.skipped()
  }

  /**
   * Requests the next record from a new consumer; after a while without it, reports that it does not exist any more.
   */
  private skipped(): void {
    const { clock, listener } = this.options
    const now = clock.elapsed()
    this.missingSince ??= now
    if (now - this.missingSince < MISSING_MS_MAX) {
      this.remake()
      return
    }
    this.stop()
    listener.missing?.(this.next)
  }

  private status({ headers, reply }: Msg): void {
    if (headers === undefined) return
    if (headers.code !== STATUS) {
      this.remake()
      return
    }
    const stalled = headers.get('Nats-Consumer-Stalled')
    if (reply !== undefined && reply !== '') this.options.connection.publish(reply)
    else if (stalled !== '') this.options.connection.publish(stalled)
    const last = Number(headers.get('Nats-Last-Stream'))
    if (last >= this.next) this.remake()
  }

  private look(): void {
    const { clock } = this.options
    clock.after(LOOK_MS, () => {
      if (this.stopped) return
      if (this.subscription !== undefined && clock.elapsed() - this.heard > SILENCE_MS_MAX) this.remake()
      this.look()
    })
  }
}
