/** The cluster as this node sees it, for the HTTP API, the metrics and the command line. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { ClusterSettings } from '../config/cluster-settings.ts'
import type { ClusterNodeStatus, ClusterStatus, ClusterView } from '../management/cluster-view.ts'
import type { Clock } from '../util/clock.ts'
import type { Engine } from './engine.ts'
import { Forwarding, type ForwardingParts } from './forwarding.ts'
import type { Heartbeat } from './heartbeat.ts'
import type { Member } from './member.ts'
import type { Relay } from './relay.ts'
import type { Trimming } from './trimming.ts'

export interface ViewParts extends ForwardingParts {
  readonly settings: ClusterSettings
  readonly clock: Clock
  readonly relay: Relay
  /** Undefined until the engine is available. */
  readonly running: () => { member: Member; trimming: Trimming; engine: Engine } | undefined
}

export class View implements ClusterView {
  private readonly parts: ViewParts
  private readonly forwarding: Forwarding
  /** When each node last had everything that the active node had. */
  private readonly caughtUp = new Map<string, number>()

  constructor(parts: ViewParts) {
    this.parts = parts
    this.forwarding = new Forwarding(parts)
  }

  /** Called when a heartbeat has arrived. */
  heard({ node, applied }: Heartbeat): void {
    if (applied >= this.appliedByActive) this.caughtUp.set(node, this.parts.clock.elapsed())
  }

  private get appliedByActive(): number {
    const { member } = this.parts.running() ?? {}
    if (member === undefined) return 0
    const { roles, session } = member
    if (roles.isOwner) return session?.ledger.number ?? 0
    return roles.others.get(roles.owner)?.heartbeat.applied ?? 0
  }

  status(): ClusterStatus {
    const { settings, relay } = this.parts
    const running = this.parts.running()
    const { member, trimming, engine } = running ?? {}
    const { bounds } = trimming ?? {}
    return {
      cluster: settings.name,
      node: settings.node,
      active: this.activeName,
      epoch: member?.roles.epoch ?? 0,
      takeovers: member?.takeovers ?? 0,
      relayed: relay.relayed,
      problem: member === undefined ? 'NATS cannot be reached' : (member.problem ?? ''),
      nodes: this.nodes(),
      log: {
        first: bounds?.first ?? 0,
        last: bounds?.last ?? 0,
        bytes: bounds?.bytes ?? 0,
        limit: settings.logBytesMax,
      },
      engine: {
        connected: engine?.connected ?? false,
        leader: bounds?.leader ?? '',
        replicas: bounds?.replicas ?? [],
        round_trip_ms: Math.round((member?.session?.roundTripMs ?? 0) * 10) / 10,
      },
    }
  }

  private get activeName(): string {
    const { member } = this.parts.running() ?? {}
    if (member === undefined) return ''
    if (member.roles.isOwner) return this.parts.settings.node
    const { owner } = member.roles
    return member.roles.isAlive(owner, this.parts.clock.elapsed()) ? owner : ''
  }

  private nodes(): ClusterNodeStatus[] {
    const { member, trimming } = this.parts.running() ?? {}
    if (member === undefined || trimming === undefined) return []
    const own = member.heartbeat
    const heard = new Map([...member.roles.others].map(([name, { heartbeat }]) => [name, heartbeat]))
    heard.set(own.node, own)
    const active = this.activeName
    const now = this.parts.clock.elapsed()
    const running = member.roles.heardNow(now).map((h) => h.node)
    // Heartbeats of a node that has been forgotten on another node may have arrived here.
    const names = new Set([own.node, ...running, ...trimming.known.map((k) => k.node)])
    return [...names].sort().map((name) => {
      const isRunning = name === own.node || running.includes(name)
      return this.node(name, heard.get(name), isRunning, name === active)
    })
  }

  private node(name: string, h: Heartbeat | undefined, running: boolean, active: boolean): ClusterNodeStatus {
    const lag = active ? 0 : Math.max(0, this.appliedByActive - (h?.applied ?? 0))
    const since = this.caughtUp.get(name)
    const ms = lag === 0 || since === undefined ? 0 : this.parts.clock.elapsed() - since
    return {
      name,
      state: running && h !== undefined ? h.state : 'away',
      active,
      running,
      host: h?.host ?? '',
      listeners: h?.listeners ?? [],
      version: h?.version ?? '',
      applied: h?.applied ?? 0,
      lag_records: lag,
      lag_seconds: Math.round(ms / 100) / 10,
    }
  }

  async promote(node: string): Promise<void> {
    const { member } = this.parts.running() ?? {}
    if (member === undefined) throw new Error('NATS cannot be reached')
    await member.promote(node)
  }

  async forget(node: string): Promise<void> {
    const { trimming } = this.parts.running() ?? {}
    if (trimming === undefined) throw new Error('NATS cannot be reached')
    await trimming.forget(node)
  }

  *scan(prefix: string): Iterable<{ key: string; value: Uint8Array }> {
    const { member } = this.parts.running() ?? {}
    if (member?.session !== undefined && member.state !== 'joining') yield* member.session.store.scan(prefix)
  }

  get canForward(): boolean {
    return this.parts.active() !== undefined
  }

  forward(request: IncomingMessage, response: ServerResponse, owner: boolean): void {
    this.forwarding.forward(request, response, owner)
  }
}
