/** The broker's model: all vhosts, with one store, one group commit and one turn. Knows no sockets and no protocol. */
import { randomInt } from 'node:crypto'
import { COMMIT_BYTES_MAX, JOB_WRITES_BEHIND_MAX, LEAVING_BYTES_MAX } from '../limits.ts'
import { FieldTable, fieldEntry, toField } from '../protocol/field-table.ts'
import type { GroupCommit } from '../storage/batch.ts'
import type { Storage } from '../storage/storage.ts'
import type { Clock } from '../util/clock.ts'
import { forgetMemory } from '../util/large-memory.ts'
import { defaultSemantics, type Semantics } from '../util/rabbitmq-version.ts'
import { StoredObjects } from '../util/stored-objects.ts'
import { sharedTable } from './arguments/shared-table.ts'
import { BrokerCounters } from './counters.ts'
import { wantsDeduplication } from './deduplication.ts'
import { DeduplicationStores } from './deduplication-store.ts'
import { DelayedMessages } from './delay/delayed-messages.ts'
import { DELAY_HEADER, delayOf } from './exchange/delayed.ts'
import type { Exchange, ExchangeInfo, ExchangeParts } from './exchange/exchange.ts'
import { alwaysDeduplicates, exchangeRouting, holdsMessages } from './exchange/registry.ts'
import { type Failures, thrownFailures } from './failures.ts'
import type { Steps } from './jobs.ts'
import { LargeCommits } from './large-commits.ts'
import { readContent } from './message.ts'
import { Pager } from './messages/pager.ts'
import type { PolicyInfo } from './policy/policy.ts'
import { publishContent } from './publish-content.ts'
import { QueueFactory, type QueueOptions } from './queue/kinds/factory.ts'
import { classic } from './queue/kinds/kinds.ts'
import { LetterStore } from './queue/letter-store.ts'
import type { Queue, QueueInfo } from './queue/queue.ts'
import { RefusedLetters } from './queue/refused-letters.ts'
import { rehearsedQueue } from './queue/rehearsed-queue.ts'
import { restoreObjects, restoreVhosts } from './restore.ts'
import { type StoredExchange, TopologyStore } from './topology-store.ts'
import { Turn } from './turn.ts'
import { Vhost, type VhostInfo, vhostInfo } from './vhost.ts'

const RANDOM_STEPS = 2 ** 32

export interface BrokerSettings {
  /** Octets of messages kept in memory before segments are paged out to a store that supports it. */
  readonly messageMemoryBytes: number
  /** Called when a lot of memory has become garbage and the broker is idle. */
  readonly memoryFreed?: (() => void) | undefined
  /** Name of the vhost created in a new store. Default `/`. */
  readonly defaultVhost?: string | undefined
  /** Type of queues declared without x-queue-type. Default classic. */
  readonly defaultQueueType?: string | undefined
  /** Whether redeclaring a quorum queue with another queue type is allowed; its arguments are still compared. */
  readonly relaxedQuorumChecks?: boolean | undefined
  /** Consumer timeout in ms for queues that do not set their own. Default 0 = none. */
  readonly consumerTimeout?: number | undefined
  /** For a dry run of an import: queues can be declared and bound, but hold no messages. */
  readonly rehearses?: boolean | undefined
  /** Maximum size of a message body, in octets. */
  readonly messageBytesMax?: number | undefined
  /** Behaviour that depends on the announced version of RabbitMQ. */
  readonly semantics?: Semantics | undefined
  /** Source of random numbers from 0 (inclusive) to 1 (exclusive). Default: `randomInt` of node:crypto. */
  readonly random?: (() => number) | undefined
  /** Maximum number of objects on the node; Infinity = no limit. */
  readonly limits?:
    | { readonly vhosts: number; readonly queues: number; readonly exchanges: number }
    | undefined
  /** Called when a vhost has been created. */
  readonly vhostMade?: ((vhost: Vhost) => void) | undefined
  /** Called when a queue deletes itself because it expired or lost its last consumer. */
  readonly queueGone?: ((vhost: string, queue: string) => void) | undefined
  /** Counts and logs failures. Default: failures are thrown. */
  readonly failures?: Failures | undefined
  /** Called when matching a policy's pattern against a name took too many steps. */
  readonly policyWarning?: ((vhost: string, policy: string, text: string) => void) | undefined
}

export class Broker {
  readonly vhosts = new Map<string, Vhost>()
  /** Names of vhosts whose deletion is in progress. */
  readonly going = new Set<string>()
  readonly clock: Clock
  readonly turn: Turn
  /** Octets used by the routes that open transactions remember for their messages. */
  readonly openTransactions = { routeBytes: 0 }
  readonly largeCommits: LargeCommits
  readonly counters = new BrokerCounters()
  readonly failures: Failures
  /** The stored objects, including those that could not be restored. */
  readonly objects: StoredObjects
  readonly commit: GroupCommit
  /** Behaviour that depends on the announced version of RabbitMQ. */
  readonly semantics: Semantics
  /** Maximum size of a message body, in octets; publishing a larger one fails with 406. */
  readonly messageBytesMax: number
  /** Maximum octets of changes that may wait to be written to disk before publishers are blocked. */
  commitBytesMax = COMMIT_BYTES_MAX
  /** Whether a memory or disk alarm is in effect. */
  inAlarm: () => boolean = () => false
  /** Whether the store was empty at the start. */
  isNew = false
  readonly defaultQueueType: string
  readonly relaxedQuorumChecks: boolean
  private readonly consumerTimeout: number
  private readonly rehearses: boolean
  private readonly defaultVhost: string
  private readonly storage: Storage
  private readonly topology: TopologyStore
  private readonly pager: Pager
  /** Only while objects are restored: the logs that contain anything. */
  private storedLogs: Set<number> | undefined
  readonly delays: DelayedMessages
  private readonly random: () => number
  private readonly policyWarning: (vhost: string, policy: string, text: string) => void
  private readonly queueGone: (vhost: string, queue: string) => void
  private readonly vhostMade: (vhost: Vhost) => void
  /** Limits of the node as a whole. */
  readonly limits: NonNullable<BrokerSettings['limits']>
  private readonly queues: QueueFactory
  private readonly deduplications: DeduplicationStores
  readonly refusedLetters: RefusedLetters
  /** The callback with which queues delete themselves, shared by all queues of a vhost. */
  private readonly removers = new WeakMap<Vhost, (q: Queue) => void>()

  constructor(storage: Storage, commit: GroupCommit, clock: Clock, settings: BrokerSettings) {
    this.storage = storage
    this.commit = commit
    this.clock = clock
    this.failures = settings.failures ?? thrownFailures(clock)
    this.turn = new Turn(clock, () => commit.turnEnd(), this.failures.owner('broker', {}))
    this.turn.jobs.mustPause = () => commit.isBehind(JOB_WRITES_BEHIND_MAX)
    this.turn.inAlarm = () => this.inAlarm()
    this.turn.isFull = () => this.overloaded || this.inAlarm()
    this.turn.isBehind = () => this.overloaded
    this.turn.diskFails = () => commit.failure !== undefined
    this.largeCommits = new LargeCommits(this.turn, commit)
    this.objects = new StoredObjects(storage, commit, ({ reason, ...object }, error) =>
      this.failures.note('object', object, error, 'stored object set aside: it cannot be read or used'),
    )
    this.topology = new TopologyStore(storage, commit, this.objects)
    this.pager = new Pager(settings.messageMemoryBytes, commit, clock, () => {
      forgetMemory()
      settings.memoryFreed?.()
    })
    this.defaultQueueType = settings.defaultQueueType ?? 'classic'
    this.relaxedQuorumChecks = settings.relaxedQuorumChecks ?? false
    this.consumerTimeout = settings.consumerTimeout ?? 0
    this.rehearses = settings.rehearses ?? false
    this.defaultVhost = settings.defaultVhost ?? '/'
    this.semantics = settings.semantics ?? defaultSemantics
    this.messageBytesMax = settings.messageBytesMax ?? this.semantics.messageBytesMax
    this.delays = new DelayedMessages(storage, commit, clock, this.turn, this.failures)
    this.queueGone = settings.queueGone ?? (() => {})
    this.policyWarning = settings.policyWarning ?? (() => {})
    this.vhostMade = settings.vhostMade ?? (() => {})
    this.limits = settings.limits ?? { vhosts: Infinity, queues: Infinity, exchanges: Infinity }
    this.random = settings.random ?? (() => randomInt(RANDOM_STEPS) / RANDOM_STEPS)
    this.refusedLetters = new RefusedLetters(this.turn, this.failures, new LetterStore(commit, storage))
    this.delays.isCrowded = () => this.refusedLetters.lacksRoomFor(0)
    this.deduplications = new DeduplicationStores(storage, commit, (s) =>
      this.turn.jobs.begin(this.turn.ending.untilOverdue(s), this.failures.owner('broker', {})),
    )
    this.queues = new QueueFactory({
      deduplications: this.deduplications,
      storage,
      refusedLetters: this.refusedLetters,
      commit,
      clock,
      turn: this.turn,
      pager: this.pager,
      failures: this.failures,
      objects: this.objects,
      counters: this.counters,
      semantics: this.semantics,
    })
  }

  /** Restores the contents of the store; a new store gets the default vhost. */
  load(): void {
    this.commit.write({ op: 'drop-logs', from: this.commit.spillLogsFrom })
    this.deduplications.restore()
    restoreVhosts(this.topology, this)
    this.isNew = this.vhosts.size === 0 && this.objects.quarantined.length === 0
    if (this.vhosts.size === 0)
      this.setVhost(
        vhostInfo({
          name: this.defaultVhost,
          description: 'Default virtual host',
          ...(this.vhostsMissing ? { down: true } : {}),
        }),
      )
    restoreObjects(this.topology, this)
    this.storedLogs = undefined
    this.refusedLetters.restore(this.vhosts, this.objects)
    this.delays.targetsMissing = this.objects.lacks('exchange')
    this.delays.restore()
    const owner = this.failures.owner('broker', {})
    for (const { name, info } of [...this.vhosts.values()])
      if (info.going === true) this.turn.jobs.begin(this.removingVhost(name), owner)
  }

  get vhostsMissing(): boolean {
    return this.objects.lacks('vhost')
  }

  get endsMissing(): boolean {
    return this.objects.lacks('exchange') || this.objects.lacks('queue')
  }

  restoreExchange(vhost: Vhost, x: StoredExchange): Exchange {
    try {
      const restored = vhost.restoreExchange(x, this.exchangeParts(vhost, x, x.log))
      this.held(vhost, restored)
      return restored
    } catch (error) {
      vhost.exchanges.delete(x.name)
      throw error
    }
  }

  restoreQueue(vhost: Vhost, info: QueueInfo, log: number): Queue {
    const queue = this.queues.make(
      vhost,
      info,
      this.options(vhost, undefined, () => log),
    )
    try {
      if (this.mayHold(log, queue.settings.maxPriority)) queue.restore()
      return queue
    } catch (error) {
      queue.stop()
      throw error
    }
  }

  /** Whether one of a queue's logs contains anything. Opening each log would take long with very many queues. */
  private mayHold(firstLog: number, maxPriority: number): boolean {
    this.storedLogs ??= new Set(this.storage.logs())
    for (let log = firstLog; log <= firstLog + maxPriority; log++) if (this.storedLogs.has(log)) return true
    return false
  }

  makeVhost(info: VhostInfo): Vhost {
    const warn = (p: PolicyInfo, text: string): void => this.policyWarning(info.name, p.name, text)
    const { consumerTimeout, semantics, turn } = this
    const defaults = { consumerTimeout, deliveryLimit: semantics.quorumDeliveryLimit }
    const owner = this.failures.owner('broker', { vhost: info.name })
    const later = (steps: Steps, isResumed = true): void =>
      turn.jobs.begin<unknown>(isResumed ? turn.ending.untilOverdue(steps) : steps, owner)
    const v = new Vhost(info, this.topology, this.clock, this.counters, defaults, warn, later)
    this.vhosts.set(info.name, v)
    return v
  }

  /** Creates the vhost, or changes the properties of an existing one. */
  setVhost(info: VhostInfo): Vhost {
    const existing = this.vhosts.get(info.name)
    const v = existing ?? this.makeVhost(info)
    v.info = info
    this.topology.vhostSet(info)
    if (existing === undefined) this.vhostMade(v)
    return v
  }

  /** Number of queues or exchanges in all vhosts. */
  count(what: 'queues' | 'exchanges'): number {
    let n = 0
    for (const v of this.vhosts.values()) n += v[what].size
    return n
  }

  /**
   * Deletes a vhost with everything in it. It cannot be used from the first step on; the caller has closed its
   * connections. The next start resumes a deletion that was not completed. Returns false if there is no such vhost.
   */
  *removingVhost(name: string): Steps<boolean> {
    const v = this.vhosts.get(name)
    if (v === undefined) return false
    this.vhosts.delete(name)
    this.going.add(name)
    this.topology.vhostSet({ ...v.info, going: true })
    const isEmpty = yield* this.turn.ending.untilOverdue(v.clearing())
    if (isEmpty) {
      this.topology.vhostRemoved(name)
      this.going.delete(name)
    } else for (const q of v.queues.values()) q.stop()
    return true
  }

  /**
   * Creates an exchange of a known type. The caller has checked that it does not exist, and everything else.
   * @throws AmqpError 406 for arguments that the exchange type cannot use
   */
  createExchange(vhost: Vhost, wanted: ExchangeInfo): Exchange {
    const log = holdsMessages(wanted.type) ? this.topology.nextLog(1) : undefined
    const x = vhost.addExchange(wanted, this.exchangeParts(vhost, wanted, log))
    this.held(vhost, x)
    return x
  }

  private exchangeParts(vhost: Vhost, info: ExchangeInfo, log: number | undefined): ExchangeParts {
    const delay = {
      messages: this.delays,
      target: log as number,
      durable: info.durable && this.commit.keeps,
      now: () => this.clock.now(),
    }
    const context = { random: this.random, delay: () => delay, room: this }
    const routing = exchangeRouting(info.type, info.arguments, context)
    const wanted = wantsDeduplication(info.arguments) || alwaysDeduplicates(info.type)
    const deduplication = wanted
      ? this.deduplications.of(['exchange', vhost.name, info.name], info)
      : undefined
    return { routing, deduplication, log }
  }

  /** Registers the exchange to get its delayed messages back when they are due, marked not to be delayed again. */
  private held(vhost: Vhost, x: Exchange): void {
    if (x.log === undefined) return
    this.delays.register(x.log, (m, keys) => {
      const content = readContent(m.source, m.namesStart, m.contentStart, m.contentEnd)
      const entries = (content.properties.headers ?? FieldTable.empty).entries.map((e) => {
        const delay = e.name === DELAY_HEADER ? delayOf(e.value) : undefined
        return delay === undefined ? e : fieldEntry(DELAY_HEADER, toField(-delay))
      })
      const properties = { ...content.properties, headers: FieldTable.of(entries) }
      publishContent(vhost, x, keys, { ...content, properties, died: m.died }, m.ttl, true)
    })
  }

  /** Creates a queue. The caller has checked that it does not exist, and everything else. */
  createQueue(vhost: Vhost, wanted: QueueInfo, owner: object | undefined): Queue {
    const { name, exclusive, autoDelete, kind, arguments: args } = wanted
    // An exclusive queue is deleted with its connection, so nothing is stored.
    const durable = wanted.durable && !exclusive
    // Listing the fields instead of copying with `...`: V8 needs twenty times as long for `...` and makes larger
    // objects.
    const info = { name, durable, exclusive, autoDelete, kind, arguments: sharedTable(args) }
    const firstLog = (levels: number): number | undefined =>
      info.durable && this.commit.keeps ? this.topology.nextLog(levels) : undefined
    const queue = this.rehearses
      ? rehearsedQueue(info, vhost.policiesOfQueue(info))
      : this.queues.make(vhost, info, this.options(vhost, owner, firstLog))
    vhost.addQueue(queue)
    this.counters.queuesCreated++
    return queue
  }

  /** Creates the queue behind a requester's direct reply-to; it is deleted with its only consumer. */
  createReplyQueue(vhost: Vhost, name: string, owner: object): Queue {
    const args = FieldTable.empty
    const info = { name, durable: false, exclusive: true, autoDelete: true, kind: classic, arguments: args }
    const queue = this.queues.make(vhost, info, {
      owner,
      firstLog: () => undefined,
      remove: (q) => vhost.removeReplyQueue(q),
    })
    vhost.addReplyQueue(queue)
    return queue
  }

  private options(vhost: Vhost, owner: object | undefined, firstLog: QueueOptions['firstLog']): QueueOptions {
    let remove = this.removers.get(vhost)
    if (remove === undefined) {
      remove = (q) => {
        this.queueGone(vhost.name, q.name)
        vhost.removeQueue(q)
      }
      this.removers.set(vhost, remove)
    }
    return { owner, firstLog, remove }
  }

  /** Octets of messages in memory. */
  get residentBytes(): number {
    return this.pager.resident
  }

  /** Octets of messages in memory above which segments are paged out. */
  get memoryBytes(): number {
    return this.pager.budget
  }

  /** Drops memory kept for reuse, so that the garbage collector can free it. */
  forgetMemory(): void {
    this.pager.forgetPool()
    forgetMemory()
  }

  /** Whether messages arrive faster than the disk can store them: publishers are then blocked until the next flush. */
  get overloaded(): boolean {
    return (
      this.commit.busy &&
      (this.commit.unsafeBytes > this.commitBytesMax || this.pager.excess > LEAVING_BYTES_MAX)
    )
  }

  /** Stops all timers; what is stored stays. */
  stop(): void {
    for (const part of [this.delays, this.refusedLetters, this.pager]) part.stop()
    for (const v of this.vhosts.values()) for (const q of v.queues.values()) q.stop()
  }
}
