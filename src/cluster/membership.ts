/** Decides when a node has the broker: always, where it is alone. */
import type { Socket } from 'node:net'
import type { Settings } from '../config/settings.ts'
import type { ClientAddress } from '../connection/listener.ts'
import type { Listeners } from '../connection/listeners.ts'
import type { Talkers } from '../connection/talkers.ts'
import type { ClusterView } from '../management/cluster-view.ts'
import type { GroupCommit } from '../storage/batch.ts'
import type { Storage } from '../storage/storage.ts'
import type { Loggers } from '../util/logger.ts'

/** What a membership does with a broker that is open. */
export interface MemberBroker {
  readonly model: { readonly commit: GroupCommit }
  /** Whether clients may be served has changed. */
  fence(fenced: boolean): void
}

/** What a membership does with its node. One call at a time; each waits for the one before to resolve. */
export interface BrokerHost {
  readonly settings: Settings
  readonly loggers: Loggers
  /** `receiver` is the membership's to set while no broker is open. */
  readonly listeners: Listeners
  readonly talkers: Talkers
  /**
   * Opens the broker on what the store holds, and gives it the clients that come. The store stays the caller's. Nothing is
   * open where it fails.
   * @param serves whether clients may be served at a moment; undefined = always
   * @throws StorageError; Error for definitions that cannot be loaded
   */
  openBroker(storage: Storage, serves?: () => boolean): Promise<void>
  /** The broker of the moment; undefined while there is none. */
  readonly active: MemberBroker | undefined
  /** Tells the clients and writes what is left. @throws StorageError where the store refuses that; it is closed then too */
  closeBroker(): Promise<void>
  /**
   * Somebody else has the broker from now on: nothing more is written or confirmed, clients are told (320), what is in
   * memory is forgotten. A write that is on its way is waited for: the store sees to it that it resolves or fails.
   * @param reason as clients see it
   */
  deposeBroker(reason: string): Promise<void>
  /** An HTTP client that another node has passed on; @param owner it speaks for the owner of that node's data folder */
  takeHttp(socket: Socket, client: ClientAddress, owner: boolean): void
  /** Clients that are here are cut off without a word. */
  cutOff(): void
}

export interface Membership {
  /** Where there are several nodes. */
  readonly cluster?: ClusterView
  /** Resolves when the listeners may open. @throws StorageError and what else keeps the node from starting */
  start(host: BrokerHost): Promise<void>
  /** Closes the broker, where this node has it, and the store. Called once, also where `start` has failed. */
  close(): Promise<void>
}
