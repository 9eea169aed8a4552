/** A process as a node of a cluster: the broker is open while the node is active; otherwise clients are relayed. */

import { randomBytes } from 'node:crypto'
import type { Socket } from 'node:net'
import type { ClusterSettings } from '../config/cluster-settings.ts'
import { showAs } from '../connection/listener.ts'
import { foreignPages } from '../connection/login.ts'
import type { Storage } from '../storage/storage.ts'
import { type Clock, pauseOn, systemClock } from '../util/clock.ts'
import type { Logger } from '../util/logger.ts'
import { StoreFailure } from '../util/owner.ts'
import { version } from '../util/version.ts'
import { type Engine, EngineError } from './engine.ts'
import type { ForwardingParts } from './forwarding.ts'
import { Member } from './member.ts'
import type { About } from './member-options.ts'
import type { BrokerHost, Membership } from './membership.ts'
import { PeerError, type PeerRequest } from './peer-handshake.ts'
import { PeerPort, type RelayedClient } from './peer-port.ts'
import { type ActiveNode, Relay } from './relay.ts'
import type { ReplicaStores } from './replica-store.ts'
import { fetchContents, sendContents } from './snapshot.ts'
import { Trimming } from './trimming.ts'
import { View } from './view.ts'

/** ms for which the start waits for the engine; if the engine rejects this node within that time, the start fails. */
const START_MS_MAX = 5000
const RUN_BYTES = 8

export interface ClusterParts {
  /** Retries until an engine is available. @throws EngineError UNFIT */
  readonly openEngine: (clock: Clock, logger: Logger, signal: AbortSignal) => Promise<Engine>
  readonly stores: (logger: Logger) => ReplicaStores
  /** Ends the process, or whatever stands in for it. */
  readonly fatal: (error: Error) => void
}

export class ClusterMembership implements Membership {
  readonly settings: ClusterSettings
  member: Member | undefined
  private readonly parts: ClusterParts
  private readonly clock = systemClock
  private readonly abort = new AbortController()
  private readonly startedAt = systemClock.now()
  private host!: BrokerHost
  private logger!: Logger
  private peers!: PeerPort
  private relay!: Relay
  private trimming: Trimming | undefined
  private engine: Engine | undefined
  private opening: Promise<void> | undefined
  private view: View | undefined
  /** Connections to the active node that are being opened. */
  private asking = 0

  constructor(settings: ClusterSettings, parts: ClusterParts) {
    this.settings = settings
    this.parts = parts
  }

  async start(host: BrokerHost): Promise<void> {
    this.host = host
    this.logger = host.loggers.other
    const { peer, secret } = this.settings
    this.peers = new PeerPort({ secret, tls: peer.tls }, this.clock, this.logger, {
      snapshot: (socket) => this.sendSnapshot(socket),
      refusesClients: () => this.refusesClients(),
      client: (socket, client) => this.takeClient(socket, client),
    })
    await this.peers.listen(peer.port, peer.bind, host.listeners.descriptors)
    const ways: ForwardingParts = {
      active: () => this.active,
      ask: (to, port, request) => this.ask(to, port, request),
    }
    this.relay = new Relay({
      ...ways,
      clock: this.clock,
      logger: this.logger,
      listeners: host.listeners,
    })
    this.view = new View({
      ...ways,
      settings: this.settings,
      clock: this.clock,
      relay: this.relay,
      running: () => this.running,
    })
    host.listeners.receiver = this.relay
    const opening = this.open()
    this.opening = opening.catch((error) => this.parts.fatal(error as Error))
    const inTime = pauseOn(this.clock, START_MS_MAX)
    await Promise.race([opening, inTime])
  }

  get cluster(): View {
    if (this.view === undefined) throw new Error('the node is not started')
    return this.view
  }

  private get running(): { member: Member; trimming: Trimming; engine: Engine } | undefined {
    const { member, trimming, engine } = this
    return member && trimming && engine && { member, trimming, engine }
  }

  private async open(): Promise<void> {
    let engine: Engine
    try {
      engine = await this.parts.openEngine(this.clock, this.logger, this.abort.signal)
    } catch (error) {
      if (this.abort.signal.aborted && error instanceof EngineError && error.code === 'AWAY') return
      throw error
    }
    this.engine = engine
    const { name, node, secret, failoverAfterMs, logBytesMax } = this.settings
    const { logger, clock, host } = this
    const member = new Member({
      node,
      run: randomBytes(RUN_BYTES).toString('hex'),
      secret,
      failoverAfterMs,
      engine,
      clock,
      logger,
      stores: this.parts.stores(logger),
      host: {
        open: (storage) => this.openBroker(storage),
        close: () => host.closeBroker(),
        depose: (reason) => this.depose(reason),
        cutOff: () => host.cutOff(),
        settle: async () => host.active?.model.commit.flush(),
        fence: (fenced) => host.active?.fence(fenced),
        failed: (error) => this.parts.fatal(error),
      },
      about: () => this.about(),
      onHeard: (heartbeat) => this.view?.heard(heartbeat),
      copy: async (source, into, signal) => {
        logger.info({ node: source.node }, 'copying the data of another node')
        const asked = this.peers.ask(source.host, source.peerPort, { want: 'snapshot' })
        await fetchContents(asked, into, clock, signal)
      },
    })
    this.member = member
    this.trimming = new Trimming({
      member,
      engine,
      clock,
      logger,
      logBytesMax,
      commit: () => host.active?.model.commit,
    })
    logger.info({ cluster: name, node, peerPort: this.peers.port }, 'a node of a cluster')
    member.start()
    this.trimming.start()
  }

  private about(): About {
    const { open } = this.host.listeners
    return {
      host: this.settings.peer.host,
      peerPort: this.peers.port,
      listeners: open.map((l) => ({ protocol: l.secure ? 'amqps' : 'amqp', port: l.address.port })),
      version,
      startedAt: this.startedAt,
    }
  }

  // --- the broker ---

  private async openBroker(storage: Storage): Promise<void> {
    try {
      await this.host.openBroker(storage, () => this.member?.mayServe === true)
    } catch (error) {
      this.host.listeners.receiver = this.relay
      throw error
    }
  }

  private async depose(reason: string): Promise<void> {
    const done = this.host.deposeBroker(reason)
    this.host.listeners.receiver = this.relay
    await done
  }

  // --- clients ---

  /** The node that runs the broker; undefined if no such node is known, or if it is this one. */
  get active(): ActiveNode | undefined {
    const { roles } = this.member ?? {}
    const known = roles?.others.get(roles.owner)?.heartbeat
    if (known === undefined || roles?.isOwner === true) return undefined
    return { node: known.node, host: known.host, peerPort: known.peerPort }
  }

  /** Opens a connection to the active node for a client, if that leaves enough file descriptors for the rest. */
  private async ask(host: string, port: number, request: PeerRequest): Promise<Socket> {
    if (!this.host.listeners.descriptors.mayOpen(this.asking))
      throw new PeerError('no file descriptors to spare')
    this.asking++
    try {
      return await this.peers.ask(host, port, request)
    } finally {
      this.asking--
    }
  }

  private refusesClients(): string | undefined {
    const { listeners, active } = this.host
    if (active === undefined || this.member?.roles.isOwner !== true) return 'this node is not the active one'
    return listeners.open.length === 0 ? 'this node stops' : undefined
  }

  private takeClient(socket: Socket, { to, index, address, port }: RelayedClient): void {
    if (to === 'http' || to === 'control') {
      this.host.takeHttp(socket, { address, port }, to === 'control')
      return
    }
    const { listeners } = this.host
    if (to === 'unwrapped' || to === 'page') {
      if (to === 'page') foreignPages.add(socket)
      showAs(socket, { address, port })
      listeners.accept(socket)
      return
    }
    const listener = listeners.open.filter((l) => l.secure === (to === 'amqps'))[index]
    if (listener !== undefined) listener.take(socket, { address, port })
    else socket.destroy()
  }

  private async sendSnapshot(socket: Socket): Promise<void> {
    const { session } = this.member ?? {}
    if (session === undefined || this.member?.state === 'joining')
      throw new Error('this node has no store to copy from')
    const began = this.clock.elapsed()
    const octets = await sendContents(session.store, socket, this.clock)
    this.logger.info(
      { octets, ms: Math.round(this.clock.elapsed() - began) },
      'the data was copied by another node',
    )
  }

  /** Ends the node as if the process had ended at this point: no client is notified, and nothing more is written. */
  async kill(): Promise<void> {
    this.trimming?.stop()
    this.relay.endRelays()
    await this.member?.kill()
  }

  async close(): Promise<void> {
    this.abort.abort()
    await this.opening
    this.trimming?.stop()
    try {
      await this.member?.close()
    } finally {
      if (this.host?.listeners.receiver === this.relay) this.host.listeners.receiver = undefined
      await this.peers?.close()
      await this.engine?.close()
    }
  }
}

/** Ends the process after a fatal error: nothing may be confirmed any more. */
export function endProcess(error: Error): void {
  systemClock.defer(() => {
    throw new StoreFailure(error.message, { cause: error })
  })
}
