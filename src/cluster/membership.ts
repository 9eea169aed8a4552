/** Decides when a node runs the broker: always, if it is a single node. */
import type { Socket } from 'node:net'
import type { Settings } from '../config/settings.ts'
import type { ClientAddress } from '../connection/listener.ts'
import type { Listeners } from '../connection/listeners.ts'
import type { Talkers } from '../connection/talkers.ts'
import type { ClusterView } from '../management/cluster-view.ts'
import type { GroupCommit } from '../storage/batch.ts'
import type { Storage } from '../storage/storage.ts'
import type { Loggers } from '../util/logger.ts'

/** The part of an open broker that a membership uses. */
export interface MemberBroker {
  readonly model: { readonly commit: GroupCommit }
  /** Called when the permission to serve clients changes. */
  fence(fenced: boolean): void
}

/** The part of a node that a membership uses. One call at a time; each call waits for the previous one to resolve. */
export interface BrokerHost {
  readonly settings: Settings
  readonly loggers: Loggers
  /** The membership may set `receiver` while no broker is open. */
  readonly listeners: Listeners
  readonly talkers: Talkers
  /**
   * Opens the broker on the contents of the store, and passes new clients to it. The store remains the caller's. If
   * this fails, nothing stays open.
   * @param serves whether clients may be served at the moment; undefined = always
   * @throws StorageError; Error for definitions that cannot be imported
   */
  openBroker(storage: Storage, serves?: () => boolean): Promise<void>
  /** The open broker; undefined while there is none. */
  readonly active: MemberBroker | undefined
  /**
   * Notifies clients and writes what is pending. @throws StorageError if the store refuses that; the broker is closed
   * even then
   */
  closeBroker(): Promise<void>
  /**
   * Another node runs the broker from now on: nothing more is written or confirmed, clients are notified (320), and the
   * state in memory is discarded. Waits for a write in progress: the store ensures that it resolves or fails.
   * @param reason as shown to clients
   */
  deposeBroker(reason: string): Promise<void>
  /** An HTTP client relayed by another node; @param owner whether it acts for the owner of that node's data folder */
  takeHttp(socket: Socket, client: ClientAddress, owner: boolean): void
  /** Closes the connections of all clients without notice. */
  cutOff(): void
}

export interface Membership {
  /** Present on a node of a cluster. */
  readonly cluster?: ClusterView
  /** Resolves when the listeners may open. @throws StorageError, or any other error that prevents the start */
  start(host: BrokerHost): Promise<void>
  /** Closes the broker, if this node runs it, and the store. Called once, even if `start` has failed. */
  close(): Promise<void>
}
