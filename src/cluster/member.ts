/**
 * A node of a cluster: follows the shared log, exchanges messages with other nodes, and opens and closes the broker as
 * its role changes. Sessions (session.ts) follow one another; whatever changes the broker runs in sequence (`steps`).
 */
import { Beats } from './beats.ts'
import { Calls } from './calls.ts'
import { HAND_OVER_MS, leaveToStandby, switchTo } from './hand-over.ts'
import type { Heartbeat, NodeState } from './heartbeat.ts'
import { Joining } from './join.ts'
import type { Reading } from './ledger.ts'
import type { MemberOptions } from './member-options.ts'
import { encodeOwn } from './record.ts'
import { startOfStore } from './replica-store.ts'
import { type RoleAction, Roles } from './roles.ts'
import { Session } from './session.ts'

const TICK_MS = 50
/** Interval of beats (active node) and heartbeats (all nodes): in ms, and as a maximum share of `failoverAfterMs`. */
const BEAT_MS = 200
const BEAT_SHARE = 0.2

export class Member {
  readonly roles: Roles
  state: NodeState = 'joining'
  session: Session | undefined
  /** Takeovers by any node since this node was started. */
  takeovers = 0
  /** Why the node does not follow the log at the moment. */
  problem: string | undefined
  private readonly options: MemberOptions
  private readonly calls: Calls
  private readonly beats: Beats
  private readonly joining: Joining
  private stopListening: () => void = () => {}
  private lastCall = Number.NEGATIVE_INFINITY
  private steps: Promise<void> = Promise.resolve()
  private brokerOpen = false
  /** Whether the node is handing over; it no longer serves clients then. */
  private leaving = false
  private fenced = true
  private closed = false
  /** Whether a new session is due. */
  private ending = true
  private log = ''

  constructor(options: MemberOptions) {
    this.options = options
    const { node, run, failoverAfterMs, clock, secret, engine, stores, logger, copy } = options
    this.roles = new Roles({ node, run, failoverAfterMs }, clock.elapsed())
    this.calls = new Calls(engine, clock, secret, `${node}-${run}`)
    this.beats = new Beats(engine, clock)
    this.joining = new Joining({
      engine,
      clock,
      stores,
      logger,
      copy,
      sources: () => this.roles.heardNow(this.now).filter((h) => h.state !== 'joining'),
      problem: (text) => {
        this.problem = text
      },
    })
  }

  /** Starts the node, which runs on its own from here. */
  start(): void {
    this.stopListening = this.calls.listen({
      heard: (heartbeat) => this.heard(heartbeat),
      promote: (node) => (this.roles.isOwner ? this.handOver(node) : undefined),
    })
    this.tick()
    this.step(() => this.newSession())
  }

  private get now(): number {
    return this.options.clock.elapsed()
  }

  /** Whether clients may be served at this moment. */
  get mayServe(): boolean {
    return this.roles.mayServe(this.now) && !this.leaving
  }

  /** Runs work in sequence; an error ends the node. */
  private step(work: () => Promise<void>): void {
    this.steps = this.steps
      .then(() => (this.closed ? undefined : work()))
      .catch((error) => {
        if (!this.closed) this.fail(error as Error)
      })
  }

  private fail(error: Error): void {
    this.problem = error.message
    this.options.host.failed(error)
  }

  // --- sessions ---

  private async newSession(): Promise<void> {
    this.state = 'joining'
    this.roles.mayClaim = false
    await this.session?.close()
    this.session = undefined
    const joined = await this.joining.join()
    if (joined === undefined) return
    const { store, place, log } = joined
    const { engine, clock } = this.options
    this.roles.begin(place, this.now, log !== this.log)
    const session = new Session({
      store,
      engine,
      clock,
      place,
      log,
      renewed: (sentAt) => this.roles.renewed(sentAt),
      listener: {
        read: (reading) => this.read(reading),
        // Joining finds out why, and copies the data of another node if this one has missed records.
        gone: () => this.endSession('reads the log anew'),
        failed: (error) => this.fail(error),
      },
    })
    this.session = session
    this.log = log
    this.ending = false
    this.leaving = false
    this.state = 'standby'
    this.roles.mayClaim = true
    this.call()
    session.start()
  }

  /** Requests a copy of another node's store, unless that would discard data that only this node has. */
  private copyAnew(demand: () => void): void {
    try {
      demand()
    } catch (error) {
      this.fail(error as Error)
      return
    }
    this.endSession('copies the data of another node')
  }

  /** Closes the broker, if it is open, and begins a new session. */
  private endSession(reason: string): void {
    if (this.ending) return
    this.ending = true
    this.roles.mayClaim = false
    this.session?.endWriting()
    this.step(async () => {
      this.state = 'joining'
      if (this.brokerOpen) {
        this.brokerOpen = false
        await this.options.host.depose(reason)
      }
      await this.newSession()
    })
  }

  // --- the log ---

  private read(reading: Reading): void {
    const { now } = this
    switch (reading.what) {
      case 'batch':
      case 'part':
        this.roles.applied = this.session?.ledger.number ?? 0
        this.roles.recordSeen(now)
        this.checkFence()
        break
      case 'beat':
        this.roles.recordSeen(now)
        this.beatRead(reading.number)
        break
      case 'owner':
        this.takeovers++
        this.options.logger.info({ active: reading.node, epoch: reading.epoch }, 'a node takes over')
        this.beats.forget()
        this.act(this.roles.tookOver(reading, now))
        break
      case 'apart':
        this.copyAnew(() => this.joining.demandApart(this.session?.begin ?? startOfStore, reading, this.log))
        break
      case 'nothing':
        break
      default:
        reading satisfies never
    }
  }

  private beatRead(number: number): void {
    if (!this.roles.isOwner) return
    const sentAt = this.beats.readBack(number)
    if (sentAt === undefined) return
    this.roles.renewed(sentAt)
    this.checkFence()
  }

  private act(actions: readonly RoleAction[]): void {
    for (const action of actions)
      switch (action.do) {
        case 'claim':
          this.claim(action.epoch, this.options.node)
          break
        case 'activate':
          this.activate(action.epoch)
          break
        case 'deactivate':
          this.options.logger.warn({ active: action.owner }, 'this node is no longer active')
          this.endSession(`node ${action.owner} is active now`)
          break
        default:
          action satisfies never
      }
  }

  private claim(epoch: number, node: string): void {
    const { engine, node: by, logger } = this.options
    logger.info({ epoch, node }, 'claiming the log')
    const run = node === by ? this.options.run : this.roles.others.get(node)?.heartbeat.run
    if (run === undefined) return
    const number = this.session?.ledger.number ?? 0
    engine.append(encodeOwn({ epoch, number, node, run, by })).catch((error) => {
      logger.warn({ err: (error as Error).message }, 'the claim was not answered')
    })
  }

  private activate(epoch: number): void {
    this.state = 'opening'
    this.beats.forget()
    this.beats.beat(epoch, 0)
    this.call()
    // Meanwhile another node may have taken over, or this one may have given up.
    const stillOwner = (): boolean => this.roles.epoch === epoch && this.roles.isOwner && !this.ending
    this.step(async () => {
      const { session } = this
      if (session === undefined || !stillOwner()) return
      const storage = await session.openStorage(epoch)
      try {
        await this.options.host.open(storage)
      } catch (error) {
        if (stillOwner()) throw error
        return
      }
      this.brokerOpen = true
      if (!stillOwner()) return
      this.state = 'serving'
      this.fenced = !this.mayServe
      this.options.host.fence(this.fenced)
      this.call()
    })
  }

  // --- time ---

  private tick(): void {
    if (this.closed) return
    const { clock, failoverAfterMs } = this.options
    clock.after(TICK_MS, () => this.tick())
    const { now } = this
    const every = Math.min(BEAT_MS, failoverAfterMs * BEAT_SHARE)
    if (this.roles.isOwner) this.beats.beat(this.roles.epoch, every)
    if (now - this.lastCall >= every) this.call()
    this.act(this.roles.tick(now))
    this.checkFence()
    if (this.roles.isCutOff(now)) this.giveUp('this node is cut off from the cluster')
  }

  /** Notifies clients, so that they connect to another node, and begins a new session. */
  private giveUp(reason: string): void {
    this.options.logger.warn({ why: reason }, 'this node gives up being active')
    this.roles.giveUp()
    this.endSession(reason)
  }

  private checkFence(): void {
    if (this.state !== 'serving' && this.state !== 'fenced') return
    const fenced = !this.mayServe
    if (fenced === this.fenced) return
    this.fenced = fenced
    this.state = fenced ? 'fenced' : 'serving'
    if (!this.leaving)
      this.options.logger.warn(
        {},
        fenced ? 'the log does not answer: nobody is served' : 'the log answers again',
      )
    this.options.host.fence(fenced)
    this.call()
  }

  // --- calls ---

  get heartbeat(): Heartbeat {
    const { session } = this
    const { node, run, about } = this.options
    return {
      kind: 'heartbeat',
      node,
      run,
      state: this.state,
      epoch: this.roles.epoch,
      applied: session?.ledger.number ?? this.roles.applied,
      flushed: session?.flushed.number ?? 0,
      sequence: session?.flushed.sequence ?? 0,
      ...about(),
    }
  }

  private call(): void {
    this.lastCall = this.now
    this.calls.say(this.heartbeat)
  }

  private heard(heartbeat: Heartbeat): void {
    const { node, run } = this.options
    if (this.closed) return
    if (heartbeat.node === node && heartbeat.run !== run) {
      if (heartbeat.startedAt < this.options.about().startedAt && this.state === 'joining')
        this.fail(
          new Error(
            `another node of the cluster is called ${node}, at ${heartbeat.host}: give each a name of its own`,
          ),
        )
      return
    }
    this.options.onHeard?.(heartbeat)
    this.act(this.roles.heard(heartbeat, this.now))
  }

  // --- planned switch ---

  /** Makes that node the active one, or asks the active node to do so. @throws Error with the reason if that fails */
  async promote(node: string): Promise<void> {
    if (this.roles.isOwner) await this.handOver(node)
    else if (this.roles.owner === node) throw new Error(`node ${node} is the active one`)
    else await this.calls.promote(node, HAND_OVER_MS + 1000)
  }

  private async handOver(node: string): Promise<void> {
    const { clock, host, node: self } = this.options
    if (this.state !== 'serving' || this.leaving)
      throw new Error('the active node is busy with a change of roles')
    await switchTo(node, {
      self,
      roles: this.roles,
      clock,
      settle: () => host.settle(),
      serve: (serves) => {
        this.leaving = !serves
        this.checkFence()
      },
      giveUp: (reason) => this.giveUp(reason),
      claim: (epoch, next) => this.claim(epoch, next),
    })
  }

  /** Ends the node as if the process had ended. */
  async kill(): Promise<void> {
    this.closed = true
    this.stopListening()
    this.joining.stop()
    this.session?.endWriting()
    this.options.host.cutOff()
    await this.steps
    if (this.brokerOpen) await this.options.host.depose('killed')
    this.brokerOpen = false
    await this.session?.close()
    this.session = undefined
  }

  /** Closes the broker, if it is open, and the store. Another node takes over, if there is one. */
  async close(): Promise<void> {
    if (this.closed) return
    this.joining.stop()
    const closing = this.steps.then(() => this.closeAll())
    this.steps = closing.catch(() => {})
    await closing
  }

  private async closeAll(): Promise<void> {
    const { host, clock } = this.options
    this.leaving = true
    try {
      if (this.brokerOpen) {
        this.brokerOpen = false
        await host.close()
        await leaveToStandby(this.roles, clock, (epoch, next) => this.claim(epoch, next))
      }
    } finally {
      this.closed = true
      this.stopListening()
      await this.session?.close()
      this.session = undefined
    }
  }
}
