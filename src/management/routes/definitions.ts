import { exportDefinitions, exportVhost } from '../../definitions/export.ts'
import { importDefinitions } from '../../definitions/import.ts'
import { type AddRoute, badRequest, type Request, withCode } from '../http.ts'

export function definitionRoutes(add: AddRoute): void {
  for (const path of ['definitions', 'all-configuration'])
    add('GET', path, 'administrator', (r) => exportDefinitions(r.model))
  add('GET', 'definitions/:vhost', 'administrator', (r) => exportVhost(r.model, r.vhost()))
  const load = async (r: Request): Promise<undefined> => {
    if (Array.isArray(r.body)) throw badRequest('not_json')
    const vhost = r.params['vhost'] === undefined ? undefined : r.vhost()
    await withCode(() => importDefinitions(r.model, r.body, vhost))
    return await r.stored(false)
  }
  // The name of old comes second.
  for (const path of ['definitions', 'all-configuration']) add('POST', path, 'administrator', load)
  add('POST', 'definitions/:vhost', 'administrator', load)
}
