/** Collects the keys of a cluster and builds its settings from them. */
import { randomBytes } from 'node:crypto'
import { hostname } from 'node:os'
import type { ClusterSettings } from './cluster-settings.ts'
import { ConfigError } from './parse.ts'
import { TlsBuilder } from './tls-builder.ts'

const PEER_PORT = 25_672
const REPLICAS = 3
const FAILOVER_AFTER_MS = 1000
const LOG_BYTES_MAX = 4 * 1024 ** 3
const SECRET_VARIABLE = 'LEVERET_CLUSTER_SECRET'
const SECRET_BYTES_MIN = 16

export class ClusterDraft {
  name: string | undefined
  node: string | undefined
  urls: readonly string[] = []
  replicas = REPLICAS
  credentials: string | undefined
  readonly engineTls: { ca?: string; cert?: string; key?: string } = {}
  secret: string | undefined = process.env[SECRET_VARIABLE]
  port = PEER_PORT
  bind: string | undefined
  host: string | undefined
  readonly tls = new TlsBuilder()
  failoverAfterMs = FAILOVER_AFTER_MS
  logBytesMax = LOG_BYTES_MAX
  /** Keys that have no effect without a cluster name. */
  isSet = false

  /** undefined if no cluster is configured. @throws ConfigError that says which key to set */
  settings(usualBind: string | undefined): ClusterSettings | undefined {
    const { name, node, urls, secret } = this
    if (!this.isSet) return undefined
    const need = (key: string, what: string): ConfigError => new ConfigError(`${key} is missing: ${what}`)
    if (name === undefined)
      throw need(
        'cluster.name',
        'the name of the cluster, the same on all nodes (cluster.name = prod, or --cluster-name prod)',
      )
    if (node === undefined)
      throw need(
        'cluster.node',
        'the name of this node, different on each node (cluster.node = a, or --node-name a)',
      )
    if (urls.length === 0)
      throw need(
        'cluster.urls',
        'the NATS servers, the one on this machine first (cluster.urls = nats://127.0.0.1:4222, or --cluster-urls ...); ' +
          'leveret cluster nats-config prints a configuration for them',
      )
    if (secret === undefined || secret === '')
      throw need(
        'cluster.secret',
        `the secret that authenticates the nodes to each other, the same on all (cluster.secret = ${randomBytes(SECRET_BYTES_MIN).toString('hex')}, ` +
          `which has just been generated, or the environment variable ${SECRET_VARIABLE})`,
      )
    const bind = this.bind ?? usualBind
    return {
      name,
      node,
      secret,
      engine: {
        urls,
        replicas: this.replicas,
        credentials: this.credentials,
        tls: Object.keys(this.engineTls).length === 0 ? undefined : this.engineTls,
      },
      peer: {
        port: this.port,
        bind,
        host: this.host ?? (bind === undefined || ['0.0.0.0', '::'].includes(bind) ? hostname() : bind),
        tls: this.tls.isSet ? this.tls.settings('cluster.peer.ssl_options', 'cluster.peer') : undefined,
      },
      failoverAfterMs: this.failoverAfterMs,
      logBytesMax: this.logBytesMax,
    }
  }
}
