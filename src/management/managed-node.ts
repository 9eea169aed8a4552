/**
 * What the HTTP API, the metrics and the control socket know of the process that they are in. The process outlives its
 * broker: `active` is asked for each time, and never kept.
 */
import type { Alarms } from '../alarms/alarms.ts'
import type { Settings } from '../config/settings.ts'
import type { NodeLimits } from '../connection/admission.ts'
import type { Listeners } from '../connection/listeners.ts'
import type { Server } from '../connection/server.ts'
import type { Model } from '../model/model.ts'
import type { Shovels } from '../shovel/shovels.ts'
import type { Clock } from '../util/clock.ts'
import type { Listening } from '../util/listening.ts'
import type { Logger } from '../util/logger.ts'
import type { Owner } from '../util/owner.ts'
import type { ClusterView } from './cluster-view.ts'

/** A broker that is open. */
export interface ManagedBroker {
  readonly model: Model
  readonly server: Server
  readonly shovels: Shovels
  /** Values in the store that were found damaged since it was opened. */
  readonly storeDamaged: number
  /** Copies the data folder into one that is empty or not there yet. @throws StorageError */
  backUp(dir: string): Promise<void>
}

/** What can be asked of a process that is the broker's own. */
export interface OwnProcess {
  /** What is in force and where it comes from; secrets are masked. */
  configuration(): readonly { readonly key: string; readonly value: string; readonly origin: string }[]
  readonly log: {
    /** undefined = the standard output, or the standard error output. */
    readonly file: string | undefined
    readonly categories: readonly string[]
    last(lines: number): readonly string[]
    /** @param level one of RabbitMQ's names; @param category undefined = all */
    setLevel(level: string, category: string | undefined): void
    /** After somebody has moved the file away. */
    reopen(): void
  }
}

export interface ManagedNode {
  /** As RabbitMQ names nodes. */
  readonly nodeName: string
  /** In ms since 1970. */
  readonly startedAt: number
  readonly settings: Settings
  readonly logger: Logger
  /** Whom what belongs to nobody else is charged to. */
  readonly owner: Owner
  readonly clock: Clock
  readonly alarms: Alarms
  /** As they are now. */
  readonly limits: NodeLimits
  readonly listeners: Listeners
  /** All sockets that listen: AMQP, HTTP API, metrics. */
  readonly listening: readonly Listening[]
  /** The broker of the moment; undefined while there is none. */
  readonly active: ManagedBroker | undefined
  /** The cluster that the node is one of. */
  readonly cluster: ClusterView | undefined
  /** Ends the process; undefined in a process that is somebody else's. */
  readonly shutDown: (() => void) | undefined
  /** undefined in a process that is somebody else's. */
  readonly process: OwnProcess | undefined
  /** On the ports of the last time, where there was one. @throws the error of listen */
  openListeners(): Promise<void>
  /** Clients are told and come back only after `openListeners`; the HTTP API goes on. */
  closeListeners(): Promise<void>
}
