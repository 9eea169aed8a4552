/** Users and permissions as metadata of the store: one value each, in JSON. */
import { createHash } from 'node:crypto'
import type { GroupCommit } from '../storage/batch.ts'
import type { Storage } from '../storage/storage.ts'
import type { Permission, TopicPermission } from './access.ts'
import type { StoredUsers, UserJournal, UserRecord } from './users.ts'

type Kind = 'user' | 'permission' | 'topic-permission'

function key(kind: Kind, ...identity: string[]): string {
  return `${kind}:${createHash('sha256').update(JSON.stringify(identity)).digest('base64url')}`
}

export class UserStore implements UserJournal {
  private readonly storage: Storage
  private readonly commit: GroupCommit

  constructor(storage: Storage, commit: GroupCommit) {
    this.storage = storage
    this.commit = commit
  }

  load(): StoredUsers {
    return {
      users: this.read<UserRecord>('user'),
      permissions: this.read('permission'),
      topicPermissions: this.read('topic-permission'),
    }
  }

  private *read<T>(kind: Kind): Iterable<T> {
    for (const { value } of this.storage.scan(`${kind}:`))
      yield JSON.parse(Buffer.from(value).toString()) as T
  }

  private put(k: string, value: object): void {
    this.commit.put(k, Buffer.from(JSON.stringify(value)))
  }

  userSet(u: UserRecord): void {
    this.put(key('user', u.name), u)
  }

  userRemoved(name: string): void {
    this.commit.delete(key('user', name))
  }

  permissionSet(user: string, vhost: string, p: Permission): void {
    this.put(key('permission', user, vhost), { user, vhost, ...p })
  }

  permissionRemoved(user: string, vhost: string): void {
    this.commit.delete(key('permission', user, vhost))
  }

  topicPermissionSet(user: string, vhost: string, p: TopicPermission): void {
    this.put(key('topic-permission', user, vhost, p.exchange), { user, vhost, ...p })
  }

  topicPermissionRemoved(user: string, vhost: string, exchange: string): void {
    this.commit.delete(key('topic-permission', user, vhost, exchange))
  }
}
