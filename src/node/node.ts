/**
 * The process: listeners, HTTP API, metrics, control socket, alarms. A broker is opened on them and closed, once or
 * several times, as the node's membership decides.
 */

import type { Socket } from 'node:net'
import { Alarms } from '../alarms/alarms.ts'
import { Failures } from '../broker/failures.ts'
import type { BrokerHost, Membership } from '../cluster/membership.ts'
import type { Settings } from '../config/settings.ts'
import type { NodeLimits } from '../connection/admission.ts'
import type { ClientAddress } from '../connection/listener.ts'
import { Listeners } from '../connection/listeners.ts'
import { Talkers } from '../connection/talkers.ts'
import { STOP_MS_MAX } from '../limits.ts'
import type { ClusterView } from '../management/cluster-view.ts'
import type { ManagedNode, OwnProcess } from '../management/managed-node.ts'
import { passwordPool } from '../security/hash-pool.ts'
import type { OAuth } from '../security/oauth.ts'
import type { Storage } from '../storage/storage.ts'
import { type Clock, clockOf, systemClock } from '../util/clock.ts'
import { Descriptors } from '../util/descriptors.ts'
import { freeOn } from '../util/disk.ts'
import { type Listening, listeningAt } from '../util/listening.ts'
import type { Logger, Loggers } from '../util/logger.ts'
import { nodeName } from '../util/node-name.ts'
import type { Owner } from '../util/owner.ts'
import { collectGarbage, memoryUsed } from '../util/process-memory.ts'
import { StartError } from '../util/start-error.ts'
import { StopOverdue } from '../util/stop-overdue.ts'
import { elapsed } from '../util/timers.ts'
import { ActiveBroker } from './active-broker.ts'
import { Endpoints } from './endpoints.ts'

export class BrokerNode implements ManagedNode, BrokerHost {
  /** Settings that can be changed at run time have their latest values. */
  settings: Settings
  readonly loggers: Loggers
  readonly logger: Logger
  readonly nodeName: string
  readonly startedAt = systemClock.now()
  readonly startedElapsed = systemClock.elapsed()
  readonly owner: Owner
  readonly clock: Clock
  readonly alarms: Alarms
  readonly listeners: Listeners
  readonly talkers = new Talkers()
  active: ActiveBroker | undefined
  /** The ports of the listeners, in the order of the settings. */
  ports: number[] = []
  /** When the AMQP listeners were first opened, in ms since the process started. */
  listeningAt = 0
  shutDown: (() => void) | undefined
  process: OwnProcess | undefined
  readonly oauth: OAuth | undefined
  private readonly membership: Membership
  private readonly endpoints: Endpoints
  private releasePasswords: (() => Promise<void>) | undefined
  private closing: Promise<void> | undefined
  /** Those without a broker to which they could be charged. */
  private readonly failures = new Failures(systemClock, (fields, message) =>
    this.logger.error(fields, message),
  )

  private constructor(
    settings: Settings,
    loggers: Loggers,
    membership: Membership,
    oauth: OAuth | undefined,
  ) {
    this.settings = settings
    this.loggers = loggers
    this.logger = loggers.other
    this.membership = membership
    this.nodeName = settings.cluster === undefined ? nodeName : `leveret@${settings.cluster.node}`
    this.oauth = oauth
    this.owner = { failed: (error) => this.failed(error) }
    this.clock = clockOf(this.owner, systemClock)
    this.listeners = new Listeners(this, new Descriptors(loggers.other), this.clock, loggers)
    this.endpoints = new Endpoints(this)
    this.alarms = new Alarms(
      { memory: settings.memoryLimit, diskFree: settings.diskFreeLimit },
      {
        memoryUsed,
        freeMemory: () => this.freeMemory(),
        diskFree: () => diskFree(settings.dataDir, this.alarms.diskFree),
        reusable: () => this.active?.reusableBytes ?? 0,
      },
      this.clock,
    )
    this.alarms.onChange(() => this.alarmChanged())
  }

  /** @throws StorageError; the listen error (EADDRINUSE ...); the error of a certificate */
  static async start(settings: Settings, loggers: Loggers, membership: Membership): Promise<BrokerNode> {
    const oauth = await openOAuth(settings)
    const node = new BrokerNode(settings, loggers, membership, oauth)
    node.releasePasswords = passwordPool.hold()
    try {
      await membership.start(node)
      await node.openListeners()
      node.listeningAt = elapsed()
      await node.endpoints.open()
    } catch (error) {
      await node.giveUp()
      throw error
    }
    node.alarms.start()
    return node
  }

  get cluster(): ClusterView | undefined {
    return this.membership.cluster
  }

  get limits(): NodeLimits {
    return this.settings.limits
  }

  get listening(): readonly Listening[] {
    const amqp = this.listeners.open.map(({ secure, net }) => listeningAt(secure ? 'amqp/ssl' : 'amqp', net))
    return [...amqp, ...this.endpoints.listening]
  }

  get managementPort(): number | undefined {
    return this.endpoints.managementPort
  }

  get metricsPort(): number | undefined {
    return this.endpoints.metricsPort
  }

  // --- the broker, controlled by the membership ---

  async openBroker(storage: Storage, serves?: () => boolean): Promise<void> {
    const { settings, loggers, alarms, oauth } = this
    const node = this
    const host = {
      alarms,
      unopened: this.listeners.unopened,
      talkers: this.talkers,
      get limits() {
        return node.limits
      },
    }
    const active = await ActiveBroker.open(storage, { settings, loggers, host, oauth })
    if (serves !== undefined) active.gate = serves
    this.active = active
    this.listeners.receiver = active.server
  }

  async closeBroker(): Promise<void> {
    const { active } = this
    if (active === undefined) return
    this.listeners.receiver = undefined
    try {
      await active.close()
    } finally {
      this.active = undefined
    }
  }

  async deposeBroker(reason: string): Promise<void> {
    const { active } = this
    if (active === undefined) return
    this.active = undefined
    this.listeners.receiver = undefined
    await active.depose(reason)
  }

  takeHttp(socket: Socket, client: ClientAddress, owner: boolean): void {
    this.endpoints.takeHttp(socket, client, owner)
  }

  cutOff(): void {
    for (const c of this.active?.server.connections ?? []) c.socket.destroy()
  }

  // --- clients ---

  async openListeners(): Promise<void> {
    if (this.listeners.open.length > 0) return
    const before = this.ports
    this.ports = []
    for (const [i, l] of this.settings.listeners.entries())
      this.ports.push(await this.listeners.listen(before[i] ?? l.port, l.bind, l.tls))
  }

  async closeListeners(): Promise<void> {
    await this.closeClients()
    await this.active?.model.commit.flush()
  }

  /** Stops accepting connections before the existing ones are notified. */
  private async closeClients(): Promise<void> {
    const closed = this.listeners.close()
    this.listeners.receiver?.endRelays?.()
    await this.active?.server.close()
    await closed
  }

  private alarmChanged(): void {
    const { memory, disk, active, reason } = this.alarms
    this.logger.warn({ memory, disk }, active ? `alarm: ${reason}` : 'alarms cleared')
    this.active?.server.alarmChanged()
  }

  private freeMemory(): void {
    this.active?.model.broker.forgetMemory()
    collectGarbage()
  }

  private failed(error: unknown): void {
    if (this.active !== undefined) this.active.model.owner.failed(error)
    else this.failures.note('broker', {}, error, 'internal error')
  }

  /**
   * Reloads the certificates and the settings that can be changed at run time: limits of memory, disk and connections,
   * and users that may connect from this machine only. Listeners and all other settings require a restart.
   * @throws if a certificate cannot be used; nothing has changed then
   */
  reload(settings: Settings): void {
    const useCertificates = this.listeners.certificates.read()
    const { limits, loopbackUsers, memoryLimit, diskFreeLimit } = settings
    this.settings = { ...this.settings, limits, loopbackUsers, memoryLimit, diskFreeLimit }
    this.alarms.limits.memory = memoryLimit
    this.alarms.limits.diskFree = diskFreeLimit
    this.alarms.check()
    if (this.active !== undefined) this.active.model.users.loopbackOnly = new Set(loopbackUsers)
    useCertificates()
  }

  /**
   * Notifies clients, writes outstanding data and releases the ports and the folder.
   * @throws StorageError; StopOverdue if that takes longer than STOP_MS_MAX: the folder may then be in use until the end
   * of the process
   */
  close(): Promise<void> {
    this.closing ??= this.closeInTime()
    return this.closing
  }

  private closeInTime(): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = systemClock.after(STOP_MS_MAX, () => reject(new StopOverdue(STOP_MS_MAX)))
      this.closeAll()
        .finally(() => timer.cancel())
        .then(resolve, reject)
    })
  }

  private async closeAll(): Promise<void> {
    this.alarms.stop()
    // While connections are open, so that moved messages are acknowledged and no shovel fails.
    await this.active?.shovels.close()
    // In parallel: WebSocket clients use the port of the HTTP API, whose close waits for them.
    await Promise.all([this.endpoints.close(), this.closeClients()])
    await this.releasePasswords?.()
    await this.membership.close()
  }

  /** Ends a failed start: leaves nothing open, and nothing in the store that was not there before. */
  private async giveUp(): Promise<void> {
    await this.endpoints.close()
    await this.closeClients()
    await this.releasePasswords?.()
    await this.deposeBroker('shutdown')
    await this.membership.close()
  }
}

/** Loads the verifier only if it is configured. @throws StartError if the keys cannot be read */
async function openOAuth({ oauth }: Settings): Promise<OAuth | undefined> {
  if (oauth === undefined) return undefined
  const { OAuth: Verifier } = await import('../security/oauth.ts')
  try {
    return new Verifier(oauth)
  } catch (error) {
    throw new StartError(
      `auth_oauth2: cannot read the signing keys in ${oauth.jwks}: ${(error as Error).message}`,
    )
  }
}

/** Free octets on the disk; the last known value if the system cannot report it at the moment. */
function diskFree(dataDir: string | undefined, last: number | undefined): number | undefined {
  if (dataDir === undefined) return undefined
  try {
    return freeOn(dataDir)
  } catch {
    return last
  }
}
