/** Keys of a cluster: its replication engine, the port between the nodes, and the failover time. */
import { accessSync, constants, statSync } from 'node:fs'
import { octets } from '../util/sizes.ts'
import type { ClusterDraft } from './cluster-draft.ts'
import type { Apply } from './config-builder.ts'
import { tlsKeysOf } from './keys-tls.ts'
import { address, duration, integer, oneOf, secret } from './values.ts'

const FAILOVER_MS_MIN = 300
const FAILOVER_MS_MAX = 60_000
const LOG_BYTES_MIN = 16 * 1024 * 1024

/** Names become parts of NATS subjects and of folder names. */
function nameOf(text: string): string {
  if (!/^[A-Za-z0-9_-]{1,64}$/.test(text))
    throw new Error(`expected letters, digits, - and _, at most 64 of them, found '${text}'`)
  return text
}

function urlsOf(text: string): string[] {
  return text.split(',').map((part) => {
    const url = part.trim()
    let parsed: URL
    try {
      parsed = new URL(url.includes('://') ? url : `nats://${url}`)
    } catch {
      throw new Error(`expected addresses such as nats://127.0.0.1:4222, found '${url}'`)
    }
    if (!['nats:', 'tls:'].includes(parsed.protocol) || parsed.hostname === '')
      throw new Error(`expected addresses such as nats://127.0.0.1:4222 or tls://host:4222, found '${url}'`)
    if (parsed.port === '') parsed.port = '4222'
    return parsed.href
  })
}

function file(path: string): string {
  accessSync(path, constants.R_OK)
  if (!statSync(path).isFile()) throw new Error(`${path} is not a regular file`)
  return path
}

const set =
  (apply: (c: ClusterDraft, value: string) => void): Apply =>
  (d, v) => {
    d.cluster.isSet = true
    apply(d.cluster, v)
  }

export const clusterKeys: Readonly<Record<string, Apply>> = {
  'cluster.name': set((c, v) => {
    c.name = nameOf(v)
  }),
  'cluster.node': set((c, v) => {
    c.node = nameOf(v)
  }),
  'cluster.urls': set((c, v) => {
    c.urls = urlsOf(v)
  }),
  'cluster.replicas': set((c, v) => {
    c.replicas = Number(oneOf(v, ['1', '3', '5']))
  }),
  'cluster.credentials': set((c, v) => {
    c.credentials = file(v)
  }),
  'cluster.tls.cacertfile': set((c, v) => {
    c.engineTls.ca = file(v)
  }),
  'cluster.tls.certfile': set((c, v) => {
    c.engineTls.cert = file(v)
  }),
  'cluster.tls.keyfile': set((c, v) => {
    c.engineTls.key = file(v)
  }),
  'cluster.secret': set((c, v) => {
    c.secret = secret(v)
  }),
  'cluster.peer.port': set((c, v) => {
    const { port, bind } = address(v)
    c.port = port
    if (bind !== undefined) c.bind = bind
  }),
  'cluster.peer.host': set((c, v) => {
    c.host = v
  }),
  'cluster.failover_after': set((c, v) => {
    c.failoverAfterMs = integer(String(duration(v)), FAILOVER_MS_MIN, FAILOVER_MS_MAX)
  }),
  'cluster.log_max': set((c, v) => {
    c.logBytesMax = octets(v)
    if (c.logBytesMax < LOG_BYTES_MIN) throw new Error(`expected at least 16MiB, found '${v}'`)
  }),
  ...tlsKeysOf('cluster.peer.ssl_options', (d) => d.cluster.tls),
}
