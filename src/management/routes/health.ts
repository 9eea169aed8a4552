import { X509Certificate } from 'node:crypto'
import type { Json } from '../../util/json.ts'
import { readRegularFile } from '../../util/regular-file.ts'
import { TLS_FILE_BYTES_MAX } from '../../util/tls-files.ts'
import { type AddRoute, HttpError, notFound, type Request } from '../http.ts'
import type { ManagedNode } from '../managed-node.ts'
import { listeners } from '../node.ts'

const DAYS = new Map([
  ['days', 1],
  ['weeks', 7],
  ['months', 30],
  ['years', 365],
])
const protocols = new Map([
  ['amqps', 'amqp/ssl'],
  ['amqp-ssl', 'amqp/ssl'],
  ['amqp091', 'amqp'],
  ['amqp0.9.1', 'amqp'],
])
const ok = { status: 'ok' }

function failed(r: Request, reason: string, more: Json = {}): Json {
  r.reply.code(503)
  return { status: 'failed', reason, ...more }
}

export function healthRoutes(add: AddRoute, node: ManagedNode): void {
  const check = (path: string, handler: (r: Request) => Json): void =>
    add('GET', `health/checks/${path}`, 'management', handler)
  const alarms = (r: Request): Json =>
    node.alarms.active
      ? failed(r, `There are alarms in effect: ${node.alarms.reason}`, { alarms: alarmRows(node) })
      : ok
  check('alarms', alarms)
  check('local-alarms', alarms)
  listenerChecks(check, node)
  check('below-node-connection-limit', (r) => {
    const { admission } = r.server
    return admission.openCount < admission.limits.connections ? ok : failed(r, 'connection limit is reached')
  })
  check('ready-to-serve-clients', (r) => {
    const why = notReady(node)
    return why === undefined ? ok : failed(r, why)
  })
  for (const path of ['node-is-quorum-critical', 'node-is-mirror-sync-critical'])
    check(path, (r) => lastNode(node, r))
  check('reached-target-cluster-size', (r) => {
    const away = (node.cluster?.status().nodes ?? []).filter((n) => !n.running).map((n) => n.name)
    return away.length === 0 ? ok : failed(r, `nodes are away: ${away.join(', ')}`)
  })
  for (const path of [
    'virtual-hosts',
    'metadata-store/initialized',
    'metadata-store/initialized/with-data',
    'quorum-queues-without-elected-leaders/all-vhosts',
    'quorum-queues-without-elected-leaders/all-vhosts/pattern/:pattern',
    'is-in-service',
  ])
    check(path, () => ok)
  for (const path of ['vhost/:vhost', 'vhost/:vhost/pattern/:pattern'])
    check(`quorum-queues-without-elected-leaders/${path}`, (r) => {
      r.vhost()
      return ok
    })
  certificateCheck(check, node)
  nodeChecks(add, node)
}

/**
 * Returns why this node cannot serve clients, through its own broker or by relaying them to the active node.
 */
function notReady({ active, cluster, listeners: { open } }: ManagedNode): string | undefined {
  if (open.length === 0) return 'no listener is open'
  if (active === undefined && cluster === undefined) return 'there is no broker'
  if (cluster === undefined) return undefined
  const { nodes, problem } = cluster.status()
  const serving = nodes.find((n) => n.active)
  if (serving?.state === 'serving') return undefined
  return problem === '' ? 'no node of the cluster serves clients at the moment' : problem
}

/** Reports whether clients would have no node left if this one stopped. */
function lastNode({ cluster }: ManagedNode, r: Request): Json {
  if (cluster === undefined) return { ...ok, reason: 'single node cluster' }
  const { nodes, node } = cluster.status()
  const others = nodes.filter((n) => n.name !== node && n.running && n.state !== 'joining')
  return others.length > 0 ? ok : failed(r, 'no other node could take over')
}

type AddCheck = (path: string, handler: (r: Request) => Json) => void

function alarmRows({ alarms, nodeName }: ManagedNode): Json[] {
  const resources = { memory: alarms.memory, disk: alarms.disk }
  return Object.entries(resources).flatMap(([resource, on]) => (on ? [{ node: nodeName, resource }] : []))
}

function listenerChecks(check: AddCheck, node: ManagedNode): void {
  check('port-listener/:port', (r) => {
    const port = Number(r.params['port'])
    if (!Number.isSafeInteger(port)) throw new HttpError(400, 'bad_request', 'Invalid port')
    const ports = listeners(node).map((l) => l.port)
    return ports.includes(port) ? { ...ok, port } : failed(r, 'No active listener', { missing: port, ports })
  })
  check('protocol-listener/:protocol', (r) => {
    const wanted = (r.params['protocol'] ?? '').toLowerCase()
    const names = [...new Set(listeners(node).map((l) => l.protocol))]
    // A comma-separated list: a listener for one of the protocols suffices, as in RabbitMQ.
    const asked = wanted.split(',').map((p) => protocols.get(p) ?? p)
    const found = asked.find((p) => names.includes(p))
    return found !== undefined
      ? { ...ok, protocol: found }
      : failed(r, 'No active listener', { missing: asked.join(), protocols: names })
  })
}

function certificateCheck(check: AddCheck, node: ManagedNode): void {
  check('certificate-expiration/:within/:unit', (r) => {
    const days = DAYS.get(r.params['unit'] ?? '')
    const within = Number(r.params['within'])
    if (days === undefined)
      throw new HttpError(
        400,
        'bad_request',
        'Time unit not recognised. Supported units: days, weeks, months, years.',
      )
    if (!Number.isFinite(within)) throw new HttpError(400, 'bad_request', 'Invalid expiration value.')
    const { listeners: amqp, management, metrics } = node.settings
    const end = node.clock.now() + within * days * 86_400_000
    const soon: Json[] = []
    const unreadable: Json[] = []
    for (const { tls, port } of [...amqp, ...management, ...metrics]) {
      if (tls === undefined) continue
      const { certfile } = tls
      try {
        const until = expiryOf(certfile)
        if (Date.parse(until) < end) soon.push({ port, certfile, certfile_expires_on: until })
      } catch (error) {
        unreadable.push({ port, certfile, error: (error as Error).message })
      }
    }
    if (unreadable.length > 0)
      return failed(r, 'Certificates that cannot be read', { unreadable, expired: soon })
    return soon.length === 0 ? ok : failed(r, 'Certificates expiring', { expired: soon })
  })
}

/** @throws Error if the file cannot be read: it may have changed or gone since the start */
function expiryOf(certfile: string): string {
  return new X509Certificate(readRegularFile(certfile, TLS_FILE_BYTES_MAX)).validTo
}

/** The deprecated checks, which some tools still use. */
function nodeChecks(add: AddRoute, node: ManagedNode): void {
  for (const path of ['healthchecks/node', 'healthchecks/node/:node'])
    add('GET', path, 'management', (r) => {
      const { node: name } = r.params
      if (name !== undefined && name !== node.nodeName) throw notFound()
      return node.alarms.active
        ? { status: 'failed', reason: `resource alarm(s) in effect: ${node.alarms.reason}` }
        : ok
    })
  add('GET', 'aliveness-test/:vhost', 'management', (r) => {
    r.vhost()
    return ok
  })
}
