/**
 * A queue of a dry run, which shows whether definitions can be applied: it can be declared, bound and configured, and that
 * is all. It is small, since the definitions may have very many, beside those that the broker has.
 */
import type { AppliedPolicies } from '../policy/policy.ts'
import type { Queue, QueueInfo } from './queue.ts'
import { DeclaredQueue } from './queue-base.ts'

type Rehearsed = Pick<
  Queue,
  keyof QueueInfo | 'owner' | 'log' | 'policies' | 'deleted' | 'boundTo' | 'configure' | 'stop'
>

class RehearsedQueue extends DeclaredQueue implements Rehearsed {
  get owner(): undefined {
    return undefined
  }

  get log(): undefined {
    return undefined
  }

  get deleted(): boolean {
    return false
  }

  configure(policies: AppliedPolicies): void {
    this.policies = policies
  }

  stop(): void {}
}

/** Of a model that is thrown away without having had a client or a message: nothing else of it is used. */
export function rehearsedQueue(info: QueueInfo, policies: AppliedPolicies): Queue {
  return new RehearsedQueue(info, policies) as Rehearsed as Queue
}
