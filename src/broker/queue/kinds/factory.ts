/** Creates queues: chooses the parts for each queue type and connects them to the broker. */
import type { GroupCommit } from '../../../storage/batch.ts'
import type { Storage } from '../../../storage/storage.ts'
import type { Clock, Timer } from '../../../util/clock.ts'
import { charged } from '../../../util/owner.ts'
import type { Semantics } from '../../../util/rabbitmq-version.ts'
import { messageOf, type StoredObjects } from '../../../util/stored-objects.ts'
import type { BrokerCounters } from '../../counters.ts'
import { wantsDeduplication } from '../../deduplication.ts'
import type { DeduplicationStores } from '../../deduplication-store.ts'
import type { Failures } from '../../failures.ts'
import type { Content } from '../../message.ts'
import { Chain } from '../../messages/chain.ts'
import type { MessageOrder } from '../../messages/order.ts'
import type { Pager } from '../../messages/pager.ts'
import { Priorities } from '../../messages/priorities.ts'
import { SegmentStore } from '../../messages/segment-store.ts'
import { SpillStore } from '../../messages/spill-store.ts'
import { StreamLog } from '../../messages/stream-log.ts'
import type { AppliedPolicies } from '../../policy/policy.ts'
import type { Routing } from '../../router.ts'
import type { Turn } from '../../turn.ts'
import type { ParkedMessage } from '../aside.ts'
import { deadLetter, type Passed, type Recipient } from '../dead-letter.ts'
import { withOwnHistory } from '../death-history.ts'
import type { QueueEnvironment } from '../environment.ts'
import type { DeathReason, Queue, QueueInfo, QueueSettings } from '../queue.ts'
import type { RefusedLetters } from '../refused-letters.ts'
import { StreamQueue } from '../stream/stream-queue.ts'
import { WorkQueue } from '../work-queue.ts'
import type { QueueKind } from './kinds.ts'

/** Numbers that a run may need for its spill logs. */
const SPILL_LOGS = 0x1000_0000

const deadLettered = {
  rejected: 'deadLetteredRejected',
  expired: 'deadLetteredExpired',
  maxlen: 'deadLetteredMaxlen',
  delivery_limit: 'deadLetteredDeliveryLimit',
} as const

/** Shared by all queues. */
export interface QueueSurroundings {
  readonly deduplications: DeduplicationStores
  readonly storage: Storage
  readonly commit: GroupCommit
  readonly clock: Clock
  readonly turn: Turn
  readonly pager: Pager
  readonly failures: Failures
  readonly objects: StoredObjects
  readonly counters: BrokerCounters
  readonly semantics: Semantics
  readonly refusedLetters: RefusedLetters
}

/** The vhost of a queue. */
export interface QueueHome extends Routing {
  readonly name: string
  policiesOfQueue(info: QueueInfo): AppliedPolicies
  settingsOfQueue(info: QueueInfo, applied: AppliedPolicies): QueueSettings
}

export interface QueueOptions {
  /** The connection that may use the queue, if it is exclusive. */
  readonly owner: object | undefined
  /** Reserves one log number per priority level and returns the first; undefined if nothing survives a restart. */
  firstLog(levels: number): number | undefined
  /** Deletes the queue because it expired or lost its last consumer. */
  remove(queue: Queue): void
}

/** Creates the chains and stores in which messages are kept. */
class Chains {
  private readonly shared: QueueSurroundings
  private nextSpill: number
  private readonly openSpill = (): SpillStore =>
    new SpillStore(this.nextSpill++, this.shared.commit, this.shared.storage)
  private readonly unreadable = (log: number, segment: number, error: unknown): void => {
    const object = { kind: 'segment', vhost: '', name: `segment ${segment} of log ${log}`, key: '' }
    this.shared.objects.note({ ...object, reason: messageOf(error) }, error)
  }

  constructor(shared: QueueSurroundings) {
    const { commit, storage } = shared
    this.shared = shared
    // Spill logs of an earlier run may still be in removal, so their numbers must not be reused.
    const next = Math.max(commit.spillLogsFrom, storage.highestLog() + 1)
    this.nextSpill = next + SPILL_LOGS > commit.logNumberMax + 1 ? commit.spillLogsFrom : next
  }

  make(kind: QueueKind, log: number | undefined): Chain {
    const store = log === undefined ? undefined : this.openStore(log)
    return new Chain(store, this.shared.pager, this.openSpill, kind.requeuesInOrder)
  }

  openStore(id: number, tellsDeliveries = true): SegmentStore {
    return new SegmentStore(id, this.shared.commit, this.shared.storage, this.unreadable, tellsDeliveries)
  }
}

interface Shared extends QueueSurroundings {
  readonly chains: Chains
}

/** What one queue needs from the broker: a single object, since there may be a hundred thousand queues. */
class Environment implements QueueEnvironment {
  private readonly shared: Shared
  private readonly home: QueueHome
  private readonly queue: string
  readonly remove: QueueOptions['remove']

  constructor(shared: Shared, home: QueueHome, queue: string, remove: QueueOptions['remove']) {
    this.shared = shared
    this.home = home
    this.queue = queue
    this.remove = remove
  }

  get turn(): Turn {
    return this.shared.turn
  }

  get refusedLetters(): RefusedLetters {
    return this.shared.refusedLetters
  }

  now(): number {
    return this.shared.clock.now()
  }

  elapsed(): number {
    return this.shared.clock.elapsed()
  }

  after(ms: number, action: () => void): Timer {
    return this.shared.clock.after(ms, () => charged(this, action))
  }

  defer(action: () => void): void {
    this.shared.clock.defer(() => charged(this, action))
  }

  failed(error: unknown): void {
    this.shared.failures.note('queue', { vhost: this.home.name, queue: this.queue }, error)
  }

  parked({ number, during }: ParkedMessage, error: unknown): void {
    const whose = { vhost: this.home.name, queue: this.queue, message: number, during }
    this.shared.failures.note('message', whose, error, 'message set aside: it cannot be handled')
  }

  makeOrder({ kind, log, deleted }: Pick<Queue, 'kind' | 'log' | 'deleted'>): MessageOrder {
    const order = this.shared.chains.make(kind, log)
    // No message may be written to disk any more.
    if (deleted) order.destroy()
    return order
  }

  deadLetter(q: Queue, content: Content, reason: DeathReason, done?: Set<Recipient>, mayWait = true): Passed {
    const { counters, semantics, turn, commit } = this.shared
    const { refusedLetters } = this
    // The targets may be full and reject it, and the buffer has no room for the dead letters of that: leave it on disk.
    if (mayWait && !refusedLetters.isPassingOn && refusedLetters.lacksRoomFor(content.body.length))
      return 'later'
    // During the commit of a transaction no batch is written, so the disk cannot catch up: leave it for later.
    if (mayWait && commit.isHeld && turn.isBehind()) return 'later'
    const own = withOwnHistory(content, semantics)
    // A client's publishes wait for the disk anyway, which limits their first dead letters, but not the dead letters of
    // these.
    const waits = mayWait && (own.died === true ? turn.isFull() : turn.inAlarm())
    const passed = deadLetter(this.home, q, own, reason, turn.now(), waits, done)
    // With at-least-once, it may be tried very often until all targets have the message.
    if (passed === true || (passed === false && !q.settings.deadLetterAtLeastOnce))
      counters[deadLettered[reason]]++
    return passed
  }
}

export class QueueFactory {
  private readonly shared: Shared

  constructor(shared: QueueSurroundings) {
    this.shared = { ...shared, chains: new Chains(shared) }
  }

  make(home: QueueHome, info: QueueInfo, options: QueueOptions): Queue {
    const { deduplications, pager, chains } = this.shared
    const env = new Environment(this.shared, home, info.name, options.remove)
    const policies = home.policiesOfQueue(info)
    const settings = home.settingsOfQueue(info, policies)
    const log = options.firstLog(settings.maxPriority + 1)
    if (info.kind.isStream) {
      const messages = new StreamLog(log === undefined ? undefined : chains.openStore(log, false), pager)
      return new StreamQueue(info, policies, settings, messages, env)
    }
    const contents = {
      order: settings.maxPriority === 0 ? undefined : this.priorities(info, settings, log),
      log,
      deduplication: wantsDeduplication(info.arguments)
        ? deduplications.of(['queue', home.name, info.name], info)
        : undefined,
    }
    return new WorkQueue(info, policies, settings, options.owner, contents, env)
  }

  /** @param firstLog number of the lowest level's log; those of the other levels follow */
  private priorities(
    { kind }: QueueInfo,
    { maxPriority }: QueueSettings,
    firstLog: number | undefined,
  ): MessageOrder {
    const logOf = (level: number): number | undefined =>
      firstLog === undefined ? undefined : firstLog + level
    const { chains, storage } = this.shared
    return new Priorities(
      maxPriority + 1,
      (level) => chains.make(kind, logOf(level)),
      (level) => {
        if (firstLog === undefined) return false
        for (const _ of storage.segments(firstLog + level)) return true
        return false
      },
    )
  }
}
