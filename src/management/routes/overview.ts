import { rabbitHash } from '../../security/passwords.ts'
import type { Json } from '../../util/json.ts'
import { version } from '../../util/version.ts'
import { deprecatedFeatures, featureFlags, isFeatureFlag } from '../features.ts'
import { type AddRoute, badRequest, HttpError, notFound, type Request } from '../http.ts'
import type { ManagedNode } from '../managed-node.ts'
import { contexts, exchangeTypesJson, listeners, totals } from '../node.ts'
import type { Rates } from '../rates.ts'
import { Statistics } from '../statistics.ts'
import { authJson } from '../web.ts'

export function overviewRoutes(add: AddRoute, node: ManagedNode, rates: Rates): void {
  add('GET', 'overview', 'management', (r) => overview(node, r, new Statistics(rates, r.query)))
  add('GET', 'cluster-name', 'management', (r) => ({ name: r.model.identity.clusterName }))
  add('PUT', 'cluster-name', 'administrator', (r) => {
    r.model.setClusterName(r.text('name'))
    return r.stored(false)
  })
  add('GET', 'whoami', 'management', (r) => ({
    name: r.user.name,
    tags: r.user.tags,
    is_internal_user: !r.user.byToken,
  }))
  add('GET', 'extensions', 'management', () => [])
  add('GET', 'auth', 'none', () => authJson(node.settings.http.oauthLogin))
  add('GET', 'version', 'management', (r) => {
    r.reply.type('application/json')
    return JSON.stringify(r.model.identity.version)
  })
  add('GET', 'auth/hash_password/:password', 'administrator', (r) => ({
    ok: rabbitHash(r.params['password'] as string).hash,
  }))
  add('POST', 'rebalance/queues', 'administrator', (r) => r.stored(false))
  featureRoutes(add)
  quorumRoutes(add, node)
}

function featureRoutes(add: AddRoute): void {
  add('GET', 'feature-flags', 'management', () => featureFlags())
  add('PUT', 'feature-flags/:name/enable', 'administrator', (r) => {
    if (!isFeatureFlag(r.params['name'] as string)) throw badRequest('unsupported')
    return r.stored(false)
  })
  add('GET', 'deprecated-features', 'management', (r) => deprecatedFeatures(r.active, false))
  add('GET', 'deprecated-features/used', 'management', (r) => deprecatedFeatures(r.active, true))
}

function quorumRoutes(add: AddRoute, node: ManagedNode): void {
  for (const [path, method] of [
    ['status', 'GET'],
    ['replicas/add', 'POST'],
    ['replicas/delete', 'DELETE'],
  ] as const)
    add(
      method,
      `queues/quorum/:vhost/:name/${path}`,
      method === 'GET' ? 'management' : 'administrator',
      (r) => quorumQueue(node, r, method),
    )
  for (const [path, method] of [
    ['grow', 'POST'],
    ['shrink', 'DELETE'],
  ] as const)
    add(method, `queues/quorum/replicas/on/:node/${path}`, 'administrator', (r) => {
      if (path === 'grow' && r.params['node'] !== node.nodeName) throw notFound()
      if (path === 'grow') return r.stored(false)
      // Accepted, as in RabbitMQ, but without effect: the only replica of a queue is never removed.
      r.reply.code(202)
      return undefined
    })
}

/** Answers for the replicas of a quorum queue, which has a single replica here. */
function quorumQueue(node: ManagedNode, r: Request, method: 'GET' | 'POST' | 'DELETE'): unknown {
  const q = r.vhost().queues.get(r.params['name'] as string)
  if (q === undefined) throw notFound()
  if (!q.kind.replicated) {
    const reason = `${q.kind.name}_queue_not_supported`
    if (method !== 'GET') throw new HttpError(503, 'service_unavailable', reason)
    r.reply.code(503)
    return { status: 'failed', reason }
  }
  const here = r.body['node'] === undefined || r.body['node'] === node.nodeName
  if (method === 'DELETE') throw new HttpError(503, 'service_unavailable', here ? 'last_node' : 'not_found')
  if (method === 'POST' && !here) throw new HttpError(503, 'service_unavailable', 'node_not_running')
  if (method === 'POST') return r.stored(false)
  const last = q.counters.published
  return [
    {
      'Node Name': node.nodeName,
      'Raft State': 'leader',
      Membership: 'voter',
      'Last Log Index': last,
      'Last Written': last,
      'Last Applied': last,
      'Commit Index': last,
      'Snapshot Index': -1,
      Term: 1,
      'Machine Version': 0,
    },
  ]
}

/** Retention of samples in seconds: for the node and the totals, and for each object. */
const retention = { global: [600, 3600, 28_800, 86_400], basic: [600, 3600], detailed: [600, 3600] }

function overview(node: ManagedNode, r: Request, s: Statistics): Json {
  const { active, withoutStatistics } = r
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
    erlang_full_version: `Node.js ${process.versions.node}`,
    release_series_support_status: 'supported',
    is_op_policy_updating_enabled: true,
    disable_stats: withoutStatistics,
    enable_queue_totals: r.withQueueTotals,
    sample_retention_policies: retention,
    default_queue_type: model.settings.defaultQueueType,
    cluster_tags: {},
    node_tags: {},
    cluster_name: clusterName,
    node: node.nodeName,
    rates_mode: 'basic',
    exchange_types: exchangeTypesJson(),
    object_totals: {
      ...(withoutStatistics ? {} : { channels: t.channels, consumers: t.consumers }),
      connections: server.connections.size,
      exchanges: t.exchanges,
      queues: t.queues,
    },
    ...(withoutStatistics ? {} : numbers(node, s)),
  }
}

function numbers(node: ManagedNode, s: Statistics): Json {
  return {
    listeners: listeners(node),
    contexts: contexts(node),
    churn_rates: s.churnOfOverview(),
    queue_totals: s.lengthsOfBroker(),
    message_stats: { ...s.ofBroker(), disk_reads: 0, disk_reads_details: { rate: 0 } },
    statistics_db_event_queue: 0,
  }
}
