/** An exchange, and the interface of its type. */
import type { FieldTable } from '../../protocol/field-table.ts'
import type { Properties } from '../../protocol/generated/properties.ts'
import type { Deduplication } from '../deduplication.ts'
import type { Steps } from '../jobs.ts'
import type { InboundMessage } from '../message.ts'
import { type AppliedPolicies, noPolicies } from '../policy/policy.ts'
import type { Queue, RoutedQueue } from '../queue/queue.ts'
import type { Routing } from '../router.ts'

export type Destination = Queue | Exchange

/** A destination as seen by routing. */
export type Target = RoutedQueue | Exchange

/** Identified by source, destination, routing key and arguments. */
export class Binding {
  readonly source: Exchange
  readonly destination: Destination
  readonly routingKey: string
  readonly arguments: FieldTable
  readonly durable: boolean
  /** Its neighbours among the bindings of its source, see bindings.ts. */
  before: Binding | undefined = undefined
  after: Binding | undefined = undefined

  constructor(
    source: Exchange,
    destination: Destination,
    routingKey: string,
    args: FieldTable,
    durable: boolean,
  ) {
    this.source = source
    this.destination = destination
    this.routingKey = routingKey
    this.arguments = args
    this.durable = durable
  }
}

/** A side effect of routing through an exchange, applied when the message is actually published. */
export interface Effect {
  /** Whether the message counts as routed even if it reaches no queue now. */
  readonly takes: boolean
  /** Whether a copy of the message is kept, as in a queue. */
  readonly copies: boolean
  /**
   * Whether it only remembers that the message was published. Such effects come last, and are applied only if the
   * message has been taken and no queue has refused it.
   */
  readonly remembers?: boolean
  /**
   * Whether the exchange has remembered another message with the same value since this one was routed.
   * @param now in ms since 1970
   */
  isRepeated?(now: number): boolean
  /** What keeps the copy: the same object each time that a message is routed. */
  readonly keeper: object
  /** Applies the effect; returns one of the outcomes in queue.ts. The message's octets are invalid after the call. */
  published(m: InboundMessage): number
}

/** Collects the matching destinations; a destination may be added several times. */
export interface Matches {
  /** All routing keys of the message, as one list that effects can share. */
  readonly keys: readonly string[]
  add(destination: Target): void
  effect(e: Effect): void
  /**
   * Counts bindings, fields or words examined, and octets hashed.
   * @throws AmqpError 406 if the message takes too many steps
   */
  steps(count: number): void
}

/** The parts of a message by which exchanges route; decoded on demand, because few exchange types need them. */
export interface RoutedMessage {
  readonly routingKey: string
  headers(): FieldTable
  properties(): Properties
}

/** The routing of one exchange, implemented by its type. */
export interface ExchangeRouting {
  /** False if routing depends on more than exchange and routing key. */
  readonly byKeyOnly: boolean
  /** Whether the routing key does not matter: then one lookup serves all keys of a message. */
  readonly keyless?: boolean
  add(binding: Binding): void
  remove(binding: Binding): void
  /** Called after `add` for a binding made by a client, not for a restored one; returns the work to be done for it. */
  bound?(binding: Binding, routing: Routing): Steps
  /** Called first, with the message under all its keys. If it returns true, `route` is not called. */
  intercept?(messages: readonly RoutedMessage[], matches: Matches): boolean
  route(message: RoutedMessage, matches: Matches): void
  /** @throws AmqpError 406 for binding arguments that the type does not accept */
  checkBinding?(routingKey: string, args: FieldTable): void
  /** Called when the exchange is deleted: deletes its stored messages. */
  destroy?(): void
  /** Stops timers; stored messages stay. */
  stop?(): void
}

export interface ExchangeInfo {
  readonly name: string
  readonly type: string
  readonly durable: boolean
  readonly autoDelete: boolean
  readonly internal: boolean
  readonly arguments: FieldTable
  /** Name of the user who declared the exchange. */
  readonly declaredBy?: string
}

export class Exchange implements ExchangeInfo {
  readonly name: string
  readonly type: string
  readonly durable: boolean
  readonly autoDelete: boolean
  readonly internal: boolean
  readonly arguments: FieldTable
  /** Empty if an earlier release, which did not record it, stored the exchange. */
  readonly declaredBy: string
  readonly routing: ExchangeRouting
  /** Drops duplicates (x-message-deduplication). */
  readonly deduplication: Deduplication | undefined
  /** Number of the log if the exchange stores messages. */
  readonly log: number | undefined
  policies: AppliedPolicies = noPolicies
  alternate: string | undefined
  /** Number of messages published to the exchange. */
  published = 0
  /** Number of copies of these messages that were routed to queues. */
  publishedOut = 0
  /** Number of bindings with this exchange as their source. */
  outgoing = 0
  /** The number of the last routing search that visited the exchange. */
  routeStamp = 0
  /** As `boundTo` of a queue. */
  boundTo: object | undefined = undefined
  /** The exchange is deleted; its bindings may still be in removal. */
  deleted = false

  constructor(info: ExchangeInfo, parts: ExchangeParts) {
    this.name = info.name
    this.type = info.type
    this.durable = info.durable
    this.autoDelete = info.autoDelete
    this.internal = info.internal
    this.arguments = info.arguments
    this.declaredBy = info.declaredBy ?? ''
    this.routing = parts.routing
    this.deduplication = parts.deduplication
    this.log = parts.log
    this.alternate = info.arguments.text('alternate-exchange')
  }

  /** Applies new policies; the alternate-exchange argument takes precedence over them. */
  configure(policies: AppliedPolicies): void {
    this.policies = policies
    const fromPolicy = policies.policy?.definition['alternate-exchange']
    this.alternate =
      this.arguments.text('alternate-exchange') ?? (typeof fromPolicy === 'string' ? fromPolicy : undefined)
  }

  destroy(): void {
    this.routing.destroy?.()
    this.deduplication?.destroy()
  }
}

/** The parts of an exchange that are not in its declaration. */
export interface ExchangeParts {
  readonly routing: ExchangeRouting
  readonly deduplication?: Deduplication | undefined
  readonly log?: number | undefined
}

export function isExchange(d: Target): d is Exchange {
  return d instanceof Exchange
}
