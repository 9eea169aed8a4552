/**
 * A virtual host: its exchanges, queues and bindings, and the consequences of deleting them. `operations/` checks
 * names, permissions and equivalence.
 */
import { OBJECTS_PER_STEP } from '../limits.ts'
import { AmqpError } from '../protocol/errors.ts'
import { FieldTable } from '../protocol/field-table.ts'
import type { Clock } from '../util/clock.ts'
import { type DefaultSettings, effectiveSettings } from './arguments/effective.ts'
import { SHARED_TABLE_BYTES_MAX, sharedTable } from './arguments/shared-table.ts'
import { kindSupports } from './arguments/validation.ts'
import { type BrokerCounters, GoneCounters } from './counters.ts'
import { Bindings } from './exchange/bindings.ts'
import { DefaultRouting } from './exchange/default.ts'
import {
  Binding,
  type Destination,
  Exchange,
  type ExchangeInfo,
  type ExchangeParts,
  type ExchangeRouting,
  type RoutedMessage,
} from './exchange/exchange.ts'
import { predeclared, predeclaredRouting } from './exchange/registry.ts'
import { atOnce, inSteps, ofNow, type Steps } from './jobs.ts'
import {
  type AppliedPolicies,
  Policies,
  type PolicyChange,
  type PolicyInfo,
  type PolicySet,
  type PolicySubject,
  type PolicyWarning,
} from './policy/policy.ts'
import { PolicyRounds } from './policy/rounds.ts'
import type { QueueKind } from './queue/kinds/kinds.ts'
import type { Queue, QueueInfo, QueueSettings } from './queue/queue.ts'
import { Removal } from './removal.ts'
import { type HasPassed, nowhere, type Route, type RouteContext, route, type Way, waysOf } from './router.ts'
import { type Tracer, Tracers } from './tracer.ts'

/** Receives every durable change. */
export interface VhostJournal {
  exchangeAdded(vhost: Vhost, x: Exchange): void
  exchangeRemoved(vhost: Vhost, x: Exchange): void
  bindingAdded(vhost: Vhost, b: Binding): void
  bindingRemoved(vhost: Vhost, b: Binding): void
  queueAdded(vhost: Vhost, q: Queue): void
  queueRemoved(vhost: Vhost, q: Queue): void
  policySet(vhost: Vhost, p: PolicyInfo, operator: boolean): void
  policyRemoved(vhost: Vhost, name: string, operator: boolean): void
}

export interface VhostLimits {
  /** -1 or absent = none */
  readonly 'max-connections'?: number
  readonly 'max-queues'?: number
}

export interface VhostInfo {
  readonly name: string
  readonly description: string
  readonly tags: readonly string[]
  /** Default queue type: a kind's name; `undefined` = the node's default. */
  readonly defaultQueueType: string
  readonly limits: VhostLimits
  /** Protected from deletion. */
  readonly protected: boolean
  /** Its stored properties, including its limits, could not be read: it is not served until they are set again. */
  readonly down?: boolean
  /** Its deletion is in progress; a start completes it. */
  readonly going?: boolean
}

interface UsualSettings {
  readonly kind: QueueKind
  readonly applied: AppliedPolicies
  readonly settings: QueueSettings
}

/** Number of argument tables for which a vhost caches the settings. */
const USUAL_MAX = 16

/** `declaredBy` is RabbitMQ's user name for the server itself. */
const PREDECLARED = {
  durable: true,
  autoDelete: false,
  arguments: FieldTable.empty,
  declaredBy: 'rmq-internal',
} as const

export class Vhost {
  readonly name: string
  readonly exchanges = new Map<string, Exchange>()
  readonly queues = new Map<string, Queue>()
  /** Queues of direct reply-to: only the default exchange can find them. */
  readonly replyQueues = new Map<string, Queue>()
  readonly bindings = new Bindings()
  readonly gone = new GoneCounters()
  /** Exclusive queues by the connection that owns them. */
  private readonly owned = new Map<object, Set<Queue>>()
  /** Incremented when exchanges, queues or bindings change; cached routes are valid for one version. */
  version = 1
  readonly policies: Policies
  private readonly rounds = new PolicyRounds((changes) => this.applying(changes))
  info: VhostInfo
  /** Observers of messages. */
  readonly tracers = new Tracers()
  private readonly journal: VhostJournal
  private readonly counters: BrokerCounters
  /** Settings of queues that set nothing themselves. */
  private readonly defaults: DefaultSettings
  private readonly routeContext: RouteContext
  private readonly removal: Removal
  /** Runs work that does not fit into one turn. `isResumed`: by the next start, which is the default. */
  private readonly later: (steps: Steps, isResumed?: boolean) => void
  /** Settings by argument table, under the policies looked up last: shared by all queues with the same arguments. */
  private readonly usual = new Map<FieldTable, UsualSettings>()

  constructor(
    info: VhostInfo,
    journal: VhostJournal,
    clock: Clock,
    counters: BrokerCounters,
    defaults: DefaultSettings,
    policyWarning?: PolicyWarning,
    later: (steps: Steps, isResumed?: boolean) => void = atOnce,
  ) {
    this.later = later
    this.removal = new Removal(
      this,
      (x) => journal.exchangeRemoved(this, x),
      (b) => journal.bindingRemoved(this, b),
    )
    this.policies = new Policies(policyWarning)
    this.name = info.name
    this.info = info
    this.defaults = defaults
    this.counters = counters
    this.journal = journal
    this.routeContext = { findExchange: (x) => this.exchanges.get(x), now: () => clock.now() }
    this.install(
      { name: '', type: 'direct', internal: false },
      new DefaultRouting(this.queues, this.replyQueues),
    )
    for (const x of predeclared) this.install(x, predeclaredRouting(x.type))
  }

  private install(x: { name: string; type: string; internal: boolean }, routing: ExchangeRouting): void {
    const info = { ...PREDECLARED, ...x }
    this.exchanges.set(x.name, new Exchange(info, { routing }))
  }

  get limits(): VhostLimits {
    return this.info.limits
  }

  findExchange(name: string): Exchange | undefined {
    return this.exchanges.get(name)
  }

  /** @throws AmqpError 406 if routing takes too many steps */
  route(from: Exchange, messages: readonly RoutedMessage[]): Route {
    return route(from, messages, this.routeContext)
  }

  /** The queues that a message would reach, and the paths. @throws AmqpError 406 if routing takes too many steps */
  waysOf(
    from: Exchange,
    messages: readonly RoutedMessage[],
  ): { readonly route: Route; readonly ways: readonly Way[] } {
    return waysOf(from, messages, this.routeContext)
  }

  /** Routes a message of the broker itself; one that takes too many steps is dropped. */
  routeOwn(from: Exchange, messages: readonly RoutedMessage[], hasPassed?: HasPassed): Route {
    try {
      return route(from, messages, this.routeContext, hasPassed)
    } catch (error) {
      if (error instanceof AmqpError) return nowhere
      throw error
    }
  }

  /** The observer of messages; undefined if there is none. */
  get tracer(): Tracer | undefined {
    return this.tracers.all
  }

  /** Adds an exchange that does not exist yet. */
  addExchange(info: ExchangeInfo, parts: ExchangeParts): Exchange {
    const x = this.restoreExchange(info, parts)
    this.removal.incarnations.begins(x)
    this.version++
    if (x.durable) this.journal.exchangeAdded(this, x)
    return x
  }

  /**
   * Removes an exchange with its bindings, then the auto-delete exchanges left without bindings, and so on. The
   * exchange itself is removed when this returns; the remaining objects may take further turns.
   */
  removeExchange(x: Exchange): void {
    this.later(this.removal.exchanges([x]))
  }

  /** Removes an auto-delete exchange that is no longer the source of a binding. */
  removeUnused(x: Exchange): void {
    if (x.autoDelete && x.outgoing === 0) this.removeExchange(x)
  }

  /** Adds a restored exchange; nothing is written. */
  restoreExchange(info: ExchangeInfo, parts: ExchangeParts): Exchange {
    const x = new Exchange(info, parts)
    this.exchanges.set(x.name, x)
    x.configure(this.policiesOfExchange(x))
    return x
  }

  restoreQueue(q: Queue): void {
    this.queues.set(q.name, q)
  }

  restoreBinding(b: Binding): void {
    if (!this.bindings.add(b)) return
    b.source.routing.add(b)
    b.source.outgoing++
  }

  addQueue(q: Queue): void {
    this.queues.set(q.name, q)
    this.removal.incarnations.begins(q)
    this.version++
    if (q.durable) this.journal.queueAdded(this, q)
    if (q.owner === undefined) return
    const owned = this.owned.get(q.owner)
    if (owned === undefined) this.owned.set(q.owner, new Set([q]))
    else owned.add(q)
  }

  /** Deletes the exclusive queues of a closed connection. */
  *removingOwned(owner: object): Steps {
    yield* this.removal.queues(this.owned.get(owner) ?? [])
    this.owned.delete(owner)
  }

  addReplyQueue(q: Queue): void {
    this.replyQueues.set(q.name, q)
    this.version++
  }

  removeReplyQueue(q: Queue): void {
    this.replyQueues.delete(q.name)
    this.version++
    q.destroy()
    atOnce(q.tellingConsumers())
  }

  /**
   * Deletes a queue with its bindings and the auto-delete exchanges left without bindings; returns the number of its
   * ready messages. If there are very many consumers or bindings, they are removed in the following turns.
   */
  removeQueue(q: Queue): number {
    if (this.queues.get(q.name) !== q) return 0
    const ready = this.takeOut(q)
    this.later(this.removal.behind(q))
    return ready
  }

  /** Deletes an existing queue, but not its consumers and bindings. Returns the number of its ready messages. */
  takeOut(q: Queue): number {
    this.queues.delete(q.name)
    if (q.owner !== undefined) this.owned.get(q.owner)?.delete(q)
    this.version++
    this.counters.queuesDeleted++
    this.counters.queueGone(q.kind.name, q.counters)
    this.gone.queues.add(q.counters)
    this.removal.incarnations.leaves(q)
    const ready = q.destroy()
    if (q.durable) this.journal.queueRemoved(this, q)
    return ready
  }

  /** Returns false if the binding exists already. */
  bind(source: Exchange, destination: Destination, routingKey: string, args: FieldTable): boolean {
    const durable = source.durable && destination.durable
    const b = new Binding(source, destination, routingKey, sharedTable(args), durable)
    if (!this.bindings.add(b)) return false
    source.routing.add(b)
    source.outgoing++
    this.version++
    if (durable) this.journal.bindingAdded(this, b)
    if (source.routing.bound !== undefined) this.later(source.routing.bound(b, this), false)
    return true
  }

  unbind(source: Exchange, destination: Destination, routingKey: string, args: FieldTable): void {
    const b = this.bindings.find(source, destination, routingKey, args)
    if (b !== undefined) this.later(this.removal.bindings([b]))
  }

  /** Deletes the entire contents, in the same way as single objects are deleted. */
  *clearing(): Steps {
    for (const q of [...this.replyQueues.values()]) this.removeReplyQueue(q)
    yield* this.removal.queues(this.queues.values())
    yield* this.removal.exchanges([...this.exchanges.values()])
    yield* inSteps([...this.policies.user], OBJECTS_PER_STEP, (p) => this.forgetPolicy(p, false))
    yield* inSteps([...this.policies.operator], OBJECTS_PER_STEP, (p) => this.forgetPolicy(p, true))
  }

  /** Resets the vhost to its initial state. */
  empty(): void {
    atOnce(this.removal.queues(this.queues.values()))
    const own = (x: Exchange): boolean => x.name !== '' && !predeclared.some((p) => p.name === x.name)
    atOnce(this.removal.exchanges([...this.exchanges.values()].filter(own)))
    atOnce(this.removal.bindings([...this.bindings]))
    for (const p of [...this.policies.user]) atOnce(this.removingPolicy(p.name, false))
    for (const p of [...this.policies.operator]) atOnce(this.removingPolicy(p.name, true))
  }

  private policiesOfExchange(x: Exchange): AppliedPolicies {
    return this.policies.for(exchangeSubject(x.name))
  }

  policiesOfQueue(q: Pick<QueueInfo, 'name' | 'kind'>): AppliedPolicies {
    return this.policies.for(queueSubject(q))
  }

  settingsOfQueue(q: QueueInfo, applied: AppliedPolicies): QueueSettings {
    const { kind, arguments: args } = q
    if (args.bytes.length > SHARED_TABLE_BYTES_MAX)
      return effectiveSettings(args, kind, applied, this.defaults)
    const { policy, operator } = applied
    let usual = this.usual.get(args)
    if (usual?.kind !== kind || usual.applied.policy !== policy || usual.applied.operator !== operator) {
      usual = { kind, applied, settings: effectiveSettings(args, kind, applied, this.defaults) }
      if (this.usual.size === USUAL_MAX) this.usual.clear()
      this.usual.set(args, usual)
    }
    return usual.settings
  }

  /** @throws SyntaxError for an invalid regular expression */
  *settingPolicy(p: PolicyInfo, operator: boolean): Steps {
    this.policySet(operator).set(p)
    this.journal.policySet(this, p, operator)
    yield* this.rounds.having({ policy: p, operator })
  }

  restorePolicy(p: PolicyInfo, operator: boolean): void {
    this.policySet(operator).set(p)
  }

  /** Returns false if there is no policy of that name. */
  *removingPolicy(name: string, operator: boolean): Steps<boolean> {
    const policy = this.policySet(operator).get(name)
    if (policy === undefined) return false
    this.forgetPolicy(policy, operator)
    yield* this.rounds.having({ policy, operator })
    return true
  }

  private forgetPolicy({ name }: PolicyInfo, operator: boolean): void {
    this.policySet(operator).remove(name)
    this.journal.policyRemoved(this, name, operator)
  }

  private policySet(operator: boolean): PolicySet {
    return operator ? this.policies.operator : this.policies.user
  }

  /** Applies changed policies to existing objects; settings that no policy sets return to the declared values. */
  private *applying(changes: readonly PolicyChange[]): Steps {
    this.version++
    const perStep = changes.length > 1 ? 1 : OBJECTS_PER_STEP
    yield* inSteps(ofNow(this.exchanges), perStep, (x) => {
      const applied = this.policies.changed(changes, exchangeSubject(x.name), x.policies)
      if (applied === undefined) return
      x.configure(applied)
      this.version++
    })
    yield* inSteps(ofNow(this.queues), perStep, (q) => {
      const applied = this.policies.changed(changes, queueSubject(q), q.policies)
      if (applied !== undefined) q.configure(applied, this.settingsOfQueue(q, applied))
    })
  }
}

function exchangeSubject(name: string): PolicySubject {
  return { name, target: 'exchanges', supports: () => true }
}

function queueSubject({ name, kind }: Pick<QueueInfo, 'name' | 'kind'>): PolicySubject {
  return { name, target: kind.policyTarget, supports: (key) => kindSupports(kind, key) }
}

/** Fills in defaults for missing properties. */
export function vhostInfo(given: Partial<VhostInfo> & { name: string }): VhostInfo {
  return { description: '', tags: [], defaultQueueType: 'undefined', limits: {}, protected: false, ...given }
}
