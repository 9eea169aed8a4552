/**
 * A queue of a dry run, which shows whether definitions can be imported: it can be declared, bound and configured, but
 * nothing else. It is small, since the definitions may contain very many queues in addition to the broker's own.
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

/** Implements only what a dry run uses: its model is discarded without having had a client or a message. */
export function rehearsedQueue(info: QueueInfo, policies: AppliedPolicies): Queue {
  return new RehearsedQueue(info, policies) as Rehearsed as Queue
}
