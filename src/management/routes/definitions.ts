import { exportDefinitions, exportVhost } from '../../definitions/export.ts'
import { importDefinitions } from '../../definitions/import.ts'
import type { Leveret } from '../../leveret.ts'
import { type AddRoute, badRequest, type Request } from '../http.ts'
import type { Json } from '../listing.ts'

export function definitionRoutes(add: AddRoute, leveret: Leveret): void {
  add('GET', 'definitions', 'administrator', () => exportDefinitions(leveret))
  add('GET', 'definitions/:vhost', 'administrator', (r) => exportVhost(leveret, r.vhost()))
  const load = async (r: Request): Promise<undefined> => {
    if (Array.isArray(r.body) || Object.keys(r.body).length === 0) throw badRequest('not_json')
    const vhost = r.params['vhost'] === undefined ? undefined : r.vhost()
    await importDefinitions(leveret, r.body, vhost)
    return await r.stored(false)
  }
  add('POST', 'definitions', 'administrator', load)
  add('POST', 'definitions/:vhost', 'administrator', load)
  parameterRoutes(add, leveret)
}

/** Parameters of features that are not there: kept and given back. */
function parameterRoutes(add: AddRoute, leveret: Leveret): void {
  const { parameters } = leveret
  add('GET', 'parameters', 'policymaker', () => parameters.list())
  add('GET', 'parameters/:component', 'policymaker', (r) =>
    parameters.list().filter((p) => p.component === r.params['component']),
  )
  add('GET', 'parameters/:component/:vhost', 'policymaker', (r) =>
    parameters.list().filter((p) => p.component === r.params['component'] && p.vhost === r.params['vhost']),
  )
  add('GET', 'global-parameters', 'policymaker', () => parameters.listGlobal())
  add('PUT', 'global-parameters/:name', 'administrator', (r) => {
    parameters.setGlobal(r.params['name'] as string, (r.body as Json)['value'])
    return r.stored(false)
  })
  add('DELETE', 'global-parameters/:name', 'administrator', (r) => {
    parameters.removeGlobal(r.params['name'] as string)
    return r.stored(false)
  })
}
