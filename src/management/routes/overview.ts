import { X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { version } from '../../util/version.ts'
import { type AddRoute, badRequest, HttpError, notFound, type Request } from '../http.ts'
import type { Json } from '../listing.ts'
import type { ManagedBroker, ManagedNode } from '../managed-node.ts'
import { exchangeTypesJson, nodeJson, totals } from '../node.ts'
import type { Rates } from '../rates.ts'
import { Statistics } from '../statistics.ts'

export function overviewRoutes(add: AddRoute, node: ManagedNode, rates: Rates): void {
  add('GET', 'overview', 'management', (r) => overview(node, r.active, new Statistics(rates, r.query)))
  add('GET', 'cluster-name', 'management', (r) => ({ name: r.model.identity.clusterName }))
  add('PUT', 'cluster-name', 'administrator', (r) => {
    r.model.setClusterName(r.text('name'))
    return r.stored(false)
  })
  add('GET', 'nodes', 'monitoring', (r) => [nodeJson(new Statistics(rates, r.query))])
  add('GET', 'nodes/:node', 'monitoring', (r) => {
    if (r.params['node'] !== node.nodeName) throw notFound()
    return nodeJson(new Statistics(rates, r.query))
  })
  add('PUT', 'nodes/:node/limits', 'administrator', (r) => {
    if (r.params['node'] !== node.nodeName) throw notFound()
    const { memory, disk } = r.body
    const { limits } = node.alarms
    for (const n of [memory, disk])
      if (n !== undefined && (typeof n !== 'number' || n < 0))
        throw badRequest('limits are numbers of octets')
    if (typeof memory === 'number') limits.memory = memory
    if (typeof disk === 'number') limits.diskFree = disk
    node.alarms.check()
    return r.stored(false)
  })
  add('POST', 'nodes/:node/stop_app', 'administrator', async (r) => {
    await node.closeListeners()
    return r.stored(false)
  })
  add('POST', 'nodes/:node/start_app', 'administrator', async (r) => {
    await node.openListeners()
    return r.stored(false)
  })
  add('POST', 'nodes/:node/shutdown', 'administrator', (r) => {
    const { shutDown } = node
    if (shutDown === undefined) throw badRequest('this broker runs inside another program')
    r.reply.raw.once('finish', shutDown)
    r.reply.code(204)
    return undefined
  })
  add('GET', 'whoami', 'management', (r) => ({ name: r.user.name, tags: r.user.tags }))
  add('GET', 'extensions', 'management', () => [])
  add('GET', 'auth', 'management', () => ({ oauth_enabled: false }))
  add('GET', 'version', 'management', (r) => ({
    version: r.model.identity.version,
    leveret_version: version,
  }))
  add('GET', 'feature-flags', 'administrator', () => [])
  add('GET', 'deprecated-features', 'administrator', () => [])
  add('POST', 'rebalance/queues', 'administrator', (r) => r.stored(false))
  add('GET', 'aliveness-test/:vhost', 'management', (r) => {
    r.vhost()
    return { status: 'ok' }
  })
  healthRoutes(add, node)
}

function overview(node: ManagedNode, active: ManagedBroker, s: Statistics): Json {
  const { server, model } = active
  const { version: rabbitVersion, product, clusterName } = model.identity
  const t = totals(active)
  return {
    management_version: rabbitVersion,
    rabbitmq_version: rabbitVersion,
    product_name: product,
    product_version: rabbitVersion,
    leveret_version: version,
    erlang_version: '0',
    cluster_name: clusterName,
    node: node.nodeName,
    rates_mode: 'basic',
    exchange_types: exchangeTypesJson(),
    listeners: listeners(node),
    contexts: contexts(node),
    churn_rates: s.churn(),
    queue_totals: s.lengthsOfBroker(),
    object_totals: {
      channels: t.channels,
      connections: server.connections.size,
      consumers: t.consumers,
      exchanges: t.exchanges,
      queues: t.queues,
    },
    message_stats: s.ofBroker(),
    statistics_db_event_queue: 0,
  }
}

interface ListenerRow {
  readonly node: string
  readonly protocol: string
  readonly ip_address: string
  readonly port: number
}

function listeners({ listening, nodeName: node }: ManagedNode): ListenerRow[] {
  return listening.map(({ protocol, address, port }) => ({ node, protocol, ip_address: address, port }))
}

function contexts(node: ManagedNode): Json[] {
  const about = new Map([
    ['http', 'RabbitMQ Management'],
    ['https', 'RabbitMQ Management'],
    ['http/prometheus', 'RabbitMQ Prometheus'],
    ['https/prometheus', 'RabbitMQ Prometheus'],
  ])
  return listeners(node)
    .filter((l) => about.has(l.protocol))
    .map((l) => ({
      node: l.node,
      description: about.get(l.protocol),
      path: '/',
      ip: l.ip_address,
      port: l.port,
    }))
}

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
])
const ok = { status: 'ok' }

function failed(r: Request, reason: string): Json {
  r.reply.code(503)
  return { status: 'failed', reason }
}

function healthRoutes(add: AddRoute, node: ManagedNode): void {
  const check = (path: string, handler: (r: Request) => Json): void =>
    add('GET', `health/checks/${path}`, 'management', handler)
  const alarms = (r: Request): Json =>
    node.alarms.active ? failed(r, `There are alarms in effect: ${node.alarms.reason}`) : ok
  check('alarms', alarms)
  check('local-alarms', alarms)
  check('port-listener/:port', (r) => {
    const port = Number(r.params['port'])
    if (!Number.isSafeInteger(port)) throw new HttpError(400, 'bad_request', 'Invalid port')
    const found = listeners(node).some((l) => l.port === port)
    return found ? { ...ok, port } : failed(r, 'No active listener')
  })
  check('protocol-listener/:protocol', (r) => {
    const protocol = (r.params['protocol'] ?? '').toLowerCase()
    const found = listeners(node).some((l) => l.protocol === (protocols.get(protocol) ?? protocol))
    return found ? { ...ok, protocol } : failed(r, 'No active listener')
  })
  check('below-node-connection-limit', (r) => {
    const { admission } = r.server
    return admission.openCount < admission.limits.connections ? ok : failed(r, 'connection limit is reached')
  })
  check('ready-to-serve-clients', (r) =>
    node.active !== undefined && node.listeners.open.length > 0 ? ok : failed(r, 'no listener is open'),
  )
  for (const path of [
    'virtual-hosts',
    'metadata-store/initialized',
    'quorum-queues-without-elected-leaders/all-vhosts',
    'quorum-queues-without-elected-leaders/vhost/:vhost',
    'node-is-quorum-critical',
    'node-is-mirror-sync-critical',
    'is-in-service',
  ])
    check(path, () => ok)
  check('certificate-expiration/:within/:unit', (r) => {
    const days = DAYS.get(r.params['unit'] ?? '')
    const within = Number(r.params['within'])
    if (days === undefined || !Number.isFinite(within))
      throw new HttpError(400, 'bad_request', 'Invalid expiration')
    const end = node.clock.now() + within * days * 86_400_000
    const soon = node.settings.listeners.filter(
      ({ tls }) =>
        tls !== undefined && Date.parse(new X509Certificate(readFileSync(tls.certfile)).validTo) < end,
    )
    return soon.length === 0 ? ok : failed(r, 'Certificates expiring')
  })
}
