/** Reads users from the store of a node without a broker, to authenticate requests such as health checks. */
import { storedUser } from '../security/user-store.ts'
import { Users } from '../security/users.ts'
import type { ClusterView } from './cluster-view.ts'
import { HttpError } from './http.ts'

type Stored = Pick<ClusterView, 'scan'>

export class StandbyUsers {
  private readonly users: Users

  constructor(loopbackUsers: readonly string[]) {
    this.users = new Users(undefined, loopbackUsers)
  }

  /**
   * Returns users that include the named one as currently stored, without rights in vhosts. Other users are not read:
   * there may be very many, and the client has not logged in.
   * @throws HttpError 503 while the store has no users at all, so no login can be checked
   */
  having(cluster: Stored, name: string): Users {
    const stored = storedUser(cluster, name)
    if (stored === undefined && !hasUsers(cluster))
      throw new HttpError(503, 'service_unavailable', 'this node does not have the data of the cluster yet')
    this.users.refresh(name, stored)
    return this.users
  }
}

function hasUsers(cluster: Stored): boolean {
  for (const _ of cluster.scan('user:')) return true
  return false
}
