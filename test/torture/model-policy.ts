/** What a queue's arguments and a policy come to together. */
import type { PolicyDefinition, QueueArguments } from './model-steps.ts'

/** Of quorum queues that say nothing else. */
const QUORUM_DELIVERY_LIMIT = 20

const least = (a: number | undefined, b: number | undefined): { value?: number } =>
  a === undefined && b === undefined ? {} : { value: Math.min(a ?? Infinity, b ?? Infinity) }

/** The least of both where it is a limit; else the declaration comes first. */
export function effective(declared: QueueArguments, policy: PolicyDefinition = {}): QueueArguments {
  const { value: maxLength } = least(declared.maxLength, policy.maxLength)
  const { value: maxBytes } = least(declared.maxBytes, policy.maxBytes)
  const { value: ttl } = least(declared.ttl, policy.ttl)
  return {
    ...policy,
    ...declared,
    // The policy's overflow comes first for quorum queues only.
    ...(declared.quorum === true && policy.overflow !== undefined ? { overflow: policy.overflow } : {}),
    ...(maxLength === undefined ? {} : { maxLength }),
    ...(maxBytes === undefined ? {} : { maxBytes }),
    ...(ttl === undefined ? {} : { ttl }),
    ...(declared.quorum === true && declared.deliveryLimit === undefined
      ? { deliveryLimit: QUORUM_DELIVERY_LIMIT }
      : {}),
  }
}
