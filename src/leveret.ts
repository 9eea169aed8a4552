/** The assembly: store, model, users, listeners, in the order in which they depend on each other. */
import { statfsSync } from 'node:fs'
import { join } from 'node:path'
import { Alarms } from './broker/alarm/alarms.ts'
import { Broker } from './broker/broker.ts'
import { clockOf, systemClock } from './broker/clock.ts'
import { Failures } from './broker/failures.ts'
import { type Vhost, vhostInfo } from './broker/vhost.ts'
import { Server } from './connection/server.ts'
import { Parameters } from './definitions/parameters.ts'
import { COMMIT_BYTES_MAX, COMMIT_BYTES_MAX_LOW_DISK } from './limits.ts'
import type { ControlSocket } from './management/control-socket.ts'
import type { ManagementServer } from './management/server.ts'
import type { MetricsServer } from './metrics/server.ts'
import { applyVhostDefaults } from './operations/vhost-defaults.ts'
import { passwordPool } from './security/hash-pool.ts'
import type { OAuth } from './security/oauth.ts'
import { rabbitHash } from './security/passwords.ts'
import { UserStore } from './security/user-store.ts'
import { Users } from './security/users.ts'
import type { Settings, UserOptions } from './settings.ts'
import { GroupCommit } from './storage/batch.ts'
import { LmdbStorage } from './storage/lmdb/lmdb-storage.ts'
import { Journal } from './storage/log/journal.ts'
import { folderDisk } from './storage/log/journal-disk.ts'
import { LoggedStorage, type OpenLog } from './storage/log/logged-storage.ts'
import { MemoryStorage } from './storage/memory/memory-storage.ts'
import type { Storage } from './storage/storage.ts'
import { loadGently } from './util/load.ts'
import { type Logger, type Loggers, oneForAll, silent } from './util/logger.ts'
import { nodeName } from './util/node-name.ts'
import type { Owner } from './util/owner.ts'
import { collectGarbage, memoryUsed } from './util/process-memory.ts'

const EVERYTHING = { configure: '.*', write: '.*', read: '.*' }

export class Leveret {
  readonly settings: Settings
  readonly logger: Logger
  readonly broker: Broker
  readonly users: Users
  readonly alarms: Alarms
  readonly server: Server
  readonly commit: GroupCommit
  readonly parameters: Parameters
  /** As RabbitMQ names nodes. */
  readonly nodeName = nodeName
  readonly startedAt = systemClock.now()
  /** The ports of the listeners, in the order of the settings. */
  ports: number[] = []
  /** When AMQP clients could come for the first time, in ms since the process began. */
  listeningAt = 0
  managementPort: number | undefined
  /** Ends the process; undefined in a process that is somebody else's. */
  shutDown: (() => void) | undefined
  metricsPort: number | undefined
  private management: Promise<ManagementServer> | undefined
  private control: ControlSocket | undefined
  private metrics: MetricsServer | undefined
  /** Whom what belongs to nobody else is charged to. */
  readonly owner: Owner
  private readonly storage: Storage
  private readonly userStore: UserStore
  private closing: Promise<void> | undefined
  private releasePasswords: (() => Promise<void>) | undefined
  private loaded = false

  private constructor(settings: Settings, storage: Storage, oauth: OAuth | undefined, loggers: Loggers) {
    this.settings = settings
    this.storage = storage
    const logger = loggers.other
    this.logger = logger
    const failures = new Failures(systemClock, (fields, message) => logger.error(fields, message))
    this.owner = failures.owner('broker', {})
    const clock = clockOf(this.owner, systemClock)
    this.commit = new GroupCommit(storage, clock, this.owner)
    this.broker = new Broker(storage, this.commit, clock, {
      failures,
      messageMemoryBytes: settings.messageMemory,
      messageBytesMax: settings.maxMessageSize,
      defaultVhost: settings.defaultVhost,
      defaultQueueType: settings.defaultQueueType,
      consumerTimeout: settings.consumerTimeout,
      limits: settings.modelLimits,
      vhostMade: (vhost) => this.vhostMade(vhost),
      policyWarning: (vhost, policy, reason) =>
        logger.warn({ vhost, policy, reason }, 'a policy is left out where its pattern cannot be decided'),
      queueGone: (vhost, queue) =>
        loggers.queue.debug({ vhost, queue }, 'queue removed: it has expired or lost its last consumer'),
    })
    this.commit.onFailure((error) =>
      logger.error({ err: error }, 'cannot write to the store; trying again, nothing is confirmed meanwhile'),
    )
    storage.onDamage?.((damage) =>
      logger.error(damage, 'the data folder is damaged: what fails its check is left out and kept aside'),
    )
    this.parameters = new Parameters(this.broker.objects, this.commit)
    this.userStore = new UserStore(this.broker.objects, this.commit)
    this.users = new Users(this.userStore, settings.loopbackUsers)
    this.users.permissionWarning = (w) => logger.warn(w, 'a permission allows nothing: see its pattern')
    this.users.passwordRule = settings.passwordRule
    this.alarms = new Alarms(
      { memory: settings.memoryLimit, diskFree: settings.diskFreeLimit },
      {
        memoryUsed,
        freeMemory: () => this.freeMemory(),
        diskFree: () => diskFree(settings.dataDir, this.alarms.diskFree),
        reusable: () => storage.reusableBytes?.() ?? 0,
      },
      clock,
    )
    this.commit.onFlushed(() => {
      this.alarms.written()
      this.broker.commitBytesMax = this.alarms.diskIsLow ? COMMIT_BYTES_MAX_LOW_DISK : COMMIT_BYTES_MAX
    })
    this.server = new Server(this.broker, this.users, this.alarms, loggers, {
      identity: { clusterName: this.nodeName, ...settings.identity },
      tuning: settings.tuning,
      login: { ...settings.login, oauth },
      proxies: settings.proxies,
    })
    this.server.admission.limits = settings.limits
  }

  /**
   * @throws StorageError; the listen error (EADDRINUSE ...); the error of a certificate
   */
  static async start(settings: Settings, loggers: Loggers): Promise<Leveret> {
    const oauth = await openOAuth(settings)
    const leveret = new Leveret(settings, await openStorage(settings, loggers.other), oauth, loggers)
    leveret.releasePasswords = passwordPool.hold()
    try {
      await leveret.load()
      await leveret.openListeners()
      leveret.listeningAt = performance.now()
      await leveret.startManagement()
    } catch (error) {
      await leveret.closeManagement()
      await leveret.server.close()
      await leveret.releasePasswords()
      leveret.broker.stop()
      await leveret.commit.abandon()
      await leveret.storage.close()
      throw error
    }
    leveret.alarms.start()
    return leveret
  }

  /** On the ports of the last time, where there was one. @throws the error of listen */
  async openListeners(): Promise<void> {
    if (this.server.listeners.length > 0) return
    const before = this.ports
    this.ports = []
    for (const [i, l] of this.settings.listeners.entries())
      this.ports.push(await this.server.listen(before[i] ?? l.port, l.bind, l.tls))
  }

  /** Clients are told and come back only after `openListeners`; the HTTP API goes on. */
  async closeListeners(): Promise<void> {
    await this.server.close()
    await this.commit.settled()
  }

  private async startManagement(): Promise<void> {
    const { management, metrics, dataDir } = this.settings
    for (const { port, bind, tls } of management) {
      const actual = await (await this.loadManagement()).listen(port, bind, tls)
      this.managementPort ??= actual
    }
    if (dataDir !== undefined) await this.openControlSocket(join(dataDir, 'control.sock'))
    if (metrics.length > 0) {
      const { MetricsServer } = await import('./metrics/server.ts')
      this.metrics = new MetricsServer(this, this.settings.metricsFormat)
    }
    for (const { port, bind, tls } of metrics) {
      const actual = await this.metrics?.listen(port, bind, tls)
      this.metricsPort ??= actual
    }
  }

  /** Only where it is wanted, or when the first command comes over the control socket: its packages take a while. */
  private loadManagement(): Promise<ManagementServer> {
    this.management ??= this.newManagement()
    this.management.catch(() => {
      // The next one may find what was missing.
      this.management = undefined
    })
    return this.management
  }

  private async newManagement(): Promise<ManagementServer> {
    await loadGently('management/server')
    const { ManagementServer } = await import('./management/server.ts')
    return new ManagementServer(this, this.settings.http)
  }

  /** Where the path is too long for a socket, or there are no such sockets, the port is all there is. */
  private async openControlSocket(path: string): Promise<void> {
    try {
      const { ControlSocket } = await import('./management/control-socket.ts')
      this.control = await ControlSocket.open(
        path,
        async (request, response) => (await this.loadManagement()).serveLocally(request, response),
        this.server.descriptors,
      )
    } catch (error) {
      this.logger.warn({ err: error }, 'no control socket in the data folder')
    }
  }

  /** Values in the store that were found damaged since the start. */
  get storeDamaged(): number {
    return this.storage.damaged ?? 0
  }

  private freeMemory(): void {
    this.broker.forgetMemory()
    collectGarbage()
  }

  /** What clients and tools are told; a name that was set while running comes before the configured one. */
  setClusterName(name: string): void {
    this.parameters.setGlobal('cluster_name', name)
    this.server.identity = { ...this.server.identity, clusterName: name }
  }

  /** Runs something on a broker without data and listeners that is thrown away. */
  async onCopy(action: (copy: Leveret) => Promise<void>): Promise<void> {
    const settings = { ...this.settings, storage: 'memory', dataDir: undefined } as const
    const copy = new Leveret(settings, await openStorage(settings, silent), undefined, oneForAll(silent))
    copy.broker.load()
    try {
      await action(copy)
    } finally {
      copy.broker.stop()
      await copy.commit.abandon()
    }
  }

  private async load(): Promise<void> {
    const { broker, settings, users } = this
    broker.load()
    users.restore(this.userStore.load())
    this.parameters.restore()
    this.loaded = true
    if (broker.isNew) for (const vhost of broker.vhosts.values()) this.vhostMade(vhost)
    const name = this.parameters.global('cluster_name')
    if (typeof name === 'string') this.setClusterName(name)
    for (const name of settings.vhosts) if (!broker.vhosts.has(name)) broker.setVhost(vhostInfo({ name }))
    if (settings.users !== undefined) for (const u of settings.users) this.setUser(u)
    else if (broker.isNew && settings.defaultUser !== undefined) this.setUser(settings.defaultUser)
    if (settings.definitions !== undefined) await this.loadDefinitions(settings.definitions)
    await this.commit.settled()
  }

  /** What the store brings back has its defaults already. */
  private vhostMade(vhost: Vhost): void {
    if (this.loaded) applyVhostDefaults(this.settings.vhostDefaults, this.broker, this.users, vhost)
  }

  /** @param path of a file, or of a folder with files that are loaded in the order of their names. @throws Error that names the file */
  private async loadDefinitions(path: string): Promise<void> {
    const { loadDefinitionFiles } = await import('./definitions/files.ts')
    await loadDefinitionFiles(this, path, this.settings.skipUnchangedDefinitions)
  }

  /**
   * Certificates are read again, and what can be changed while running is: limits of memory, disk and connections, users
   * that may come from this machine only. Listeners and the rest stay until a restart.
   * @throws where a certificate cannot be used; the old one stays then
   */
  reload(settings: Settings): void {
    const { limits } = this.alarms
    limits.memory = settings.memoryLimit
    limits.diskFree = settings.diskFreeLimit
    this.alarms.check()
    this.server.admission.limits = settings.limits
    this.users.loopbackOnly = new Set(settings.loopbackUsers)
    for (const l of this.server.listeners) l.reload()
  }

  /** The quick hash at first: it is replaced at the first login, which keeps the start short. */
  private setUser({ name, password, tags = [], permissions }: UserOptions): void {
    this.users.set({ name, password: rabbitHash(password), tags, limits: {} })
    const all = [...this.broker.vhosts.keys()].map((v) => [v, EVERYTHING] as const)
    for (const [vhost, p] of permissions === undefined ? all : Object.entries(permissions))
      this.users.setPermission(name, vhost, p)
  }

  /** Tells the clients, writes what is left and lets go of the ports and the folder. @throws StorageError */
  close(): Promise<void> {
    this.closing ??= this.closeAll()
    return this.closing
  }

  /** A server that could not be loaded has said so where it was wanted. */
  private async closeManagement(): Promise<void> {
    this.control?.close()
    await (await this.management?.catch(() => undefined))?.close()
    await this.metrics?.close()
  }

  private async closeAll(): Promise<void> {
    this.alarms.stop()
    // Together: clients over WebSocket are on the port of the HTTP API, which waits until they have gone.
    await Promise.all([this.closeManagement(), this.server.close()])
    await this.releasePasswords?.()
    this.broker.stop()
    try {
      await this.commit.close()
    } finally {
      await this.storage.close()
    }
  }
}

/** Loaded only where it is wanted. @throws Error where the keys cannot be read */
async function openOAuth({ oauth }: Settings): Promise<OAuth | undefined> {
  if (oauth === undefined) return undefined
  const { OAuth: Verifier } = await import('./security/oauth.ts')
  try {
    return new Verifier(oauth)
  } catch (error) {
    throw new Error(`cannot read the signing keys in ${oauth.jwks}: ${(error as Error).message}`, {
      cause: error,
    })
  }
}

function openStorage({ storage, dataDir }: Settings, logger: Logger): Promise<Storage> | Storage {
  if (storage === 'memory') return new MemoryStorage()
  if (dataDir === undefined) throw new TypeError("storage 'lmdb' needs a dataDir")
  return openFolder(dataDir, logger)
}

/** @throws StorageError */
async function openFolder(dir: string, logger: Logger): Promise<Storage> {
  const store = await LmdbStorage.open(dir, { notice: (text) => logger.warn({}, text) })
  const openJournal: OpenLog = (from) => Journal.open(folderDisk(dir), from, () => performance.now())
  return LoggedStorage.open(store, openJournal, systemClock)
}

/** What was known last where the system does not tell just now. */
function diskFree(dataDir: string | undefined, last: number | undefined): number | undefined {
  if (dataDir === undefined) return undefined
  try {
    const { bavail, bsize } = statfsSync(dataDir)
    return bavail * bsize
  } catch {
    return last
  }
}
