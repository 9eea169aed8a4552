/** Users as a node without a broker finds them in its store, to authenticate requests for its health. */
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
   * With that user as the store has it now, and without rights in vhosts: whoever asks is not logged in, so none of the
   * others, who may be very many, are read.
   * @throws HttpError 503 while there is nothing in the store that says whether a login is right
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
