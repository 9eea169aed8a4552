import type { Vhost } from '../../broker/vhost.ts'
import { vhostRequest } from '../../definitions/requests.ts'
import { allowAll } from '../../operations/users.ts'
import { deleteVhost, putVhost, setTracing, setVhostLimit } from '../../operations/vhosts.ts'
import type { Json } from '../../util/json.ts'
import { vhostJson } from '../describe.ts'
import { type AddRoute, flag, missingKeys, notFound, type Request } from '../http.ts'
import type { Listed } from '../listing.ts'
import type { ManagedNode } from '../managed-node.ts'
import type { Rates } from '../rates.ts'
import { Statistics } from '../statistics.ts'

export function vhostRoutes(add: AddRoute, node: ManagedNode, rates: Rates): void {
  const kind = (r: Request): Listed<Vhost> => {
    const s = new Statistics(rates, r.query)
    return { name: (v) => v.name, describe: (v) => vhostJson(s, v, r.withoutStatistics) }
  }
  add('GET', 'vhosts', 'management', (r) => r.list(r.vhosts(), kind(r)))
  add('GET', 'vhosts/:vhost', 'management', (r) =>
    vhostJson(new Statistics(rates, r.query), r.vhost(), r.withoutStatistics),
  )
  add('PUT', 'vhosts/:vhost', 'administrator', (r) => {
    const name = r.params['vhost'] as string
    const isNew = putVhost(r.broker, name, vhostRequest(r.body))
    if (isNew) allowAll(r.users, r.user.name, name)
    const { tracing } = r.body
    const vhost = r.broker.vhosts.get(name)
    if (tracing !== undefined && vhost !== undefined)
      setTracing(r.broker, vhost, flag(r.body, 'tracing'), node.nodeName)
    return r.stored(isNew)
  })
  add('DELETE', 'vhosts/:vhost', 'administrator', async (r) => {
    const name = r.params['vhost'] as string
    if (!(await deleteVhost(r.model, r.server, name))) throw notFound()
    return r.stored(false)
  })
  const protection = 'vhosts/:vhost/deletion/protection'
  add('POST', protection, 'administrator', (r) => {
    putVhost(r.broker, r.vhost().name, { protected: true })
    return r.stored(false)
  })
  add('DELETE', protection, 'administrator', (r) => {
    putVhost(r.broker, r.vhost().name, { protected: false })
    return r.stored(false)
  })
  add('POST', 'vhosts/:vhost/start/:node', 'administrator', (r) => {
    r.vhost()
    return r.stored(false)
  })
  for (const path of ['vhost-limits', 'vhost-limits/:vhost'])
    add('GET', path, 'management', (r) =>
      r
        .vhostsOfPath()
        .filter((v) => Object.keys(v.limits).length > 0)
        .map((v) => ({ vhost: v.name, value: v.limits })),
    )
  add('PUT', 'vhost-limits/:vhost/:name', 'administrator', (r) => {
    setVhostLimit(r.broker, r.vhost(), r.params['name'] as string, limitValue(r.body))
    return r.stored(false)
  })
  add('DELETE', 'vhost-limits/:vhost/:name', 'administrator', (r) => {
    const vhost = r.vhost()
    // A limit that is not set counts as removed, as in RabbitMQ.
    const name = r.params['name'] as string
    if (Object.hasOwn(vhost.limits, name)) setVhostLimit(r.broker, vhost, name, undefined)
    return r.stored(false)
  })
}

/** @throws HttpError 400 */
export function limitValue(body: Json): number {
  const { value } = body
  if (typeof value !== 'number') throw missingKeys(['value'])
  return value
}
