/** Virtual hosts, as changed by HTTP, the command line and definitions. */
import type { Broker } from '../broker/broker.ts'
import { Firehose } from '../broker/firehose.ts'
import { queueKind } from '../broker/queue/kinds/kinds.ts'
import { type Vhost, type VhostInfo, vhostInfo } from '../broker/vhost.ts'
import type { Users } from '../security/users.ts'
import { fitsShortString, SHORT_STRING_BYTES_MAX } from '../util/octet-text.ts'
import { InvalidRequest } from './invalid-request.ts'
import { withLimit } from './users.ts'

/** A vhost is protected; the protection has to be removed before it can be deleted. */
export class ProtectedVhost extends InvalidRequest {
  constructor(name: string) {
    super(`Refusing to delete virtual host '${name}' because it is protected from deletion`)
  }
}

export type VhostRequest = Partial<Omit<VhostInfo, 'name'>>

/** Closes the connections of a vhost. */
export interface ConnectionsOfVhost {
  closeVhost(vhost: Vhost): void
}

/** Fields not given are left unchanged. @returns whether the vhost is new. @throws InvalidRequest */
export function putVhost(broker: Broker, name: string, r: VhostRequest): boolean {
  // connection.open could not carry a longer name.
  if (!fitsShortString(name))
    throw new InvalidRequest(`virtual host name is longer than ${SHORT_STRING_BYTES_MAX} octets`)
  const type = r.defaultQueueType ?? 'undefined'
  if (type !== 'undefined' && queueKind(type) === undefined)
    throw new InvalidRequest(`Unsupported default queue type '${type}'`)
  if (broker.going.has(name)) throw new InvalidRequest(`virtual host '${name}' is being deleted`)
  const existing = broker.vhosts.get(name)
  const { vhosts } = broker.limits
  if (existing === undefined && broker.vhosts.size >= vhosts)
    throw new InvalidRequest(`cannot create vhost '${name}': vhost limit of ${vhosts} is reached`)
  const given = Object.fromEntries(Object.entries(r).filter(([, v]) => v !== undefined))
  const { down: _, ...info } = existing?.info ?? {}
  broker.setVhost(vhostInfo({ ...info, ...given, name }))
  return existing === undefined
}

/** Everything that may belong to a vhost. */
export interface BelongingToVhosts {
  readonly broker: Broker
  readonly users: Users
  readonly parameters: { removeVhost(vhost: string): void }
}

/**
 * Deletes a vhost with all its objects, in steps. Permissions and parameters are removed at once: the next start resumes
 * a deletion that was not completed, but only that of the objects. False if there is no such vhost.
 * @throws ProtectedVhost
 */
export async function deleteVhost(
  { broker, users, parameters }: BelongingToVhosts,
  connections: ConnectionsOfVhost,
  name: string,
): Promise<boolean> {
  const vhost = broker.vhosts.get(name)
  if (vhost === undefined) return false
  if (vhost.info.protected) throw new ProtectedVhost(name)
  connections.closeVhost(vhost)
  users.vhostRemoved(name)
  const removed = broker.turn.jobs.finished(broker.removingVhost(name))
  parameters.removeVhost(name)
  return removed
}

/** For an operation that has let others run since it found the vhost. @throws InvalidRequest if it is deleted */
export function checkThere(broker: Broker, vhost: Vhost): void {
  if (broker.vhosts.get(vhost.name) !== vhost)
    throw new InvalidRequest(`vhost '${vhost.name}' does not exist`)
}

const vhostLimitNames = ['max-connections', 'max-queues']

/** @param value undefined removes the limit. @throws InvalidRequest */
export function setVhostLimit(broker: Broker, vhost: Vhost, name: string, value: number | undefined): void {
  broker.setVhost({ ...vhost.info, limits: withLimit(vhost.limits, vhostLimitNames, name, value) })
}

/** Turns the firehose on or off. @param node the node name in the copies */
export function setTracing({ failures, turn }: Broker, vhost: Vhost, on: boolean, node: string): void {
  const owner = failures.owner('message', { tracing: vhost.name })
  vhost.tracers.setFirehose(on ? new Firehose(vhost, node, owner, turn) : undefined)
}
