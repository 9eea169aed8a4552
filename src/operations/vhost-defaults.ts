/** The configured initial contents of every new vhost: limits, operator policies, users with permissions. */
import type { Broker } from '../broker/broker.ts'
import { atOnce } from '../broker/jobs.ts'
import type { PolicyValue } from '../broker/policy/policy.ts'
import type { Vhost, VhostInfo } from '../broker/vhost.ts'
import { newPasswordHashSync, randomPassword } from '../security/passwords.ts'
import type { Users } from '../security/users.ts'
import { Pattern } from '../util/pattern.ts'
import { settingPolicy } from './policies.ts'

export interface VhostDefaults {
  /** The first entry whose pattern matches the vhost's name applies. */
  readonly limits: readonly { readonly pattern: string; readonly limits: VhostInfo['limits'] }[]
  readonly operatorPolicies: readonly {
    readonly name: string
    readonly vhostPattern: string
    /** Matched against the names of queues. */
    readonly pattern: string
    /** `queues`, or one type of them */
    readonly applyTo: string
    readonly definition: { readonly [key: string]: PolicyValue }
  }[]
  readonly users: readonly {
    readonly name: string
    /** Absent = a random password, to be changed later. */
    readonly password: string | undefined
    readonly tags: readonly string[]
    readonly vhostPattern: string
    readonly configure: string
    readonly write: string
    readonly read: string
  }[]
}

export const noVhostDefaults: VhostDefaults = { limits: [], operatorPolicies: [], users: [] }

/** An existing user keeps password and tags. @throws InvalidRequest for an invalid policy */
export function applyVhostDefaults(
  defaults: VhostDefaults,
  broker: Broker,
  users: Users,
  vhost: Vhost,
): void {
  const matches = (pattern: string): boolean => new Pattern(pattern).matches(vhost.name)
  const limits = defaults.limits.find((l) => matches(l.pattern))?.limits
  if (limits !== undefined) broker.setVhost({ ...vhost.info, limits: { ...limits, ...vhost.info.limits } })
  for (const { name, vhostPattern, pattern, definition, applyTo } of defaults.operatorPolicies)
    if (matches(vhostPattern))
      // A new vhost has few names that the policy could apply to.
      atOnce(settingPolicy(broker, vhost, { name, pattern, definition, applyTo }, true))
  for (const { name, password, tags, vhostPattern, configure, write, read } of defaults.users) {
    if (!matches(vhostPattern)) continue
    if (users.get(name) === undefined)
      users.set({
        name,
        password: newPasswordHashSync(password ?? randomPassword(), users.hashing),
        tags,
        limits: {},
      })
    users.setPermission(name, vhost.name, { configure, write, read })
  }
}
