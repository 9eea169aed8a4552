/**
 * Which node is the active one, as one node sees it: a state machine without sockets and clocks. It is told the time, what
 * the log says and what other nodes call, and answers what is to be done.
 *
 * Who may write is decided by the log alone. What is decided here is who may serve clients. The active node may for a
 * while after it has appended a record that it has read back with its epoch still current (`lease`). Who takes over waits
 * until that while is over for sure: counted from when the former one's last record was read, which is later than when it
 * was appended. So two nodes never serve at once, whatever the network does; clocks need only run at about the same speed.
 */
import type { Heartbeat, NodeState } from './heartbeat.ts'
import type { Place } from './ledger.ts'

/** The active node may serve for this part of `failoverAfterMs`. */
const LEASE_SHARE = 0.7
/** Of the same: how long a call counts. */
const HEARD_SHARE = 1
/** A node that opens its broker may be silent so many times longer. */
const OPENING_FACTOR = 10
/** Of the same: how long clients of a node that is cut off wait for it. */
const CUT_OFF_FACTOR = 2
/** ms between the first and the next node that may take over. */
const RANK_MS = 150
/** ms until the log is begun, so that the nodes have heard each other. */
const BEGIN_MS = 700
/** ms after which a claim that was not decided is repeated. */
const CLAIM_MS = 1000
/** ms for which an active node may be fenced, though it can be heard, until another one tries. */
const FENCED_MS_MAX = 15_000

export interface RolesOptions {
  readonly node: string
  /** Of the node: another one after a restart. */
  readonly run: string
  readonly failoverAfterMs: number
}

/** As the log says it. */
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
  /** Another node is active: close the broker, if there is one. */
  | { readonly do: 'deactivate'; readonly owner: string }

interface Known {
  readonly heartbeat: Heartbeat
  readonly at: number
}

export class Roles {
  epoch = 0
  owner = ''
  /** Since when the active node says that it is fenced. */
  private fencedSince: number | undefined
  private readonly node: string
  private readonly run: string
  /** The owner is this node in this run. */
  private isMine = false
  /** What this node has begun in epochs up to this one has ended, also where it reads once more that it has begun. */
  private over = 0
  private readonly failoverAfterMs: number
  private readonly known = new Map<string, Known>()
  /** The active node was last seen to be so. */
  private ownerSeen: number
  /** The last record of the current epoch was read. */
  private recordRead: number
  private claimedAt = Number.NEGATIVE_INFINITY
  private leaseEnd = Number.NEGATIVE_INFINITY
  /** This node is the owner, and was not told yet to open; from when on it may. */
  private activateAt: number | undefined
  private formerOwner = ''
  /** Its own calls come back. */
  private echoAt = Number.NEGATIVE_INFINITY
  private silentSince: number
  /** Not while the store is still being copied. */
  mayClaim = false
  /** Batches in this node's store. */
  applied = 0
  private active = false
  private activeSince = Number.NEGATIVE_INFINITY

  constructor({ node, run, failoverAfterMs }: RolesOptions, now: number) {
    this.node = node
    this.run = run
    this.failoverAfterMs = failoverAfterMs
    this.ownerSeen = this.recordRead = this.silentSince = now
  }

  /** Where the reading of the log begins. */
  begin({ epoch, owner, number }: Place, now: number): void {
    this.end()
    this.epoch = epoch
    this.owner = owner
    this.applied = number
    this.activateAt = undefined
    this.leaseEnd = Number.NEGATIVE_INFINITY
    this.claimedAt = Number.NEGATIVE_INFINITY
    this.ownerSeen = this.recordRead = now
  }

  /** Records that are still on their way could count as written by whoever goes on in the same epoch: it takes a new one. */
  private end(): void {
    if (this.isMine) this.over = Math.max(this.over, this.epoch)
    this.isMine = false
    this.active = false
  }

  /** Clients may be served. */
  mayServe(now: number): boolean {
    return this.active && now < this.leaseEnd
  }

  get isOwner(): boolean {
    return this.active
  }

  /** A record of this node's epoch was read back that it had appended at that time. */
  renewed(sentAt: number): void {
    if (!this.isMine) return
    this.leaseEnd = Math.max(this.leaseEnd, sentAt + this.failoverAfterMs * LEASE_SHARE)
  }

  /** A record of the current epoch was read. */
  recordSeen(now: number): void {
    this.recordRead = now
  }

  /** The log says that there is a new owner. */
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
      // A node that hands over has stopped serving before.
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
    // The former owner knows of its end.
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

  /** What was heard last of the others; `at` in the time that `heard` was told. */
  get others(): ReadonlyMap<string, Known> {
    return this.known
  }

  /** It can neither show that it is the active one nor hear anybody: whoever waits for it waits in vain. */
  isCutOff(now: number): boolean {
    const served = Math.max(this.leaseEnd, this.activeSince)
    if (!this.active || now - served <= this.failoverAfterMs * CUT_OFF_FACTOR) return false
    return this.isDeaf(now) || this.isAlone(now)
  }

  /** None of those that it knows can be heard: its server may be cut off from the others. */
  private isAlone(now: number): boolean {
    return this.known.size > 0 && this.heardNow(now).length === 0
  }

  /** It is not the active one any more, whatever the log says: it would have to take over again. */
  giveUp(): void {
    this.end()
  }

  /** What was heard of those that can be heard. */
  heardNow(now: number): Heartbeat[] {
    return [...this.known.values()].map((k) => k.heartbeat).filter((h) => this.isAlive(h.node, now))
  }

  isAlive(node: string, now: number): boolean {
    const k = this.known.get(node)
    return k !== undefined && now - k.at <= this.failoverAfterMs * HEARD_SHARE
  }

  /** Its own calls do not come back: what is not heard says nothing then. */
  isDeaf(now: number): boolean {
    return now - this.echoAt > this.failoverAfterMs * LEASE_SHARE
  }

  /** To be called often. */
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
    // What an earlier run of this node had is free.
    if (this.owner === this.node) return true
    const silence = now - Math.max(this.ownerSeen, this.silentSince)
    // Where nobody has begun the log, nobody can be taken anything from.
    const enough = this.epoch === 0 ? Math.min(this.failoverAfterMs, BEGIN_MS) : this.failoverAfterMs
    return silence >= enough + rank
  }

  /** Who has applied most is first. */
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
