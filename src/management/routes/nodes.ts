import { isAbsolute } from 'node:path'
import { StorageError } from '../../storage/storage.ts'
import type { Json } from '../../util/json.ts'
import { type AddRoute, badRequest, notAuthorised, notFound, owner, type Request } from '../http.ts'
import type { ManagedBroker, ManagedNode } from '../managed-node.ts'
import { memoryJson, nodeJson } from '../node.ts'
import type { Rates } from '../rates.ts'
import { Statistics } from '../statistics.ts'

function checkNode(managed: ManagedNode, r: Request): void {
  if (r.params['node'] !== managed.nodeName) throw notFound()
}

export function nodeRoutes(add: AddRoute, managed: ManagedNode, rates: Rates): void {
  const node = (r: Request): Json => ({
    ...(r.withoutStatistics ? bareNodeJson(managed) : nodeJson(new Statistics(rates, r.query))),
    ...(r.query['memory'] === 'true' ? { memory: memoryJson(managed) } : {}),
    ...(r.query['binary'] === 'true' ? { binary: binaryJson() } : {}),
  })
  add('GET', 'nodes', 'monitoring', (r) => [node(r), ...otherNodes(managed)])
  add('GET', 'nodes/:node', 'monitoring', (r) => {
    checkNode(managed, r)
    return node(r)
  })
  add('PUT', 'nodes/:node/limits', 'administrator', (r) => {
    checkNode(managed, r)
    const { memory, disk } = r.body
    const { limits } = managed.alarms
    for (const n of [memory, disk])
      if (n !== undefined && (typeof n !== 'number' || n < 0))
        throw badRequest('limits are numbers of octets')
    if (typeof memory === 'number') limits.memory = memory
    if (typeof disk === 'number') limits.diskFree = disk
    managed.alarms.check()
    return r.stored(false)
  })
  lifeRoutes(add, managed)
  add('POST', 'nodes/:node/backup', 'administrator', async (r) => {
    checkNode(managed, r)
    // The owner of the data folder may write the same files as the broker; an administrator over the network may not.
    if (r.user !== owner) throw notAuthorised('a backup is made over the control socket only')
    const { path } = r.body
    if (typeof path !== 'string' || !isAbsolute(path))
      throw badRequest('path must be that of a folder, from / on')
    try {
      await r.active.backUp(path)
    } catch (error) {
      if (error instanceof StorageError) throw badRequest(error.message)
      throw error
    }
    managed.logger.info({ path }, 'backup made')
    return r.stored(false)
  })
  memoryRoutes(add, managed)
  add('GET', 'auth/attempts/:node', 'monitoring', (r) => {
    checkNode(managed, r)
    return attempts(r.active)
  })
  // Source addresses are not tracked; in RabbitMQ that is off by default too.
  add('GET', 'auth/attempts/:node/source', 'monitoring', (r) => {
    checkNode(managed, r)
    return []
  })
  for (const path of ['auth/attempts/:node', 'auth/attempts/:node/source'])
    add('DELETE', path, 'monitoring', (r) => {
      checkNode(managed, r)
      for (const counts of Object.values(r.server.throttle.attempts)) counts.succeeded = counts.failed = 0
      return r.stored(false)
    })
  for (const path of ['reset', 'reset/:node'])
    add('DELETE', path, 'administrator', (r) => {
      if (r.params['node'] !== undefined) checkNode(managed, r)
      rates.reset()
      return r.stored(false)
    })
}

function bareNodeJson({ nodeName, active }: ManagedNode): Json {
  return { name: nodeName, type: 'disc', running: active !== undefined, being_drained: false }
}

/** The state of the other nodes of the cluster, as this node knows it. */
function otherNodes({ cluster }: ManagedNode): Json[] {
  if (cluster === undefined) return []
  const { nodes, node } = cluster.status()
  return nodes
    .filter((n) => n.name !== node)
    .map((n) => ({
      name: `leveret@${n.name}`,
      type: 'disc',
      running: n.running,
      being_drained: false,
      partitions: [],
      cluster_state: n.state,
    }))
}

function lifeRoutes(add: AddRoute, managed: ManagedNode): void {
  add('POST', 'nodes/:node/stop_app', 'administrator', async (r) => {
    await managed.closeListeners()
    return r.stored(false)
  })
  add('POST', 'nodes/:node/start_app', 'administrator', async (r) => {
    await managed.openListeners()
    return r.stored(false)
  })
  add('POST', 'nodes/:node/shutdown', 'administrator', (r) => {
    const { shutDown } = managed
    if (shutDown === undefined) throw badRequest('this broker runs inside another program')
    r.reply.raw.once('finish', shutDown)
    r.reply.code(204)
    return undefined
  })
}

function memoryRoutes(add: AddRoute, managed: ManagedNode): void {
  const memory = 'nodes/:node/memory'
  add('GET', memory, 'monitoring', (r) => {
    checkNode(managed, r)
    return { memory: memoryJson(managed) }
  })
  add('GET', `${memory}/relative`, 'monitoring', (r) => {
    checkNode(managed, r)
    const { total, strategy: _, ...parts } = memoryJson(managed)
    const percent = Object.entries(parts).map(([k, v]) => [k, Math.ceil((100 * Number(v)) / total.rss)])
    return { memory: { total: 100, ...Object.fromEntries(percent) } }
  })
  for (const path of ['ets', 'ets/relative', 'ets/:filter', 'ets/:filter/relative'])
    add('GET', `${memory}/${path}`, 'monitoring', (r) => {
      checkNode(managed, r)
      return { ets_tables_memory: 'no_tables' }
    })
}

/** It is unknown which objects hold memory outside the heap. */
function binaryJson(): Json {
  const { arrayBuffers } = process.memoryUsage()
  return { queue_procs: 0, connection_readers: 0, connection_writers: 0, other: arrayBuffers }
}

function attempts({ server }: ManagedBroker): Json[] {
  return Object.entries(server.throttle.attempts).map(([protocol, { succeeded, failed }]) => ({
    protocol,
    auth_attempts: succeeded + failed,
    auth_attempts_failed: failed,
    auth_attempts_succeeded: succeeded,
  }))
}
