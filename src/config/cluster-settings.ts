/** The settings that make a node a member of a cluster. */
import type { TlsSettings } from '../util/tls.ts'

export interface EngineSettings {
  /** URLs of NATS servers, the nearest first: `nats://user:password@host:port` or `tls://`. */
  readonly urls: readonly string[]
  /** Number of replicas of the log, each on a server of its own. */
  readonly replicas: number
  /** Path of a NATS credentials file. */
  readonly credentials: string | undefined
  readonly tls: { readonly ca?: string; readonly cert?: string; readonly key?: string } | undefined
}

export interface ClusterSettings {
  /** Name of the cluster; the same on all nodes. */
  readonly name: string
  /** Name of this node; unique in the cluster. */
  readonly node: string
  readonly engine: EngineSettings
  /** The listener of this node for the other nodes. */
  readonly peer: {
    readonly port: number
    readonly bind: string | undefined
    /** The host name or address by which the other nodes reach this node. */
    readonly host: string
    readonly tls: TlsSettings | undefined
  }
  /** Shared secret that authenticates nodes to each other; the same on all nodes. */
  readonly secret: string
  /** Milliseconds without a sign of life from the active node after which another node takes over. */
  readonly failoverAfterMs: number
  /** Octets of the log that are retained for a node that is offline. */
  readonly logBytesMax: number
}
