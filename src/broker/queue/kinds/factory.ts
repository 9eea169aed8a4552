/** Makes queues: which parts each kind consists of, and what all of them get from their surroundings. */
import type { GroupCommit } from '../../../storage/batch.ts'
import type { Storage } from '../../../storage/storage.ts'
import { type Clock, clockOf } from '../../../util/clock.ts'
import type { Semantics } from '../../../util/rabbitmq-version.ts'
import { messageOf, type StoredObjects } from '../../../util/stored-objects.ts'
import type { BrokerCounters } from '../../counters.ts'
import { wantsDeduplication } from '../../deduplication.ts'
import { deduplicationOf } from '../../deduplication-store.ts'
import type { Failures } from '../../failures.ts'
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
import { deadLetter } from '../dead-letter.ts'
import { withOwnHistory } from '../death-history.ts'
import type { QueueEnvironment } from '../environment.ts'
import type { Queue, QueueInfo, QueueSettings } from '../queue.ts'
import { StreamQueue } from '../stream/stream-queue.ts'
import { WorkQueue } from '../work-queue.ts'

/** Seconds until the numbers come round. */
const SPILL_STARTS = 0x4000_0000

const deadLettered = {
  rejected: 'deadLetteredRejected',
  expired: 'deadLetteredExpired',
  maxlen: 'deadLetteredMaxlen',
  delivery_limit: 'deadLetteredDeliveryLimit',
} as const

/** What all queues share. */
export interface QueueSurroundings {
  readonly storage: Storage
  readonly commit: GroupCommit
  readonly clock: Clock
  readonly turn: Turn
  readonly pager: Pager
  readonly failures: Failures
  readonly objects: StoredObjects
  readonly counters: BrokerCounters
  readonly semantics: Semantics
}

/** The vhost that a queue is in. */
export interface QueueHome extends Routing {
  readonly name: string
  policiesOfQueue(info: QueueInfo): AppliedPolicies
  settingsOfQueue(info: QueueInfo, applied: AppliedPolicies): QueueSettings
}

export interface QueueOptions {
  /** The connection that may use it, for an exclusive queue. */
  readonly owner: object | undefined
  /** Gives the number of the log of the first level, for so many levels; undefined = nothing outlives the process. */
  firstLog(levels: number): number | undefined
  /** The queue has to go by itself: it has expired, or lost its last consumer. */
  remove(queue: Queue): void
}

export class QueueFactory {
  private readonly shared: QueueSurroundings
  private nextSpill: number

  constructor(shared: QueueSurroundings) {
    const { commit, clock } = shared
    this.shared = shared
    // What an earlier run has paged out may still be on its way off the disk: its numbers are not used again.
    this.nextSpill = commit.spillLogsFrom + (Math.floor(clock.now() / 1000) % SPILL_STARTS)
  }

  make(home: QueueHome, info: QueueInfo, options: QueueOptions): Queue {
    const { storage, commit, pager } = this.shared
    const env = this.environment(home, info, options)
    const policies = home.policiesOfQueue(info)
    const settings = home.settingsOfQueue(info, policies)
    const log = options.firstLog(settings.maxPriority + 1)
    if (info.kind.isStream) {
      const messages = new StreamLog(log === undefined ? undefined : this.openStore(log), pager)
      return new StreamQueue(info, policies, settings, messages, env)
    }
    const contents = {
      order: this.makeOrder(info, settings, log),
      log,
      deduplication: wantsDeduplication(info.arguments)
        ? deduplicationOf(['queue', home.name, info.name], info, storage, commit)
        : undefined,
    }
    return new WorkQueue(info, policies, settings, options.owner, contents, env)
  }

  private environment(home: QueueHome, info: QueueInfo, { remove }: QueueOptions): QueueEnvironment {
    const { clock, turn, failures, counters, semantics } = this.shared
    const whose = { vhost: home.name, queue: info.name }
    const failing = failures.owner('queue', whose)
    return {
      clock: clockOf(failing, clock),
      failed: (error) => failing.failed(error),
      parked: ({ number, during }, error) =>
        failures.note(
          'message',
          { ...whose, message: number, during },
          error,
          'message set aside: it cannot be handled',
        ),
      turn,
      deadLetter: (q, content, reason, done) => {
        counters[deadLettered[reason]]++
        return deadLetter(home, q, withOwnHistory(content, semantics), reason, turn.now(), done)
      },
      remove,
    }
  }

  /** @param firstLog the logs of the levels are numbered from there */
  private makeOrder(
    { kind }: QueueInfo,
    { maxPriority }: QueueSettings,
    firstLog: number | undefined,
  ): MessageOrder {
    const chain = (level: number): Chain => {
      const store = firstLog === undefined ? undefined : this.openStore(firstLog + level)
      return new Chain(store, this.shared.pager, () => this.openSpill(), kind.requeuesInOrder)
    }
    return maxPriority === 0
      ? chain(0)
      : new Priorities(Array.from({ length: maxPriority + 1 }, (_, level) => chain(level)))
  }

  private openSpill(): SpillStore {
    const { commit, storage } = this.shared
    return new SpillStore(this.nextSpill++, commit, storage)
  }

  private openStore(id: number): SegmentStore {
    const { commit, storage, objects } = this.shared
    return new SegmentStore(id, commit, storage, (segment, error) => {
      const object = { kind: 'segment', vhost: '', name: `segment ${segment} of log ${id}`, key: '' }
      objects.note({ ...object, reason: messageOf(error) }, error)
    })
  }
}
