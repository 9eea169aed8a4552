/**
 * Which node is active, from one node's point of view: a state machine without sockets or clocks. Its input is the
 * time, the records of the log and the heartbeats of other nodes; its output is the actions to take.
 *
 * The log alone decides which node may write. This class decides which node may serve clients. The active node may
 * serve for a limited time (the lease) after it appended a record that it has read back with its epoch still current. A
 * node that takes over waits until that time has certainly passed: it counts from when the former owner's last record
 * was read, which is later than when it was appended. So two nodes never serve at once, whatever the network does;
 * clocks only have to run at about the same speed.
 */
import type { Heartbeat, NodeState } from './heartbeat.ts'
import type { Place } from './ledger.ts'

/** The active node may serve for this share of `failoverAfterMs`. */
const LEASE_SHARE = 0.7
/** How long a heartbeat counts, as a share of `failoverAfterMs`. */
const HEARD_SHARE = 1
/** A node that is opening its broker may be silent this many times longer. */
const OPENING_FACTOR = 10
/** How long the clients of a node that is cut off wait for it, as a multiple of `failoverAfterMs`. */
const CUT_OFF_FACTOR = 2
/** ms between the takeover attempts of a node and of the next one in rank. */
const RANK_MS = 150
/** ms to wait before the log is begun, so that the nodes have received each other's heartbeats. */
const BEGIN_MS = 700
/** ms after which an undecided claim is repeated. */
const CLAIM_MS = 1000
/** ms for which an active node whose heartbeats arrive may be fenced before another node tries to take over. */
const FENCED_MS_MAX = 15_000

export interface RolesOptions {
  readonly node: string
  /** Run of the node: changes with a restart. */
  readonly run: string
  readonly failoverAfterMs: number
}

/** A new owner, as recorded in the log. */
export interface NewOwner {
  readonly epoch: number
  readonly node: string
  readonly run: string
  readonly by: string
}

export type RoleAction =
  /** Append the record that takes over from that epoch. */
  | { readonly do: 'claim'; readonly epoch: number }
  /** Open the broker. */
  | { readonly do: 'activate'; readonly epoch: number }
  /** Another node is active: close the broker, if it is open. */
  | { readonly do: 'deactivate'; readonly owner: string }

interface Known {
  readonly heartbeat: Heartbeat
  readonly at: number
}

export class Roles {
  epoch = 0
  owner = ''
  /** Since when the active node has reported that it is fenced. */
  private fencedSince: number | undefined
  private readonly node: string
  private readonly run: string
  /** Whether the owner is this node in its current run. */
  private isMine = false
  /** Epochs of this node up to this one have ended, even if their beginnings are read again. */
  private over = 0
  private readonly failoverAfterMs: number
  private readonly known = new Map<string, Known>()
  /** When the active node was last seen to be active. */
  private ownerSeen: number
  /** When the last record of the current epoch was read. */
  private recordRead: number
  private claimedAt = Number.NEGATIVE_INFINITY
  private leaseEnd = Number.NEGATIVE_INFINITY
  /**
   * Set while this node is the owner but has not yet been told to open its broker: the time from which it may open it.
   */
  private activateAt: number | undefined
  private formerOwner = ''
  /** When this node's own heartbeats last came back. */
  private echoAt = Number.NEGATIVE_INFINITY
  private silentSince: number
  /** False while the store is still being copied. */
  mayClaim = false
  /** Number of batches in this node's store. */
  applied = 0
  private active = false
  private activeSince = Number.NEGATIVE_INFINITY

  constructor({ node, run, failoverAfterMs }: RolesOptions, now: number) {
    this.node = node
    this.run = run
    this.failoverAfterMs = failoverAfterMs
    this.ownerSeen = this.recordRead = this.silentSince = now
  }

  /** Sets where reading of the log begins. @param isNew whether it is another log, whose epochs are counted anew */
  begin({ epoch, owner, number }: Place, now: number, isNew = false): void {
    this.end()
    if (isNew) this.over = 0
    this.epoch = epoch
    this.owner = owner
    this.applied = number
    this.activateAt = undefined
    this.leaseEnd = Number.NEGATIVE_INFINITY
    this.claimedAt = Number.NEGATIVE_INFINITY
    this.fencedSince = undefined
    this.ownerSeen = this.recordRead = now
  }

  /**
   * Ends this node's ownership. To continue, it needs a new epoch: in the same epoch, records that are still in flight
   * could count as its own.
   */
  private end(): void {
    if (this.isMine) this.over = Math.max(this.over, this.epoch)
    this.isMine = false
    this.active = false
  }

  /** Whether clients may be served. */
  mayServe(now: number): boolean {
    return this.active && now < this.leaseEnd
  }

  get isOwner(): boolean {
    return this.active
  }

  /** Called when a record of this node's epoch, appended at that time, was read back. */
  renewed(sentAt: number): void {
    if (!this.isMine) return
    this.leaseEnd = Math.max(this.leaseEnd, sentAt + this.failoverAfterMs * LEASE_SHARE)
  }

  /** Called when a record of the current epoch was read. */
  recordSeen(now: number): void {
    this.recordRead = now
  }

  /** Called when the log names a new owner. */
  tookOver({ epoch, node, run, by }: NewOwner, now: number): RoleAction[] {
    const former = this.owner
    const wasActive = this.active
    this.end()
    this.epoch = epoch
    this.owner = node
    this.ownerSeen = now
    this.fencedSince = undefined
    this.activateAt = undefined
    this.leaseEnd = Number.NEGATIVE_INFINITY
    const actions: RoleAction[] = wasActive ? [{ do: 'deactivate', owner: node }] : []
    this.isMine = node === this.node && run === this.run && epoch > this.over
    if (this.isMine) {
      // A node that hands over has stopped serving beforehand.
      const alone = former === '' || former === this.node || by === former
      this.formerOwner = former
      this.activateAt = alone ? now : this.recordRead + this.failoverAfterMs
    }
    this.recordRead = now
    return [...actions, ...this.activation(now)]
  }

  private activation(now: number): RoleAction[] {
    if (this.activateAt === undefined || now < this.activateAt) return []
    this.activateAt = undefined
    this.active = true
    this.activeSince = now
    return [{ do: 'activate', epoch: this.epoch }]
  }

  heard(heartbeat: Heartbeat, now: number): RoleAction[] {
    const { node, state, epoch } = heartbeat
    if (node === this.node) {
      this.echoAt = now
      return []
    }
    this.known.set(node, { heartbeat, at: now })
    if (node === this.owner && epoch >= this.epoch && isActive(state)) this.ownerHeard(state, now)
    // The former owner knows that its epoch has ended, so there is nothing to wait for.
    if (node === this.formerOwner && epoch >= this.epoch && !isActive(state) && this.activateAt !== undefined)
      this.activateAt = now
    return this.activation(now)
  }

  private ownerHeard(state: NodeState, now: number): void {
    this.ownerSeen = state === 'opening' ? now + this.failoverAfterMs * (OPENING_FACTOR - 1) : now
    if (state === 'fenced') this.fencedSince ??= now
    else this.fencedSince = undefined
  }

  forget(node: string): void {
    this.known.delete(node)
  }

  /** The last heartbeats of other nodes; `at` is the time that was passed to `heard`. */
  get others(): ReadonlyMap<string, Known> {
    return this.known
  }

  /** Whether this node can neither prove that it is active nor receive heartbeats: its clients wait in vain. */
  isCutOff(now: number): boolean {
    const served = Math.max(this.leaseEnd, this.activeSince)
    if (!this.active || now - served <= this.failoverAfterMs * CUT_OFF_FACTOR) return false
    return this.isDeaf(now) || this.isAlone(now)
  }

  /** Whether no heartbeats of known nodes arrive: this node's server may be cut off from the others. */
  private isAlone(now: number): boolean {
    return this.known.size > 0 && this.heardNow(now).length === 0
  }

  /** Ends this node's ownership, whatever the log says: it would have to take over again. */
  giveUp(): void {
    this.end()
  }

  /** The last heartbeats of the nodes that are alive. */
  heardNow(now: number): Heartbeat[] {
    return [...this.known.values()].map((k) => k.heartbeat).filter((h) => this.isAlive(h.node, now))
  }

  isAlive(node: string, now: number): boolean {
    const k = this.known.get(node)
    return k !== undefined && now - k.at <= this.failoverAfterMs * HEARD_SHARE
  }

  /** Whether this node's own heartbeats do not come back, so that the silence of other nodes means nothing. */
  isDeaf(now: number): boolean {
    return now - this.echoAt > this.failoverAfterMs * LEASE_SHARE
  }

  /** Returns the actions that are due. Must be called often. */
  tick(now: number): RoleAction[] {
    if (this.isDeaf(now)) this.silentSince = now
    const actions = this.activation(now)
    if (actions.length > 0) return actions
    if (!this.wantsToClaim(now)) return []
    this.claimedAt = now
    return [{ do: 'claim', epoch: this.epoch }]
  }

  private wantsToClaim(now: number): boolean {
    if (!this.mayClaim || this.active || this.activateAt !== undefined || this.isDeaf(now)) return false
    const rank = this.rank(now) * RANK_MS
    if (now - this.claimedAt < CLAIM_MS + rank) return false
    if (this.fencedSince !== undefined && now - this.fencedSince >= FENCED_MS_MAX + rank) return true
    // An epoch that an earlier run of this node owned may be taken over at once.
    if (this.owner === this.node) return true
    const silence = now - Math.max(this.ownerSeen, this.silentSince)
    // Whoever begins the log keeps what it has, and nothing that others have beyond that.
    if (this.epoch === 0 && this.heardNow(now).some((h) => h.applied > this.applied)) return false
    // Before the log is begun, there is no owner to take over from.
    const enough = this.epoch === 0 ? Math.min(this.failoverAfterMs, BEGIN_MS) : this.failoverAfterMs
    return silence >= enough + rank
  }

  /** This node's rank in a takeover: the node that has applied the most comes first. */
  private rank(now: number): number {
    let rank = 0
    for (const [node, { heartbeat }] of this.known) {
      if (!this.isAlive(node, now) || heartbeat.state !== 'standby' || node === this.owner) continue
      if (heartbeat.applied > this.applied || (heartbeat.applied === this.applied && node < this.node)) rank++
    }
    return rank
  }
}

function isActive(state: NodeState): boolean {
  return state === 'serving' || state === 'opening' || state === 'fenced'
}
