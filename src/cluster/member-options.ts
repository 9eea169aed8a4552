/** The parts of a member of a cluster, and how it controls the broker. */

import type { Storage } from '../storage/storage.ts'
import type { Clock } from '../util/clock.ts'
import type { Logger } from '../util/logger.ts'
import type { Engine } from './engine.ts'
import type { Heartbeat } from './heartbeat.ts'
import type { Copy } from './join.ts'
import type { ReplicaStores } from './replica-store.ts'

/** Opens and closes the broker for the member. */
export interface MemberHost {
  /** Resolves when the broker is open. */
  open(storage: Storage): Promise<void>
  /** Notifies clients and writes what is pending. */
  close(): Promise<void>
  /** Another node is active: notifies clients and writes nothing more. */
  depose(reason: string): Promise<void>
  /** Closes the connections of all clients without notice. */
  cutOff(): void
  /** Resolves when everything that was accepted is durable. */
  settle(): Promise<void>
  /** Called when the permission to serve clients changes. */
  fence(fenced: boolean): void
  /** Called on a fatal error: the node cannot continue. */
  failed(error: Error): void
}

export type About = Pick<Heartbeat, 'host' | 'peerPort' | 'listeners' | 'version' | 'startedAt'>

export interface MemberOptions {
  readonly node: string
  /** Changes each time the node starts. */
  readonly run: string
  readonly secret: string
  readonly failoverAfterMs: number
  readonly engine: Engine
  readonly clock: Clock
  readonly stores: ReplicaStores
  readonly host: MemberHost
  readonly logger: Logger
  /** Contents of the node's heartbeats besides its state. */
  readonly about: () => About
  readonly copy: Copy
  readonly onHeard?: (heartbeat: Heartbeat) => void
}
