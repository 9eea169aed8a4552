/** The state of the cluster, as the HTTP API and the metrics of one of its nodes see it. */
import type { IncomingMessage, ServerResponse } from 'node:http'

export interface ClusterNodeStatus {
  readonly name: string
  /** `away` if the node is unreachable. Otherwise joining, standby, opening, serving or fenced. */
  readonly state: string
  readonly active: boolean
  readonly running: boolean
  readonly host: string
  readonly listeners: readonly { readonly protocol: string; readonly port: number }[]
  readonly version: string
  /** Number of batches that its store has applied. */
  readonly applied: number
  /** Number of batches of the active node that this node does not have yet, and for how long it has been behind. */
  readonly lag_records: number
  readonly lag_seconds: number
}

export interface ClusterStatus {
  readonly cluster: string
  /** The node that answers. */
  readonly node: string
  /** The node that runs the broker; empty if there is none. */
  readonly active: string
  readonly epoch: number
  /** Number of takeovers by any node since this one was started. */
  readonly takeovers: number
  /** Number of clients that this node forwards. */
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
    /** The other servers: whether they are up to date, how many records they lack, and whether the leader reaches them. */
    readonly replicas: readonly {
      readonly name: string
      readonly current: boolean
      readonly lag: number
      readonly reached: boolean
    }[]
    /** Time from the append of this node's last batch until it was read back; 0 = it was never active. */
    readonly round_trip_ms: number
  }
}

export interface ClusterView {
  status(): ClusterStatus
  /** @throws Error with the reason for a refusal */
  promote(node: string): Promise<void>
  /** Resolves when the change is durable. @throws Error with the reason for a refusal; Abandoned */
  forget(node: string): Promise<void>
  /** The entries of this node's copy of the store whose keys begin with the prefix. */
  scan(prefix: string): Iterable<{ key: string; value: Uint8Array }>
  /** Whether requests that need a broker can be forwarded. */
  readonly canForward: boolean
  /** Forwards a request to the active node. @param owner whether the client is the owner of the data folder */
  forward(request: IncomingMessage, response: ServerResponse, owner: boolean): void
}
