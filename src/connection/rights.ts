/** Applies changed rights at once to the open connections of a user. */
import type { Steps } from '../broker/jobs.ts'
import { cancelForbidden } from '../channel/forbidden.ts'
import { noAccess } from '../security/access.ts'
import type { RightsWatcher } from '../security/users.ts'
import type { Connection } from './connection.ts'

export class LiveRights implements RightsWatcher {
  /** Authenticated connections that are not closing. */
  private readonly byUser = new Map<string, Set<Connection>>()
  private readonly close: (connections: readonly Connection[], why: string) => void

  constructor(close: (connections: readonly Connection[], why: string) => void) {
    this.close = close
  }

  add(user: string, c: Connection): void {
    const connections = this.byUser.get(user)
    if (connections === undefined) this.byUser.set(user, new Set([c]))
    else connections.add(c)
  }

  remove(user: string, c: Connection): void {
    const connections = this.byUser.get(user)
    connections?.delete(c)
    if (connections?.size === 0) this.byUser.delete(user)
  }

  rightsChanged(user: string, vhost: string | undefined): void {
    for (const c of this.byUser.get(user) ?? [])
      if (vhost === undefined || c.caller?.vhost.name === vhost) c.rightsChanged()
  }

  userRemoved(user: string): void {
    this.close([...(this.byUser.get(user) ?? [])], `user '${user}' is deleted`)
  }
}

/** Applies the present rights of a connection's user: to methods at once, to consumers in steps. */
export function* applyRights(connection: Connection): Steps {
  const { caller, negotiation } = connection
  const { user } = negotiation
  if (caller === undefined || user === undefined) return
  if (connection.state !== 'open' || connection.intake.isHeld) return
  const { tags } = user
  const access = user.access(caller.vhost.name) ?? noAccess
  if (tags === caller.tags && access === caller.access) return
  connection.caller = { ...caller, tags, access }
  const channels = [...connection.channels]
  for (const ch of channels) ch.setRights(tags, access)
  for (const ch of channels) yield* cancelForbidden(ch)
}
