/** Everything that can be set, as one value: the library's options and the configuration file both come to this. */
import type { NodeLimits } from './connection/admission.ts'
import type { Tuning } from './connection/handshake.ts'
import type { TlsSettings } from './connection/listener.ts'
import type { LoginSettings } from './connection/login.ts'
import type { Identity } from './connection/server-properties.ts'
import type { Permission } from './security/access.ts'
import type { OAuthSettings } from './security/oauth.ts'

export interface ListenerSettings {
  readonly port: number
  readonly bind: string | undefined
  readonly tls?: TlsSettings | undefined
}

/** A user as programs give it; the password is hashed at once. */
export interface UserOptions {
  readonly name: string
  readonly password: string
  /** Per vhost; absent = everything in every vhost. */
  readonly permissions?: { readonly [vhost: string]: Permission }
  readonly tags?: readonly string[]
}

export interface Settings {
  readonly listeners: readonly ListenerSettings[]
  /** The HTTP API; undefined = none. */
  readonly management: ListenerSettings | undefined
  /** Prometheus' metrics; undefined = none. */
  readonly metrics: { readonly port: number; readonly bind: string | undefined } | undefined
  readonly storage: 'memory' | 'lmdb'
  readonly dataDir: string | undefined
  /** Octets of messages that stay in memory. */
  readonly messageMemory: number
  /** Octets of a message's body, at most. */
  readonly maxMessageSize: number
  /** Further vhosts. */
  readonly vhosts: readonly string[]
  /** The vhost of a new store. */
  readonly defaultVhost: string
  /** For declarations that do not say. */
  readonly defaultQueueType: string
  /** Made, or given these passwords, at each start. */
  readonly users: readonly UserOptions[] | undefined
  /** Made in a new store. */
  readonly defaultUser: UserOptions | undefined
  readonly loopbackUsers: readonly string[]
  readonly identity: Partial<Identity>
  readonly tuning: Partial<Tuning>
  readonly login: Partial<LoginSettings>
  /** Load balancers that speak the PROXY protocol: addresses or networks; undefined = none. */
  readonly proxies: readonly string[] | undefined
  /** Tokens in the place of passwords; undefined = none. */
  readonly oauth: OAuthSettings | undefined
  readonly limits: NodeLimits
  /** Octets from which on publishers are blocked; Infinity = never. */
  readonly memoryLimit: number
  /** Octets of free disk below which publishers are blocked; 0 = never. */
  readonly diskFreeLimit: number
  /** x-consumer-timeout of queues that say nothing, in ms; 0 = none. */
  readonly consumerTimeout: number
  /** ms between two readings of the counters from which rates are made. */
  readonly statisticsInterval: number
  /** A definitions file that is loaded at each start. */
  readonly definitions: string | undefined
}
