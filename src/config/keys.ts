/**
 * The keys of rabbitmq.conf that have an effect, and the settings they change. `*` in a key matches one part of the
 * name. Keys without an effect are in without-effect.ts.
 */
import { trustedList } from '../connection/proxy-protocol.ts'
import { CONTENT_BYTES_MAX, FRAME_BYTES_MAX, FRAME_BYTES_MIN } from '../limits.ts'
import { newPasswordAlgorithms } from '../security/passwords.ts'
import { mechanismNames } from '../security/sasl.ts'
import { octets } from '../util/sizes.ts'
import type { Apply, PasswordValidator } from './config-builder.ts'
import { clusterKeys } from './keys-cluster.ts'
import { defaultsKeys } from './keys-defaults.ts'
import { httpKeys } from './keys-http.ts'
import { logKeys } from './keys-log.ts'
import { tlsKeys } from './keys-tls.ts'
import { address, boolean, decimal, integer, name, numberOrInfinity, oneOf, pattern } from './values.ts'

const listener =
  (kind: 'tcp' | 'ssl'): Apply =>
  (d, v, [part = '']) => {
    d.listeners[kind].set(part, address(v))
  }

const channelMax: Apply = (d, v) => {
  d.tuning.channelMax = integer(v, 0, CHANNEL_NUMBERS) || CHANNEL_NUMBERS
}

const connectionMax: Apply = (d, v) => {
  d.limits.connections = numberOrInfinity(v)
}

const backend: Apply = (_, v) =>
  void oneOf(v, ['internal', 'oauth2', 'oauth', 'rabbit_auth_backend_internal', 'rabbit_auth_backend_oauth2'])

const definitionsFrom: Apply = (d, v) => {
  d.definitions = v
}

/** AMQP channel numbers are 16-bit. */
const CHANNEL_NUMBERS = 65_535

export const keys: Readonly<Record<string, Apply>> = {
  'listeners.tcp.*': listener('tcp'),
  'listeners.ssl.*': listener('ssl'),
  'listeners.tcp': (d, v) => {
    oneOf(v, ['none'])
    d.noTcp = true
  },
  'listeners.ssl': (_, v) => void oneOf(v, ['none']),
  ssl_cert_login_from: (d, v) => {
    d.certificateLogin =
      v === 'subject_alt_name'
        ? 'subject_alternative_name'
        : oneOf(v, ['distinguished_name', 'common_name', 'subject_alternative_name'])
  },
  ssl_cert_login_san_type: (d, v) => {
    d.alternativeName.type = oneOf(v, ['dns', 'ip', 'email', 'uri', 'other_name'])
  },
  ssl_cert_login_san_index: (d, v) => {
    d.alternativeName.index = integer(v, 0)
  },
  'auth_mechanisms.*': (d, v) => void d.mechanisms.push(oneOf(v.toUpperCase(), mechanismNames)),
  anonymous_login_user: (d, v) => {
    d.anonymousUser = v === 'none' ? undefined : v
  },
  loopback_users: (d, v) => {
    oneOf(v, ['none'])
    d.loopbackUsers.clear()
  },
  'loopback_users.*': (d, v, [user = '']) => {
    if (boolean(v)) d.loopbackUsers.add(user)
    else d.loopbackUsers.delete(user)
  },
  'vm_memory_high_watermark.relative': (d, v) => {
    d.memoryLimit = { relative: decimal(v) }
  },
  'vm_memory_high_watermark.absolute': (d, v) => {
    d.memoryLimit = { absolute: octets(v) }
  },
  'disk_free_limit.absolute': (d, v) => {
    d.diskFreeLimit = { absolute: octets(v) }
  },
  'disk_free_limit.relative': (d, v) => {
    d.diskFreeLimit = { relative: decimal(v) }
  },
  heartbeat: (d, v) => {
    d.tuning.heartbeat = integer(v, 0, 65_535)
  },
  frame_max: (d, v) => {
    d.setFrameMax(octets(v))
  },
  channel_max: channelMax,
  connection_max: connectionMax,
  // The name of channel_max in RabbitMQ 4.3.
  max_channels_per_connection: channelMax,
  max_connections: connectionMax,
  unauthenticated_connection_max: (d, v) => {
    d.limits.unauthenticated = numberOrInfinity(v)
  },
  handshake_timeout: (d, v) => {
    d.limits.handshakeMs = integer(v, 1)
  },
  'tcp_listen_options.send_timeout': (d, v) => {
    d.limits.sendTimeoutMs = numberOrInfinity(v)
  },
  transaction_max_bytes: (d, v) => {
    d.limits.transactionBytes = octets(v)
  },
  consumer_max_per_channel: (d, v) => {
    d.limits.consumersPerChannel = numberOrInfinity(v)
  },
  max_message_size: (d, v) => {
    d.maxMessageSize = Math.min(octets(v), CONTENT_BYTES_MAX) || CONTENT_BYTES_MAX
  },
  consumer_timeout: (d, v) => {
    d.consumerTimeout = ['undefined', 'infinity'].includes(v) ? 0 : integer(v)
  },
  vhost_max: (d, v) => {
    d.modelLimits.vhosts = numberOrInfinity(v)
  },
  cluster_queue_limit: (d, v) => {
    d.modelLimits.queues = numberOrInfinity(v)
  },
  cluster_exchange_limit: (d, v) => {
    d.modelLimits.exchanges = numberOrInfinity(v)
  },
  'credential_validator.validation_backend': (d, v) => {
    const [, validator] =
      v.match(/^rabbit_credential_validator_(accept_everything|min_password_length|password_regexp)$/) ?? []
    if (validator === undefined)
      throw new Error(
        'expected rabbit_credential_validator_accept_everything, _min_password_length or _password_regexp, ' +
          `found '${v}'`,
      )
    d.passwordRule.validator = validator as PasswordValidator
  },
  password_hashing_module: (d, v) => {
    const known = newPasswordAlgorithms.find((a) => a === v)
    if (known === undefined)
      throw new Error(`expected ${newPasswordAlgorithms.join(', ')}: ${v} cannot be used for new passwords`)
    d.passwordHashing = known
  },
  'credential_validator.min_length': (d, v) => {
    d.passwordRule.minLength = integer(v)
  },
  'credential_validator.regexp': (d, v) => {
    d.passwordRule.pattern = pattern(v)
  },
  channel_max_per_node: (d, v) => {
    d.limits.channels = numberOrInfinity(v)
  },
  initial_frame_max: (d, v) => {
    d.limits.initialFrameMax = Math.min(Math.max(octets(v), FRAME_BYTES_MIN), FRAME_BYTES_MAX)
  },
  total_memory_available_override_value: (d, v) => {
    d.memory = octets(v)
  },
  'product.name': (d, v) => {
    d.identity.product = name(v)
  },
  'product.version': (d, v) => {
    d.identity.version = name(v)
  },
  motd_file: (d, v) => {
    d.motdFile = v
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
  'auth_backends.*': backend,
  'auth_backends.*.authn': backend,
  'auth_backends.*.authz': backend,
  'quorum_queue.property_equivalence.relaxed_checks_on_redeclaration': (d, v) => {
    d.relaxedQuorumChecks = boolean(v)
  },
  default_queue_type: (d, v) => {
    // RabbitMQ also accepts the names of its modules.
    d.defaultQueueType = oneOf(v.replace(/^rabbit_(.*)_queue$/, '$1'), ['classic', 'quorum', 'stream'])
  },
  collect_statistics_interval: (d, v) => {
    d.statisticsInterval = integer(v, 100, 86_400_000)
  },
  load_definitions: definitionsFrom,
  'management.load_definitions': definitionsFrom,
  'definitions.local.path': definitionsFrom,
  'definitions.skip_if_unchanged': (d, v) => {
    d.skipUnchangedDefinitions = boolean(v)
  },
  'definitions.hashing.algorithm': (_, v) => void oneOf(v, ['sha', 'sha224', 'sha256', 'sha384', 'sha512']),
  'definitions.import_backend': (_, v) =>
    void oneOf(v.replace(/^rabbit(mq)?_definitions_import_/, ''), ['local_filesystem', 'local']),
  cluster_name: (d, v) => {
    d.identity.clusterName = name(v)
  },
  ...clusterKeys,
  ...tlsKeys,
  ...defaultsKeys,
  ...httpKeys,
  ...logKeys,
}
