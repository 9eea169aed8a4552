/** Somebody who has logged in, with a password, a certificate or a token. */
import type { Access } from './access.ts'
import type { UserRecord, Users } from './users.ts'

export interface Principal {
  readonly name: string
  /** Of one of the broker's own users: as they are at the moment. */
  readonly tags: readonly string[]
  /** It came with a token, which update-secret can replace by another one. */
  readonly byToken: boolean
  /** When the login ends by itself, in ms since 1970; undefined = never. */
  readonly expires: number | undefined
  /** undefined where there is no business in that vhost. */
  access(vhost: string): Access | undefined
}

/** One of the broker's own users; changes of tags and permissions show from then on. */
export function userPrincipal(users: Users, { name }: UserRecord): Principal {
  return {
    name,
    get tags() {
      return users.get(name)?.tags ?? []
    },
    byToken: false,
    expires: undefined,
    access: (vhost) => users.access(name, vhost),
  }
}
