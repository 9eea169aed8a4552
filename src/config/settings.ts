/** Everything that can be set, as one value: the library's options and the configuration file both come to this. */

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

/** A user as programs give it; the password is hashed at once. */
export interface UserOptions {
  readonly name: string
  readonly password: string
  /** Per vhost; absent = everything in every vhost. */
  readonly permissions?: { readonly [vhost: string]: Permission }
  readonly tags?: readonly string[]
}

/** Pages of other origins that may use the HTTP API from a browser. */
export interface CorsSettings {
  /** `https://dashboard.example.org`, or `*` for all; empty = none. */
  readonly allowOrigins: readonly string[]
  /** For which a browser may remember the answer to OPTIONS. */
  readonly maxAgeSeconds: number
}

export interface HttpSettings {
  /** `/rabbit` where the API is at `/rabbit/api`; empty = at `/api`. */
  readonly pathPrefix: string
  /** Headers of every answer. */
  readonly headers: { readonly [name: string]: string }
  /** Octets of a request's body: 413 beyond. */
  readonly bodyBytesMax: number
  readonly cors: CorsSettings
  /** Answers have no numbers, as with `disable_stats=true`. */
  readonly disableStats: boolean
  /** Where they have none, lengths of queues are there all the same. */
  readonly enableQueueTotals: boolean
  /** How people get a token for the operators' page; undefined: by password only. */
  readonly oauthLogin: OAuthLogin | undefined
}

/** The authorization code flow with PKCE, of a public client. */
export interface OAuthLogin {
  readonly clientId: string
  /** The page looks below it for `.well-known/openid-configuration`. */
  readonly providerUrl: string
  readonly scopes: string
  /** Where it is on another host than the provider: the page may speak to no other. */
  readonly tokenEndpoint: string | undefined
}

export interface MetricsFormat {
  /** Of the sums; those by object and in detail are below it. */
  readonly path: string
  /** The sums' path answers with the figures of each object. */
  readonly perObject: boolean
}

export interface Settings extends ModelSettings {
  readonly listeners: readonly ListenerSettings[]
  /** Of the HTTP API; empty = none. */
  readonly management: readonly ListenerSettings[]
  readonly http: HttpSettings
  /** Of Prometheus' metrics; empty = none. */
  readonly metrics: readonly ListenerSettings[]
  readonly metricsFormat: MetricsFormat
  readonly storage: 'memory' | 'lmdb'
  /** undefined = a broker on this machine alone */
  readonly cluster: ClusterSettings | undefined
  readonly dataDir: string | undefined
  /** Further vhosts. */
  readonly vhosts: readonly string[]
  /** Made, or given these passwords, at each start. */
  readonly users: readonly UserOptions[] | undefined
  /** Made in a new store. */
  readonly defaultUser: UserOptions | undefined
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
  /** ms between two readings of the counters from which rates are made. */
  readonly statisticsInterval: number
  /** A definitions file, or a folder of them, that is loaded at each start. */
  readonly definitions: string | undefined
  /** Definitions that are as they were at the last start are not loaded again. */
  readonly skipUnchangedDefinitions: boolean
  /** What each new vhost begins with. */
  readonly vhostDefaults: VhostDefaults
}
