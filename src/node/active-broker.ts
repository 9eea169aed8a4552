/** A broker that serves: the model of one store, and the connections that work on it. There may be one after the other. */

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

  /** Brings back what the store holds, and what the settings want beside it. @throws StorageError; Error for definitions */
  static async open(storage: Storage, options: ActiveBrokerOptions): Promise<ActiveBroker> {
    const active = new ActiveBroker(storage, options)
    try {
      active.model.restore()
      await seed(active.model, options.settings)
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

  /** Octets on the disk that are the store's already and free to be used. */
  get reusableBytes(): number {
    return this.storage.reusableBytes?.() ?? 0
  }

  /** Tells the clients, and writes what is left. @throws StorageError where the store refuses it */
  async close(): Promise<void> {
    await this.shovels.close()
    await this.server.close()
    await this.model.close()
  }

  /** @param serves whether clients may be served at a moment; `fence` is called when that has changed */
  set gate(serves: () => boolean) {
    this.model.broker.turn.gate = serves
  }

  fence(fenced: boolean): void {
    this.server.fence(fenced)
  }

  /** Nothing more is written or confirmed; clients are told why. */
  async depose(reason: string): Promise<void> {
    const { turn } = this.model.broker
    const ended = this.shovels.close()
    if (turn.isShut) this.server.dropHeld()
    turn.gate = undefined
    const forgotten = this.model.abandon()
    const closed = this.server.close(reason)
    // What was held back waits for this; nobody is left who could be served by it.
    turn.run()
    await closed
    await ended
    await forgotten
  }
}
