/** An authenticated identity: by password, certificate or token. */
import type { Access } from './access.ts'
import type { UserRecord, Users } from './users.ts'

export interface Principal {
  readonly name: string
  /** For one of the broker's own users: the current tags. */
  readonly tags: readonly string[]
  /** Whether it was authenticated by a token, which update-secret can replace. */
  readonly byToken: boolean
  /** When the login expires, in ms since 1970; undefined = never. */
  readonly expires: number | undefined
  /** undefined = no access to that vhost. */
  access(vhost: string): Access | undefined
}

/** One of the broker's own users; later changes of tags and permissions take effect immediately. */
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
