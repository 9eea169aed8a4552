/** What a node has to be told to be one of a cluster. */
import type { TlsSettings } from '../util/tls.ts'

export interface EngineSettings {
  /** Of NATS servers, the nearest first: `nats://user:password@host:port`, or `tls://`. */
  readonly urls: readonly string[]
  /** Copies of the log, on as many servers. */
  readonly replicas: number
  /** A credentials file of NATS. */
  readonly credentials: string | undefined
  readonly tls: { readonly ca?: string; readonly cert?: string; readonly key?: string } | undefined
}

export interface ClusterSettings {
  /** The same on all nodes. */
  readonly name: string
  /** Of this node, and of no other. */
  readonly node: string
  readonly engine: EngineSettings
  /** Where this node listens for the others. */
  readonly peer: {
    readonly port: number
    readonly bind: string | undefined
    /** Where the others reach it. */
    readonly host: string
    readonly tls: TlsSettings | undefined
  }
  /** The same on all nodes: who knows it is one of them. */
  readonly secret: string
  /** ms without a word of the active node after which another one takes over. */
  readonly failoverAfterMs: number
  /** Octets of the log that are kept for a node that is away. */
  readonly logBytesMax: number
}
