/**
 * Watches the messages that pass a queue or an exchange: watchers get copies, up to a limit, and nothing is consumed,
 * delayed or marked. It requires the permission to read the queue, or to bind a queue to the exchange.
 */

import type { Exchange } from '../broker/exchange/exchange.ts'
import { propertyOctets } from '../broker/headers-named.ts'
import {
  type Content,
  type InboundMessage,
  type MessageNames,
  readContent,
  readNames,
} from '../broker/message.ts'
import type { Segment } from '../broker/messages/segment.ts'
import type { Queue, RoutedQueue } from '../broker/queue/queue.ts'
import type { Route } from '../broker/router.ts'
import type { TraceOrigin, Tracer } from '../broker/tracer.ts'
import { AmqpError } from '../protocol/errors.ts'
import type { Access } from '../security/access.ts'
import type { Clock, Timer } from '../util/clock.ts'
import { charged, type Owner } from '../util/owner.ts'
import { RoundBudget } from '../util/round-budget.ts'
import { type Caller, checkAccess, checkShort, checkTopicAccess, existingExchange } from './caller.ts'
import { readableQueue } from './messages.ts'
import {
  TAIL_BODY_OCTETS,
  TAIL_COMPARISONS_MAX,
  TAIL_PAYLOAD_BYTES_MAX,
  TAIL_PER_SECOND_MAX,
  TAIL_PROPERTIES_PER_ROUND_MAX,
  TAIL_QUEUES_MAX,
  TAIL_SECONDS_MAX,
} from './tail-limits.ts'
import { topicFits } from './topic-fits.ts'

export interface Passed {
  readonly event: 'published' | 'delivered'
  readonly content: Content
  readonly origin: TraceOrigin
  /** ms since 1970 */
  readonly at: number
  /**
   * The queues that receive it, of those that the watcher may read, at most TAIL_QUEUES_MAX; for a delivery, its queue.
   */
  readonly queues: readonly string[]
  readonly redelivered: boolean
}

/**
 * Why watching has ended: the number of messages or the time was reached, the queue or exchange was deleted, or the
 * permission was revoked.
 */
export type TailEnd = 'limit' | 'time' | 'gone' | 'rights'

export interface Watcher {
  /** False if there is no room for more; messages that pass meanwhile are counted and left out. */
  see(message: Passed): boolean
  ended(why: TailEnd, missed: number): void
}

const TICK_MS = 1000

/** Bounds after which watching ends. */
export interface TailBounds {
  /** Number of messages. */
  readonly limit: number
  readonly seconds: number
}

/** The watched object, and the permissions required to see it. */
interface Subject {
  /** @throws AmqpError if the caller may not watch it, or it was deleted */
  check(): void
  wantsPublished(m: InboundMessage, route: Route): boolean
  wantsDelivered(queue: Queue): boolean
  /** A second check, with the exchange and routing key of the message. */
  fits(names: MessageNames, route: Route): boolean
}

export class Tail implements Tracer {
  private readonly caller: Caller
  private readonly clock: Clock
  private readonly subject: Subject
  private readonly watcher: Watcher
  private readonly owner: Owner
  private readonly until: number
  private left: number
  private missed = 0
  private second = 0
  private inSecond = 0
  private timer: Timer | undefined
  private over = false

  /** @param owner is charged with failures here, which do not affect the messages */
  constructor(
    caller: Caller,
    clock: Clock,
    subject: Subject,
    watcher: Watcher,
    bounds: TailBounds,
    owner: Owner,
  ) {
    this.caller = caller
    this.clock = clock
    this.subject = subject
    this.watcher = watcher
    this.owner = owner
    this.left = bounds.limit
    this.until = clock.elapsed() + Math.min(bounds.seconds, TAIL_SECONDS_MAX) * 1000
    caller.vhost.tracers.watch(this)
    this.tick()
  }

  private tick(): void {
    const wait = Math.min(TICK_MS, this.until - this.clock.elapsed())
    this.timer = this.clock.after(Math.max(0, wait), () => {
      if (this.clock.elapsed() >= this.until) this.end('time')
      else if (this.allowed()) this.tick()
    })
  }

  /** Ends watching if the permission was revoked. */
  private allowed(): boolean {
    try {
      this.subject.check()
      return true
    } catch (error) {
      this.end(error instanceof AmqpError && error.code === 403 ? 'rights' : 'gone')
      return false
    }
  }

  /** Called when the watcher is gone. */
  stop(): void {
    this.over = true
    this.timer?.cancel()
    this.caller.vhost.tracers.unwatch(this)
  }

  /** Ends watching and notifies the watcher. */
  end(why: TailEnd): void {
    if (this.over) return
    this.stop()
    this.watcher.ended(why, this.missed)
  }

  published(origin: TraceOrigin, m: InboundMessage, route: Route): void {
    charged(this.owner, () => {
      if (!this.subject.wantsPublished(m, route) || !this.hasRoom()) return
      if (!this.subject.fits(readNames(m.source, m.namesStart), route) || !this.allowed()) return
      if (!this.affords(m.source, m.contentStart, m.contentEnd)) return
      const content = readContent(m.source, m.namesStart, m.contentStart, m.contentEnd)
      const { access } = this.caller
      const queues = route.queues
        .slice(0, TAIL_QUEUES_MAX)
        .filter((q) => mayRead(this.caller, access, q))
        .map((q) => q.name)
      this.pass({ event: 'published', content, origin, at: this.clock.now(), queues, redelivered: false })
    })
  }

  delivered(origin: TraceOrigin, queue: Queue, segment: Segment, index: number): void {
    charged(this.owner, () => {
      if (!this.subject.wantsDelivered(queue) || !this.hasRoom() || !this.allowed()) return
      const start = segment.contentStart(index)
      if (!this.affords(segment.bytes as Uint8Array, start, start + segment.entryLength(index))) return
      queue.looks = true
      const content = segment.content(index)
      const redelivered = segment.wasDelivered(index)
      this.pass({
        event: 'delivered',
        content,
        origin,
        at: this.clock.now(),
        queues: [queue.name],
        redelivered,
      })
    })
  }

  /** Limits the copies per second, however many messages pass, so that the broker can do its own work. */
  private hasRoom(): boolean {
    const second = Math.floor(this.clock.elapsed() / 1000)
    if (second !== this.second) {
      this.second = second
      this.inSecond = 0
    }
    if (this.inSecond < TAIL_PER_SECOND_MAX) return !this.over
    this.missed++
    return false
  }

  /** Limits what all watchers have to read: twenty may watch messages with 128 KiB of headers, 10 ms for each. */
  private affords(source: Uint8Array, contentStart: number, end: number): boolean {
    const properties = propertyOctets({ source, contentStart })
    const shown = Math.min(end - contentStart - properties, TAIL_PAYLOAD_BYTES_MAX)
    const octets = properties + shown / TAIL_BODY_OCTETS
    if (budgetOf(this.caller.vhost, this.clock).takes(octets)) return true
    this.missed++
    return false
  }

  private pass(message: Passed): void {
    this.inSecond++
    if (!this.watcher.see(message)) {
      this.missed++
      return
    }
    if (--this.left === 0) this.end('limit')
  }
}

const budgets = new WeakMap<object, RoundBudget>()

/** The budget that all watchers of a vhost share. */
function budgetOf(vhost: object, clock: Clock): RoundBudget {
  let budget = budgets.get(vhost)
  if (budget === undefined) {
    budget = new RoundBudget(TAIL_PROPERTIES_PER_ROUND_MAX, clock)
    budgets.set(vhost, budget)
  }
  return budget
}

function mayRead(c: Caller, access: Access, routed: RoutedQueue): boolean {
  const q = c.vhost.queues.get(routed.name)
  return q === routed && (!q.exclusive || q.owner === c.owner) && access.allows('read', q.name)
}

/** @throws AmqpError 403, 404, 405 */
export function watchQueue(
  c: Caller,
  name: string,
  clock: Clock,
  watcher: Watcher,
  bounds: TailBounds,
  owner: Owner,
): Tail {
  const queue = readableQueue(c, name)
  const subject: Subject = {
    check: () => {
      if (readableQueue(c, name) !== queue) throw new Error('it is another queue now')
    },
    wantsPublished: (_, route) => route.queues.includes(queue),
    wantsDelivered: (q) => q === queue,
    fits: () => true,
  }
  return new Tail(c, clock, subject, watcher, bounds, owner)
}

/** @param key pattern as in a binding to a topic exchange. @throws AmqpError 403, 404; InvalidRequest */
export function watchExchange(
  c: Caller,
  name: string,
  key: string,
  clock: Clock,
  watcher: Watcher,
  bounds: TailBounds,
  owner: Owner,
): Tail {
  checkShort('key', key)
  const readable = (): Exchange => {
    checkAccess(c, 'read', 'exchange', name)
    return existingExchange(c, name)
  }
  const exchange = readable()
  const subject: Subject = {
    check: () => {
      if (readable() !== exchange) throw new Error('it is another exchange now')
    },
    wantsPublished: () => true,
    wantsDelivered: () => false,
    fits: (names, route) =>
      names.exchange === name && topicFits(key, names.routingKey) && maySee(c, exchange, names, route),
  }
  return new Tail(c, clock, subject, watcher, bounds, owner)
}

/**
 * Queues cannot be bound to the default exchange, so the permissions of the queues are checked there. The keys of one
 * message may name very many queues: such a message is not shown.
 */
function maySee(c: Caller, exchange: Exchange, names: MessageNames, { queues }: Route): boolean {
  if (exchange.name === '') {
    const { access } = c
    if (queues.length * (access.rulesCount ?? 1) > TAIL_COMPARISONS_MAX) return false
    return queues.length > 0 && queues.every((q) => mayRead(c, access, q))
  }
  try {
    checkTopicAccess(c, 'read', exchange, names.routingKey)
    return true
  } catch (error) {
    if (error instanceof AmqpError) return false
    throw error
  }
}
