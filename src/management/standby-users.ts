/** Users as a node without a broker finds them in its store, to authenticate requests for its health. */
import { UserStore } from '../security/user-store.ts'
import { Users } from '../security/users.ts'
import { StoredObjects } from '../util/stored-objects.ts'
import type { ClusterView } from './cluster-view.ts'

/** How long they are cached, in ms. */
const FRESH_MS = 2000

const nowhere = { put(): void {}, delete(): void {} }

export class StandbyUsers {
  private readonly loopbackUsers: readonly string[]
  private users: Users | undefined
  private readAt = 0

  constructor(loopbackUsers: readonly string[]) {
    this.loopbackUsers = loopbackUsers
  }

  read(cluster: ClusterView, now: number): Users {
    if (this.users !== undefined && now - this.readAt < FRESH_MS) return this.users
    const objects = new StoredObjects(cluster, nowhere, () => {})
    const store = new UserStore(objects, nowhere)
    const known = new Users(store, this.loopbackUsers)
    known.restore(store.load())
    this.users = known
    this.readAt = now
    return known
  }
}
