/** A running broker: the model of one store, and its connections. A node may run several, one after the other. */

import type { Settings } from '../config/settings.ts'
import { Server, type ServerHost } from '../connection/server.ts'
import { COMMIT_BYTES_MAX, COMMIT_BYTES_MAX_LOW_DISK } from '../limits.ts'
import type { ManagedBroker } from '../management/managed-node.ts'
import { Model } from '../model/model.ts'
import { applyVhostDefaults } from '../operations/vhost-defaults.ts'
import type { OAuth } from '../security/oauth.ts'
import { Shovels } from '../shovel/shovels.ts'
import type { Storage } from '../storage/storage.ts'
import type { Loggers } from '../util/logger.ts'
import { seed } from './seed.ts'

export interface ActiveBrokerOptions {
  readonly settings: Settings
  readonly loggers: Loggers
  readonly host: ServerHost
  readonly oauth: OAuth | undefined
}

export class ActiveBroker implements ManagedBroker {
  readonly model: Model
  readonly server: Server
  readonly shovels: Shovels
  private readonly storage: Storage

  private constructor(storage: Storage, { settings, loggers, host, oauth }: ActiveBrokerOptions) {
    this.storage = storage
    this.model = new Model(storage, settings, loggers, ({ broker, users }, vhost) =>
      applyVhostDefaults(settings.vhostDefaults, broker, users, vhost),
    )
    const { broker, commit } = this.model
    const { alarms } = host
    const written = (): void => {
      alarms.written()
      broker.commitBytesMax = alarms.diskIsLow ? COMMIT_BYTES_MAX_LOW_DISK : COMMIT_BYTES_MAX
    }
    commit.onDurable(written)
    commit.onApplied(written)
    this.server = new Server(this.model, host, loggers, {
      tuning: settings.tuning,
      login: { ...settings.login, oauth },
      proxies: settings.proxies,
    })
    this.shovels = new Shovels(this.model, this.server)
  }

  /** A data folder may have no users: the first releases knew none, and deleting all of them brings none back. */
  private warnWithoutUsers({ settings, loggers, oauth }: ActiveBrokerOptions): void {
    if (this.model.users.size > 0 || settings.users !== undefined || oauth !== undefined) return
    loggers.other.warn(
      {},
      'there is no user, so nobody can log in: leveret add_user NAME makes one, then set_permissions',
    )
  }

  /**
   * Restores the content of the store and adds what the settings ask for. @throws StorageError; Error for definitions
   */
  static async open(storage: Storage, options: ActiveBrokerOptions): Promise<ActiveBroker> {
    const active = new ActiveBroker(storage, options)
    try {
      active.model.restore()
      await seed(active.model, options.settings)
      active.warnWithoutUsers(options)
      active.shovels.open()
      return active
    } catch (error) {
      await active.model.abandon()
      throw error
    }
  }

  get storeDamaged(): number {
    return this.storage.damaged ?? 0
  }

  async backUp(dir: string): Promise<void> {
    const { backUp } = await import('../storage/backup.ts')
    await backUp(this.storage, dir)
  }

  /** Octets that the store occupies on disk but can reuse. */
  get reusableBytes(): number {
    return this.storage.reusableBytes?.() ?? 0
  }

  /** Notifies clients and writes outstanding data. @throws StorageError if the store rejects it */
  async close(): Promise<void> {
    await this.shovels.close()
    await this.server.close()
    await this.model.close()
  }

  /** @param serves whether clients may be served at the moment; `fence` is called when that changes */
  set gate(serves: () => boolean) {
    this.model.broker.turn.gate = serves
  }

  fence(fenced: boolean): void {
    this.server.fence(fenced)
  }

  /** Stops writing and confirming; closes connections with the reason. */
  async depose(reason: string): Promise<void> {
    const { turn } = this.model.broker
    const ended = this.shovels.close()
    if (turn.isShut) this.server.dropHeld()
    turn.gate = undefined
    const forgotten = this.model.abandon()
    const closed = this.server.close(reason)
    // Pending calls wait for the held-back work to run; no client is left that could be served by it.
    turn.run()
    await closed
    await ended
    await forgotten
  }
}
