/** What a member of a cluster is made of, and what it does with the broker. */

import type { Storage } from '../storage/storage.ts'
import type { Clock } from '../util/clock.ts'
import type { Logger } from '../util/logger.ts'
import type { Engine } from './engine.ts'
import type { Heartbeat } from './heartbeat.ts'
import type { Copy } from './join.ts'
import type { ReplicaStores } from './replica-store.ts'

/** What the broker of the moment is opened on. */
export interface MemberHost {
  /** Resolves when the broker is there. */
  open(storage: Storage): Promise<void>
  /** Clients are told, and what is left is written. */
  close(): Promise<void>
  /** Another node is active: clients are told, nothing is written any more. */
  depose(reason: string): Promise<void>
  /** Clients are cut off without a word. */
  cutOff(): void
  /** Resolves when everything that was accepted is durable. */
  settle(): Promise<void>
  /** Whether it may serve clients has changed. */
  fence(fenced: boolean): void
  /** Nothing more can be done here. */
  failed(error: Error): void
}

export type About = Pick<Heartbeat, 'host' | 'peerPort' | 'listeners' | 'version' | 'startedAt'>

export interface MemberOptions {
  readonly node: string
  /** Another one each time the node starts. */
  readonly run: string
  readonly secret: string
  readonly failoverAfterMs: number
  readonly engine: Engine
  readonly clock: Clock
  readonly stores: ReplicaStores
  readonly host: MemberHost
  readonly logger: Logger
  /** What the other nodes are told beside its state. */
  readonly about: () => About
  readonly copy: Copy
  readonly onHeard?: (heartbeat: Heartbeat) => void
}
