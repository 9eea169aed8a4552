import { Readable } from 'node:stream'
import { exportDefinitions, exportVhost } from '../../definitions/export.ts'
import { importDefinitions } from '../../definitions/import.ts'
import { areFew, listed, written } from '../../definitions/written.ts'
import type { Json } from '../../util/json.ts'
import { badDefinitions } from '../body.ts'
import { redirectOf } from '../forms.ts'
import { type AddRoute, badRequest, type Request, withCode } from '../http.ts'
import type { LongAnswer } from '../listing.ts'

/** Definitions of very many objects are generated while they are sent. */
async function answer(definitions: Json): Promise<Json | LongAnswer> {
  return areFew(definitions) ? await listed(definitions) : Readable.from(written(definitions))
}

/** Makes browsers download the answer, under the file name given in the query. */
function asFile(r: Request): void {
  const { download } = r.query
  if (download === undefined || !/^[\w.@ -]{1,200}$/.test(download)) return
  r.reply.header('content-disposition', `attachment; filename=${download}`)
}

export function definitionRoutes(add: AddRoute): void {
  for (const path of ['definitions', 'all-configuration'])
    add('GET', path, 'administrator', (r) => {
      asFile(r)
      return r.long(() => answer(exportDefinitions(r.model)))
    })
  add('GET', 'definitions/:vhost', 'administrator', (r) => {
    // As in RabbitMQ, not 404.
    if (!r.broker.vhosts.has(r.params['vhost'] as string)) throw badRequest('vhost_not_found')
    asFile(r)
    const vhost = r.vhost()
    return r.long(() => answer(exportVhost(r.model, vhost)))
  })
  const load = async (r: Request): Promise<undefined> => {
    if (Array.isArray(r.body)) throw badDefinitions()
    const vhost = r.params['vhost'] === undefined ? undefined : r.vhost()
    await withCode(() => importDefinitions(r.model, r.body, vhost))
    await r.stored(false)
    const to = redirectOf(r.raw)
    if (to !== undefined) r.reply.code(303).header('location', to)
    return undefined
  }
  // The second path is the old name.
  for (const path of ['definitions', 'all-configuration']) add('POST', path, 'administrator', load)
  add('POST', 'definitions/:vhost', 'administrator', load)
}
