/**
 * What rabbitmqadmin v2 reads, by way of its client library in Rust: a required field that is absent, and a null where
 * there is a default, is an error there, and so is a number outside of its type.
 */
import { all, inside, inVhost, queue, rows } from './fields.ts'
import type { Needs, Tool } from './table.ts'

const queueInfo: Needs = {
  ...all('string', 'name vhost type'),
  ...all('boolean', 'durable auto_delete exclusive'),
  arguments: 'object',
  ...all('string~', 'node state'),
  ...all('string?', 'leader exclusive_consumer_tag policy'),
  ...all('list?', 'members online'),
  ...all('number~', 'memory consumers consumer_utilisation message_bytes message_bytes_persistent'),
  ...all('number~', 'message_bytes_ram message_bytes_ready message_bytes_unacknowledged messages'),
  ...all('number~', 'messages_persistent messages_ram messages_unacknowledged'),
}

const garbage = all('number~', 'fullsweep_after max_heap_size min_bin_vheap_size min_heap_size minor_gcs')

const node: Needs = {
  ...all('string', 'name rates_mode'),
  os_pid: 'number or string',
  ...all('number', 'uptime run_queue processors fd_total proc_total mem_limit disk_free_limit'),
  ...all('boolean', 'mem_alarm disk_free_alarm being_drained'),
  enabled_plugins: 'list',
}

const connection: Needs = {
  ...all('string', 'name node protocol user'),
  connected_at: 'number',
  ...all('string?', 'state host peer_host'),
  ...all('number?', 'port peer_port channel_max'),
  channels: 'number~',
  client_properties: 'object',
  ...inside('client_properties.', all('string~', 'connection_name platform product version')),
  'client_properties.capabilities': 'object?',
}

const connectionDetails = { ...all('string', 'name peer_host'), peer_port: 'number' } as const

const channel: Needs = {
  ...all('number', 'number consumer_count prefetch_count messages_unacknowledged messages_unconfirmed'),
  ...all('string', 'name vhost state'),
  confirm: 'boolean',
  ...inside('connection_details.', connectionDetails),
}

const consumer: Needs = {
  ...all('string', 'consumer_tag queue.name queue.vhost'),
  ...all('boolean', 'active ack_required exclusive'),
  prefetch_count: 'number',
  arguments: 'object',
  ...inside('channel_details.', all('string', 'name connection_name node peer_host user')),
  ...inside('channel_details.', all('number', 'number peer_port')),
}

const policy: Needs = {
  ...all('string', 'name vhost pattern apply-to'),
  priority: 'number',
  definition: 'object',
}

const binding: Needs = {
  ...all('string', 'vhost source destination destination_type routing_key'),
  arguments: 'object',
  properties_key: 'string?',
}

const exchange: Needs = {
  ...all('string', 'name vhost type'),
  ...all('boolean', 'durable auto_delete'),
  arguments: 'object',
}

const user: Needs = { ...all('string', 'name password_hash'), tags: 'list' }
const vhost: Needs = {
  name: 'string',
  ...all('list?', 'tags'),
  ...all('string?', 'description default_queue_type'),
}
const permissions: Needs = all('string', 'user vhost configure read write')

const newer = 'the fields of 4.x'

export const rabbitmqadmin2: Tool = {
  name: 'rabbitmqadmin v2',
  requests: [
    {
      ask: 'GET overview',
      reads: {
        ...all('string~', 'cluster_name node erlang_full_version erlang_version rabbitmq_version'),
        ...all('string~', 'product_name product_version'),
        ...all('object?', 'cluster_tags node_tags'),
        statistics_db_event_queue: 'number~',
        ...inside(
          'churn_rates.',
          all('number~', 'connection_created connection_closed queue_declared queue_created'),
        ),
        ...inside('churn_rates.', all('number~', 'queue_deleted channel_created channel_closed')),
        ...inside('queue_totals.', all('number~', 'messages messages_ready messages_unacknowledged')),
        ...inside('queue_totals.', all('object~', 'messages_details messages_ready_details')),
        ...inside('object_totals.', all('number~', 'connections channels queues exchanges consumers')),
        ...inside(
          'message_stats.',
          all('object?', 'deliver_get_details publish_details deliver_no_ack_details'),
        ),
        ...inside('message_stats.', all('object?', 'confirm_details ack_details drop_unroutable_details')),
      },
    },
    { ask: 'GET nodes', beyond: newer, reads: rows(node) },
    { ask: 'GET nodes/{node}', beyond: newer, reads: node },
    {
      ask: 'GET nodes/{node}/memory',
      beyond: newer,
      reads: {
        ...inside(
          'memory.',
          all('number', 'connection_readers connection_writers connection_channels queue_procs'),
        ),
        ...inside('memory.', all('number', 'connection_other quorum_queue_procs stream_queue_procs plugins')),
        ...inside(
          'memory.',
          all('number', 'stream_queue_replica_reader_procs stream_queue_coordinator_procs'),
        ),
        ...inside('memory.', all('number', 'metadata_store other_proc metrics mgmt_db mnesia quorum_ets')),
        ...inside(
          'memory.',
          all('number', 'metadata_store_ets other_ets binary msg_index code atom other_system'),
        ),
        ...inside(
          'memory.',
          all('number', 'allocated_unused reserved_unallocated total.rss total.allocated'),
        ),
        'memory.total.erlang': 'number',
        'memory.strategy': 'string',
      },
    },
    {
      ask: 'GET auth/attempts/{node}',
      reads: rows({
        protocol: 'string',
        ...all('number', 'auth_attempts auth_attempts_failed auth_attempts_succeeded'),
      }),
    },
    { ask: 'GET auth', beyond: newer, reads: { oauth_enabled: 'boolean' } },
    { ask: 'GET cluster-name', reads: { name: 'string' } },
    { ask: 'GET whoami', reads: { name: 'string', tags: 'list' } },
    { ask: 'GET queues', row: queue, reads: rows(queueInfo) },
    { ask: 'GET queues/{v}?page=1&page_size=500', reads: inside('items.', rows(queueInfo)) },
    {
      ask: 'GET queues/detailed',
      beyond: newer,
      row: queue,
      reads: { ...rows(queueInfo), ...rows(inside('garbage_collection.', garbage)) },
    },
    { ask: 'GET queues/{v}/quorum', reads: queueInfo },
    { ask: 'GET queues/{v}/log', reads: queueInfo },
    { ask: 'GET connections', row: inVhost, reads: rows(connection) },
    { ask: 'GET connections/{connection}', reads: connection },
    {
      ask: 'GET connections/username/guest',
      row: inVhost,
      reads: rows(all('string', 'name node user vhost')),
    },
    { ask: 'GET channels', row: inVhost, reads: rows(channel) },
    { ask: 'GET channels/{channel}', reads: channel },
    { ask: 'GET connections/{connection}/channels', reads: rows(channel) },
    { ask: 'GET vhosts/{v}/channels', reads: rows(channel) },
    { ask: 'GET consumers', row: { consumer_tag: 'reader' }, reads: rows(consumer) },
    { ask: 'GET consumers/{v}', beyond: newer, reads: rows({ ...consumer, consumer_timeout: 'number' }) },
    { ask: 'GET exchanges', row: { name: '{exchange}', vhost: '{vhost}' }, reads: rows(exchange) },
    { ask: 'GET exchanges/{v}/{exchange}', reads: exchange },
    { ask: 'GET bindings', row: inVhost, reads: rows(binding) },
    { ask: 'GET bindings/{v}', reads: rows(binding) },
    { ask: 'GET users', row: { name: '{user}' }, reads: rows(user) },
    { ask: 'GET users/{user}', reads: user },
    { ask: 'GET users/without-permissions', reads: rows(user) },
    { ask: 'GET vhosts', row: { name: '{vhost}' }, reads: rows(vhost) },
    { ask: 'GET vhosts/{v}', reads: vhost },
    { ask: 'GET permissions', row: inVhost, reads: rows(permissions) },
    { ask: 'GET vhosts/{v}/permissions', reads: rows(permissions) },
    { ask: 'GET permissions/{v}/{user}', reads: permissions },
    {
      ask: 'GET topic-permissions',
      row: inVhost,
      reads: rows(all('string', 'user vhost exchange read write')),
    },
    { ask: 'GET policies', row: inVhost, reads: rows(policy) },
    { ask: 'GET policies/{v}/bounds', reads: policy },
    { ask: 'GET operator-policies', row: inVhost, reads: rows(policy) },
    {
      ask: 'GET parameters',
      row: { component: 'vhost-limits', vhost: '{vhost}' },
      reads: rows({ ...all('string', 'name vhost component'), value: 'object' }),
    },
    { ask: 'GET global-parameters', reads: rows({ name: 'string', value: 'any' }) },
    { ask: 'GET vhost-limits', row: inVhost, reads: rows({ vhost: 'string', value: 'object' }) },
    { ask: 'GET user-limits/{user}', reads: rows({ user: 'string', value: 'object' }) },
    {
      ask: 'GET feature-flags',
      reads: rows(all('string', 'name state desc doc_url stability provided_by')),
    },
    {
      ask: 'GET deprecated-features',
      beyond: newer,
      reads: rows({ ...all('string', 'name desc deprecation_phase doc_url provided_by'), state: 'string?' }),
    },
    { ask: 'GET deprecated-features/used', beyond: newer, reads: { '[]': 'object' } },
    {
      ask: 'GET definitions',
      reads: {
        rabbitmq_version: 'string?',
        ...inside('users.', rows(user)),
        ...inside('vhosts.', rows(vhost)),
        ...inside('permissions.', rows(permissions)),
        ...inside('policies.', rows(policy)),
        ...inside(
          'queues.',
          rows({
            ...all('string', 'name vhost'),
            ...all('boolean', 'durable auto_delete'),
            arguments: 'object',
          }),
        ),
        ...inside('exchanges.', rows(exchange)),
        ...inside('bindings.', rows(binding)),
        ...inside('parameters.', rows({ ...all('string', 'name vhost component'), value: 'object' })),
      },
    },
    {
      ask: 'GET health/checks/port-listener/1',
      status: [503],
      reads: { ...all('string', 'status reason'), missing: 'number~' },
    },
    {
      ask: 'GET health/checks/protocol-listener/mqtt',
      status: [503],
      reads: { ...all('string', 'status reason'), protocols: 'list', missing: 'any' },
    },
    { ask: 'GET health/checks/alarms' },
    { ask: 'GET health/checks/local-alarms' },
    { ask: 'GET health/checks/node-is-quorum-critical' },
    { ask: 'POST rebalance/queues', status: [204] },
    { ask: 'DELETE queues/{v}/nothing-of-this-name', status: [404] },
    { ask: 'POST users/bulk-delete', body: { users: ['nobody-of-this-name'] }, status: [400] },
  ],
}
