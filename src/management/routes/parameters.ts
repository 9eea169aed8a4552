/** Runtime parameters: shovels, components that are stored elsewhere here, and components of unsupported features. */
import {
  limitParameters,
  OPERATOR_POLICY,
  POLICY,
  policyParameters,
  VHOST_LIMITS,
} from '../../definitions/parameters.ts'
import { policyRequest } from '../../definitions/requests.ts'
import type { GlobalParameter, Parameter, ParameterName } from '../../model/parameters.ts'
import {
  checkParameterSize,
  isComponent,
  NO_EFFECT,
  SHOVEL,
  setVhostLimits,
  UnknownComponent,
} from '../../operations/parameters.ts'
import { removePolicy, setPolicy } from '../../operations/policies.ts'
import { checkShovel } from '../../shovel/definition.ts'
import type { Json } from '../../util/json.ts'
import type { Logger } from '../../util/logger.ts'
import { withoutPasswords } from '../../util/without-passwords.ts'
import { type AddRoute, badRequest, notFound, type Request } from '../http.ts'
import type { ManagedNode } from '../managed-node.ts'
import { clusterId } from '../node.ts'

export function parameterRoutes(add: AddRoute, { logger }: ManagedNode): void {
  for (const path of ['parameters', 'parameters/:component', 'parameters/:component/:vhost'])
    add('GET', path, 'policymaker', (r) => r.inPieces(rows(r), (p) => withoutPasswords({ ...p })))
  const one = 'parameters/:component/:vhost/:name'
  const found = (r: Request): Parameter => {
    r.vhost()
    const p = rows(r).find((o) => o.name === r.params['name'])
    if (p === undefined) throw notFound()
    return p
  }
  add('GET', one, 'policymaker', (r) => withoutPasswords(found(r)))
  add('PUT', one, 'policymaker', async (r) => {
    const vhost = r.vhost()
    const { component = '', name = '' } = r.params
    checkComponent(r, component)
    const isNew = rows(r).every((p) => p.name !== name)
    const { value } = r.body
    checkParameterSize(value)
    if (component === VHOST_LIMITS && name !== 'limits')
      throw badRequest(`the limits of a vhost are 'limits', not '${name}'`)
    if (component === VHOST_LIMITS) setVhostLimits(r.broker, vhost, value)
    else if (component === OPERATOR_POLICY)
      await setPolicy(r.broker, vhost, policyRequest(name, (value ?? {}) as Json), true)
    else keep(logger, r, { vhost: vhost.name, component, name, value })
    return r.stored(isNew)
  })
  add('DELETE', one, 'policymaker', async (r) => {
    const vhost = r.vhost()
    const { component = '' } = r.params
    checkComponent(r, component)
    const p = found(r)
    if (component === VHOST_LIMITS) setVhostLimits(r.broker, vhost, {})
    else if (component === OPERATOR_POLICY) await removePolicy(r.broker, vhost, p.name, true)
    else r.model.parameters.remove(p)
    return r.stored(false)
  })
  globalParameterRoutes(add)
}

/** @throws HttpError 400, 401 */
function checkComponent(r: Request, component: string): void {
  if (component === POLICY) throw badRequest('policies may not be set using this method')
  if (component === VHOST_LIMITS || component === OPERATOR_POLICY) r.need('administrator')
}

/** Logs and reports components that are stored without effect. @throws UnknownComponent; InvalidRequest for a shovel */
function keep(logger: Logger, r: Request, p: Parameter): void {
  if (!isComponent(p.component)) throw new UnknownComponent(p.component)
  const { vhost, component, name }: ParameterName = p
  if (component === SHOVEL) {
    checkShovel(name, p.value, (target) => ({
      user: r.user.name,
      allowed: r.broker.vhosts.has(target) && r.user.access(target) !== undefined,
    }))
    r.model.parameters.set(p)
    return
  }
  logger.warn({ vhost, component, name }, 'a parameter of an unsupported feature: kept, without effect')
  r.warn(NO_EFFECT)
  r.model.parameters.set(p)
}

/** Policies are listed only if their component is asked for, as in RabbitMQ. */
function rows(r: Request): Parameter[] {
  const vhosts = r.vhostsOfPath()
  const { component } = r.params
  const visible = new Set(vhosts.map((v) => v.name))
  const wanted = (c: string): boolean => component === undefined || component === c
  const own = vhosts.flatMap((v) => [
    ...(wanted(VHOST_LIMITS) ? limitParameters(v) : []),
    ...(wanted(OPERATOR_POLICY) ? policyParameters(v, OPERATOR_POLICY) : []),
    ...(component === POLICY ? policyParameters(v, POLICY) : []),
  ])
  return [...own, ...r.model.parameters.list().filter((p) => visible.has(p.vhost) && wanted(p.component))]
}

function globalParameterRoutes(add: AddRoute): void {
  const all = ({ model }: Request): GlobalParameter[] => [
    { name: 'cluster_name', value: model.identity.clusterName },
    { name: 'internal_cluster_id', value: clusterId(model) },
    ...model.parameters.listGlobal().filter((p) => !['cluster_name', 'internal_cluster_id'].includes(p.name)),
  ]
  const known = (r: Request): GlobalParameter => {
    const p = all(r).find((g) => g.name === r.params['name'])
    if (p === undefined) throw notFound()
    return p
  }
  add('GET', 'global-parameters', 'policymaker', (r) => r.inPieces(all(r), (p) => withoutPasswords({ ...p })))
  add('GET', 'global-parameters/:name', 'policymaker', (r) => withoutPasswords(known(r)))
  add('PUT', 'global-parameters/:name', 'administrator', (r) => {
    const name = r.params['name'] as string
    const isNew = r.model.parameters.listGlobal().every((g) => g.name !== name)
    const { value } = r.body
    checkParameterSize(value)
    if (name === 'cluster_name' && typeof value === 'string') r.model.setClusterName(value)
    else r.model.parameters.setGlobal(name, value)
    return r.stored(isNew)
  })
  add('DELETE', 'global-parameters/:name', 'administrator', (r) => {
    r.model.parameters.removeGlobal(known(r).name)
    return r.stored(false)
  })
}
