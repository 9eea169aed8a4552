/**
 * Trims the log on the active node: removes what all nodes have on their disks and, if the log becomes too long, also
 * what an absent node would need. The list of nodes is part of the replicated data: every node whose heartbeats have
 * arrived, until it is explicitly forgotten.
 */

import type { GroupCommit } from '../storage/batch.ts'
import type { Clock, Timer } from '../util/clock.ts'
import type { Logger } from '../util/logger.ts'
import type { Engine, LogBounds } from './engine.ts'
import type { Heartbeat } from './heartbeat.ts'
import type { Member } from './member.ts'

const LOOK_MS = 1000
/** Minimum number of records that are removed at once. */
const RECORDS_MIN = 200
/** Prefix of keys in the replicated data, each of which holds what is known of one node. */
const NODE_PREFIX = 'cluster-node:'
/** Maximum number of nodes that are remembered. */
const NODES_MAX = 64

export interface KnownNode {
  readonly node: string
  readonly host: string
}

export interface TrimmingOptions {
  readonly member: Member
  readonly engine: Engine
  readonly clock: Clock
  readonly logger: Logger
  readonly logBytesMax: number
  /** The group commit of the broker that is open here; undefined if none is. */
  readonly commit: () => GroupCommit | undefined
}

export class Trimming {
  /** As of the last request; without a leader and other servers if the engine did not answer. */
  bounds: LogBounds | undefined
  private readonly options: TrimmingOptions
  private timer: Timer | undefined
  private stopped = false
  /** Nodes and their hosts that have been stored through the broker that is open here. */
  private told = new Map<string, string>()
  private toldTo: GroupCommit | undefined

  constructor(options: TrimmingOptions) {
    this.options = options
  }

  start(): void {
    this.timer = this.options.clock.after(LOOK_MS, () => {
      this.look()
        .catch(() => {
          // The next attempt may reach the engine. Until then, nothing is known of its servers.
          if (this.bounds !== undefined) this.bounds = { ...this.bounds, leader: '', replicas: [] }
        })
        .finally(() => {
          if (!this.stopped) this.start()
        })
    })
  }

  stop(): void {
    this.stopped = true
    this.timer?.cancel()
  }

  /** All nodes that are remembered, as far as this node's store has them. */
  get known(): KnownNode[] {
    const { session } = this.options.member
    const found =
      session === undefined || this.options.member.state === 'joining'
        ? []
        : [...session.store.scan(NODE_PREFIX)]
    const nodes = new Map(
      this.toldTo === undefined ? [] : [...this.told].map(([node, host]) => [node, { node, host }]),
    )
    for (const { key, value } of found) {
      const node = key.slice(NODE_PREFIX.length)
      if (this.toldTo !== undefined && !this.told.has(node)) continue
      nodes.set(node, { node, host: Buffer.from(value).toString() })
    }
    return [...nodes.values()]
  }

  private async look(): Promise<void> {
    const { member, engine } = this.options
    if (member.session === undefined) return
    this.bounds = await engine.bounds()
    // Of a log that has replaced the one that is followed here, nothing may be removed: the places in it are others.
    if (member.session?.log !== this.bounds.identity) return
    if (member.state !== 'serving') {
      this.toldTo = undefined
      return
    }
    this.remember()
    await this.trim(this.bounds)
  }

  /** Stores the nodes whose heartbeats arrive. */
  private remember(): void {
    const commit = this.options.commit()
    if (commit === undefined) return
    if (this.toldTo !== commit) {
      this.told = new Map(this.known.map((k) => [k.node, k.host]))
      this.toldTo = commit
    }
    for (const { node, host } of this.heard) {
      if (this.told.get(node) === host || this.told.size >= NODES_MAX) continue
      this.told.set(node, host)
      commit.put(NODE_PREFIX + node, Buffer.from(host))
    }
  }

  private get heard(): Heartbeat[] {
    const { member, clock } = this.options
    return [...member.roles.heardNow(clock.elapsed()), member.heartbeat]
  }

  /**
   * Forgets a node; resolves when that is durable.
   * @throws Error if this is not the active node, or if that node is alive; Abandoned if it may not have become durable
   */
  async forget(node: string): Promise<void> {
    const commit = this.options.commit()
    if (commit === undefined) throw new Error('this node is not the active one')
    this.remember()
    if (this.heard.some((h) => h.node === node)) throw new Error(`node ${node} is running: stop it first`)
    if (!this.told.has(node)) throw new Error(`there is no node ${node}`)
    this.told.delete(node)
    this.options.member.roles.forget(node)
    commit.delete(NODE_PREFIX + node)
    await commit.flush()
  }

  private async trim({ first, bytes }: LogBounds): Promise<void> {
    const { engine, logBytesMax, logger, member } = this.options
    const { heard } = this
    let needed = Math.min(...heard.map((h) => h.sequence)) + 1
    for (const { node } of this.known)
      if (!heard.some((h) => h.node === node)) {
        // Of an absent node, only its last heartbeat is known.
        const last = member.roles.others.get(node)?.heartbeat.sequence
        needed = Math.min(needed, last === undefined ? first : last + 1)
      }
    if (bytes > logBytesMax) {
      const ready = heard.filter((h) => h.state !== 'joining')
      needed = Math.max(needed, Math.min(...ready.map((h) => h.sequence)) + 1)
      logger.warn(
        { octets: bytes },
        'the log is too long for a node that is away: it will have to copy the data of another one',
      )
    }
    if (needed - first >= RECORDS_MIN) await engine.purge(needed)
  }
}
