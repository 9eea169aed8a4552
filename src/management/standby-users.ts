/** Users as a node without a broker finds them in its store, to authenticate requests for its health. */
import { UserStore } from '../security/user-store.ts'
import { Users } from '../security/users.ts'
import { StoredObjects } from '../util/stored-objects.ts'
import type { ClusterView } from './cluster-view.ts'
import { HttpError } from './http.ts'

/** How long they are cached, in ms. */
const FRESH_MS = 2000

const nowhere = { put(): void {}, delete(): void {} }

export class StandbyUsers {
  private readonly loopbackUsers: readonly string[]
  private users: Users | undefined
  /** In ms of `elapsed`. */
  private readAt = 0

  constructor(loopbackUsers: readonly string[]) {
    this.loopbackUsers = loopbackUsers
  }

  /** @throws HttpError 503 while there is nothing in the store that says whether a login is right */
  read(cluster: ClusterView, now: number): Users {
    if (this.users !== undefined && now - this.readAt < FRESH_MS) return this.users
    const objects = new StoredObjects(cluster, nowhere, () => {})
    const store = new UserStore(objects, nowhere)
    const known = new Users(store, this.loopbackUsers)
    known.restore(store.load())
    if (known.size === 0)
      throw new HttpError(503, 'service_unavailable', 'this node does not have the data of the cluster yet')
    this.users = known
    this.readAt = now
    return known
  }
}
