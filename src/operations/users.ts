/** Users, their permissions and limits, as changed by HTTP, the command line and definitions. */
import type { Vhost } from '../broker/vhost.ts'
import type { Permission, TopicPermission } from '../security/access.ts'
import { isKnownAlgorithm, newPasswordHash, SHA256 } from '../security/passwords.ts'
import type { UserLimits, UserRecord, Users } from '../security/users.ts'
import { Pattern, patternError } from '../util/pattern.ts'
import { InvalidRequest } from './invalid-request.ts'

export interface UserRequest {
  readonly name: string
  /** This or `passwordHash`; with neither, the user cannot log in with a password. */
  readonly password?: string | undefined
  readonly passwordHash?: string | undefined
  readonly hashingAlgorithm?: string | undefined
  readonly tags: readonly string[]
  readonly limits?: UserLimits | undefined
}

const userLimitNames = ['max-connections', 'max-channels']

/** For a dry run: hashing takes a while. */
export const noHash: typeof newPasswordHash = async (_, algorithm) => ({ hash: '', algorithm })

/**
 * @param hashed computes the hash of a password
 * @returns whether the user is new. @throws InvalidRequest
 */
export async function putUser(users: Users, r: UserRequest, hashed = newPasswordHash): Promise<boolean> {
  const algorithm = r.hashingAlgorithm ?? SHA256
  if (r.name === '') throw new InvalidRequest('user name must not be empty')
  checkHash(r, algorithm)
  checkPassword(users, r.password)
  const password: UserRecord['password'] =
    r.password === undefined || r.password === ''
      ? { hash: r.passwordHash ?? '', algorithm }
      : await hashed(r.password, users.hashing)
  // Not before: hashing takes a while, and the limits may be changed meanwhile.
  const existing = users.get(r.name)
  let limits: UserLimits = r.limits === undefined ? (existing?.limits ?? {}) : {}
  for (const [name, value] of Object.entries(r.limits ?? {}))
    limits = withLimit(limits, userLimitNames, name, value)
  users.set({ name: r.name, password, tags: r.tags, limits })
  return existing === undefined
}

/** @throws InvalidRequest in RabbitMQ's words */
function checkHash({ password = '', passwordHash = '' }: UserRequest, algorithm: string): void {
  if (password !== '') {
    if (passwordHash !== '') throw new InvalidRequest('both_password_and_password_hash_are_provided')
    return
  }
  if (!isKnownAlgorithm(algorithm)) throw new InvalidRequest(`unknown hashing algorithm '${algorithm}'`)
  if (!/^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(passwordHash))
    throw new InvalidRequest(`not_base64: ${passwordHash.slice(0, 100)}`)
}

/** @throws InvalidRequest in RabbitMQ's words */
function checkPassword({ passwordRule: rule }: Users, password: string | undefined): void {
  if (rule === undefined || password === undefined || password === '') return
  if ('minLength' in rule) {
    if (password.length < rule.minLength)
      throw new InvalidRequest(`minimum required password length: ${rule.minLength}`)
  } else if (!new Pattern(rule.pattern).matches(password))
    throw new InvalidRequest('provided password does not match the validator regular expression')
}

/** False if there is no such user. */
export function deleteUser(users: Users, name: string): boolean {
  return users.remove(name)
}

/** False if there is no such user. */
export function setTags(users: Users, name: string, tags: readonly string[]): boolean {
  const user = users.get(name)
  if (user !== undefined) users.set({ ...user, tags })
  return user !== undefined
}

/** A user who creates a vhost gets all permissions in it, if it is an internal user. */
export function allowAll(users: Users, user: string, vhost: string): void {
  if (users.get(user) !== undefined)
    users.setPermission(user, vhost, { configure: '.*', write: '.*', read: '.*' })
}

/** False if the user has no permission there. */
export function removePermission(users: Users, user: string, vhost: Vhost): boolean {
  return users.removePermission(user, vhost.name)
}

/** @param exchange undefined = all exchanges of the vhost. @returns whether there were any */
export function removeTopicPermissions(
  users: Users,
  user: string,
  vhost: Vhost,
  exchange: string | undefined,
): boolean {
  return users.removeTopicPermissions(user, vhost.name, exchange)
}

function checkPattern(what: string, pattern: unknown): void {
  if (typeof pattern !== 'string')
    throw new InvalidRequest(`${what} must be a regular expression in a string`)
  if (patternError(pattern) !== undefined)
    throw new InvalidRequest(`invalid regular expression in ${what}: ${pattern}`)
}

/** @returns whether the permission is new. @throws InvalidRequest */
export function putPermission(users: Users, user: string, vhost: Vhost, p: Permission): boolean {
  if (users.get(user) === undefined) throw new InvalidRequest(`no such user: ${user}`)
  for (const right of ['configure', 'write', 'read'] as const) checkPattern(right, p[right])
  const isNew = users.permission(user, vhost.name) === undefined
  users.setPermission(user, vhost.name, p)
  return isNew
}

/** @throws InvalidRequest */
export function putTopicPermission(users: Users, user: string, vhost: Vhost, p: TopicPermission): void {
  if (users.get(user) === undefined) throw new InvalidRequest(`no such user: ${user}`)
  for (const right of ['write', 'read'] as const) checkPattern(right, p[right])
  users.setTopicPermission(user, vhost.name, p)
}

/** @param value undefined removes the limit. @throws InvalidRequest */
export function setUserLimit(users: Users, user: string, name: string, value: number | undefined): void {
  const record = users.get(user)
  if (record === undefined) throw new InvalidRequest(`no such user: ${user}`)
  users.set({ ...record, limits: withLimit(record.limits, userLimitNames, name, value) })
}

/** @throws InvalidRequest for a limit that does not exist or is not an integer */
export function withLimit<T extends object>(
  limits: T,
  names: readonly string[],
  name: string,
  value: number | undefined,
): T {
  if (!names.includes(name))
    throw new InvalidRequest(`unrecognised limit '${name}'; there are ${names.join(', ')}`)
  if (value !== undefined && !Number.isSafeInteger(value))
    throw new InvalidRequest(`${name} must be a whole number, not ${value}`)
  const rest = Object.fromEntries(Object.entries(limits).filter(([n]) => n !== name))
  return { ...rest, ...(value === undefined ? {} : { [name]: value }) } as T
}
