import { Abandoned } from '../../storage/batch.ts'
import { version } from '../../util/version.ts'
import type { ClusterStatus, ClusterView } from '../cluster-view.ts'
import { type AddRoute, badRequest, HttpError } from '../http.ts'
import type { ManagedNode } from '../managed-node.ts'

/** A broker on a single machine is a cluster of one node, without a replicated log. */
function alone(node: ManagedNode): ClusterStatus {
  const { nodeName: name, listening, active } = node
  return {
    cluster: '',
    node: name,
    active: active === undefined ? '' : name,
    epoch: 0,
    takeovers: 0,
    relayed: 0,
    problem: '',
    nodes: [
      {
        name,
        state: active === undefined ? 'joining' : 'serving',
        active: active !== undefined,
        running: true,
        host: name.slice(name.indexOf('@') + 1),
        listeners: listening.map(({ protocol, port }) => ({ protocol, port })),
        version,
        applied: 0,
        lag_records: 0,
        lag_seconds: 0,
      },
    ],
    log: { first: 0, last: 0, bytes: 0, limit: 0 },
    engine: { connected: false, leader: '', replicas: [], round_trip_ms: 0 },
  }
}

/** The routes of cluster nodes; every node answers for the whole cluster. */
export function clusterRoutes(add: AddRoute, node: ManagedNode): void {
  const cluster = (): ClusterView => {
    if (node.cluster === undefined)
      throw new HttpError(404, 'not_found', 'this broker is not one of a cluster')
    return node.cluster
  }
  const change = async (action: () => Promise<void>): Promise<void> => {
    try {
      await action()
    } catch (error) {
      if (error instanceof Abandoned) throw error
      throw badRequest((error as Error).message)
    }
  }
  add('GET', 'cluster/status', 'monitoring', () => node.cluster?.status() ?? alone(node))
  add('POST', 'cluster/promote/:node', 'administrator', async (r) => {
    const view = cluster()
    await change(() => view.promote(r.params['node'] as string))
    r.reply.code(204)
    return undefined
  })
  add('DELETE', 'cluster/nodes/:node', 'administrator', async (r) => {
    const view = cluster()
    await change(() => view.forget(r.params['node'] as string))
    r.reply.code(204)
    return undefined
  })
}
