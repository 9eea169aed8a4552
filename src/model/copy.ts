/**
 * Fills the model of a dry run with the objects of another one, without bindings, parameters and messages, which make no
 * difference. The objects are not declared: there may be more than limits allow that were set later.
 */
import { Pace } from '../util/pace.ts'
import type { Model } from './model.ts'

export async function copyObjects({ broker, users }: Model, copy: Model): Promise<void> {
  const pace = new Pace()
  for (const name of copy.broker.vhosts.keys()) if (!broker.vhosts.has(name)) copy.broker.vhosts.delete(name)
  for (const name of broker.going) copy.broker.going.add(name)
  for (const user of users) {
    copy.users.set(user)
    if (pace.isLong) await pace.rest()
  }
  for (const { user, vhost, permission } of users.permissions()) {
    copy.users.setPermission(user, vhost, permission)
    if (pace.isLong) await pace.rest()
  }
  for (const vhost of broker.vhosts.values()) {
    const to = copy.broker.setVhost(vhost.info)
    for (const x of vhost.exchanges.values()) {
      if (!to.exchanges.has(x.name)) copy.broker.createExchange(to, x)
      if (pace.isLong) await pace.rest()
    }
    for (const q of vhost.queues.values()) {
      copy.broker.createQueue(to, q, undefined)
      if (pace.isLong) await pace.rest()
    }
    // Last, so that they are not matched against each object.
    for (const p of vhost.policies.user) to.restorePolicy(p, false)
    for (const p of vhost.policies.operator) to.restorePolicy(p, true)
  }
}
