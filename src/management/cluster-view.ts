/** What the HTTP API and the metrics are told of the cluster that a node is one of. */
import type { IncomingMessage, ServerResponse } from 'node:http'

export interface ClusterNodeStatus {
  readonly name: string
  /** `away`: not heard. Otherwise joining, standby, opening, serving or fenced. */
  readonly state: string
  readonly active: boolean
  readonly running: boolean
  readonly host: string
  readonly listeners: readonly { readonly protocol: string; readonly port: number }[]
  readonly version: string
  /** Batches that its store has. */
  readonly applied: number
  /** Batches that the active node has and this one has not, and for how long that has been so. */
  readonly lag_records: number
  readonly lag_seconds: number
}

export interface ClusterStatus {
  readonly cluster: string
  /** The one that answers. */
  readonly node: string
  /** The node that has the broker; empty while none has. */
  readonly active: string
  readonly epoch: number
  /** Times that a node has taken over since this one was started. */
  readonly takeovers: number
  /** Clients that this node passes on. */
  readonly relayed: number
  /** Why this node does not follow the log at the moment; empty while it does. */
  readonly problem: string
  readonly nodes: readonly ClusterNodeStatus[]
  readonly log: {
    readonly first: number
    readonly last: number
    readonly bytes: number
    readonly limit: number
  }
  readonly engine: {
    readonly connected: boolean
    readonly leader: string
    readonly replicas: readonly { readonly name: string; readonly current: boolean; readonly lag: number }[]
    /** From the append of the last batch of this node until it was read back; 0 = it was never active. */
    readonly round_trip_ms: number
  }
}

export interface ClusterView {
  status(): ClusterStatus
  /** @throws Error with what stands against it */
  promote(node: string): Promise<void>
  /** @throws Error with what stands against it */
  forget(node: string): Promise<void>
  /** What the replicated store has under keys with that prefix, on this node. */
  scan(prefix: string): Iterable<{ key: string; value: Uint8Array }>
  /** Whether requests that need a broker can be passed on. */
  readonly canForward: boolean
  /**
   * Has the active node answer. @param owner the request comes from the owner of the data folder
   */
  forward(request: IncomingMessage, response: ServerResponse, owner: boolean): void
}
