/** Resets a broker to its initial state while its ports stay open, for use between tests. */
import { vhostInfo } from '../broker/vhost.ts'
import type { Settings } from '../config/settings.ts'
import type { ActiveBroker } from './active-broker.ts'
import { seed } from './seed.ts'

/**
 * Removes queues, exchanges, bindings, policies, users, vhosts and parameters that are not in the settings, along with
 * all messages; resolves when that is on disk.
 *
 * @param keepConnections connections whose vhost and user remain are not closed, and lose only their queues
 */
export async function resetBroker(
  { model, server }: ActiveBroker,
  settings: Settings,
  keepConnections: boolean,
): Promise<void> {
  const { broker, users, parameters } = model
  if (!keepConnections) await server.close('reset')
  const own = new Set([settings.defaultVhost, ...settings.vhosts])
  for (const vhost of [...broker.vhosts.values()]) {
    vhost.tracers.setFirehose(undefined)
    if (own.has(vhost.name)) vhost.empty()
    else {
      server.closeVhost(vhost)
      users.vhostRemoved(vhost.name)
      await broker.turn.jobs.finished(broker.removingVhost(vhost.name))
    }
  }
  for (const name of own) {
    const description = name === settings.defaultVhost ? 'Default virtual host' : ''
    broker.setVhost(vhostInfo({ name, description }))
  }
  const { defaultUser } = settings
  const stay = new Set(
    (settings.users ?? (defaultUser === undefined ? [] : [defaultUser])).map((u) => u.name),
  )
  for (const { name } of [...users]) {
    if (!stay.has(name)) users.remove(name)
    for (const vhost of own) {
      users.removePermission(name, vhost)
      users.removeTopicPermissions(name, vhost)
    }
  }
  for (const p of parameters.list()) parameters.remove(p)
  for (const { name } of parameters.listGlobal()) parameters.removeGlobal(name)
  await seed(model, settings, true)
}
