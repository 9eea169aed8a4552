/** Limits and policies: they have their own place in a vhost, but are exported as parameters, as in RabbitMQ. */
import type { Vhost } from '../broker/vhost.ts'
import type { Parameter } from '../model/parameters.ts'
import { policyJson } from './shapes.ts'

export const VHOST_LIMITS = 'vhost-limits'
export const POLICY = 'policy'
export const OPERATOR_POLICY = 'operator_policy'

/** One parameter, or none if the vhost has no limits. */
export function limitParameters({ name: vhost, limits: value }: Vhost): Parameter[] {
  if (Object.keys(value).length === 0) return []
  return [{ value, vhost, component: VHOST_LIMITS, name: 'limits' }]
}

export function policyParameters(
  { name: vhost, policies }: Vhost,
  component: typeof POLICY | typeof OPERATOR_POLICY,
): Parameter[] {
  return Array.from(component === POLICY ? policies.user : policies.operator, (p) => {
    const { name: _, ...value } = policyJson(p)
    return { value, vhost, component, name: p.name }
  })
}
