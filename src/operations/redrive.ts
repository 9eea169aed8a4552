/**
 * Redrive: moves the messages of a dead-letter queue back to the queues that x-death says they came from, with the
 * exchange and routing key that they had there. A message enters one queue and leaves the other in the same batch on
 * disk, so that a broker that crashes in between has it in exactly one of them.
 */

import type { Broker } from '../broker/broker.ts'
import { encodeContent } from '../broker/content.ts'
import { type Content, InboundMessage } from '../broker/message.ts'
import type { Segment } from '../broker/messages/segment.ts'
import { deathsOf } from '../broker/queue/dead-letter.ts'
import { PUBLISH_REFUSED, type Queue } from '../broker/queue/queue.ts'
import type { Vhost } from '../broker/vhost.ts'
import { JOB_WAIT_MS } from '../limits.ts'
import { AmqpError } from '../protocol/errors.ts'
import type { FieldTable } from '../protocol/field-table.ts'
import { fitsShortString, octetText } from '../util/octet-text.ts'
import { type Caller, checkAccess, checkTopicAccess, trusted } from './caller.ts'
import { GivenUp } from './given-up.ts'
import { readableQueue } from './messages.ts'

export interface RedriveOptions {
  /** Maximum messages per second. Default: unlimited. */
  readonly rate?: number | undefined
  /** Maximum number of messages. */
  readonly limit?: number | undefined
  /** Only messages that came from this queue. */
  readonly from?: string | undefined
  /** Only the message with that number in the queue. */
  readonly message?: number | undefined
  /** Only messages that were dead-lettered for this reason. */
  readonly reason?: string | undefined
}

export interface RedriveResult {
  readonly moved: number
  /**
   * Messages left in place: they have another origin or reason, no x-death, or an origin that does not exist, refuses
   * them or may not be written to.
   */
  readonly skipped: number
}

/** The broker was closed before the queue had been scanned; what has been moved stays moved. */
export class RedriveGivenUp extends GivenUp {
  constructor(moved: number) {
    super(`the broker was closed; until then, ${moved} messages were moved`)
  }
}

/** What it needs of the broker. */
export type MovedIn = Pick<Broker, 'clock' | 'turn'>

interface Origin {
  readonly target: Queue
  readonly exchange: string
  readonly key: string
}

interface Found extends Origin {
  readonly number: number
  readonly content: Content
  readonly segment: Segment
  /** Of the segment, which may be used again for later messages. */
  readonly base: number
}

/** Messages examined in one step before yielding. */
const STEP_MESSAGES = 500
const STEP_MS = 100
/** ms of work in one step: headers of 128 KiB take 5 ms to decode. */
const STEP_WORK_MS = 10

/**
 * Checks the caller's permissions: reading the queue requires the same as basic.get.
 * @throws AmqpError 403, 404, 405; also 403 if the caller may write to none of the origins; RedriveGivenUp
 */
export async function redrive(
  c: Caller,
  queue: string,
  broker: MovedIn,
  options: RedriveOptions,
): Promise<RedriveResult> {
  return await new Redrive(c.vhost, readableQueue(c, queue), broker, options, c).done
}

export class Redrive {
  private readonly caller: Caller
  private readonly queue: Queue
  private readonly broker: MovedIn
  private readonly options: RedriveOptions
  private readonly resolve: (result: RedriveResult) => void
  private readonly reject: (error: unknown) => void
  /**
   * Resolves when the queue has been scanned, or the limit is reached.
   * @throws AmqpError 403 if nothing was moved because the caller may not write to the origins; RedriveGivenUp
   */
  readonly done: Promise<RedriveResult>
  private after = -1
  private moved = 0
  private skipped = 0
  private cancelled = false
  /** The first error about a missing permission that has left a message in place. */
  private refused: AmqpError | undefined
  private readonly began: number

  /** @param caller whose permissions are checked for every message; if absent, the broker's own */
  constructor(
    vhost: Vhost,
    queue: Queue,
    broker: MovedIn,
    options: RedriveOptions,
    caller: Caller = trusted('leveret', vhost, queue),
  ) {
    this.caller = caller
    this.queue = queue
    this.broker = broker
    this.options = options
    // Starts at the only message that is requested.
    if (options.message !== undefined) this.after = options.message - 1
    this.began = broker.clock.elapsed()
    let resolve: (result: RedriveResult) => void = () => {}
    let reject: (error: unknown) => void = () => {}
    this.done = new Promise((r, e) => {
      resolve = r
      reject = e
    })
    this.resolve = resolve
    this.reject = reject
    this.step()
  }

  /** Stops after the current step. */
  cancel(): void {
    this.cancelled = true
  }

  /** Runs the next step. A failure ends only this redrive. */
  private step(): void {
    try {
      this.next()
    } catch (error) {
      this.reject(error)
    }
  }

  private next(): void {
    const { rate, message, limit = message === undefined ? Number.POSITIVE_INFINITY : 1 } = this.options
    const seconds = (this.broker.clock.elapsed() - this.began) / 1000
    const due = rate === undefined ? STEP_MESSAGES : Math.floor(rate * seconds) + 1 - this.moved
    const most = Math.min(due, limit - this.moved, STEP_MESSAGES)
    const { clock, turn } = this.broker
    // What is moved from now on may not be written any more.
    if (turn.ending.isBegun) throw new RedriveGivenUp(this.moved)
    const isBehind = turn.isBehind()
    const finished = most > 0 && !isBehind ? this.moveSome(most) : false
    if (finished || this.moved >= limit || this.cancelled || this.queue.deleted) this.finish()
    else clock.after(rate !== undefined ? STEP_MS : isBehind ? JOB_WAIT_MS : 0, () => this.step())
  }

  private finish(): void {
    const { moved, skipped, refused } = this
    if (moved === 0 && refused !== undefined) this.reject(refused)
    else this.resolve({ moved, skipped })
  }

  /** Moves up to that many messages; true if the end of the queue was reached. */
  private moveSome(most: number): boolean {
    const found: Found[] = []
    let looked = 0
    let atEnd = true
    const until = this.broker.clock.elapsed() + STEP_WORK_MS
    for (const { segment, index, sequence, unacked } of this.queue.browse(this.after)) {
      if (
        found.length === most ||
        looked === STEP_MESSAGES ||
        (looked > 0 && this.broker.clock.elapsed() > until)
      ) {
        atEnd = false
        break
      }
      looked++
      this.after = sequence
      if (!this.isAskedFor(sequence)) continue
      if (unacked) continue
      const content = contentOf(segment, index)
      if (content === undefined) {
        this.skipped++
        continue
      }
      const origin = this.originOf(content)
      if (origin === undefined || !this.mayWrite(origin)) this.skipped++
      // The segment may be paged out before the message is published.
      else
        found.push({
          number: sequence,
          ...origin,
          content: { ...content, body: Buffer.from(content.body) },
          segment,
          base: segment.base,
        })
    }
    for (const f of found) this.move(f)
    return atEnd
  }

  private isAskedFor(sequence: number): boolean {
    const { message } = this.options
    return message === undefined || message === sequence
  }

  private originOf({ properties }: Content): Origin | undefined {
    const death = deathsOf(properties.headers)[0]
    const name = death?.text('queue')
    const { from, reason } = this.options
    if (death === undefined || name === undefined) return undefined
    if ((from !== undefined && from !== name) || (reason !== undefined && reason !== death.text('reason')))
      return undefined
    const target = this.caller.vhost.queues.get(name)
    if (target === undefined || target === this.queue) return undefined
    const origin = { target, exchange: death.text('exchange') ?? '', key: firstKey(death) }
    // Clients can write an x-death header of their own.
    return fitsShortString(origin.exchange) && fitsShortString(origin.key) ? origin : undefined
  }

  /**
   * Whether the caller may, with its current permissions, write to both the exchange and the queue: moving a message in
   * effect publishes it to its exchange again.
   */
  private mayWrite({ target, exchange, key }: Origin): boolean {
    const { caller } = this
    try {
      checkAccess(caller, 'write', 'exchange', exchange)
      checkAccess(caller, 'write', 'queue', target.name)
      const x = caller.vhost.exchanges.get(exchange)
      if (x !== undefined) checkTopicAccess(caller, 'write', x, key)
      return true
    } catch (error) {
      if (!(error instanceof AmqpError)) throw error
      this.refused ??= error
      return false
    }
  }

  private move(f: Found): void {
    const m = new InboundMessage()
    encodeContent(f.exchange, f.key, f.content.properties, f.content.body, m)
    m.died = f.content.died === true
    m.isOffered = true
    // Consumers may make room in the target.
    this.broker.turn.pumpNow()
    // Consumers, or the end of its time, may have taken it, and those around it.
    const isThere = !this.queue.deleted && !f.segment.gone && f.segment.base === f.base
    if (isThere && this.queue.moveReady(f.number, () => f.target.publish(m) !== PUBLISH_REFUSED)) this.moved++
    else this.skipped++
  }
}

function firstKey(death: FieldTable): string {
  const keys = death.get('routing-keys')
  const first = keys?.type === 'A' ? keys.value[0] : undefined
  return first?.type === 'S' ? octetText(first.value) : ''
}

/** undefined if the message cannot be read: it stays in place. */
function contentOf(segment: Segment, index: number): Content | undefined {
  try {
    return segment.content(index)
  } catch {
    return undefined
  }
}
