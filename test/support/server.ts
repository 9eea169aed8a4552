/** A server over listeners of its own, for tests that bring their own broker. */
import { Alarms } from '../../src/alarms/alarms.ts'
import type { Broker } from '../../src/broker/broker.ts'
import { defaultLimits } from '../../src/connection/admission.ts'
import { Listeners } from '../../src/connection/listeners.ts'
import { Server, type ServerOptions } from '../../src/connection/server.ts'
import { Talkers } from '../../src/connection/talkers.ts'
import { defaultIdentity } from '../../src/model/identity.ts'
import { rabbitHash } from '../../src/security/passwords.ts'
import { Users } from '../../src/security/users.ts'
import { Descriptors } from '../../src/util/descriptors.ts'
import { oneForAll, silent } from '../../src/util/logger.ts'

/** With the user guest, who may do everything in `/`, and no alarms. */
export function serverOf(
  broker: Broker,
  options: ServerOptions = {},
): { server: Server; listeners: Listeners } {
  const users = new Users(undefined, [])
  users.set({ name: 'guest', password: rabbitHash('guest'), tags: [], limits: {} })
  users.setPermission('guest', '/', { configure: '.*', write: '.*', read: '.*' })
  const { clock } = broker
  const never = { memory: Number.POSITIVE_INFINITY, diskFree: 0 }
  const alarms = new Alarms(never, { memoryUsed: () => 0, diskFree: () => undefined }, clock)
  const node = { limits: defaultLimits }
  const listeners = new Listeners(node, new Descriptors(silent), clock, oneForAll(silent))
  const served = { broker, users, identity: { ...defaultIdentity, clusterName: 'test' } }
  const host = { ...node, alarms, unopened: listeners.unopened, talkers: new Talkers() }
  const server = new Server(served, host, oneForAll(silent), options)
  listeners.receiver = server
  return { server, listeners }
}
