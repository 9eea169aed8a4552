/**
 * All users: their passwords, tags, permissions and limits, and where they may log in from (behaviour.md section 15).
 */
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import {
  type Access,
  PatternAccess,
  type PatternWarning,
  type Permission,
  type TopicPermission,
} from './access.ts'
import { passwordPool } from './hash-pool.ts'
import { type NewPasswordAlgorithm, type PasswordHash, passwordMatches, SHA256 } from './passwords.ts'

/** Requirement for new passwords: a minimum length, or a regular expression. */
export type PasswordRule = { readonly minLength: number } | { readonly pattern: string }

export interface UserLimits {
  /** -1 or absent = none */
  readonly 'max-connections'?: number
  readonly 'max-channels'?: number
}

export interface UserRecord {
  readonly name: string
  readonly password: PasswordHash
  readonly tags: readonly string[]
  readonly limits: UserLimits
}

/** Called for every change that has to be persisted. */
export interface UserJournal {
  userSet(u: UserRecord): void
  userRemoved(name: string): void
  permissionSet(user: string, vhost: string, p: Permission): void
  permissionRemoved(user: string, vhost: string): void
  topicPermissionSet(user: string, vhost: string, p: TopicPermission): void
  topicPermissionRemoved(user: string, vhost: string, exchange: string): void
}

/** Called immediately for changes that affect users who may be connected. */
export interface RightsWatcher {
  /** Tags, permissions or limits changed; @param vhost the only vhost affected, undefined = any */
  rightsChanged(user: string, vhost: string | undefined): void
  /** Called before the user's permissions are removed. */
  userRemoved(user: string): void
}

export interface StoredUsers {
  readonly users: Iterable<UserRecord>
  readonly permissions: Iterable<Permission & { readonly user: string; readonly vhost: string }>
  readonly topicPermissions: Iterable<TopicPermission & { readonly user: string; readonly vhost: string }>
}

interface Rights {
  permission: Permission | undefined
  /** Cached for all connections and channels until something changes. */
  access: Access | undefined
  readonly topics: Map<string, TopicPermission>
}

export class Users {
  private readonly byName = new Map<string, UserRecord>()
  private readonly rights = new Map<string, Map<string, Rights>>()
  private readonly journal: UserJournal | undefined
  watcher: RightsWatcher | undefined
  /** Called once, until the permissions change, for a permission that grants nothing because of its pattern. */
  permissionWarning: (w: { user: string; vhost: string; pattern: string; reason: string }) => void = () => {}
  /** Requirement for new passwords; undefined = none. */
  passwordRule: PasswordRule | undefined
  /** Algorithm for new passwords. */
  hashing: NewPasswordAlgorithm = SHA256
  /** Users that may connect from this machine only. */
  loopbackOnly: ReadonlySet<string>
  /** Keyed digests of recently verified passwords: verifying them again needs no memory-hard function. */
  private readonly verified = new Map<string, { readonly hash: string; readonly digest: Buffer }>()
  private readonly key = randomBytes(32)
  /** Verifications in progress. */
  private readonly verifying = new Map<string, Promise<boolean>>()

  constructor(journal: UserJournal | undefined, loopbackOnly: readonly string[]) {
    this.journal = journal
    this.loopbackOnly = new Set(loopbackOnly)
  }

  restore(stored: StoredUsers): void {
    for (const u of stored.users) this.byName.set(u.name, u)
    for (const p of stored.permissions) this.rightsOf(p.user, p.vhost).permission = p
    for (const p of stored.topicPermissions) this.rightsOf(p.user, p.vhost).topics.set(p.exchange, p)
  }

  get size(): number {
    return this.byName.size
  }

  get(name: string): UserRecord | undefined {
    return this.byName.get(name)
  }

  [Symbol.iterator](): Iterator<UserRecord> {
    return this.byName.values()
  }

  /** Takes over a user from a store that another node writes; undefined = the store has no user of that name. */
  refresh(name: string, stored: UserRecord | undefined): void {
    if (stored === undefined) this.remove(name)
    else if (JSON.stringify(stored) !== JSON.stringify(this.byName.get(name))) this.set(stored)
  }

  /** Creates or replaces a user; permissions are kept. */
  set(user: UserRecord): void {
    this.byName.set(user.name, user)
    this.verified.delete(user.name)
    this.journal?.userSet(user)
    this.watcher?.rightsChanged(user.name, undefined)
  }

  /** False if there is no user of that name. */
  remove(name: string): boolean {
    if (!this.byName.delete(name)) return false
    this.verified.delete(name)
    this.watcher?.userRemoved(name)
    for (const vhost of [...(this.rights.get(name)?.keys() ?? [])]) this.forget(name, vhost)
    this.journal?.userRemoved(name)
    return true
  }

  private rightsOf(user: string, vhost: string): Rights {
    let byVhost = this.rights.get(user)
    if (byVhost === undefined) {
      byVhost = new Map()
      this.rights.set(user, byVhost)
    }
    let rights = byVhost.get(vhost)
    if (rights === undefined) {
      rights = { permission: undefined, access: undefined, topics: new Map() }
      byVhost.set(vhost, rights)
    }
    return rights
  }

  setPermission(user: string, vhost: string, { configure, write, read }: Permission): void {
    const p = { configure, write, read }
    const rights = this.rightsOf(user, vhost)
    rights.permission = p
    rights.access = undefined
    this.journal?.permissionSet(user, vhost, p)
    this.watcher?.rightsChanged(user, vhost)
  }

  removePermission(user: string, vhost: string): boolean {
    const rights = this.rights.get(user)?.get(vhost)
    if (rights?.permission === undefined) return false
    rights.permission = undefined
    rights.access = undefined
    this.journal?.permissionRemoved(user, vhost)
    this.watcher?.rightsChanged(user, vhost)
    return true
  }

  setTopicPermission(user: string, vhost: string, { exchange, write, read }: TopicPermission): void {
    const p = { exchange, write, read }
    const rights = this.rightsOf(user, vhost)
    rights.topics.set(exchange, p)
    rights.access = undefined
    this.journal?.topicPermissionSet(user, vhost, p)
    this.watcher?.rightsChanged(user, vhost)
  }

  /** @param exchange undefined = all exchanges of the vhost */
  removeTopicPermissions(user: string, vhost: string, exchange?: string): boolean {
    const rights = this.rights.get(user)?.get(vhost)
    if (rights === undefined) return false
    rights.access = undefined
    const { topics } = rights
    const names = exchange === undefined ? [...topics.keys()] : [exchange]
    let removed = false
    for (const x of names) {
      if (!topics.delete(x)) continue
      removed = true
      this.journal?.topicPermissionRemoved(user, vhost, x)
    }
    if (removed) this.watcher?.rightsChanged(user, vhost)
    return removed
  }

  private forget(user: string, vhost: string): void {
    this.removePermission(user, vhost)
    this.removeTopicPermissions(user, vhost)
    const byVhost = this.rights.get(user)
    byVhost?.delete(vhost)
    if (byVhost?.size === 0) this.rights.delete(user)
  }

  /** Called when the vhost was deleted: removes all permissions in it. */
  vhostRemoved(vhost: string): void {
    for (const user of this.rights.keys()) this.forget(user, vhost)
  }

  permission(user: string, vhost: string): Permission | undefined {
    return this.rights.get(user)?.get(vhost)?.permission
  }

  *permissions(): Iterable<{ user: string; vhost: string; permission: Permission }> {
    for (const [user, byVhost] of this.rights)
      for (const [vhost, { permission }] of byVhost)
        if (permission !== undefined) yield { user, vhost, permission }
  }

  *topicPermissions(): Iterable<{ user: string; vhost: string; permission: TopicPermission }> {
    for (const [user, byVhost] of this.rights)
      for (const [vhost, { topics }] of byVhost)
        for (const permission of topics.values()) yield { user, vhost, permission }
  }

  /** undefined if the user has no access to that vhost. */
  access(user: string, vhost: string): Access | undefined {
    const rights = this.rights.get(user)?.get(vhost)
    if (rights?.permission === undefined) return undefined
    const variables = { username: user, vhost, client_id: '' }
    if (rights.access === undefined) {
      let warned = false
      const warn: PatternWarning = (pattern, reason) => {
        if (!warned) this.permissionWarning({ user, vhost, pattern, reason })
        warned = true
      }
      rights.access = new PatternAccess(rights.permission, [...rights.topics.values()], variables, warn)
    }
    return rights.access
  }

  /**
   * undefined if name, password or origin are refused; neither the result nor the time it takes reveals which.
   * @param address on whose behalf: addresses take turns
   * @throws AmqpError 506 if too many logins are waiting
   */
  async login(
    name: string,
    password: string,
    fromLoopback: boolean,
    address = '',
  ): Promise<UserRecord | undefined> {
    const user = this.byName.get(name)
    if (user !== undefined && this.wasVerified(name, user.password, password))
      return fromLoopback || !this.loopbackOnly.has(name) ? user : undefined
    const matches = await this.verify(name, password, user?.password, address)
    if (user === undefined || !matches) return undefined
    // The user was changed in the meantime: check against the new record.
    if (this.byName.get(name) !== user) return await this.login(name, password, fromLoopback, address)
    if (!fromLoopback && this.loopbackOnly.has(name)) return undefined
    this.remember(name, user.password, password)
    return user
  }

  /** Whether this password was verified recently and is still valid. */
  knows(name: string, password: string): boolean {
    const user = this.byName.get(name)
    return user !== undefined && this.wasVerified(name, user.password, password)
  }

  private digest(password: string): Buffer {
    return createHmac('sha256', this.key).update(password).digest()
  }

  /**
   * Concurrent verifications of one password are shared: a thousand clients that connect at once with the same name and
   * password cost one computation and its memory.
   */
  private verify(
    name: string,
    password: string,
    stored: PasswordHash | undefined,
    address: string,
  ): Promise<boolean> {
    const key = `${stored?.hash ?? ''} ${this.digest(password).toString('base64')} ${name}`
    let result = this.verifying.get(key)
    if (result === undefined) {
      passwordPool.admit(address)
      result = passwordMatches(password, stored, address).finally(() => this.verifying.delete(key))
      this.verifying.set(key, result)
    }
    return result
  }

  private wasVerified(name: string, stored: PasswordHash, password: string): boolean {
    const known = this.verified.get(name)
    return known?.hash === stored.hash && timingSafeEqual(known.digest, this.digest(password))
  }

  private remember(name: string, stored: PasswordHash, password: string): void {
    this.verified.set(name, { hash: stored.hash, digest: this.digest(password) })
  }
}
