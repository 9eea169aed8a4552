/** The model as a whole: vhosts over one store, one group commit and one turn. Knows no sockets and no protocol. */

import { COMMIT_BYTES_MAX } from '../limits.ts'
import { FieldTable } from '../protocol/field-table.ts'
import type { GroupCommit } from '../storage/batch.ts'
import type { Storage } from '../storage/storage.ts'
import { effectiveSettings } from './arguments/effective.ts'
import type { Clock } from './clock.ts'
import type { Destination } from './exchange/exchange.ts'
import { exchangeRouting } from './exchange/registry.ts'
import { Chain } from './queue/chain.ts'
import { deadLetter } from './queue/dead-letter.ts'
import { classic, queueKind } from './queue/kinds/kinds.ts'
import type { MessageOrder } from './queue/order.ts'
import { Pager } from './queue/pager.ts'
import { Priorities } from './queue/priorities.ts'
import type { QueueInfo } from './queue/queue.ts'
import { QueueLog } from './queue/queue-log.ts'
import { type QueueEnvironment, WorkQueue } from './queue/work-queue.ts'
import { TopologyStore } from './topology-store.ts'
import { Turn } from './turn.ts'
import { Vhost } from './vhost.ts'

/** Logs from this number on hold what was paged out of transient queues: they are dropped at start. */
const SPILL_LOGS_FROM = 0x8000_0000

/** Seconds until the numbers come round. */
const SPILL_STARTS = 0x4000_0000

export interface BrokerSettings {
  /** Octets of messages that may stay in memory where a store can take the rest. */
  readonly messageMemoryBytes: number
}

export class Broker {
  readonly vhosts = new Map<string, Vhost>()
  readonly clock: Clock
  readonly turn: Turn
  readonly commit: GroupCommit
  private readonly storage: Storage
  private readonly topology: TopologyStore
  private readonly pager: Pager
  private nextSpill: number

  constructor(storage: Storage, commit: GroupCommit, clock: Clock, settings: BrokerSettings) {
    this.storage = storage
    this.commit = commit
    this.clock = clock
    this.turn = new Turn(clock, () => commit.turnEnd())
    this.topology = new TopologyStore(storage, commit)
    this.pager = new Pager(settings.messageMemoryBytes, commit)
    // What an earlier run has paged out may still be on its way off the disk: its numbers are not used again.
    this.nextSpill = SPILL_LOGS_FROM + (Math.floor(clock.now() / 1000) % SPILL_STARTS)
  }

  /** Brings back what the store holds; a new store gets the vhost `/`. */
  load(): void {
    this.commit.write({ op: 'drop-logs', from: SPILL_LOGS_FROM })
    for (const name of this.topology.vhosts()) this.vhosts.set(name, new Vhost(name, this.topology))
    if (this.vhosts.size === 0) this.addVhost('/')
    for (const x of this.topology.exchanges()) {
      const routing = exchangeRouting(x.type)
      if (routing !== undefined) this.vhosts.get(x.vhost)?.restoreExchange(x, routing)
    }
    for (const q of this.topology.queues()) {
      const vhost = this.vhosts.get(q.vhost)
      if (vhost === undefined) continue
      const info = { ...q, durable: true, exclusive: false, kind: queueKind(q.kind) ?? classic }
      const queue = this.makeQueue(vhost, info, undefined, q.log)
      vhost.restoreQueue(queue)
      queue.restore()
    }
    for (const b of this.topology.bindings()) {
      const vhost = this.vhosts.get(b.vhost)
      const source = vhost?.exchanges.get(b.source)
      const ends: Map<string, Destination> | undefined =
        b.destinationType === 'queue' ? vhost?.queues : vhost?.exchanges
      const destination = ends?.get(b.destination)
      if (source !== undefined && destination !== undefined)
        vhost?.restoreBinding({
          source,
          destination,
          routingKey: b.routingKey,
          arguments: b.arguments,
          durable: true,
        })
    }
  }

  addVhost(name: string): Vhost {
    const existing = this.vhosts.get(name)
    if (existing !== undefined) return existing
    const v = new Vhost(name, this.topology)
    this.vhosts.set(name, v)
    this.topology.vhostAdded(name)
    return v
  }

  /** Makes a queue that does not exist yet; whoever calls has checked everything. */
  createQueue(vhost: Vhost, wanted: QueueInfo, owner: object | undefined): WorkQueue {
    // An exclusive queue ends with its connection, so there is nothing to keep.
    const durable = wanted.durable && !wanted.exclusive
    const levels = levelsOf(wanted)
    const log = durable && this.commit.keeps ? this.topology.nextLog(levels) : undefined
    const queue = this.makeQueue(vhost, { ...wanted, durable }, owner, log)
    vhost.addQueue(queue)
    return queue
  }

  /** The queue behind a requester's direct reply-to; it goes with its one consumer. */
  createReplyQueue(vhost: Vhost, name: string, owner: object): WorkQueue {
    const args = FieldTable.empty
    const info = { name, durable: false, exclusive: true, autoDelete: true, kind: classic, arguments: args }
    const queue = this.makeQueue(vhost, info, owner, undefined, (q) => vhost.removeReplyQueue(q))
    vhost.addReplyQueue(queue)
    return queue
  }

  private openLog(id: number): QueueLog {
    return new QueueLog(id, this.commit, this.storage)
  }

  private makeQueue(
    vhost: Vhost,
    info: QueueInfo,
    owner: object | undefined,
    log: number | undefined,
    remove = (q: WorkQueue): void => void vhost.removeQueue(q),
  ): WorkQueue {
    const env: QueueEnvironment = {
      clock: this.clock,
      turn: this.turn,
      deadLetter: (q, content, reason) => deadLetter(vhost, q, content, reason, this.turn.now()),
      remove,
    }
    const contents = { order: this.makeOrder(levelsOf(info), log), log }
    return new WorkQueue(info, effectiveSettings(info.arguments, info.kind), owner, contents, env)
  }

  /** @param firstLog the logs of the levels are numbered from there */
  private makeOrder(levels: number, firstLog: number | undefined): MessageOrder {
    const chain = (level: number): Chain => {
      const log = firstLog === undefined ? undefined : this.openLog(firstLog + level)
      return new Chain(log, this.pager, () => this.openLog(this.nextSpill++))
    }
    return levels === 1
      ? chain(0)
      : new Priorities(Array.from({ length: levels }, (_, level) => chain(level)))
  }

  /** Octets of messages in memory. */
  get residentBytes(): number {
    return this.pager.resident
  }

  /** Octets of messages that may be in memory before anything is paged out. */
  get memoryBytes(): number {
    return this.pager.budget
  }

  /** More is coming in than the disk takes: publishers have to wait for the next flush. */
  get overloaded(): boolean {
    return (
      this.commit.busy &&
      (this.commit.pendingBytes > COMMIT_BYTES_MAX || this.pager.excess > COMMIT_BYTES_MAX)
    )
  }

  /** Stops all timers; what is stored stays. */
  stop(): void {
    for (const v of this.vhosts.values()) for (const q of v.queues.values()) q.stop()
  }
}

function levelsOf(info: QueueInfo): number {
  return effectiveSettings(info.arguments, info.kind).maxPriority + 1
}
