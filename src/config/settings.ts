/** All settings as one value: the options of the library and the configuration file are both converted to it. */

import type { NodeLimits } from '../connection/admission.ts'
import type { Tuning } from '../connection/handshake.ts'
import type { LoginSettings } from '../connection/login.ts'
import type { ModelSettings } from '../model/model.ts'
import type { VhostDefaults } from '../operations/vhost-defaults.ts'
import type { Permission } from '../security/access.ts'
import type { OAuthSettings } from '../security/oauth.ts'
import type { TlsSettings } from '../util/tls.ts'
import type { ClusterSettings } from './cluster-settings.ts'

export interface ListenerSettings {
  readonly port: number
  readonly bind: string | undefined
  readonly tls?: TlsSettings | undefined
}

/** A user as embedding programs specify it; the password is hashed immediately. */
export interface UserOptions {
  readonly name: string
  readonly password: string
  /** By vhost; absent = full permissions in every vhost. */
  readonly permissions?: { readonly [vhost: string]: Permission }
  readonly tags?: readonly string[]
}

/** CORS: web pages of other origins that may use the HTTP API. */
export interface CorsSettings {
  /** Origins such as `https://dashboard.example.org`, or `*` for all; empty = none. */
  readonly allowOrigins: readonly string[]
  /** How long a browser may cache the response to OPTIONS (Access-Control-Max-Age). */
  readonly maxAgeSeconds: number
}

export interface HttpSettings {
  /** `/rabbit` serves the API at `/rabbit/api`; empty = at `/api`. */
  readonly pathPrefix: string
  /** Headers added to every response. */
  readonly headers: { readonly [name: string]: string }
  /** Maximum size of a request body in octets; larger ones get 413. */
  readonly bodyBytesMax: number
  readonly cors: CorsSettings
  /** Responses carry no statistics, as with `disable_stats=true`. */
  readonly disableStats: boolean
  /** Queue lengths are included even when statistics are disabled. */
  readonly enableQueueTotals: boolean
  /** OAuth login to the management page; undefined = passwords only. */
  readonly oauthLogin: OAuthLogin | undefined
}

/** The authorization code flow with PKCE for a public client. */
export interface OAuthLogin {
  readonly clientId: string
  /** Base URL below which the page requests `.well-known/openid-configuration`. */
  readonly providerUrl: string
  readonly scopes: string
  /** Set if it is on another host than the provider: the page may connect to no other host. */
  readonly tokenEndpoint: string | undefined
}

export interface MetricsFormat {
  /** Path of the aggregated metrics; per-object and detailed metrics are below it. */
  readonly path: string
  /** The aggregated path returns per-object metrics instead. */
  readonly perObject: boolean
}

export interface Settings extends ModelSettings {
  readonly listeners: readonly ListenerSettings[]
  /** Listeners of the HTTP API; empty = none. */
  readonly management: readonly ListenerSettings[]
  readonly http: HttpSettings
  /** Listeners of the Prometheus endpoint; empty = none. */
  readonly metrics: readonly ListenerSettings[]
  readonly metricsFormat: MetricsFormat
  readonly storage: 'memory' | 'lmdb'
  /** undefined = a standalone broker */
  readonly cluster: ClusterSettings | undefined
  readonly dataDir: string | undefined
  /** Vhosts besides the default one. */
  readonly vhosts: readonly string[]
  /** Created at each start; existing users get these passwords. */
  readonly users: readonly UserOptions[] | undefined
  /** Created in a new store. */
  readonly defaultUser: UserOptions | undefined
  readonly tuning: Partial<Tuning>
  readonly login: Partial<LoginSettings>
  /** Addresses or networks of load balancers that speak the PROXY protocol; undefined = none. */
  readonly proxies: readonly string[] | undefined
  /** Tokens instead of passwords; undefined = disabled. */
  readonly oauth: OAuthSettings | undefined
  readonly limits: NodeLimits
  /** Memory use in octets at which publishers are blocked; Infinity = never. */
  readonly memoryLimit: number
  /** Free disk space in octets below which publishers are blocked; 0 = never. */
  readonly diskFreeLimit: number
  /** Interval in ms at which the counters are sampled to compute rates. */
  readonly statisticsInterval: number
  /** A definitions file, or a folder of them, imported at each start. */
  readonly definitions: string | undefined
  /** Do not import definitions that are unchanged since the last start. */
  readonly skipUnchangedDefinitions: boolean
  /** The objects and settings with which each new vhost is created. */
  readonly vhostDefaults: VhostDefaults
}
