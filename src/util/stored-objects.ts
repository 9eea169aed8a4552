/**
 * Stores objects as metadata: one JSON value each, under keys that begin with the object's kind. An object that cannot
 * be read or used never prevents the broker from starting: it is quarantined under a key of its own, where no new
 * object overwrites it, and tried again at every start, for example by a later release.
 */
import { StoreFailure } from './owner.ts'
import { sha256 } from './sha256.ts'
import { type ScannedTexts, textsOf } from './stored-texts.ts'

const ASIDE_PREFIX = 'quarantine:'

export interface QuarantinedObject {
  /**
   * One of vhost, exchange, queue, binding, policy, user, permission, topic-permission, parameter, global-parameter,
   * parameters, segment, bucket.
   */
  readonly kind: string
  /** Its vhost and name, as far as they can be read. */
  readonly vhost: string
  readonly name: string
  readonly reason: string
  /** The key in the store. */
  readonly key: string
}

/** Names may together be longer than a key, so the key has a digest of them, and the value the full names. */
export function identityDigest(identity: readonly string[]): string {
  return sha256(JSON.stringify(identity), 'base64url')
}

/** The key of an object of that kind and identity. */
export function objectKey(kind: string, ...identity: string[]): string {
  return `${kind}:${identityDigest(identity)}`
}

/** One object, even a quarantined one; undefined if there is none that can be read. @throws StoreFailure */
export function objectOf<T>(storage: ScannedTexts, kind: string, ...identity: string[]): T | undefined {
  const wanted = objectKey(kind, ...identity)
  for (const at of [wanted, ASIDE_PREFIX + wanted])
    for (const { key, text } of textsOf(storage, at)) {
      let found: T | undefined
      if (key === at && attempt<T>(text, key, (stored) => (found = stored)) === undefined) return found
    }
  return undefined
}

interface Changes {
  put(key: string, value: Uint8Array): void
  delete(key: string): void
}

export class StoredObjects {
  quarantined: QuarantinedObject[] = []
  private readonly storage: ScannedTexts
  private readonly changes: Changes
  private readonly report: (object: QuarantinedObject, error: unknown) => void

  /** @param report called for every object that is quarantined */
  constructor(
    storage: ScannedTexts,
    changes: Changes,
    report: (object: QuarantinedObject, error: unknown) => void,
  ) {
    this.storage = storage
    this.changes = changes
    this.report = report
  }

  /**
   * Restores all objects of a kind, those that an earlier start quarantined last: `use` must throw for one of them
   * whose name has since been given to another object.
   * @param prefix of their keys
   * @param use receives the parsed JSON value and its key, unless quarantined, and throws if it cannot be used
   */
  restore<T>(prefix: string, use: (stored: T, key: string) => void): void {
    for (const { key, text } of textsOf(this.storage, prefix)) {
      const error = attempt(text, key, use)
      if (error === undefined) continue
      const bytes = this.bytesOf(key)
      this.changes.put(ASIDE_PREFIX + key, bytes)
      this.changes.delete(key)
      this.add(ASIDE_PREFIX + key, bytes, error)
    }
    for (const { key, text } of textsOf(this.storage, ASIDE_PREFIX + prefix)) {
      const ownKey = key.slice(ASIDE_PREFIX.length)
      const error = attempt(text, ownKey, use)
      if (error !== undefined) {
        this.add(key, this.bytesOf(key), error)
        continue
      }
      this.changes.put(ownKey, this.bytesOf(key))
      this.changes.delete(key)
    }
  }

  /** A copy of a stored value. Not made from its text, which replaces octets that are not UTF-8. */
  private bytesOf(wanted: string): Buffer {
    for (const { key, value } of this.storage.scan(wanted)) if (key === wanted) return Buffer.from(value)
    throw new Error(`${wanted} is no longer there`)
  }

  /** Whether at least one object of that kind is quarantined. */
  lacks(kind: string): boolean {
    return this.quarantined.some((o) => o.kind === kind)
  }

  /** Deletes a quarantined object permanently. False if there is none under that key. */
  drop(key: string): boolean {
    const left = this.quarantined.filter((o) => o.key !== key)
    if (key === '' || left.length === this.quarantined.length) return false
    this.quarantined = left
    this.changes.delete(key)
    return true
  }

  private add(key: string, value: Buffer, error: unknown): void {
    const kind = key.split(':')[1] ?? ''
    this.note({ kind, ...described(value), reason: messageOf(error), key }, error)
  }

  /** Records another object that cannot be read and stays where it is. */
  note(object: QuarantinedObject, error: unknown): void {
    this.quarantined.push(object)
    this.report(object, error)
  }
}

/** Returns the error if the object cannot be used. @throws StoreFailure */
function attempt<T>(text: string, key: string, use: (stored: T, key: string) => void): unknown {
  try {
    use(JSON.parse(text) as T, key)
    return undefined
  } catch (error) {
    if (error instanceof StoreFailure) throw error
    return error ?? new Error('unknown error')
  }
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

/** The vhost and name found in the value. */
function described(value: Buffer): { vhost: string; name: string } {
  try {
    const o = JSON.parse(value.toString()) as { readonly [field: string]: unknown }
    const names = ['name', 'user', 'source', 'destination', 'routingKey'].map((f) => o[f])
    return {
      vhost: typeof o['vhost'] === 'string' ? o['vhost'] : '',
      name: names.filter((n) => typeof n === 'string' && n !== '').join(' -> '),
    }
  } catch {
    return { vhost: '', name: '' }
  }
}
