/** Shovels, which are created as parameters. Federation links are always an empty list. */
import { SHOVEL } from '../../operations/parameters.ts'
import { withoutPasswords } from '../../util/without-passwords.ts'
import { type AddRoute, notFound, type Request } from '../http.ts'

export function shovelRoutes(add: AddRoute): void {
  const rows = (r: Request): Record<string, unknown>[] =>
    r.active.shovels.list(new Set(r.vhostsOfPath().map((v) => v.name)))
  for (const path of ['shovels', 'shovels/:vhost']) add('GET', path, 'monitoring', rows)
  // Monitoring programs request them by default.
  for (const path of ['federation-links', 'federation-links/:vhost'])
    add('GET', path, 'monitoring', (r) => {
      r.vhostsOfPath()
      return []
    })
  const one = 'shovels/vhost/:vhost/:name'
  add('GET', one, 'monitoring', (r) => {
    const { name } = r.params
    const found = rows(r).find((s) => s['name'] === name)
    if (found === undefined) throw notFound()
    const vhost = r.vhost().name
    const parameter = r.model.parameters
      .list()
      .find((p) => p.component === SHOVEL && p.vhost === vhost && p.name === name)
    // RabbitMQ 3.10 returns the status, 4.0 the parameter: this returns both.
    return { ...(withoutPasswords(parameter) as object), ...found }
  })
  add('DELETE', one, 'policymaker', (r) => {
    if (!r.active.shovels.delete(r.vhost().name, r.params['name'] as string)) throw notFound()
    return r.stored(false)
  })
  add('DELETE', `${one}/restart`, 'policymaker', (r) => {
    if (!r.active.shovels.restart(r.vhost().name, r.params['name'] as string)) throw notFound()
    return r.stored(false)
  })
}
