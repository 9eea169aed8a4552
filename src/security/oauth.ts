/**
 * OAuth 2.0: a signed token (JWT) takes the place of the password. Its scopes are permissions in RabbitMQ's syntax,
 * `write:vhost/name/key` with `*` for any text, and tags, `tag:administrator`. A connection is closed when its token
 * expires.
 */
import {
  createLocalJWKSet,
  createRemoteJWKSet,
  customFetch,
  type JWTPayload,
  type JWTVerifyGetKey,
  jwtVerify,
} from 'jose'
import { AmqpError } from '../protocol/errors.ts'
import { FairPlaces } from '../util/fair-places.ts'
import { FairQueue } from '../util/fair-queue.ts'
import type { Access } from './access.ts'
import { fetchSeldom, readKeys } from './jwks.ts'
import { LOGINS_WAITING_MAX, PASSWORD_THREADS_MAX, SCOPES_MAX } from './login-limits.ts'
import { admit, type WaitingLogin } from './login-queue.ts'
import type { Principal } from './principal.ts'
import { parseScopes, scopeAccess } from './scopes.ts'

export interface OAuthSettings {
  /** The audience of tokens, and the prefix of their scopes. */
  readonly resourceServerId: string
  /** URL or file of the JWK set with the signing keys. */
  readonly jwks: string
  readonly issuer: string | undefined
  /** The claim that holds the user name. Default: client_id, sub. */
  readonly usernameClaim: string | undefined
  /** An additional claim that holds scopes. */
  readonly scopesClaim: string | undefined
  /** Prefix of scopes; by default the resource server id and a dot. */
  readonly scopePrefix: string | undefined
  /** Whether the audience must be the resource server id. */
  readonly verifyAudience: boolean
}

/** A token whose signature is to be checked. */
interface Turn extends WaitingLogin {
  resolve(): void
}

export class OAuth {
  private readonly settings: OAuthSettings
  private readonly keys: JWTVerifyGetKey
  /** Signature checks in progress, which run in the threads with which the store writes. */
  private readonly checking = new FairPlaces<Turn>(
    () => PASSWORD_THREADS_MAX,
    (next) => next.resolve(),
  )
  /** Logins that wait for keys from an identity provider, which may take seconds to answer. */
  private readonly asking = new FairQueue<WaitingLogin>()
  private readonly isRemote: boolean

  /** @throws if the key file cannot be read */
  constructor(settings: OAuthSettings) {
    this.settings = settings
    this.isRemote = /^https?:/.test(settings.jwks)
    this.keys = this.isRemote
      ? createRemoteJWKSet(new URL(settings.jwks), { [customFetch]: fetchSeldom() })
      : createLocalJWKSet(readKeys(settings.jwks))
  }

  /**
   * Verifies a token; undefined if it is invalid or expired.
   * @param address on whose behalf: addresses take turns; '' = a client that is logged in
   * @param waitingMax maximum number of logins that may wait
   * @throws AmqpError 506 if too many are waiting, unless one of another address is rejected instead (login-queue.ts)
   */
  async verify(
    token: string,
    address: string,
    waitingMax = LOGINS_WAITING_MAX,
  ): Promise<Principal | undefined> {
    const { resourceServerId, issuer, verifyAudience } = this.settings
    let entered = false
    const keyInTurn: JWTVerifyGetKey = async (header, jws) => {
      const key = await this.keyOf(header, jws, address, waitingMax)
      await this.enter(address, waitingMax)
      entered = true
      return key
    }
    try {
      const { payload } = await jwtVerify(token, keyInTurn, {
        ...(verifyAudience ? { audience: resourceServerId } : {}),
        ...(issuer === undefined ? {} : { issuer }),
      })
      return this.userOf(payload)
    } catch (error) {
      if (error instanceof AmqpError) throw error
      return undefined
    } finally {
      if (entered) this.checking.leave()
    }
  }

  /** @throws AmqpError 506 if too many are waiting, unless one of another address is rejected instead */
  private async keyOf(
    header: Parameters<JWTVerifyGetKey>[0],
    jws: Parameters<JWTVerifyGetKey>[1],
    address: string,
    waitingMax: number,
  ): Promise<Awaited<ReturnType<JWTVerifyGetKey>>> {
    if (!this.isRemote) return await this.keys(header, jws)
    admit(this.asking, address, waitingMax)
    const login: WaitingLogin = { reject: () => {} }
    const refused = new Promise<never>((_, reject) => {
      login.reject = reject
    })
    this.asking.push(address, login)
    try {
      return await Promise.race([this.keys(header, jws), refused])
    } finally {
      this.asking.remove(address, login)
    }
  }

  private async enter(address: string, waitingMax: number): Promise<void> {
    if (this.checking.take()) return
    const { waiting } = this.checking
    admit(waiting, address, waitingMax)
    await new Promise<void>((resolve, reject) => waiting.push(address, { resolve, reject }))
  }

  private userOf(payload: JWTPayload): Principal | undefined {
    const { usernameClaim, scopesClaim, resourceServerId, scopePrefix } = this.settings
    const claims = payload as { [claim: string]: unknown }
    const name = [usernameClaim, 'client_id', 'sub']
      .map((c) => (c === undefined ? undefined : claims[c]))
      .find((v): v is string => typeof v === 'string')
    if (name === undefined) return undefined
    const given = [claims['scope'], scopesClaim === undefined ? undefined : claims[scopesClaim]].flatMap(
      texts,
    )
    const prefix = scopePrefix ?? `${resourceServerId}.`
    const own = given.filter((s) => s.startsWith(prefix)).map((s) => s.slice(prefix.length))
    if (own.length > SCOPES_MAX) return undefined
    const { rules, tags } = parseScopes(own)
    // Requests ask again and again, mostly for the same vhost.
    let last: { readonly vhost: string; readonly access: Access | undefined } | undefined
    return {
      name,
      tags,
      byToken: true,
      expires: payload.exp === undefined ? undefined : payload.exp * 1000,
      access: (vhost) => {
        if (last?.vhost !== vhost) last = { vhost, access: scopeAccess(rules, vhost) }
        return last.access
      },
    }
  }
}

/** Scopes are either a list or a space-separated text. */
function texts(v: unknown): string[] {
  if (typeof v === 'string') return v.split(' ')
  return Array.isArray(v) ? v.filter((s): s is string => typeof s === 'string') : []
}
