/** Finds the queues for a message: through bindings, exchange-to-exchange bindings and alternate exchanges. */
import { ROUTING_STEPS_MAX } from '../limits.ts'
import { AmqpError, preconditionFailed } from '../protocol/errors.ts'
import { FieldTable } from '../protocol/field-table.ts'
import type { Properties } from '../protocol/generated/properties.ts'
import type { Deduplication } from './deduplication.ts'
import {
  type Effect,
  type Exchange,
  isExchange,
  type Matches,
  type RoutedMessage,
  type Target,
} from './exchange/exchange.ts'
import { PUBLISH_DURABLE, PUBLISH_STORED, type RoutedQueue } from './queue/queue.ts'

export interface Route {
  readonly queues: readonly RoutedQueue[]
  /** Side effects of the exchanges visited. */
  readonly effects: readonly Effect[]
  /** Whether the same exchange and key lead to the same queues until a binding changes. */
  readonly byKeyOnly: boolean
  /** Routes the message again; undefined if that is not possible any more. */
  again?(): Route | undefined
}

export const nowhere: Route = { queues: [], effects: [], byKeyOnly: false }

/** Whether no queue gets the message: it is then returned if it is mandatory. */
export function isUnroutable({ queues, effects }: Route): boolean {
  return queues.length === 0 && !effects.some((e) => e.takes)
}

/** Number of copies of the message that are kept: one per queue, and one per exchange that keeps messages. */
export function copiesOf({ queues, effects }: Route): number {
  let copies = queues.length
  for (let i = 0; i < effects.length; i++) if ((effects[i] as Effect).copies) copies++
  return copies
}

/** A message for routing outside the fast path. */
export class PlainMessage implements RoutedMessage {
  readonly routingKey: string
  private readonly list: Properties

  constructor(routingKey: string, properties: Properties) {
    this.routingKey = routingKey
    this.list = properties
  }

  headers(): FieldTable {
    return this.list.headers ?? FieldTable.empty
  }

  properties(): Properties {
    return this.list
  }
}

export type HasPassed = (x: Exchange) => boolean

/** Routing of messages that the broker itself publishes. */
export interface Routing {
  findExchange(name: string): Exchange | undefined
  /**
   * Finds the route; empty for a message that takes too many routing steps, which is thus dropped.
   * @param hasPassed the exchanges in which the message is not taken for a duplicate: it has passed them before
   */
  routeOwn(from: Exchange, messages: readonly RoutedMessage[], hasPassed?: HasPassed): Route
}

/** What a search needs: exchanges by name, and the time in ms since 1970. */
export interface RouteContext {
  readonly findExchange: (name: string) => Exchange | undefined
  now(): number
}

/** Routing steps counted for looking up a key in an exchange. */
const STEPS_PER_KEY = 4

const noEffects: readonly Effect[] = []

/**
 * The effect of a duplicate: it is accepted and dropped. It is confirmed only after the open batch, which may have the
 * first one, or its predecessor.
 */
const duplicate: Effect = { takes: true, copies: false, keeper: {}, published: () => PUBLISH_DURABLE }

class Admission implements Effect {
  readonly takes = false
  readonly copies = false
  readonly remembers = true
  readonly keeper = this
  private readonly deduplication: Deduplication
  private readonly headers: FieldTable
  private readonly now: number

  constructor(deduplication: Deduplication, headers: FieldTable, now: number) {
    this.deduplication = deduplication
    this.headers = headers
    this.now = now
  }

  isRepeated(now: number): boolean {
    return this.deduplication.isDuplicate(this.headers, now)
  }

  published(): number {
    this.deduplication.admit(this.headers, this.now)
    return PUBLISH_STORED
  }
}

function added(effects: Effect[] | typeof noEffects, e: Effect): Effect[] {
  if (effects === noEffects) return [e]
  ;(effects as Effect[]).push(e)
  return effects as Effect[]
}

let stamps = 0

/** One search for a route. It visits each queue and exchange at most once, which also ends cycles. */
class Search implements Matches, Route {
  readonly queues: RoutedQueue[] = []
  effects: Effect[] | typeof noEffects = noEffects
  /** Effects that come after all others. */
  private last: Effect[] | typeof noEffects = noEffects
  byKeyOnly = true
  protected readonly stamp = ++stamps
  /** The exchange being visited. */
  protected at: Exchange | undefined
  private source: Exchange | undefined
  private readonly open: Exchange[] = []
  private found = 0
  private stepsLeft = ROUTING_STEPS_MAX
  private readonly context: RouteContext
  private readonly messages: readonly RoutedMessage[]
  private readonly hasPassed: HasPassed | undefined
  private keyList: readonly string[] | undefined

  constructor(messages: readonly RoutedMessage[], context: RouteContext, hasPassed?: HasPassed) {
    this.messages = messages
    this.context = context
    this.hasPassed = hasPassed
  }

  add(d: Target): void {
    this.steps(1)
    if (d.deleted) return
    this.found++
    if (d.routeStamp === this.stamp) return
    d.routeStamp = this.stamp
    if (isExchange(d)) this.open.push(d)
    else this.queues.push(d)
  }

  effect(e: Effect): void {
    // An exchange that only remembers the message does not count as a match: the alternate exchange still gets it.
    if (e.takes) this.found++
    if (e.remembers) this.last = added(this.last, e)
    else this.effects = added(this.effects, e)
  }

  steps(count: number): void {
    this.stepsLeft -= count
    if (this.stepsLeft < 0) throw tooManySteps()
  }

  again(): Route | undefined {
    const { source } = this
    if (source === undefined || source.deleted) return undefined
    try {
      return route(source, this.messages, this.context, this.hasPassed)
    } catch (error) {
      if (error instanceof AmqpError) return undefined
      throw error
    }
  }

  get keys(): readonly string[] {
    this.keyList ??= this.messages.map((m) => m.routingKey)
    return this.keyList
  }

  run(from: Exchange): void {
    const { messages } = this
    this.source = from
    this.add(from)
    for (let x = this.open.pop(); x !== undefined; x = this.open.pop()) {
      this.at = x
      if (!x.routing.byKeyOnly) this.byKeyOnly = false
      if (x.deduplication !== undefined && !this.passes(x, x.deduplication, messages[0])) continue
      if (x.routing.intercept?.(messages, this)) continue
      this.found = 0
      if (x.routing.keyless) x.routing.route(messages[0] as RoutedMessage, this)
      else
        for (const m of messages) {
          this.steps(STEPS_PER_KEY)
          x.routing.route(m, this)
        }
      if (this.found > 0 || x.alternate === undefined) continue
      const alternate = this.context.findExchange(x.alternate)
      if (alternate !== undefined) this.add(alternate)
    }
    if (this.last !== noEffects) this.effects = [...this.effects, ...this.last]
  }

  private passes(x: Exchange, d: Deduplication, m: RoutedMessage | undefined): boolean {
    this.byKeyOnly = false
    if (this.hasPassed?.(x)) return true
    const headers = m?.headers() ?? FieldTable.empty
    const now = this.context.now()
    const isNew = !d.isDuplicate(headers, now)
    this.effect(isNew ? new Admission(d, headers, now) : duplicate)
    return isNew
  }
}

/**
 * Finds the route of a message.
 * @param messages the same message with its routing key and with each of its CC and BCC keys
 * @param hasPassed see `Routing`
 * @throws AmqpError 406 if routing takes too many steps
 */
export function route(
  from: Exchange,
  messages: readonly RoutedMessage[],
  context: RouteContext,
  hasPassed?: HasPassed,
): Route {
  const search = new Search(messages, context, hasPassed)
  search.run(from)
  return search
}

/** A search that remembers from which exchange each destination was first reached. */
class RememberingSearch extends Search {
  readonly from = new Map<Target, Exchange | undefined>()

  override add(d: Target): void {
    if (d.routeStamp !== this.stamp) this.from.set(d, this.at)
    super.add(d)
  }
}

/** A queue, and the exchanges on the way to it, in order. */
export interface Way {
  readonly queue: RoutedQueue
  readonly via: readonly Exchange[]
}

/**
 * As `route`, also returning the paths. Nothing is published, and exchanges have no side effects.
 * @throws AmqpError 406 if routing takes too many steps
 */
export function waysOf(
  from: Exchange,
  messages: readonly RoutedMessage[],
  context: RouteContext,
): { readonly route: Route; readonly ways: readonly Way[] } {
  const search = new RememberingSearch(messages, context)
  search.run(from)
  const ways = search.queues.map((queue): Way => {
    const via: Exchange[] = []
    for (let x = search.from.get(queue); x !== undefined; x = search.from.get(x)) via.unshift(x)
    return { queue, via }
  })
  return { route: search, ways }
}

export function tooManySteps(): AmqpError {
  return preconditionFailed(`message takes more than ${ROUTING_STEPS_MAX} steps to route`)
}
