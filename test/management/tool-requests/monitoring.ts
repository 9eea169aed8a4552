/** What monitoring programs ask of the HTTP API, and which fields they read. */
import { bytes, counters, each, inside, lengths, queue, totals } from './fields.ts'
import { scalers } from './scalers.ts'
import type { Tool } from './table.ts'

const exchange = { name: '{exchange}', vhost: '{vhost}' }

const telegraf: Tool = {
  name: 'Telegraf, inputs.rabbitmq',
  requests: [
    {
      ask: 'GET overview',
      reads: {
        ...inside('object_totals.', totals),
        ...each('queue_totals.', 'number', ...lengths),
        ...each('message_stats.', 'number?', 'ack', 'deliver', 'deliver_get', 'publish', 'return_unroutable'),
        'message_stats.return_unroutable_details.rate': 'number?',
        message_stats: 'object',
        'listeners.[].protocol': 'string',
      },
    },
    {
      ask: 'GET nodes',
      reads: {
        ...each('[].', 'string', 'name'),
        ...each('[].', 'boolean', 'running', 'mem_alarm', 'disk_free_alarm'),
        ...each(
          '[].',
          'number',
          'disk_free',
          'disk_free_limit',
          'fd_total',
          'fd_used',
          'mem_limit',
          'mem_used',
        ),
        ...each(
          '[].',
          'number',
          'proc_total',
          'proc_used',
          'run_queue',
          'sockets_total',
          'sockets_used',
          'uptime',
        ),
        ...counters(
          '[].',
          'number',
          'mnesia_disk_tx_count',
          'mnesia_ram_tx_count',
          'gc_num',
          'gc_bytes_reclaimed',
        ),
        ...counters(
          '[].',
          'number',
          'io_read_avg_time',
          'io_read_bytes',
          'io_write_avg_time',
          'io_write_bytes',
        ),
      },
    },
    {
      ask: 'GET nodes/{node}/memory',
      reads: {
        ...each('memory.', 'number', 'connection_readers', 'connection_writers', 'connection_channels'),
        ...each('memory.', 'number', 'connection_other', 'queue_procs', 'plugins', 'other_proc', 'metrics'),
        ...each(
          'memory.',
          'number?',
          'queue_slave_procs',
          'mgmt_db',
          'mnesia',
          'other_ets',
          'binary',
          'msg_index',
        ),
        ...each(
          'memory.',
          'number',
          'code',
          'atom',
          'other_system',
          'allocated_unused',
          'reserved_unallocated',
        ),
        'memory.total.rss': 'number',
      },
    },
    {
      ask: 'GET queues',
      row: queue,
      reads: {
        ...each('[].', 'string', 'name', 'node', 'vhost'),
        ...each('[].', 'boolean', 'durable', 'auto_delete'),
        ...each('[].', 'number', 'memory', 'consumers', ...lengths, ...bytes, 'message_bytes_persistent'),
        ...each('[].', 'number?', 'consumer_utilisation'),
        ...each('[].', 'string?', 'idle_since'),
        ...each('[].', 'list?', 'slave_nodes', 'synchronised_slave_nodes'),
        ...counters('[].message_stats.', 'number', 'ack', 'deliver', 'deliver_get', 'publish', 'redeliver'),
      },
    },
    {
      ask: 'GET exchanges',
      row: exchange,
      reads: {
        ...each('[].', 'string', 'name', 'type', 'vhost'),
        ...each('[].', 'boolean', 'internal', 'durable', 'auto_delete'),
        ...counters('[].message_stats.', 'number', 'publish_in', 'publish_out'),
      },
    },
    {
      ask: 'GET federation-links',
      beyond: 'with the federation plugin only; its answer without links is an empty list',
    },
  ],
}

const datadogCounters = [
  'ack',
  'confirm',
  'deliver_get',
  'publish',
  'drop_unroutable',
  'return_unroutable',
  'redeliver',
]

const datadog: Tool = {
  name: 'Datadog, rabbitmq check of the management plugin',
  requests: [
    { ask: 'GET vhosts', row: { name: '{vhost}' }, reads: { '[].name': 'string' } },
    {
      ask: 'GET overview',
      reads: {
        rabbitmq_version: 'string',
        cluster_name: 'string',
        ...each('object_totals.', 'number', 'connections', 'channels', 'queues', 'consumers'),
        ...counters('queue_totals.', 'number', ...lengths),
        ...counters('message_stats.', 'number', ...datadogCounters),
        ...counters('message_stats.', 'number?', 'publish_in', 'publish_out'),
      },
    },
    {
      ask: 'GET exchanges',
      row: exchange,
      reads: {
        ...each('[].', 'string', 'name', 'vhost'),
        ...counters('[].message_stats.', 'number?', ...datadogCounters),
        ...counters('[].message_stats.', 'number', 'publish_in', 'publish_out'),
      },
    },
    {
      ask: 'GET queues',
      row: queue,
      reads: {
        ...each('[].', 'string', 'node', 'name', 'vhost', 'policy'),
        ...each('[].', 'number', 'consumers', 'memory', 'message_bytes'),
        ...each('[].', 'number?', 'active_consumers', 'consumer_utilisation', 'head_message_timestamp'),
        ...counters('[].', 'number', ...lengths),
        ...counters('[].message_stats.', 'number', 'ack', 'deliver', 'deliver_get', 'publish', 'redeliver'),
      },
    },
    { ask: 'GET queues/{v}', row: queue, reads: { '[].name': 'string', '[].vhost': 'string' } },
    { ask: 'GET queues/{v}/{queue}/bindings', reads: { '[].source': 'string' } },
    {
      ask: 'GET nodes',
      reads: {
        ...each(
          '[].',
          'number',
          'fd_used',
          'disk_free',
          'mem_used',
          'mem_limit',
          'run_queue',
          'sockets_used',
        ),
        '[].partitions': 'list',
        ...each('[].', 'boolean', 'running', 'mem_alarm', 'disk_free_alarm'),
      },
    },
    { ask: 'GET vhosts/{v}/connections', reads: { '[].vhost': 'string', '[].state': 'string?' } },
    {
      ask: 'GET connections',
      row: { vhost: '{vhost}' },
      reads: { '[].vhost': 'string', '[].state': 'string?' },
    },
    { ask: 'GET aliveness-test/{v}', reads: { status: 'string' } },
  ],
}

const zabbixCounters = ['ack', 'confirm', 'deliver_get', 'publish', 'return_unroutable', 'redeliver']

/** The templates for a cluster and for a node. */
const zabbix: Tool = {
  name: 'Zabbix, RabbitMQ by HTTP',
  requests: [
    {
      ask: 'GET overview',
      reads: {
        management_version: 'string',
        ...inside('object_totals.', totals),
        ...each('queue_totals.', 'number', ...lengths),
        ...counters('message_stats.', 'number', ...zabbixCounters),
      },
    },
    {
      ask: 'GET exchanges',
      row: exchange,
      reads: {
        ...each('[].', 'string', 'name', 'vhost', 'type'),
        ...counters('[].message_stats.', 'number', 'publish_in', 'publish_out'),
      },
    },
    {
      ask: 'GET queues',
      row: queue,
      reads: {
        ...each('[].', 'string', 'name', 'vhost', 'node'),
        ...each('[].', 'number', ...lengths),
        ...counters('[].message_stats.', 'number', 'ack', 'deliver', 'deliver_get', 'publish', 'redeliver'),
      },
    },
    {
      ask: 'GET nodes/{node}?memory=true',
      reads: {
        ...each('', 'number', 'fd_used', 'disk_free', 'disk_free_limit', 'mem_used', 'mem_limit'),
        ...each(
          '',
          'number',
          'run_queue',
          'sockets_used',
          'sockets_total',
          'uptime',
          'proc_used',
          'proc_total',
        ),
        ...each('', 'boolean', 'running', 'mem_alarm', 'disk_free_alarm'),
        partitions: 'list',
      },
    },
    { ask: 'GET healthchecks/node/{node}', reads: { status: 'string' } },
    { ask: 'GET health/checks/alarms', reads: { status: 'string' } },
    { ask: 'GET health/checks/local-alarms', reads: { status: 'string' } },
    { ask: 'GET health/checks/certificate-expiration/1/months', reads: { status: 'string' } },
    { ask: 'GET health/checks/virtual-hosts', reads: { status: 'string' } },
    { ask: 'GET health/checks/node-is-mirror-sync-critical', reads: { status: 'string' } },
    { ask: 'GET health/checks/node-is-quorum-critical', reads: { status: 'string' } },
  ],
}

/** Division by the totals; nothing used is a failure for them. */
const nagios: Tool = {
  name: 'Nagios, nagios-plugins-rabbitmq',
  requests: [
    { ask: 'GET aliveness-test/{v}', reads: { status: 'string' } },
    { ask: 'GET nodes', reads: { '[].name': 'string', '[].running': 'boolean', '[].partitions': 'list' } },
    {
      ask: 'GET nodes/{node}',
      reads: {
        running: 'boolean',
        ...each('', 'positive', 'mem_used', 'mem_limit', 'proc_used', 'proc_total', 'fd_used', 'fd_total'),
        ...each('', 'positive', 'sockets_used', 'sockets_total'),
        ...each('', 'boolean', 'mem_alarm', 'disk_free_alarm'),
        partitions: 'list',
      },
    },
    {
      ask: 'GET connections',
      row: { vhost: '{vhost}' },
      reads: {
        ...each('[].', 'string', 'user', 'state'),
        ...each('[].', 'number', 'recv_oct_details.rate', 'send_oct_details.rate'),
      },
    },
    {
      ask: 'GET exchanges/{v}/{exchange}',
      reads: counters('message_stats.', 'number?', 'confirm', 'publish_in'),
    },
    { ask: 'GET overview', reads: each('queue_totals.', 'number', ...lengths) },
    { ask: 'GET queues/{v}/{queue}', reads: each('', 'number', ...lengths, 'consumers') },
    { ask: 'GET queues/{v}', row: queue, reads: each('[].', 'number', ...lengths, 'consumers') },
    ...['vhosts', 'exchanges', 'bindings', 'queues', 'channels', 'connections'].map((list) => ({
      ask: `GET ${list}`,
      reads: { '[]': 'object' } as const,
    })),
    { ask: 'GET shovels', reads: { '[].name': 'string', '[].state': 'string' }, beyond: 'the shovel plugin' },
  ],
}

export const monitoringTools: readonly Tool[] = [telegraf, datadog, zabbix, nagios, ...scalers]
