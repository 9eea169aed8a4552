/**
 * The contents of a store, in memory: the broker's vhosts, users and parameters, and the group commit that writes
 * changes. Definitions and operations work on it. It knows no sockets and no ports, and a process may have several
 * models.
 */
import { Broker, type BrokerSettings } from '../broker/broker.ts'
import { Failures } from '../broker/failures.ts'
import type { Vhost } from '../broker/vhost.ts'
import type { NewPasswordAlgorithm } from '../security/passwords.ts'
import { UserStore } from '../security/user-store.ts'
import { type PasswordRule, Users } from '../security/users.ts'
import { GroupCommit } from '../storage/batch.ts'
import { MemoryStorage } from '../storage/memory/memory-storage.ts'
import type { Storage } from '../storage/storage.ts'
import { clockOf, systemClock } from '../util/clock.ts'
import { type Logger, type Loggers, oneForAll, silent } from '../util/logger.ts'
import { nodeName } from '../util/node-name.ts'
import type { Owner } from '../util/owner.ts'
import { collectGarbageIfQuick } from '../util/process-memory.ts'
import { semanticsOf } from '../util/rabbitmq-version.ts'
import { copyObjects } from './copy.ts'
import { defaultIdentity, type Identity } from './identity.ts'
import { Parameters } from './parameters.ts'

/** Limits of the node as a whole; Infinity = no limit. */
export interface ModelLimits {
  readonly vhosts: number
  readonly queues: number
  readonly exchanges: number
}

export interface ModelSettings {
  /** Octets of messages that stay in memory. */
  readonly messageMemory: number
  /** Maximum octets of a message's body; undefined = that of the announced version. */
  readonly maxMessageSize: number | undefined
  /** The vhost of a new store. */
  readonly defaultVhost: string
  /** Queue type of declarations that specify none. */
  readonly defaultQueueType: string
  /** quorum_queue.property_equivalence.relaxed_checks_on_redeclaration */
  readonly relaxedQuorumChecks: boolean
  /** x-consumer-timeout of queues that specify none, in ms; 0 = no timeout. */
  readonly consumerTimeout: number
  readonly modelLimits: ModelLimits
  readonly loopbackUsers: readonly string[]
  readonly identity: Partial<Identity>
  /** undefined = any password that is not empty. */
  readonly passwordRule: PasswordRule | undefined
  /** Algorithm with which new passwords are hashed. */
  readonly passwordHashing: NewPasswordAlgorithm
  /** Whether this is a dry run. */
  readonly rehearses?: boolean
}

/** Called for each vhost that did not come from the store. */
export type VhostMade = (model: Model, vhost: Vhost) => void

export class Model {
  readonly settings: ModelSettings
  readonly broker: Broker
  readonly users: Users
  readonly parameters: Parameters
  readonly commit: GroupCommit
  readonly logger: Logger
  /** Is charged with failures that belong to no other owner. */
  readonly owner: Owner
  identity: Identity
  private readonly userStore: UserStore
  private restored = false

  constructor(storage: Storage, settings: ModelSettings, loggers: Loggers, vhostMade: VhostMade = () => {}) {
    this.settings = settings
    const logger = loggers.other
    this.logger = logger
    const failures = new Failures(systemClock, (fields, message) => logger.error(fields, message))
    this.owner = failures.owner('broker', {})
    const clock = clockOf(this.owner, systemClock)
    this.commit = new GroupCommit(storage, clock, this.owner)
    this.broker = new Broker(storage, this.commit, clock, {
      ...brokerSettings(settings, loggers),
      failures,
      vhostMade: (vhost) => {
        if (this.restored) vhostMade(this, vhost)
      },
    })
    this.commit.onFailure((error) =>
      logger.error({ err: error }, 'cannot write to the store; trying again, nothing is confirmed meanwhile'),
    )
    this.identity = { ...defaultIdentity, clusterName: nodeName, ...settings.identity }
    this.parameters = new Parameters(this.broker.objects, this.commit)
    this.userStore = new UserStore(this.broker.objects, this.commit)
    this.users = new Users(this.userStore, settings.loopbackUsers)
    this.users.permissionWarning = (w) => logger.warn(w, 'a permission allows nothing: see its pattern')
    this.users.passwordRule = settings.passwordRule
    this.users.hashing = settings.passwordHashing
  }

  /** Restores what the store holds; a new store gets the default vhost. */
  restore(): void {
    this.broker.load()
    this.users.restore(this.userStore.load())
    this.parameters.restore()
    this.restored = true
    const name = this.parameters.global('cluster_name')
    if (typeof name === 'string') this.identity = { ...this.identity, clusterName: name }
  }

  /** Sets the cluster's name, which takes precedence over the configured one. */
  setClusterName(name: string): void {
    this.parameters.setGlobal('cluster_name', name)
    this.identity = { ...this.identity, clusterName: name }
  }

  /** Runs the action on a model with the same settings and objects, which is discarded afterwards. */
  async dryRun(action: (model: Model) => Promise<void>): Promise<void> {
    const settings = { ...this.settings, rehearses: true }
    const copy = new Model(new MemoryStorage(), settings, oneForAll(silent))
    copy.broker.load()
    try {
      await copyObjects(this, copy)
      await action(copy)
    } finally {
      await copy.abandon()
    }
  }

  /** Writes pending changes; the store stays open. @throws StorageError if the store refuses them */
  async close(): Promise<void> {
    // Operations in progress, and the ends of channels, are completed, so that they are written as a whole.
    this.broker.turn.ending.begin()
    await this.broker.turn.jobs.settled()
    this.broker.stop()
    await this.commit.close()
  }

  /** Discards changes that are not written yet; the store stays open. */
  async abandon(): Promise<void> {
    this.broker.turn.ending.begin()
    this.broker.stop()
    await this.commit.abandon()
  }
}

function brokerSettings(settings: ModelSettings, loggers: Loggers): BrokerSettings {
  return {
    messageMemoryBytes: settings.messageMemory,
    memoryFreed: collectGarbageIfQuick,
    messageBytesMax: settings.maxMessageSize,
    semantics: semanticsOf(settings.identity),
    defaultVhost: settings.defaultVhost,
    defaultQueueType: settings.defaultQueueType,
    relaxedQuorumChecks: settings.relaxedQuorumChecks,
    consumerTimeout: settings.consumerTimeout,
    limits: settings.modelLimits,
    rehearses: settings.rehearses,
    policyWarning: (vhost, policy, reason) =>
      loggers.other.warn(
        { vhost, policy, reason },
        'a policy is left out where its pattern cannot be decided',
      ),
    queueGone: (vhost, queue) =>
      loggers.queue.debug({ vhost, queue }, 'queue removed: it has expired or lost its last consumer'),
  }
}
