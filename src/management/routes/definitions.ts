import { exportDefinitions, exportVhost } from '../../definitions/export.ts'
import { importDefinitions } from '../../definitions/import.ts'
import type { GlobalParameter, Parameter } from '../../definitions/parameters.ts'
import type { Leveret } from '../../leveret.ts'
import { withoutPasswords } from '../../util/without-passwords.ts'
import { type AddRoute, badRequest, notFound, type Request, withCode } from '../http.ts'

export function definitionRoutes(add: AddRoute, leveret: Leveret): void {
  add('GET', 'definitions', 'administrator', () => exportDefinitions(leveret))
  add('GET', 'definitions/:vhost', 'administrator', (r) => exportVhost(leveret, r.vhost()))
  const load = async (r: Request): Promise<undefined> => {
    if (Array.isArray(r.body)) throw badRequest('not_json')
    const vhost = r.params['vhost'] === undefined ? undefined : r.vhost()
    await withCode(() => importDefinitions(leveret, r.body, vhost))
    return await r.stored(false)
  }
  add('POST', 'definitions', 'administrator', load)
  add('POST', 'definitions/:vhost', 'administrator', load)
  parameterRoutes(add, leveret)
}

/**
 * Parameters of features that are not there: kept and given back, without the passwords of addresses, which leave in
 * definitions only.
 */
function parameterRoutes(add: AddRoute, leveret: Leveret): void {
  const { parameters } = leveret
  for (const path of ['parameters', 'parameters/:component', 'parameters/:component/:vhost'])
    add('GET', path, 'policymaker', (r) => {
      const visible = new Set(r.vhostsOfPath().map((v) => v.name))
      const { component } = r.params
      return parameters
        .list()
        .filter((p) => visible.has(p.vhost) && (component === undefined || p.component === component))
        .map((p) => withoutPasswords(p))
    })
  const one = 'parameters/:component/:vhost/:name'
  const found = (r: Request): Parameter => {
    const { component, name } = r.params
    const vhost = r.vhost().name
    const p = parameters.list().find((o) => o.component === component && o.vhost === vhost && o.name === name)
    if (p === undefined) throw notFound()
    return p
  }
  add('GET', one, 'policymaker', (r) => withoutPasswords(found(r)))
  add('PUT', one, 'policymaker', (r) => {
    const { component = '', name = '' } = r.params
    const vhost = r.vhost().name
    const isNew = !parameters.has({ vhost, component, name })
    leveret.logger.warn(
      { vhost, component, name },
      'a parameter of a feature that is not there: kept, without effect',
    )
    parameters.set({ vhost, component, name, value: r.body['value'] })
    return r.stored(isNew)
  })
  add('DELETE', one, 'policymaker', (r) => {
    parameters.remove(found(r))
    return r.stored(false)
  })
  globalParameterRoutes(add, leveret)
}

function globalParameterRoutes(add: AddRoute, leveret: Leveret): void {
  const { parameters } = leveret
  const all = (): GlobalParameter[] => [
    { name: 'cluster_name', value: leveret.server.identity.clusterName },
    ...parameters.listGlobal().filter((p) => p.name !== 'cluster_name'),
  ]
  const known = (r: Request): GlobalParameter => {
    const p = all().find((g) => g.name === r.params['name'])
    if (p === undefined) throw notFound()
    return p
  }
  add('GET', 'global-parameters', 'policymaker', () => withoutPasswords(all()))
  add('GET', 'global-parameters/:name', 'policymaker', (r) => withoutPasswords(known(r)))
  add('PUT', 'global-parameters/:name', 'administrator', (r) => {
    const name = r.params['name'] as string
    const isNew = parameters.listGlobal().every((g) => g.name !== name)
    parameters.setGlobal(name, r.body['value'])
    return r.stored(isNew)
  })
  add('DELETE', 'global-parameters/:name', 'administrator', (r) => {
    parameters.removeGlobal(known(r).name)
    return r.stored(false)
  })
}
