import { exportDefinitions, exportVhost } from '../../definitions/export.ts'
import { importDefinitions } from '../../definitions/import.ts'
import type { GlobalParameter, Parameter } from '../../model/parameters.ts'
import type { Logger } from '../../util/logger.ts'
import { withoutPasswords } from '../../util/without-passwords.ts'
import { type AddRoute, badRequest, notFound, type Request, withCode } from '../http.ts'
import type { ManagedNode } from '../managed-node.ts'

export function definitionRoutes(add: AddRoute, { logger }: ManagedNode): void {
  add('GET', 'definitions', 'administrator', (r) => exportDefinitions(r.model))
  add('GET', 'definitions/:vhost', 'administrator', (r) => exportVhost(r.model, r.vhost()))
  const load = async (r: Request): Promise<undefined> => {
    if (Array.isArray(r.body)) throw badRequest('not_json')
    const vhost = r.params['vhost'] === undefined ? undefined : r.vhost()
    await withCode(() => importDefinitions(r.model, r.body, vhost))
    return await r.stored(false)
  }
  add('POST', 'definitions', 'administrator', load)
  add('POST', 'definitions/:vhost', 'administrator', load)
  parameterRoutes(add, logger)
}

/**
 * Parameters of features that are not there: kept and given back, without the passwords of addresses, which leave in
 * definitions only.
 */
function parameterRoutes(add: AddRoute, logger: Logger): void {
  for (const path of ['parameters', 'parameters/:component', 'parameters/:component/:vhost'])
    add('GET', path, 'policymaker', (r) => {
      const visible = new Set(r.vhostsOfPath().map((v) => v.name))
      const { component } = r.params
      return r.model.parameters
        .list()
        .filter((p) => visible.has(p.vhost) && (component === undefined || p.component === component))
        .map((p) => withoutPasswords(p))
    })
  const one = 'parameters/:component/:vhost/:name'
  const found = (r: Request): Parameter => {
    const { component, name } = r.params
    const vhost = r.vhost().name
    const p = r.model.parameters
      .list()
      .find((o) => o.component === component && o.vhost === vhost && o.name === name)
    if (p === undefined) throw notFound()
    return p
  }
  add('GET', one, 'policymaker', (r) => withoutPasswords(found(r)))
  add('PUT', one, 'policymaker', (r) => {
    const { component = '', name = '' } = r.params
    const vhost = r.vhost().name
    const isNew = !r.model.parameters.has({ vhost, component, name })
    logger.warn(
      { vhost, component, name },
      'a parameter of a feature that is not there: kept, without effect',
    )
    r.model.parameters.set({ vhost, component, name, value: r.body['value'] })
    return r.stored(isNew)
  })
  add('DELETE', one, 'policymaker', (r) => {
    r.model.parameters.remove(found(r))
    return r.stored(false)
  })
  globalParameterRoutes(add)
}

function globalParameterRoutes(add: AddRoute): void {
  const all = ({ model }: Request): GlobalParameter[] => [
    { name: 'cluster_name', value: model.identity.clusterName },
    ...model.parameters.listGlobal().filter((p) => p.name !== 'cluster_name'),
  ]
  const known = (r: Request): GlobalParameter => {
    const p = all(r).find((g) => g.name === r.params['name'])
    if (p === undefined) throw notFound()
    return p
  }
  add('GET', 'global-parameters', 'policymaker', (r) => withoutPasswords(all(r)))
  add('GET', 'global-parameters/:name', 'policymaker', (r) => withoutPasswords(known(r)))
  add('PUT', 'global-parameters/:name', 'administrator', (r) => {
    const name = r.params['name'] as string
    const isNew = r.model.parameters.listGlobal().every((g) => g.name !== name)
    r.model.parameters.setGlobal(name, r.body['value'])
    return r.stored(isNew)
  })
  add('DELETE', 'global-parameters/:name', 'administrator', (r) => {
    r.model.parameters.removeGlobal(known(r).name)
    return r.stored(false)
  })
}
