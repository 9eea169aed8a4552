/** Who may log in, from where, and what each user may do in which vhost (behaviour.md section 15). */
import { createHash, timingSafeEqual } from 'node:crypto'

export interface UserOptions {
  readonly name: string
  readonly password: string
  /** Per vhost; absent = everything in every vhost. Regular expressions, unanchored, empty = nothing. */
  readonly permissions?: { readonly [vhost: string]: PermissionOptions }
  readonly tags?: readonly string[]
}

export interface PermissionOptions {
  readonly configure: string
  readonly write: string
  readonly read: string
}

export type Right = 'configure' | 'write' | 'read'

/** A user's rights in one vhost. */
export class Access {
  private readonly rules: Record<Right, RegExp> | undefined

  /** @param options undefined = everything */
  constructor(options: PermissionOptions | undefined) {
    if (options === undefined) return
    const rule = (pattern: string): RegExp => new RegExp(pattern === '' ? '^$.' : pattern)
    this.rules = { configure: rule(options.configure), write: rule(options.write), read: rule(options.read) }
  }

  /** The default exchange goes by the name `amq.default`. */
  allows(right: Right, resource: string): boolean {
    return this.rules === undefined || this.rules[right].test(resource === '' ? 'amq.default' : resource)
  }
}

export class User {
  readonly name: string
  readonly tags: readonly string[]
  private readonly digest: Buffer
  private readonly access: Map<string, Access> | undefined

  constructor(options: UserOptions) {
    this.name = options.name
    this.tags = options.tags ?? []
    this.digest = digest(options.password)
    if (options.permissions !== undefined)
      this.access = new Map(Object.entries(options.permissions).map(([v, p]) => [v, new Access(p)]))
  }

  hasPassword(password: string): boolean {
    return timingSafeEqual(this.digest, digest(password))
  }

  /** undefined where the user has no business in that vhost. */
  accessTo(vhost: string): Access | undefined {
    return this.access === undefined ? everything : this.access.get(vhost)
  }
}

const everything = new Access(undefined)

/** Equal lengths for the comparison; nothing here is stored. */
function digest(password: string): Buffer {
  return createHash('sha256').update(password).digest()
}

export const defaultUsers: readonly UserOptions[] = [
  { name: 'guest', password: 'guest', tags: ['administrator'] },
]

export class Users {
  private readonly byName: Map<string, User>
  private readonly loopbackOnly: ReadonlySet<string>

  /** @param loopbackOnly users that may only come from this machine */
  constructor(users: readonly UserOptions[], loopbackOnly: readonly string[]) {
    this.byName = new Map(users.map((u) => [u.name, new User(u)]))
    this.loopbackOnly = new Set(loopbackOnly)
  }

  /** undefined where name, password or origin are refused; the caller does not learn which. */
  login(name: string, password: string, fromLoopback: boolean): User | undefined {
    const user = this.byName.get(name)
    if (!user?.hasPassword(password)) return undefined
    return fromLoopback || !this.loopbackOnly.has(name) ? user : undefined
  }
}
