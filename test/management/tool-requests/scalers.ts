/** What programs ask that look at queues and at the whole: KEDA, Flower, an exporter. */
import { bytes, each, inside, lengths, queue, totals } from './fields.ts'
import type { Tool } from './table.ts'

const keda: Tool = {
  name: 'KEDA, rabbitmq scaler over HTTP',
  requests: [
    {
      ask: 'GET queues/{v}/{queue}',
      reads: {
        name: 'string',
        ...each('', 'number', ...lengths),
        ...each(
          'message_stats.',
          'number',
          'publish_details.rate',
          'deliver_get_details.rate',
          'ack_details.rate',
        ),
      },
    },
    {
      ask: 'GET queues/{v}?page=1&use_regex=true&pagination=false&name=%5Eorders&page_size=100',
      reads: {
        page_count: 'number',
        'items.[].name': 'string',
        ...each('items.[].', 'number', ...lengths),
        'items.[].message_stats.publish_details.rate': 'number',
      },
    },
  ],
}

const flower: Tool = {
  name: 'Flower',
  requests: [
    {
      ask: 'GET queues/{v}',
      row: queue,
      reads: {
        '[].name': 'string',
        ...each('[].', 'number', ...lengths, 'consumers'),
        ...each('[].', 'string?', 'state', 'idle_since'),
      },
    },
  ],
}

/** Also what prometheus-rabbitmq-exporter (kbudde) reads, which older dashboards rest on. */
const exporter: Tool = {
  name: 'rabbitmq_exporter',
  requests: [
    {
      ask: 'GET overview',
      reads: {
        ...each('', 'string', 'rabbitmq_version', 'erlang_version', 'cluster_name', 'node'),
        ...inside('object_totals.', totals),
        ...each('queue_totals.', 'number', ...lengths),
      },
    },
    {
      ask: 'GET queues?disable_stats=false',
      row: queue,
      reads: {
        ...each('[].', 'number', ...lengths, ...bytes, 'message_bytes_persistent', 'consumers', 'memory'),
        ...each('[].', 'number', 'messages_ready_ram', 'messages_unacknowledged_ram', 'messages_ram'),
        ...each('[].', 'number', 'messages_persistent'),
        ...each(
          '[].',
          'number?',
          'disk_reads',
          'disk_writes',
          'head_message_timestamp',
          'consumer_utilisation',
        ),
        ...each('[].message_stats.', 'number', 'publish', 'deliver', 'redeliver', 'ack', 'deliver_get'),
      },
    },
    {
      ask: 'GET nodes',
      reads: {
        ...each(
          '[].',
          'number',
          'uptime',
          'mem_used',
          'mem_limit',
          'disk_free',
          'disk_free_limit',
          'fd_used',
        ),
        ...each('[].', 'number', 'fd_total', 'sockets_used', 'sockets_total'),
        ...each('[].', 'boolean', 'running', 'mem_alarm', 'disk_free_alarm'),
      },
    },
    {
      ask: 'GET connections',
      row: { vhost: '{vhost}' },
      reads: {
        ...each('[].', 'string', 'vhost', 'node', 'peer_host', 'user', 'state'),
        ...each('[].', 'number', 'channels', 'recv_oct', 'recv_cnt', 'send_oct', 'send_cnt', 'send_pend'),
      },
    },
    { ask: 'GET aliveness-test/%2F', reads: { status: 'string' } },
  ],
}

export const scalers: readonly Tool[] = [keda, flower, exporter]
