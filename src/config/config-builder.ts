/** Collects configuration keys one by one and builds the settings from them. */
import { defaultLimits, type NodeLimits } from '../connection/admission.ts'
import type { AlternativeName, CertificateLogin } from '../connection/login.ts'
import { FRAME_BYTES_MAX, FRAME_BYTES_MIN } from '../limits.ts'
import type { Identity } from '../model/identity.ts'
import type { ModelLimits } from '../model/model.ts'
import type { VhostDefaults } from '../operations/vhost-defaults.ts'
import type { OAuthSettings } from '../security/oauth.ts'
import type { Mechanism } from '../security/sasl.ts'
import type { PasswordRule } from '../security/users.ts'
import { DEFAULT_DATA_DIR } from '../util/data-folder.ts'
import { availableMemory } from '../util/sizes.ts'
import { ClusterDraft } from './cluster-draft.ts'
import { defaultSettings } from './default-settings.ts'
import { ConfigError } from './parse.ts'
import type { ListenerSettings, OAuthLogin, Settings } from './settings.ts'
import { TlsBuilder } from './tls-builder.ts'

interface Address {
  port: number
  bind: string | undefined
}

/** RabbitMQ's default, in octets. */
const DISK_FREE_LIMIT = 50_000_000
const MEMORY_SHARE = 0.6
const AMQP_PORT = 5672
const LOOPBACK = ['127.0.0.0/8', '::1']
const MANAGEMENT_PORT = 15_672
const METRICS_PORT = 15_692

/** @param parts the parts of the name that match each `*` of the key */
export type Apply = (d: ConfigBuilder, value: string, parts: readonly string[]) => void

export type PasswordValidator = 'accept_everything' | 'min_password_length' | 'password_regexp'

/** A fraction of the memory, or bytes. A relative free-disk limit refers to the memory too, as in RabbitMQ. */
type Amount = { readonly relative: number } | { readonly absolute: number }

/** Listeners of the HTTP API or of the metrics: plain, TLS, or both. */
export class HttpListenerDraft {
  readonly tls = new TlsBuilder()
  tlsPort: number | undefined
  tlsBind: string | undefined
  /** Port in the older syntax, where a single listener is either plain or TLS. */
  oldPort: number | undefined
  oldBind: string | undefined
  oldTls = false
  bind: string | undefined
  private plainPort: number | undefined
  private chosen = false

  constructor(private readonly usualPort: number) {
    this.plainPort = usualPort
  }

  get port(): number | undefined {
    return this.plainPort
  }

  /** Enables the plain listener; undefined disables it. */
  set port(port: number | undefined) {
    this.plainPort = port
    this.chosen = true
  }

  /** @throws ConfigError */
  settings(name: string, usualBind: string | undefined): ListenerSettings[] {
    const bind = this.bind ?? usualBind
    const listeners: ListenerSettings[] = []
    const secure = this.tlsPort !== undefined || (this.tls.isSet && !this.oldTls)
    if (this.oldPort !== undefined && !this.chosen) {
      const at = { port: this.oldPort, bind: this.oldBind ?? bind }
      return [
        this.oldTls
          ? { ...at, tls: this.tls.settings(`${name}.listener.ssl_opts`, `${name}.listener.ssl`) }
          : at,
      ]
    }
    if (this.plainPort !== undefined && (this.chosen || !secure))
      listeners.push({ port: this.plainPort, bind })
    if (secure && (this.plainPort !== undefined || this.tlsPort !== undefined)) {
      const tls = this.tls.settings(`${name}.ssl`, `${name}.ssl`)
      const port = this.tlsPort ?? this.plainPort ?? this.usualPort
      if (this.tlsPort === undefined) listeners.length = 0
      listeners.push({ port, bind: this.tlsBind ?? bind, tls })
    }
    return listeners
  }
}

export class ConfigBuilder {
  readonly listeners = { tcp: new Map<string, Address>(), ssl: new Map<string, Address>() }
  noTcp = false
  readonly tls = new TlsBuilder()
  certificateLogin: CertificateLogin = 'distinguished_name'
  readonly alternativeName: { -readonly [K in keyof AlternativeName]: AlternativeName[K] } = {
    type: 'dns',
    index: 0,
  }
  readonly mechanisms: Mechanism[] = []
  anonymousUser: string | undefined
  readonly defaultUser = {
    name: 'guest',
    password: 'guest',
    tags: new Set(['administrator']),
    configure: '.*',
    write: '.*',
    read: '.*',
  }
  defaultVhost = '/'
  readonly loopbackUsers = new Set(['guest'])
  memoryLimit: Amount = { relative: MEMORY_SHARE }
  diskFreeLimit: Amount = { absolute: DISK_FREE_LIMIT }
  /** Octets of memory available to the process. */
  memory = availableMemory()
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
  readonly limits: { -readonly [K in keyof NodeLimits]: NodeLimits[K] } = { ...defaultLimits }
  maxMessageSize = defaultSettings.maxMessageSize
  consumerTimeout = 0
  defaultQueueType = 'classic'
  relaxedQuorumChecks = false
  statisticsInterval = defaultSettings.statisticsInterval
  definitions: string | undefined
  skipUnchangedDefinitions = false
  readonly identity: { -readonly [K in keyof Identity]?: Identity[K] } = {}
  readonly modelLimits: { -readonly [K in keyof ModelLimits]: ModelLimits[K] } = {
    ...defaultSettings.modelLimits,
  }
  passwordHashing = defaultSettings.passwordHashing
  readonly passwordRule: { validator: PasswordValidator; minLength: number; pattern: string } = {
    validator: 'accept_everything',
    minLength: 8,
    pattern: '',
  }
  motdFile: string | undefined
  /** Warnings for the log about limits that were set higher than the maximum. */
  readonly notes: string[] = []
  private readonly users = new Map<string, DefaultUser>()
  private readonly vhostLimits = new Map<string, DefaultLimits>()
  private readonly policies = new Map<string, DefaultPolicy>()
  logLevel = 'info'
  /** Levels by category; a category without one uses `logLevel`. */
  readonly logLevels = new Map<string, string>()
  logConsole = true
  logStderr = false
  logFormat: 'plaintext' | 'json' | undefined
  logFile: string | undefined
  /** The folder that a relative `logFile` is resolved against. */
  logDir: string | undefined
  /** The address of the plain listener that the command line configures. */
  bind: string | undefined
  readonly oauthLogin: {
    enabled?: boolean
    clientId?: string
    providerUrl?: string
    scopes?: string
    tokenEndpoint?: string
  } = {}
  readonly http = {
    ...defaultSettings.http,
    headers: {} as Record<string, string>,
    cors: { allowOrigins: [] as string[], maxAgeSeconds: defaultSettings.http.cors.maxAgeSeconds },
  }
  readonly management = new HttpListenerDraft(MANAGEMENT_PORT)
  readonly metrics = new HttpListenerDraft(METRICS_PORT)
  metricsPath = defaultSettings.metricsFormat.path
  metricsPerObject = false
  dataDir = DEFAULT_DATA_DIR
  readonly cluster = new ClusterDraft()

  /**
   * Names every setting, so that the compiler finds one that a key sets and that is forgotten here.
   * @throws ConfigError for settings that contradict each other
   */
  settings(): Settings {
    const { defaultUser: u } = this
    const { configure, write, read } = u
    // No key sets these.
    const { messageMemory, users, vhosts } = defaultSettings
    return {
      messageMemory,
      users,
      vhosts,
      listeners: this.allListeners(),
      management: this.management.settings('management', this.bind),
      http: { ...this.http, oauthLogin: this.oauthLoginOf() },
      metrics: this.metrics.settings('prometheus', this.bind),
      metricsFormat: { path: this.metricsPath, perObject: this.metricsPerObject },
      storage: 'lmdb',
      dataDir: this.dataDir,
      cluster: this.cluster.settings(this.bind),
      maxMessageSize: this.maxMessageSize,
      defaultVhost: this.defaultVhost,
      defaultQueueType: this.defaultQueueType,
      relaxedQuorumChecks: this.relaxedQuorumChecks,
      defaultUser: {
        name: u.name,
        password: u.password,
        tags: [...u.tags],
        permissions: { [this.defaultVhost]: { configure, write, read } },
      },
      loopbackUsers: [...this.loopbackUsers],
      identity: this.identity,
      tuning: this.tuning,
      login: {
        ...(this.mechanisms.length === 0 ? {} : { mechanisms: this.mechanisms }),
        anonymousUser: this.anonymousUser,
        certificateLogin: this.certificateLogin,
        alternativeName: this.alternativeName,
      },
      proxies: this.proxyProtocol ? [...LOOPBACK, ...this.proxies] : undefined,
      oauth: this.oauthOf(),
      limits: this.limits,
      modelLimits: this.modelLimits,
      passwordRule: this.passwordRuleOf(),
      passwordHashing: this.passwordHashing,
      vhostDefaults: this.vhostDefaults(),
      memoryLimit: this.octetsOf(this.memoryLimit),
      diskFreeLimit: this.octetsOf(this.diskFreeLimit),
      consumerTimeout: this.consumerTimeout,
      statisticsInterval: this.statisticsInterval,
      definitions: this.definitions,
      skipUnchangedDefinitions: this.skipUnchangedDefinitions,
    }
  }

  /** @throws ConfigError if only a part of OAuth is configured */
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

  /** @throws ConfigError if OAuth login is enabled but incompletely configured */
  private oauthLoginOf(): OAuthLogin | undefined {
    const {
      enabled = false,
      clientId,
      providerUrl = this.oauth.issuer,
      scopes,
      tokenEndpoint,
    } = this.oauthLogin
    if (!enabled) return undefined
    if (clientId === undefined || providerUrl === undefined)
      throw new ConfigError(
        'management.oauth_enabled needs management.oauth_client_id, and management.oauth_provider_url or auth_oauth2.issuer',
      )
    if (this.oauth.jwks === undefined)
      throw new ConfigError(
        'management.oauth_enabled needs auth_oauth2: without it, tokens cannot be verified',
      )
    return { clientId, providerUrl, scopes: scopes ?? 'openid profile', tokenEndpoint }
  }

  private octetsOf(amount: Amount): number {
    return 'absolute' in amount ? amount.absolute : Math.floor(amount.relative * this.memory)
  }

  /**
   * RabbitMQ accepts larger values, and 0 for no limit. Both are set to Leveret's maximum: larger frames gain nothing
   * here.
   */
  setFrameMax(octets: number): void {
    if (octets !== 0 && octets < FRAME_BYTES_MIN)
      throw new Error(`expected at least ${FRAME_BYTES_MIN}, or 0, found '${octets}'`)
    if (octets === 0 || octets > FRAME_BYTES_MAX)
      this.notes.push(`frame_max is limited to ${FRAME_BYTES_MAX}`)
    this.tuning.frameMax = octets === 0 ? FRAME_BYTES_MAX : Math.min(octets, FRAME_BYTES_MAX)
  }

  vhostUser(name: string): DefaultUser {
    return entryOf(this.users, name, () => ({
      vhostPattern: '',
      tags: [],
      configure: '',
      write: '',
      read: '',
    }))
  }

  vhostLimit(id: string): DefaultLimits {
    return entryOf(this.vhostLimits, id, () => ({ pattern: '', limits: {} }))
  }

  vhostPolicy(id: string): DefaultPolicy {
    return entryOf(this.policies, id, () => ({
      vhostPattern: '',
      pattern: '',
      applyTo: 'queues',
      definition: {},
    }))
  }

  /** @throws ConfigError for an operator policy without a definition */
  private vhostDefaults(): VhostDefaults {
    const empty = [...this.policies].find(([, p]) => Object.keys(p.definition).length === 0)
    if (empty !== undefined)
      throw new ConfigError(`default_policies.operator.${empty[0]} sets no key that has an effect in Leveret`)
    return {
      limits: [...this.vhostLimits.values()],
      operatorPolicies: Array.from(this.policies, ([name, p]) => ({ name, ...p })),
      users: Array.from(this.users, ([name, u]) => ({ name, password: undefined, ...u })),
    }
  }

  private passwordRuleOf(): PasswordRule | undefined {
    const { validator, minLength, pattern } = this.passwordRule
    if (validator === 'accept_everything') return undefined
    return validator === 'min_password_length' ? { minLength } : { pattern }
  }

  private allListeners(): ListenerSettings[] {
    const { tcp, ssl } = this.listeners
    const plain: ListenerSettings[] = this.noTcp ? [] : [...tcp.values()]
    if (plain.length === 0 && !this.noTcp) plain.push({ port: AMQP_PORT, bind: this.bind })
    if (ssl.size === 0) return plain
    const tls = this.tls.settings('ssl_options', 'listeners.ssl')
    return [...plain, ...Array.from(ssl.values(), (a) => ({ ...a, tls }))]
  }
}

interface DefaultUser {
  vhostPattern: string
  password?: string
  tags: string[]
  configure: string
  write: string
  read: string
}

interface DefaultLimits {
  pattern: string
  limits: { 'max-connections'?: number; 'max-queues'?: number }
}

interface DefaultPolicy {
  vhostPattern: string
  applyTo: string
  pattern: string
  definition: { [key: string]: number }
}

function entryOf<T>(map: Map<string, T>, key: string, make: () => T): T {
  const existing = map.get(key)
  if (existing !== undefined) return existing
  const made = make()
  map.set(key, made)
  return made
}
