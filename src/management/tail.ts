/**
 * Streams watched messages: as server-sent events, one per message, named after what happens to the message, and a
 * final one named `end`; or all of them in one answer at the end.
 */
import { Readable } from 'node:stream'
import type { Passed, TailBounds, TailEnd, Watcher } from '../operations/tail.ts'
import {
  TAIL_PAYLOAD_BYTES_MAX,
  TAIL_SECONDS_MAX,
  TAIL_WAITING_BYTES_MAX,
} from '../operations/tail-limits.ts'
import type { Clock, Timer } from '../util/clock.ts'
import type { Json } from '../util/json.ts'
import { badRequest, MESSAGES_MAX } from './http.ts'
import type { ListQuery } from './listing.ts'
import { messageJson, type PayloadOptions, payloadOptions } from './message.ts'

const LIMIT = 100
/** The default duration of a single answer. */
const SECONDS = 1
/** Interval of keep-alive comments, so that proxies do not close the connection as idle. */
const KEEP_ALIVE_MS = 15_000

export interface TailQuestion {
  readonly bounds: TailBounds
  readonly payload: PayloadOptions
}

function whole(text: string, what: string, max: number): number {
  const n = /^\d{1,9}$/.test(text) ? Number(text) : 0
  if (n < 1 || n > max) throw badRequest(`${what} must be a number from 1 to ${max}, not '${text}'`)
  return n
}

/** @param live as server-sent events. @throws HttpError 400, InvalidRequest */
export function tailQuestion(q: ListQuery & Record<string, string | undefined>, live: boolean): TailQuestion {
  const limit = whole(q['limit'] ?? String(LIMIT), 'limit', MESSAGES_MAX)
  const seconds = whole(
    q['seconds'] ?? String(live ? TAIL_SECONDS_MAX : SECONDS),
    'seconds',
    TAIL_SECONDS_MAX,
  )
  const { encoding, truncate = TAIL_PAYLOAD_BYTES_MAX } = payloadOptions(
    q['encoding'] ?? 'auto',
    q['truncate'],
  )
  return {
    bounds: { limit, seconds },
    payload: { encoding, truncate: Math.min(truncate, TAIL_PAYLOAD_BYTES_MAX) },
  }
}

function passedJson(
  { event, content, origin, at, queues, redelivered }: Passed,
  payload: PayloadOptions,
): Json {
  return {
    ...messageJson(content, payload),
    event,
    at,
    queues,
    redelivered,
    connection: origin.connectionName,
    channel: origin.number,
    user: origin.userName,
  }
}

/** Collects all messages in one answer. */
export class TailAnswer implements Watcher {
  /** Resolves with the answer as JSON. */
  readonly done: Promise<string>
  /** Stored as JSON text, so that the memory used is known, whatever the messages consist of. */
  private readonly messages: string[] = []
  private readonly payload: PayloadOptions
  private bytes = 0
  private resolve: (answer: string) => void = () => {}

  constructor(payload: PayloadOptions) {
    this.payload = payload
    this.done = new Promise((resolve) => {
      this.resolve = resolve
    })
  }

  see(message: Passed): boolean {
    if (this.bytes >= TAIL_WAITING_BYTES_MAX) return false
    const text = JSON.stringify(passedJson(message, this.payload))
    this.bytes += text.length
    this.messages.push(text)
    return true
  }

  ended(reason: TailEnd, missed: number): void {
    const rest = JSON.stringify({ reason, missed })
    this.resolve(`{"messages":[${this.messages.join(',')}],${rest.slice(1)}`)
  }
}

export class TailStream extends Readable implements Watcher {
  private readonly payload: PayloadOptions
  private readonly clock: Clock
  private timer: Timer | undefined

  constructor(payload: PayloadOptions, clock: Clock) {
    super({ highWaterMark: TAIL_WAITING_BYTES_MAX })
    this.payload = payload
    this.clock = clock
    // This also sends the headers.
    this.push(': watching\n\n')
    this.keepAlive()
  }

  private keepAlive(): void {
    this.timer = this.clock.after(KEEP_ALIVE_MS, () => {
      if (this.readableLength === 0) this.push(': still watching\n\n')
      this.keepAlive()
    })
  }

  override _read(): void {}

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.timer?.cancel()
    done(error)
  }

  private event(name: string, data: Json): void {
    this.push(`event: ${name}\ndata: ${JSON.stringify(data)}\n\n`)
  }

  see(message: Passed): boolean {
    if (this.destroyed || this.readableLength >= TAIL_WAITING_BYTES_MAX) return false
    this.event(message.event, passedJson(message, this.payload))
    return true
  }

  ended(reason: TailEnd, missed: number): void {
    this.timer?.cancel()
    if (this.destroyed) return
    this.event('end', { reason, missed })
    this.push(null)
  }
}
