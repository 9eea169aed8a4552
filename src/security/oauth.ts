/**
 * OAuth 2.0: a signed token (JWT) takes the place of the password. Its scopes are permissions in RabbitMQ's syntax,
 * `write:vhost/name/key` with `*` for any text, and tags, `tag:administrator`. A connection is closed when its token
 * expires.
 */
import {
  createLocalJWKSet,
  createRemoteJWKSet,
  customFetch,
  type FetchImplementation,
  type JWTPayload,
  type JWTVerifyGetKey,
  jwtVerify,
} from 'jose'
import { JWKS_BYTES_MAX, LOGINS_WAITING_MAX, PASSWORD_THREADS_MAX } from '../limits.ts'
import { AmqpError } from '../protocol/errors.ts'
import { FairPlaces } from '../util/fair-places.ts'
import { FairQueue } from '../util/fair-queue.ts'
import { readRegularFile } from '../util/regular-file.ts'
import { elapsed } from '../util/timers.ts'
import type { Access, Right } from './access.ts'
import { admit, type WaitingLogin } from './login-queue.ts'
import type { Principal } from './principal.ts'

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

/** Minimum ms between two requests for the keys: every token with an unknown key would otherwise cause one. */
const JWKS_PAUSE_MS = 1_000

/** A token whose signature is to be checked. */
interface Turn extends WaitingLogin {
  resolve(): void
}

interface Scope {
  readonly right: Right
  readonly vhost: Wildcard
  readonly name: Wildcard
  readonly key: Wildcard
}

const RIGHTS: readonly string[] = ['configure', 'write', 'read']

/**
 * A pattern in which `*` matches any text and nothing else is special. Matched in one pass from left to right, without
 * backtracking.
 */
class Wildcard {
  private readonly parts: readonly string[]

  constructor(pattern: string) {
    this.parts = decodeURIComponent(pattern).split(/\*+/)
  }

  test(text: string): boolean {
    const first = this.parts[0] as string
    if (this.parts.length === 1) return text === first
    const last = this.parts.at(-1) as string
    if (!text.startsWith(first) || !text.endsWith(last)) return false
    const end = text.length - last.length
    let at = first.length
    for (const part of this.parts.slice(1, -1)) {
      const found = text.indexOf(part, at)
      if (found < 0) return false
      at = found + part.length
    }
    return at <= end
  }
}

export function parseScopes(scopes: readonly string[]): { rules: Scope[]; tags: string[] } {
  const rules: Scope[] = []
  const tags: string[] = []
  for (const scope of scopes) {
    const [what = '', ...rest] = scope.split(':')
    const text = rest.join(':')
    if (what === 'tag') tags.push(text)
    if (!RIGHTS.includes(what) || text === '') continue
    const [vhost = '*', name = '*', key = '*'] = text.split('/')
    rules.push({
      right: what as Right,
      vhost: new Wildcard(vhost),
      name: new Wildcard(name),
      key: new Wildcard(key),
    })
  }
  return { rules, tags }
}

class ScopeAccess implements Access {
  private readonly rules: readonly Scope[]

  constructor(rules: readonly Scope[]) {
    this.rules = rules
  }

  allows(right: Right, resource: string): boolean {
    const name = resource === '' ? 'amq.default' : resource
    return this.rules.some((r) => r.right === right && r.name.test(name))
  }

  restrictsTopic(): boolean {
    return true
  }

  allowsTopic(right: 'write' | 'read', exchange: string, routingKey: string): boolean {
    return this.rules.some((r) => r.right === right && r.name.test(exchange) && r.key.test(routingKey))
  }
}

/** The permissions that the scopes grant in a vhost; undefined if they grant none. */
export function scopeAccess(rules: readonly Scope[], vhost: string): Access | undefined {
  const here = rules.filter((r) => r.vhost.test(vhost))
  return here.length === 0 ? undefined : new ScopeAccess(here)
}

/** Bounds the size of a response, which might otherwise never end. @throws Error */
const fetchShort: FetchImplementation = async (url, options) => {
  const response = await fetch(url, options)
  const pieces: Uint8Array[] = []
  let length = 0
  for await (const piece of response.body ?? []) {
    length += piece.length
    if (length > JWKS_BYTES_MAX) throw new Error(`more than ${JWKS_BYTES_MAX} octets of keys`)
    pieces.push(piece)
  }
  return new Response(Buffer.concat(pieces), { status: response.status, headers: response.headers })
}

/** Bounds the rate of requests, however many tokens arrive and whatever is answered. */
function fetchSeldom(): FetchImplementation {
  let askedAt = Number.NEGATIVE_INFINITY
  return async (url, options) => {
    if (elapsed() - askedAt < JWKS_PAUSE_MS) throw new Error('the keys were asked for a moment ago')
    askedAt = elapsed()
    return await fetchShort(url, options)
  }
}

export class OAuth {
  private readonly settings: OAuthSettings
  private readonly keys: JWTVerifyGetKey
  /** Signature checks in progress, which run in the threads with which the store writes. */
  private readonly checking = new FairPlaces<Turn>(PASSWORD_THREADS_MAX, (next) => next.resolve())
  /** Logins that wait for keys from an identity provider, which may take seconds to answer. */
  private readonly asking = new FairQueue<WaitingLogin>()
  private readonly isRemote: boolean

  /** @throws if the key file cannot be read */
  constructor(settings: OAuthSettings) {
    this.settings = settings
    this.isRemote = /^https?:/.test(settings.jwks)
    this.keys = this.isRemote
      ? createRemoteJWKSet(new URL(settings.jwks), { [customFetch]: fetchSeldom() })
      : createLocalJWKSet(JSON.parse(readRegularFile(settings.jwks, JWKS_BYTES_MAX).toString()))
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
    const { rules, tags } = parseScopes(own)
    return {
      name,
      tags,
      byToken: true,
      expires: payload.exp === undefined ? undefined : payload.exp * 1000,
      access: (vhost) => scopeAccess(rules, vhost),
    }
  }
}

/** Scopes are either a list or a space-separated text. */
function texts(v: unknown): string[] {
  if (typeof v === 'string') return v.split(' ')
  return Array.isArray(v) ? v.filter((s): s is string => typeof s === 'string') : []
}
