/**
 * Peeks at the messages of a queue in place: nothing is consumed, reordered or marked. A long scan is done in pieces,
 * so that the broker can work in between.
 */
import type { Content } from '../broker/message.ts'
import type { Browsed } from '../broker/messages/order.ts'
import type { InspectedQueue } from '../broker/queue/queue.ts'
import { HTTP_BODY_BYTES_SHORT, TAKEN_BYTES_MAX } from '../limits.ts'
import { weightOfHeaders } from '../operations/messages.ts'
import type { Json } from '../util/json.ts'
import { Pace } from '../util/pace.ts'
import { nextTurn } from '../util/timers.ts'
import { channelName } from './describe.ts'
import { badRequest, MESSAGES_MAX } from './http.ts'
import { Left, type ListQuery } from './listing.ts'
import type { ManagedBroker } from './managed-node.ts'
import { messageJson, type PayloadOptions, payloadOptions } from './message.ts'

/** Messages examined before yielding. */
const PIECE = 2000
const COUNT = 20

interface Question {
  /** Number of matching messages to skip. */
  readonly offset: number
  readonly count: number
  readonly state: 'ready' | 'unacked' | undefined
  readonly header: { readonly name: string; readonly value: string } | undefined
  /** Minimum and maximum age in the queue, in seconds. */
  readonly olderThan: number
  readonly newerThan: number
  readonly payload: PayloadOptions
}

function number(text: string | undefined, what: string, byDefault: number): number {
  if (text === undefined) return byDefault
  const n = /^\d+(\.\d+)?$/.test(text) ? Number(text) : Number.NaN
  if (Number.isNaN(n)) throw badRequest(`${what} must be a number, not '${text}'`)
  return n
}

/** @throws HttpError 400 */
export function peekQuestion(q: ListQuery & Record<string, string | undefined>): Question {
  const { state, header } = q
  if (state !== undefined && state !== 'ready' && state !== 'unacked')
    throw badRequest(`state must be ready or unacked, not '${state}'`)
  const equals = header?.indexOf('=') ?? 0
  if (header !== undefined && equals < 1) throw badRequest('header must be NAME=VALUE')
  return {
    offset: number(q['offset'], 'offset', 0),
    count: Math.min(number(q['count'], 'count', COUNT), MESSAGES_MAX),
    state,
    header:
      header === undefined ? undefined : { name: header.slice(0, equals), value: header.slice(equals + 1) },
    olderThan: number(q['older_than'], 'older_than', 0),
    newerThan: number(q['newer_than'], 'newer_than', Number.POSITIVE_INFINITY),
    payload: payloadOptions(q['encoding'] ?? 'auto', q['truncate']),
  }
}

class Look {
  readonly out: Json[] = []
  /** The last message examined. */
  at = -1
  done = false
  private position = -1
  private fitting = 0
  /** Size of the messages shown, with headers counted as takeMessages does. */
  private octets = 0
  /** Size of their bodies. */
  bodies = 0
  /** Unacknowledged messages among those shown, by sequence. */
  readonly held = new Map<number, Json>()
  private readonly active: ManagedBroker
  private readonly queue: InspectedQueue
  private readonly question: Question

  constructor(active: ManagedBroker, queue: InspectedQueue, question: Question) {
    this.active = active
    this.queue = queue
    this.question = question
    this.done = question.count === 0
  }

  piece(): void {
    let looked = 0
    const pace = new Pace()
    for (const b of this.queue.browse(this.at)) {
      this.at = b.sequence
      this.position++
      this.consider(b)
      if (this.out.length >= this.question.count || this.octets >= TAKEN_BYTES_MAX) break
      if (++looked === PIECE || pace.isLong) return
    }
    this.done = true
  }

  private consider(b: Browsed): void {
    const { state, olderThan, newerThan, offset } = this.question
    if (state !== undefined && (state === 'unacked') !== b.unacked) return
    const age =
      b.arrivedAt === 0 ? 0 : Math.max(0, (this.active.model.broker.clock.now() - b.arrivedAt) / 1000)
    if (age < olderThan || age > newerThan) return
    const { header, payload } = this.question
    const content = contentOf(b)
    const value =
      typeof content === 'string' ? undefined : header && content.properties.headers?.text(header.name)
    if (typeof content !== 'string' && value !== header?.value) return
    if (this.fitting++ < offset) return
    const shown: Json = {
      ...(typeof content === 'string' ? { unreadable: content } : this.described(content, payload)),
      position: this.position,
      number: b.sequence,
      state: b.unacked ? 'unacked' : 'ready',
      redelivered: b.segment.wasDelivered(b.index),
      arrived_at: b.arrivedAt === 0 ? null : b.arrivedAt,
      age: Math.floor(age),
      ...(b.unacked ? { held_by: null } : {}),
    }
    this.out.push(shown)
    if (b.unacked) this.held.set(b.sequence, shown)
  }

  private described(content: Content, payload: PayloadOptions): Json {
    const { length } = content.body
    this.octets += length + weightOfHeaders(content)
    this.bodies += Math.min(length, payload.truncate ?? length)
    return messageJson(content, payload)
  }
}

/** Returns the content of a message, or the reason why it cannot be read. */
function contentOf({ segment, index }: Browsed): Content | string {
  try {
    return segment.content(index)
  } catch (error) {
    return String(error)
  }
}

/** The client that waits for the answer. */
export interface Asking {
  gone(): boolean
  /** Reserves octets of bodies in the answer. @throws HttpError 503 */
  holds(octets: number): void
}

/** Returns the messages that match. @throws Left; the errors of `holds` */
export async function peek(
  active: ManagedBroker,
  queue: InspectedQueue,
  question: Question,
  asking: Asking,
): Promise<Json[]> {
  const look = new Look(active, queue, question)
  let counted = 0
  while (!look.done && !queue.deleted) {
    look.piece()
    if (look.bodies > counted + HTTP_BODY_BYTES_SHORT) {
      asking.holds(look.bodies - counted)
      counted = look.bodies
    }
    if (look.done) break
    await nextTurn()
    if (asking.gone()) throw new Left()
  }
  if (look.held.size > 0) await nameHolders(active, queue, look.held, asking)
  return look.out
}

/** Adds to each held message which consumer holds it and since when; there may be millions of other deliveries. */
async function nameHolders(
  { server }: ManagedBroker,
  q: InspectedQueue,
  held: ReadonlyMap<number, Json>,
  { gone }: Asking,
): Promise<void> {
  const pace = new Pace()
  let looked = 0
  for (const c of [...server.connections])
    for (const ch of [...c.channels]) {
      const u = ch.unsettled
      const last = u.nextTag - 1
      for (let tag = u.nextFrom(0, last); tag <= last; tag = u.nextFrom(tag + 1, last)) {
        const shown = (u.queueOf(tag) as object) === q ? held.get(u.numberOf(tag)) : undefined
        if (shown !== undefined)
          shown['held_by'] = {
            channel: channelName(ch),
            connection: c.name,
            user: ch.caller.user,
            delivery_tag: tag,
            consumer_tag: u.consumerOf(tag)?.tag ?? null,
            since: u.sent.at(tag) * 1000,
          }
        if (++looked % PIECE !== 0 || !pace.isLong) continue
        await pace.rest()
        if (gone()) throw new Left()
      }
    }
}
