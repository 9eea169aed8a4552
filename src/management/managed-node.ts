/**
 * The view of the process that the HTTP API, the metrics and the control socket have. The process outlives its broker,
 * so `active` is read each time and never cached.
 */
import type { Alarms } from '../alarms/alarms.ts'
import type { Settings } from '../config/settings.ts'
import type { NodeLimits } from '../connection/admission.ts'
import type { Listeners } from '../connection/listeners.ts'
import type { Server } from '../connection/server.ts'
import type { Model } from '../model/model.ts'
import type { OAuth } from '../security/oauth.ts'
import type { Shovels } from '../shovel/shovels.ts'
import type { Clock } from '../util/clock.ts'
import type { Listening } from '../util/listening.ts'
import type { Logger } from '../util/logger.ts'
import type { Owner } from '../util/owner.ts'
import type { ClusterView } from './cluster-view.ts'

/** An open broker. */
export interface ManagedBroker {
  readonly model: Model
  readonly server: Server
  readonly shovels: Shovels
  /** Number of damaged values found in the store since it was opened. */
  readonly storeDamaged: number
  /** Copies the data folder to one that is empty or does not exist yet. @throws StorageError */
  backUp(dir: string): Promise<void>
}

/** Available only if the process belongs to the broker. */
export interface OwnProcess {
  /** The effective settings and their origins; secrets are masked. */
  configuration(): readonly { readonly key: string; readonly value: string; readonly origin: string }[]
  readonly log: {
    /** undefined = standard output or standard error. */
    readonly file: string | undefined
    readonly categories: readonly string[]
    last(lines: number): readonly string[]
    /** Number of lines written since the start. */
    written(): number
    /** @param level one of RabbitMQ's names; @param category undefined = all categories */
    setLevel(level: string, category: string | undefined): void
    /** Reopens the file after it has been moved (log rotation). */
    reopen(): void
  }
}

export interface ManagedNode {
  /** In RabbitMQ's format of node names. */
  readonly nodeName: string
  /** In ms since 1970. */
  readonly startedAt: number
  /** The start in ms of the monotonic clock (`elapsed`), for the uptime. */
  readonly startedElapsed: number
  readonly settings: Settings
  readonly logger: Logger
  /** Receives the failures of handlers and timers that have no other owner. */
  readonly owner: Owner
  readonly clock: Clock
  readonly alarms: Alarms
  /** The current limits. */
  readonly limits: NodeLimits
  readonly listeners: Listeners
  /** All listening sockets: AMQP, HTTP API, metrics. */
  readonly listening: readonly Listening[]
  /** The active broker; undefined if there is none at the moment. */
  readonly active: ManagedBroker | undefined
  /** Verifies tokens; undefined if they are not configured. */
  readonly oauth: OAuth | undefined
  /** The cluster that the node belongs to. */
  readonly cluster: ClusterView | undefined
  /** Stops the process; undefined if the process belongs to another program. */
  readonly shutDown: (() => void) | undefined
  /** undefined if the process belongs to another program. */
  readonly process: OwnProcess | undefined
  /** Opens the listeners, on their previous ports if there were any. @throws the error of listen */
  openListeners(): Promise<void>
  /**
   * Closes client connections with a notice; clients can reconnect only after `openListeners`. The HTTP API stays open.
   */
  closeListeners(): Promise<void>
}
