/** Feature flags and deprecated features, for tools that request them: every flag is always enabled. */
import type { Json } from '../util/json.ts'
import type { ManagedBroker } from './managed-node.ts'

/** RabbitMQ's feature flags whose behaviour Leveret has, with descriptions. */
const flags = {
  classic_mirrored_queue_version: 'The version of a classic queue can be declared',
  classic_queue_type_delivery_support: 'Deliveries of classic queues between versions',
  detailed_queues_endpoint: 'GET /api/queues/detailed',
  direct_exchange_routing_v2: 'Direct exchanges find bindings by their key',
  drop_unroutable_metric: 'Messages dropped as unroutable are counted',
  empty_basic_get_metric: 'basic.get on an empty queue is counted',
  feature_flags_v2: 'The second form of feature flags',
  implicit_default_bindings: 'Bindings of the default exchange are not stored',
  listener_records_in_ets: 'Listeners are kept in memory',
  maintenance_mode_status: 'Nodes say whether they are drained',
  message_containers: 'One form of message for all protocols',
  quorum_queue: 'Queues of the type quorum',
  stream_filtering: 'Filters of stream consumers',
  stream_queue: 'Queues of the type stream',
  tracking_records_in_ets: 'Connections and channels are tracked in memory',
  user_limits: 'Limits of connections and channels of a user',
  virtual_host_metadata: 'Descriptions and tags of virtual hosts',
} as const

export function isFeatureFlag(name: string): boolean {
  return Object.hasOwn(flags, name)
}

export function featureFlags(): Json[] {
  return Object.entries(flags).map(([name, desc]) => ({
    name,
    desc,
    doc_url: '',
    state: 'enabled',
    stability: 'required',
    provided_by: 'rabbit',
  }))
}

const deprecated: { readonly [name: string]: { desc: string; used: (b: ManagedBroker) => boolean } } = {
  global_qos: {
    desc: 'basic.qos with global set: a prefetch for the whole channel',
    used: ({ server }) =>
      [...server.connections].some((c) => [...c.channels].some((ch) => ch.sharedPrefetch > 0)),
  },
  transient_nonexcl_queues: {
    desc: 'Queues that are neither durable nor exclusive',
    used: ({ model: { broker } }) =>
      [...broker.vhosts.values()].some((v) => [...v.queues.values()].some((q) => !q.durable && !q.exclusive)),
  },
  queue_master_locator: {
    desc: 'x-queue-master-locator, which has no effect on one node',
    used: ({ model: { broker } }) =>
      [...broker.vhosts.values()].some((v) =>
        [...v.queues.values()].some((q) => q.arguments.get('x-queue-master-locator') !== undefined),
      ),
  },
  management_metrics_collection: {
    desc: 'Rates and samples over the HTTP API, which are kept',
    used: () => false,
  },
}

export function deprecatedFeatures(broker: ManagedBroker, usedOnly: boolean): Json[] {
  return Object.entries(deprecated)
    .filter(([, f]) => !usedOnly || f.used(broker))
    .map(([name, { desc }]) => ({
      name,
      desc,
      deprecation_phase: 'permitted_by_default',
      doc_url: '',
      provided_by: 'rabbit',
    }))
}
