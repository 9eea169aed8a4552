import type { PolicyInfo } from '../../broker/policy/policy.ts'
import { policyRequest } from '../../definitions/requests.ts'
import { removePolicy, setPolicy } from '../../operations/policies.ts'
import { policyJson, withoutEffect } from '../describe.ts'
import { type AddRoute, notFound } from '../http.ts'
import type { ManagedNode } from '../managed-node.ts'

export function policyRoutes(add: AddRoute, { logger }: ManagedNode): void {
  for (const [resource, operator] of [
    ['policies', false],
    ['operator-policies', true],
  ] as const) {
    const right = operator ? 'administrator' : 'policymaker'
    for (const path of [resource, `${resource}/:vhost`])
      add('GET', path, 'management', (r) => {
        const all = r
          .vhostsOfPath()
          .flatMap((v) => Array.from(setOf(v, operator), (p: PolicyInfo) => ({ v, p })))
        return r.inPieces(all, ({ v, p }) => policyJson(v, p))
      })
    const one = `${resource}/:vhost/:name`
    add('GET', one, 'management', (r) => {
      const vhost = r.vhost()
      const p = setOf(vhost, operator).get(r.params['name'] as string)
      if (p === undefined) throw notFound()
      return policyJson(vhost, p)
    })
    add('PUT', one, right, async (r) => {
      const vhost = r.vhost()
      const name = r.params['name'] as string
      const isNew = setOf(vhost, operator).get(name) === undefined
      await setPolicy(r.broker, vhost, policyRequest(name, r.body), operator)
      const policy = setOf(vhost, operator).get(name)
      const warning = policy === undefined ? undefined : withoutEffect(policy)
      if (warning !== undefined) {
        logger.warn({ vhost: vhost.name, policy: name }, warning)
        r.warn(warning)
      }
      return r.stored(isNew)
    })
    add('DELETE', one, right, async (r) => {
      const name = r.params['name'] as string
      if (!(await removePolicy(r.broker, r.vhost(), name, operator))) throw notFound()
      return r.stored(false)
    })
  }
}

type Vhost = Parameters<typeof removePolicy>[1]

function setOf(v: Vhost, operator: boolean): Vhost['policies']['user'] {
  return operator ? v.policies.operator : v.policies.user
}
