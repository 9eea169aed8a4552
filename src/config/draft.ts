/** Settings while they are read, key by key, and what they come to. */
import { defaultLimits, type NodeLimits } from '../connection/admission.ts'
import type { HostCertificate } from '../connection/listener.ts'
import { defaultSettings } from '../default-settings.ts'
import type { OAuthSettings } from '../security/oauth.ts'
import type { Mechanism } from '../security/sasl.ts'
import type { ListenerSettings, Settings } from '../settings.ts'
import { availableMemory } from '../util/sizes.ts'
import { ConfigError } from './parse.ts'

interface Address {
  port: number
  bind: string | undefined
}

/** RabbitMQ 3.13's default. */
const DISK_FREE_LIMIT = 50_000_000
const MEMORY_SHARE = 0.6
const AMQP_PORT = 5672
const LOOPBACK = ['127.0.0.0/8', '::1']
const MANAGEMENT_PORT = 15_672
const METRICS_PORT = 15_692

export class Draft {
  readonly listeners = { tcp: new Map<string, Address>(), ssl: new Map<string, Address>() }
  noTcp = false
  readonly tls: {
    certfile?: string
    keyfile?: string
    cacertfile?: string
    password?: string
    verifyPeer?: boolean
    failIfNoPeerCert?: boolean
  } = {}
  readonly tlsVersions: string[] = []
  readonly tlsHosts: HostCertificate[] = []
  certificateLogin: 'distinguished_name' | 'common_name' = 'distinguished_name'
  readonly mechanisms: Mechanism[] = []
  anonymousUser: string | undefined
  readonly defaultUser = {
    name: 'guest',
    password: 'guest',
    tags: ['administrator'],
    configure: '.*',
    write: '.*',
    read: '.*',
  }
  defaultVhost = '/'
  readonly loopbackUsers = new Set(['guest'])
  memoryLimit = Math.floor(MEMORY_SHARE * availableMemory())
  diskFreeLimit = DISK_FREE_LIMIT
  readonly tuning: { heartbeat?: number; frameMax?: number; channelMax?: number } = {}
  readonly oauth: {
    resourceServerId?: string
    jwks?: string
    issuer?: string
    usernameClaim?: string
    scopesClaim?: string
    scopePrefix?: string
    verifyAudience?: boolean
  } = {}
  proxyProtocol = false
  readonly proxies: string[] = []
  readonly limits: { -readonly [K in keyof NodeLimits]: number } = { ...defaultLimits }
  maxMessageSize = defaultSettings.maxMessageSize
  consumerTimeout = 0
  defaultQueueType = 'classic'
  statisticsInterval = defaultSettings.statisticsInterval
  definitions: string | undefined
  clusterName: string | undefined
  logLevel = 'info'
  /** By category; as `logLevel` where it is not there. */
  readonly logLevels = new Map<string, string>()
  logConsole = true
  logFile: string | undefined
  /** Of the plain listener that the command line names. */
  bind: string | undefined
  readonly managementTls: { certfile?: string; keyfile?: string } = {}
  readonly management: { port: number | undefined; bind: string | undefined } = {
    port: MANAGEMENT_PORT,
    bind: undefined,
  }
  readonly metrics: { port: number | undefined; bind: string | undefined } = {
    port: METRICS_PORT,
    bind: undefined,
  }
  dataDir = 'leveret-data'

  /** @throws ConfigError where what is set does not fit together */
  settings(): Settings {
    const { defaultUser: u } = this
    const { configure, write, read } = u
    return {
      ...defaultSettings,
      listeners: this.allListeners(),
      management: this.managementListener(),
      metrics: this.listenerOf(this.metrics),
      storage: 'lmdb',
      dataDir: this.dataDir,
      maxMessageSize: this.maxMessageSize,
      defaultVhost: this.defaultVhost,
      defaultQueueType: this.defaultQueueType,
      defaultUser: {
        name: u.name,
        password: u.password,
        tags: u.tags,
        permissions: { [this.defaultVhost]: { configure, write, read } },
      },
      loopbackUsers: [...this.loopbackUsers],
      identity: this.clusterName === undefined ? {} : { clusterName: this.clusterName },
      tuning: this.tuning,
      login: {
        ...(this.mechanisms.length === 0 ? {} : { mechanisms: this.mechanisms }),
        anonymousUser: this.anonymousUser,
        certificateLogin: this.certificateLogin,
      },
      proxies: this.proxyProtocol ? [...LOOPBACK, ...this.proxies] : undefined,
      oauth: this.oauthOf(),
      limits: this.limits,
      memoryLimit: this.memoryLimit,
      diskFreeLimit: this.diskFreeLimit,
      consumerTimeout: this.consumerTimeout,
      statisticsInterval: this.statisticsInterval,
      definitions: this.definitions,
    }
  }

  /** @throws ConfigError where one half of it is missing */
  private oauthOf(): OAuthSettings | undefined {
    const { resourceServerId, jwks, ...more } = this.oauth
    if (jwks === undefined && resourceServerId === undefined) return undefined
    if (jwks === undefined || resourceServerId === undefined)
      throw new ConfigError('auth_oauth2 needs resource_server_id and jwks_url or signing_keys_file')
    return {
      issuer: undefined,
      usernameClaim: undefined,
      scopesClaim: undefined,
      scopePrefix: undefined,
      verifyAudience: true,
      ...more,
      resourceServerId,
      jwks,
    }
  }

  private managementListener(): ListenerSettings | undefined {
    const listener = this.listenerOf(this.management)
    const { certfile, keyfile } = this.managementTls
    if (certfile === undefined && keyfile === undefined) return listener
    if (certfile === undefined || keyfile === undefined)
      throw new ConfigError('management.ssl needs certfile and keyfile')
    return listener && { ...listener, tls: { certfile, keyfile } }
  }

  private listenerOf({ port, bind }: { port: number | undefined; bind: string | undefined }) {
    return port === undefined ? undefined : { port, bind: bind ?? this.bind }
  }

  private allListeners(): ListenerSettings[] {
    const { tcp, ssl } = this.listeners
    const plain: ListenerSettings[] = this.noTcp ? [] : [...tcp.values()]
    if (plain.length === 0 && !this.noTcp) plain.push({ port: AMQP_PORT, bind: this.bind })
    if (ssl.size === 0) return plain
    const { certfile, keyfile } = this.tls
    if (certfile === undefined || keyfile === undefined)
      throw new ConfigError('listeners.ssl needs ssl_options.certfile and ssl_options.keyfile')
    const oldest = this.tlsVersions.sort()[0]
    const tls = {
      ...this.tls,
      certfile,
      keyfile,
      minVersion: oldest === 'tlsv1.3' ? 'TLSv1.3' : 'TLSv1.2',
      hosts: this.tlsHosts,
    }
    return [...plain, ...Array.from(ssl.values(), (a) => ({ ...a, tls }))]
  }
}
