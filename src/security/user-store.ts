/** Stores users and permissions as metadata: one JSON value each. */
import type { GroupCommit } from '../storage/batch.ts'
import { objectKey, objectOf, type StoredObjects } from '../util/stored-objects.ts'
import type { ScannedTexts } from '../util/stored-texts.ts'
import type { Permission, TopicPermission } from './access.ts'
import type { StoredUsers, UserJournal, UserRecord } from './users.ts'

type Kind = 'user' | 'permission' | 'topic-permission'

const key: (kind: Kind, ...identity: string[]) => string = objectKey

type Fields = { readonly [field: string]: unknown }

function isTexts(stored: Fields, ...names: string[]): boolean {
  return names.every((n) => typeof stored[n] === 'string')
}

function isUser(stored: Fields): boolean {
  return isTexts(stored, 'name') && Array.isArray(stored['tags'])
}

function isPermission(stored: Fields): boolean {
  return isTexts(stored, 'user', 'vhost', 'configure', 'write', 'read')
}

function isTopicPermission(stored: Fields): boolean {
  return isTexts(stored, 'user', 'vhost', 'exchange', 'write', 'read')
}

/** One user, without reading the others. */
export function storedUser(storage: ScannedTexts, name: string): UserRecord | undefined {
  const stored = objectOf<Fields>(storage, 'user', name)
  return stored !== undefined && isUser(stored) ? (stored as unknown as UserRecord) : undefined
}

export class UserStore implements UserJournal {
  private readonly objects: StoredObjects
  private readonly commit: Pick<GroupCommit, 'put' | 'delete'>

  constructor(objects: StoredObjects, commit: Pick<GroupCommit, 'put' | 'delete'>) {
    this.objects = objects
    this.commit = commit
  }

  load(): StoredUsers {
    return {
      users: this.read<UserRecord>('user', isUser),
      permissions: this.read('permission', isPermission),
      topicPermissions: this.read('topic-permission', isTopicPermission),
    }
  }

  /** Reads records and quarantines invalid ones: that user cannot log in, or lacks that permission. */
  private read<T>(kind: Kind, fits: (stored: Fields) => boolean): T[] {
    const out: T[] = []
    this.objects.restore<Fields>(`${kind}:`, (stored) => {
      if (!fits(stored)) throw new Error('a field is missing')
      out.push(stored as T)
    })
    return out
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
