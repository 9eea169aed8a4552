/**
 * The keys of rabbitmq.conf that have an effect, each with what it sets. `*` in a key stands for one part of any name.
 * Those in `withoutEffect` are known and do nothing on a single node of this kind.
 */
import { trustedList } from '../connection/proxy-protocol.ts'
import { mechanismNames } from '../security/sasl.ts'
import { logCategories } from '../util/logger.ts'
import { availableMemory, octets } from '../util/sizes.ts'
import type { Draft } from './draft.ts'
import { address, boolean, decimal, integer, numberOrInfinity, oneOf } from './values.ts'

export const logLevels = ['debug', 'info', 'warning', 'error', 'critical', 'none'] as const

/** @param part what stands for `*` */
type Apply = (d: Draft, value: string, part: string) => void

const listener =
  (kind: 'tcp' | 'ssl'): Apply =>
  (d, v, part) => {
    d.listeners[kind].set(part, address(v))
  }

/** A free-disk limit is relative to the memory, as in RabbitMQ. */
const relative = (v: string): number => Math.floor(decimal(v) * availableMemory())

export const keys: Readonly<Record<string, Apply>> = {
  'listeners.tcp.*': listener('tcp'),
  'listeners.ssl.*': listener('ssl'),
  'listeners.tcp': (d, v) => {
    oneOf(v, ['none'])
    d.noTcp = true
  },
  'listeners.ssl': (_, v) => void oneOf(v, ['none']),
  'ssl_options.cacertfile': (d, v) => {
    d.tls.cacertfile = v
  },
  'ssl_options.certfile': (d, v) => {
    d.tls.certfile = v
  },
  'ssl_options.keyfile': (d, v) => {
    d.tls.keyfile = v
  },
  'ssl_options.password': (d, v) => {
    d.tls.password = v
  },
  'ssl_options.verify': (d, v) => {
    d.tls.verifyPeer = oneOf(v, ['verify_peer', 'verify_none']) === 'verify_peer'
  },
  'ssl_options.fail_if_no_peer_cert': (d, v) => {
    d.tls.failIfNoPeerCert = boolean(v)
  },
  'ssl_options.versions.*': (d, v) =>
    void d.tlsVersions.push(oneOf(v, ['tlsv1.2', 'tlsv1.3', 'tlsv1.1', 'tlsv1'])),
  'ssl_options.sni.*': (d, v) => {
    const [host, certfile, keyfile, more] = v.split(/\s+/)
    if (host === undefined || certfile === undefined || keyfile === undefined || more !== undefined)
      throw new Error(`expected a host, a certificate file and a key file, found '${v}'`)
    d.tlsHosts.push({ host, certfile, keyfile })
  },
  ssl_cert_login_from: (d, v) => {
    d.certificateLogin = oneOf(v, ['distinguished_name', 'common_name'])
  },
  'auth_mechanisms.*': (d, v) => void d.mechanisms.push(oneOf(v.toUpperCase(), mechanismNames)),
  anonymous_login_user: (d, v) => {
    d.anonymousUser = v === 'none' ? undefined : v
  },
  default_user: (d, v) => {
    d.defaultUser.name = v
  },
  default_pass: (d, v) => {
    d.defaultUser.password = v
  },
  default_vhost: (d, v) => {
    d.defaultVhost = v
  },
  'default_user_tags.*': (d, v, tag) => {
    d.defaultUser.tags = d.defaultUser.tags.filter((t) => t !== tag)
    if (boolean(v)) d.defaultUser.tags.push(tag)
  },
  'default_permissions.configure': (d, v) => {
    d.defaultUser.configure = v
  },
  'default_permissions.write': (d, v) => {
    d.defaultUser.write = v
  },
  'default_permissions.read': (d, v) => {
    d.defaultUser.read = v
  },
  loopback_users: (d, v) => {
    oneOf(v, ['none'])
    d.loopbackUsers.clear()
  },
  'loopback_users.*': (d, v, user) => {
    if (boolean(v)) d.loopbackUsers.add(user)
    else d.loopbackUsers.delete(user)
  },
  'vm_memory_high_watermark.relative': (d, v) => {
    d.memoryLimit = relative(v)
  },
  'vm_memory_high_watermark.absolute': (d, v) => {
    d.memoryLimit = octets(v)
  },
  'disk_free_limit.absolute': (d, v) => {
    d.diskFreeLimit = octets(v)
  },
  'disk_free_limit.relative': (d, v) => {
    d.diskFreeLimit = relative(v)
  },
  heartbeat: (d, v) => {
    d.tuning.heartbeat = integer(v, 0, 65_535)
  },
  frame_max: (d, v) => {
    d.tuning.frameMax = integer(v, 4096, 131_072)
  },
  channel_max: (d, v) => {
    d.tuning.channelMax = integer(v, 1, 65_535)
  },
  connection_max: (d, v) => {
    d.limits.connections = numberOrInfinity(v)
  },
  unauthenticated_connection_max: (d, v) => {
    d.limits.unauthenticated = numberOrInfinity(v)
  },
  handshake_timeout: (d, v) => {
    d.limits.handshakeMs = integer(v, 1)
  },
  transaction_max_bytes: (d, v) => {
    d.limits.transactionBytes = octets(v)
  },
  consumer_max_per_channel: (d, v) => {
    d.limits.consumersPerChannel = numberOrInfinity(v)
  },
  max_message_size: (d, v) => {
    d.maxMessageSize = integer(v, 1, 536_870_912)
  },
  consumer_timeout: (d, v) => {
    d.consumerTimeout = ['undefined', 'infinity'].includes(v) ? 0 : integer(v)
  },
  proxy_protocol: (d, v) => {
    d.proxyProtocol = boolean(v)
  },
  'proxy_protocol.trusted.*': (d, v) => {
    trustedList([v])
    d.proxies.push(v)
  },
  'auth_oauth2.resource_server_id': (d, v) => {
    d.oauth.resourceServerId = v
  },
  'auth_oauth2.jwks_url': (d, v) => {
    d.oauth.jwks = v
  },
  'auth_oauth2.jwks_uri': (d, v) => {
    d.oauth.jwks = v
  },
  'auth_oauth2.signing_keys_file': (d, v) => {
    d.oauth.jwks = v
  },
  'auth_oauth2.issuer': (d, v) => {
    d.oauth.issuer = v
  },
  'auth_oauth2.preferred_username_claims.*': (d, v) => {
    d.oauth.usernameClaim = v
  },
  'auth_oauth2.additional_scopes_key': (d, v) => {
    d.oauth.scopesClaim = v
  },
  'auth_oauth2.scope_prefix': (d, v) => {
    d.oauth.scopePrefix = v
  },
  'auth_oauth2.verify_aud': (d, v) => {
    d.oauth.verifyAudience = boolean(v)
  },
  'auth_backends.*': (_, v) =>
    void oneOf(v, ['internal', 'oauth2', 'rabbit_auth_backend_internal', 'rabbit_auth_backend_oauth2']),
  default_queue_type: (d, v) => {
    d.defaultQueueType = oneOf(v, ['classic', 'quorum', 'stream'])
  },
  collect_statistics_interval: (d, v) => {
    d.statisticsInterval = integer(v, 100, 86_400_000)
  },
  load_definitions: (d, v) => {
    d.definitions = v
  },
  'definitions.local.path': (d, v) => {
    d.definitions = v
  },
  'definitions.import_backend': (_, v) => void oneOf(v, ['local_filesystem']),
  cluster_name: (d, v) => {
    d.clusterName = v
  },
  'log.console': (d, v) => {
    d.logConsole = boolean(v)
  },
  'log.file': (d, v) => {
    d.logFile = v === 'false' ? undefined : v
  },
  'log.file.level': (d, v) => {
    d.logLevel = oneOf(v, logLevels)
  },
  ...Object.fromEntries(
    logCategories.map((category): [string, Apply] => [
      `log.${category}.level`,
      (d, v) => void d.logLevels.set(category, oneOf(v, logLevels)),
    ]),
  ),
  'log.console.level': (d, v) => {
    d.logLevel = oneOf(v, logLevels)
  },
  'log.default.level': (d, v) => {
    d.logLevel = oneOf(v, logLevels)
  },
  'prometheus.tcp.port': (d, v) => {
    d.metrics.port = integer(v, 0, 65_535)
  },
  'prometheus.tcp.ip': (d, v) => {
    d.metrics.bind = v
  },
  'management.tcp.port': (d, v) => {
    d.management.port = integer(v, 0, 65_535)
  },
  'management.ssl.port': (d, v) => {
    d.management.port = integer(v, 0, 65_535)
  },
  'management.ssl.certfile': (d, v) => {
    d.managementTls.certfile = v
  },
  'management.ssl.keyfile': (d, v) => {
    d.managementTls.keyfile = v
  },
  'management.tcp.ip': (d, v) => {
    d.management.bind = v
  },
  'management.listener.port': (d, v) => {
    d.management.port = integer(v, 0, 65_535)
  },
  'management.listener.ip': (d, v) => {
    d.management.bind = v
  },
}

/** Prefixes of keys that RabbitMQ has and that mean nothing here. */
export const withoutEffect: readonly string[] = [
  'cluster_',
  'classic_queue.',
  'collect_statistics',
  'delegate_count',
  'distribution.',
  'erlang.',
  'kernel.',
  'log.',
  'management.',
  'management_agent.',
  'mirroring_',
  'mqtt.',
  'msg_store_',
  'net_ticktime',
  'num_acceptors.',
  'prometheus.',
  'queue_index_',
  'queue_leader_locator',
  'queue_master_locator',
  'quorum_',
  'raft.',
  'reverse_dns_lookups',
  'ssl_handshake_timeout',
  'ssl_options.depth',
  'ssl_options.honor_',
  'ssl_options.ciphers.',
  'stomp.',
  'stream.',
  'tcp_listen_options.',
  'total_memory_available_override_value',
  'vm_memory_calculation_strategy',
  'vm_memory_high_watermark_paging_ratio',
  'web_',
]
