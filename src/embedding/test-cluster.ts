/**
 * A cluster of nodes in one process with a log in memory, for users' tests: real ports, and nodes that can be killed.
 */
import { randomBytes } from 'node:crypto'
import { ClusterMembership } from '../cluster/cluster-membership.ts'
import { MemoryEngine, MemoryEngineHub } from '../cluster/memory-engine.ts'
import { memoryStores } from '../cluster/memory-store.ts'
import type { ReplicaStores } from '../cluster/replica-store.ts'
import type { Settings } from '../config/settings.ts'
import { BrokerNode } from '../node/node.ts'
import { systemClock } from '../util/clock.ts'
import type { Loggers } from '../util/logger.ts'
import { pause } from '../util/timers.ts'
import type { TlsSettings } from '../util/tls.ts'

const HOST = '127.0.0.1'
const LOOK_MS = 5

/** One node of a cluster in this process. */
export interface TestNode {
  readonly name: string
  /** Unchanged by a restart. */
  readonly port: number
  readonly managementPort: number | undefined
  readonly url: string
  readonly running: boolean
  /** Whether this node runs the broker; the other nodes forward their clients to it. */
  readonly active: boolean
}

export interface TestClusterParts {
  readonly settings: Settings
  readonly loggers: Loggers
  readonly failoverAfterMs: number
  /** TLS between the nodes; undefined = none. */
  readonly peerTls?: TlsSettings
}

/** The state of a node that outlives its runs. */
class Member implements TestNode {
  readonly name: string
  readonly stores: ReplicaStores = memoryStores()
  node: BrokerNode | undefined
  membership: ClusterMembership | undefined
  port = 0
  managementPort: number | undefined
  cut = false
  private readonly urlOf: (port: number) => string

  constructor(name: string, urlOf: (port: number) => string) {
    this.name = name
    this.urlOf = urlOf
  }

  get url(): string {
    return this.urlOf(this.port)
  }

  get running(): boolean {
    return this.node !== undefined
  }

  get active(): boolean {
    return this.membership?.member?.state === 'serving'
  }
}

export class TestCluster {
  private readonly parts: TestClusterParts
  private readonly members: Member[]
  private readonly hub: MemoryEngineHub
  private readonly secret = randomBytes(16).toString('hex')

  private constructor(names: readonly string[], parts: TestClusterParts, urlOf: (port: number) => string) {
    this.parts = parts
    this.members = names.map((n) => new Member(n, urlOf))
    const find = (name: string): Member | undefined => this.members.find((m) => m.name === name)
    this.hub = new MemoryEngineHub(systemClock, { cut: (name) => find(name)?.cut === true })
  }

  static async start(
    names: readonly string[],
    parts: TestClusterParts,
    urlOf: (port: number) => string,
  ): Promise<TestCluster> {
    const cluster = new TestCluster(names, parts, urlOf)
    try {
      for (const m of cluster.members) await cluster.run(m)
      await cluster.untilActive()
      return cluster
    } catch (error) {
      await cluster.close()
      throw error
    }
  }

  get nodes(): readonly TestNode[] {
    return this.members
  }

  /** The URLs of all nodes: a client may be given any of them, or all. */
  get urls(): string[] {
    return this.members.map((m) => m.url)
  }

  /** The node that runs the broker; undefined while there is none. */
  get active(): TestNode | undefined {
    return this.members.find((m) => m.active)
  }

  /** Resolves with the active node as soon as there is one. */
  async untilActive(): Promise<TestNode> {
    for (;;) {
      const { active } = this
      if (active !== undefined) return active
      await pause(LOOK_MS)
    }
  }

  /** Simulates a killed process or a failed machine: clients are not notified, and nothing more is written. */
  async kill(name: string): Promise<void> {
    const m = this.member(name)
    const { node, membership } = m
    m.node = m.membership = undefined
    if (node === undefined || membership === undefined) return
    m.cut = true
    await membership.kill()
    await node.close()
    m.cut = false
  }

  /** Simulates an orderly shutdown: clients are notified, and another node takes over immediately. */
  async stop(name: string): Promise<void> {
    const m = this.member(name)
    const { node } = m
    m.node = m.membership = undefined
    await node?.close()
  }

  /** Restarts a node that was killed or stopped, with its data. */
  async restart(name: string): Promise<void> {
    const m = this.member(name)
    if (!m.running) await this.run(m)
  }

  /** Makes the node active. @throws Error with the reason if that is not possible */
  async promote(name: string): Promise<void> {
    const { membership } = this.member(name)
    if (membership?.member === undefined) throw new Error(`node ${name} does not run`)
    await membership.member.promote(name)
    while (this.active?.name !== name) await pause(LOOK_MS)
  }

  /** Closes the standbys first, so that none takes over. */
  async close(): Promise<void> {
    const last = this.active?.name
    for (const m of this.members) if (m.name !== last) await this.stop(m.name)
    if (last !== undefined) await this.stop(last)
  }

  private member(name: string): Member {
    const found = this.members.find((m) => m.name === name)
    if (found === undefined) throw new Error(`there is no node ${name}`)
    return found
  }

  private async run(m: Member): Promise<void> {
    const { settings, loggers, failoverAfterMs, peerTls } = this.parts
    const cluster = {
      name: 'test',
      node: m.name,
      engine: { urls: [], replicas: 1, credentials: undefined, tls: undefined },
      peer: { port: 0, bind: HOST, host: HOST, tls: peerTls },
      secret: this.secret,
      failoverAfterMs,
      logBytesMax: Number.POSITIVE_INFINITY,
    }
    const membership = new ClusterMembership(cluster, {
      openEngine: async () => new MemoryEngine(this.hub, m.name),
      stores: () => m.stores,
      fatal: (error) => loggers.other.error({ err: error }, 'a node of the cluster has failed'),
    })
    const again = (l: Settings['listeners'][number], port: number | undefined): typeof l => ({
      ...l,
      port: port ?? l.port,
    })
    const own = {
      ...settings,
      cluster,
      listeners: settings.listeners.map((l) => again(l, m.port)),
      management: settings.management.map((l) => again(l, m.managementPort)),
    }
    m.node = await BrokerNode.start(own, loggers, membership)
    m.membership = membership
    m.port = m.node.ports[0] as number
    m.managementPort = m.node.managementPort
  }
}
