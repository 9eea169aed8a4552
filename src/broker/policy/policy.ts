/** Policies and operator policies of a vhost: which one applies to a queue or an exchange (behaviour.md section 10). */
import { Pattern } from '../../util/pattern.ts'

/** As JSON has them. */
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
  /** Regular expression over the name, unanchored. */
  readonly pattern: string
  readonly applyTo: ApplyTo
  /** The highest one that matches applies, alone. */
  readonly priority: number
  readonly definition: { readonly [key: string]: PolicyValue }
}

/** What a policy is matched against. */
export interface PolicySubject {
  readonly name: string
  /** `exchanges`, or the name for queues of its kind. */
  readonly target: ApplyTo
  /** Whether objects of this kind know the key at all. */
  supports(key: string): boolean
}

export class PolicySet {
  private readonly policies = new Map<string, { readonly info: PolicyInfo; readonly pattern: Pattern }>()

  /** @throws SyntaxError for a pattern that is no regular expression */
  set(info: PolicyInfo): void {
    this.policies.set(info.name, { info, pattern: new Pattern(info.pattern) })
  }

  remove(name: string): boolean {
    return this.policies.delete(name)
  }

  get(name: string): PolicyInfo | undefined {
    return this.policies.get(name)?.info
  }

  *[Symbol.iterator](): Iterator<PolicyInfo> {
    for (const { info } of this.policies.values()) yield info
  }

  get size(): number {
    return this.policies.size
  }

  /** The one that applies. */
  find(subject: PolicySubject): PolicyInfo | undefined {
    let best: PolicyInfo | undefined
    for (const { info, pattern } of this.policies.values()) {
      if (best !== undefined && info.priority <= best.priority) continue
      if (applies(info, subject) && pattern.matches(subject.name)) best = info
    }
    return best
  }
}

function applies({ applyTo, definition }: PolicyInfo, { target, supports }: PolicySubject): boolean {
  const matches = applyTo === 'all' || applyTo === target || (applyTo === 'queues' && target !== 'exchanges')
  return matches && Object.keys(definition).every(supports)
}

/** What applies to one object. */
export interface AppliedPolicies {
  readonly policy: PolicyInfo | undefined
  readonly operator: PolicyInfo | undefined
}

export const noPolicies: AppliedPolicies = { policy: undefined, operator: undefined }

/** Both sets of a vhost. */
export class Policies {
  readonly user = new PolicySet()
  readonly operator = new PolicySet()

  for(subject: PolicySubject): AppliedPolicies {
    if (this.user.size === 0 && this.operator.size === 0) return noPolicies
    return { policy: this.user.find(subject), operator: this.operator.find(subject) }
  }
}
