/** Policies and operator policies of a vhost: which one applies to a queue or an exchange (behaviour.md section 10). */
import { PATTERN_STEPS_MAX } from '../../util/pattern/pattern-limits.ts'
import { Pattern } from '../../util/pattern.ts'

/** A value in a policy definition, as in JSON. */
export type PolicyValue = string | number | boolean | PolicyValue[] | { [name: string]: PolicyValue }

export const applyTargets = [
  'all',
  'queues',
  'classic_queues',
  'quorum_queues',
  'streams',
  'exchanges',
] as const
export type ApplyTo = (typeof applyTargets)[number]

export interface PolicyInfo {
  readonly name: string
  /** Regular expression that is searched for in the object's name, unanchored. */
  readonly pattern: string
  readonly applyTo: ApplyTo
  /** Only the matching policy with the highest priority applies. */
  readonly priority: number
  readonly definition: { readonly [key: string]: PolicyValue }
}

/** The object that a policy is matched against. */
export interface PolicySubject {
  readonly name: string
  /** `exchanges`, or the `applyTo` value for queues of this type. */
  readonly target: ApplyTo
  /** Whether objects of this kind support the policy key. */
  supports(key: string): boolean
}

/** Called once for each policy whose pattern takes too many steps for some name. */
export type PolicyWarning = (policy: PolicyInfo, text: string) => void

/** A policy that has been set or removed. */
export interface PolicyChange {
  readonly policy: PolicyInfo
  readonly operator: boolean
}

interface Found {
  /** The policy that applies. */
  readonly policy: PolicyInfo | undefined
  /** A policy of higher priority whose pattern took too long, so that it is undecided whether it matches. */
  readonly undecided: PolicyInfo | undefined
}

interface Entry {
  readonly info: PolicyInfo
  readonly pattern: Pattern
  /** The keys of its definition. */
  readonly keys: readonly string[]
}

export class PolicySet {
  private readonly policies = new Map<string, Entry>()
  /** Problems with the patterns, by name of the policy. */
  private readonly warnings = new Map<string, string>()
  private readonly warn: PolicyWarning

  constructor(warn: PolicyWarning = () => {}) {
    this.warn = warn
  }

  /** @throws SyntaxError for an invalid regular expression */
  set(info: PolicyInfo): void {
    this.policies.set(info.name, {
      info,
      pattern: new Pattern(info.pattern),
      keys: Object.keys(info.definition),
    })
    this.warnings.delete(info.name)
  }

  remove(name: string): boolean {
    this.warnings.delete(name)
    return this.policies.delete(name)
  }

  get(name: string): PolicyInfo | undefined {
    return this.policies.get(name)?.info
  }

  /** The problem with the policy's pattern, if any. */
  warning(name: string): string | undefined {
    return this.warnings.get(name)
  }

  *[Symbol.iterator](): Iterator<PolicyInfo> {
    for (const { info } of this.policies.values()) yield info
  }

  get size(): number {
    return this.policies.size
  }

  /** Finds the policy that applies to an object. All patterns together may take PATTERN_STEPS_MAX steps per name. */
  find(subject: PolicySubject): Found {
    let policy: PolicyInfo | undefined
    let undecided: PolicyInfo | undefined
    let steps = PATTERN_STEPS_MAX
    for (const entry of this.policies.values()) {
      const { info, pattern } = entry
      if (policy !== undefined && info.priority <= policy.priority) continue
      if (!applies(entry, subject)) continue
      const matches = pattern.decide(subject.name, steps)
      steps -= pattern.steps
      if (matches === true) policy = info
      if (matches !== undefined) continue
      if (undecided === undefined || info.priority > undecided.priority) undecided = info
      this.warnAbout(info, `it takes too long to decide whether its pattern matches '${subject.name}'`)
    }
    if (policy !== undefined && undecided !== undefined && policy.priority > undecided.priority)
      undecided = undefined
    return { policy, undecided }
  }

  /** Whether a new or changed policy can affect an object to which the policy `current` applies. */
  concerns({ name, priority }: PolicyInfo, subject: PolicySubject, current: PolicyInfo | undefined): boolean {
    if (current?.name === name) return true
    const entry = this.policies.get(name)
    if (entry === undefined || (current !== undefined && priority < current.priority)) return false
    return applies(entry, subject) && entry.pattern.decide(subject.name) !== false
  }

  private warnAbout(info: PolicyInfo, text: string): void {
    if (this.warnings.has(info.name)) return
    this.warnings.set(info.name, text)
    this.warn(info, text)
  }
}

function applies({ info: { applyTo }, keys }: Entry, subject: PolicySubject): boolean {
  const { target } = subject
  const matches = applyTo === 'all' || applyTo === target || (applyTo === 'queues' && target !== 'exchanges')
  return matches && keys.every(subject.supports)
}

/** The policies that apply to one object. */
export interface AppliedPolicies {
  readonly policy: PolicyInfo | undefined
  readonly operator: PolicyInfo | undefined
  /** An operator policy for which it is undecided whether it applies; declaring such a queue is refused. */
  readonly undecided?: PolicyInfo | undefined
}

export const noPolicies: AppliedPolicies = { policy: undefined, operator: undefined }

/** The policies and operator policies of a vhost. */
export class Policies {
  readonly user: PolicySet
  readonly operator: PolicySet
  /** The last result: successive queues with the same policies share one object. */
  private last: AppliedPolicies = noPolicies

  constructor(warn?: PolicyWarning) {
    this.user = new PolicySet(warn)
    this.operator = new PolicySet(warn)
  }

  /**
   * The policies that apply to an object after `changes`, or undefined if nothing changes for it. A single change is
   * first checked on its own; several are not, because all patterns of a set share the steps allowed per name.
   */
  changed(
    changes: readonly PolicyChange[],
    subject: PolicySubject,
    current: AppliedPolicies,
  ): AppliedPolicies | undefined {
    const [first, ...others] = changes
    if (first !== undefined && others.length === 0) {
      const [set, applies] = first.operator ? [this.operator, current.operator] : [this.user, current.policy]
      if (!set.concerns(first.policy, subject, applies)) return undefined
    }
    const found = this.for(subject)
    const { policy, operator, undecided } = current
    const same = found.policy === policy && found.operator === operator && found.undecided === undecided
    return same ? undefined : found
  }

  for(subject: PolicySubject): AppliedPolicies {
    if (this.user.size === 0 && this.operator.size === 0) return noPolicies
    const { policy } = this.user.find(subject)
    const { policy: operator, undecided } = this.operator.find(subject)
    const { last } = this
    if (policy !== last.policy || operator !== last.operator || undecided !== last.undecided)
      this.last = { policy, operator, undecided }
    return this.last
  }
}
