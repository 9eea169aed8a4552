/** Somebody who has logged in, with a password, a certificate or a token. */
import type { Access } from './access.ts'
import type { UserRecord, Users } from './users.ts'

export interface Principal {
  readonly name: string
  readonly tags: readonly string[]
  /** When the login ends by itself, in ms since 1970; undefined = never. */
  readonly expires: number | undefined
  /** undefined where there is no business in that vhost. */
  access(vhost: string): Access | undefined
}

/** One of the broker's own users; changes of permissions show in what `access` returns from then on. */
export function userPrincipal(users: Users, { name, tags }: UserRecord): Principal {
  return { name, tags, expires: undefined, access: (vhost) => users.access(name, vhost) }
}
