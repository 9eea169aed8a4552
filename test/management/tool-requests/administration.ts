/** What programs that administer a broker ask of the HTTP API, and which fields of the answers they read. */
import { all, inVhost, queue, rows } from './fields.ts'
import { rabbitmqadmin2 } from './rabbitmqadmin.ts'
import type { Tool } from './table.ts'

/** .NET; a field of another type is an exception, an absent one is not. */
const easyNetQ: Tool = {
  name: 'EasyNetQ.Management.Client',
  requests: [
    {
      ask: 'GET overview?lengths_age=60&lengths_incr=5&msg_rates_age=60&msg_rates_incr=5',
      reads: {
        ...all('string', 'management_version rabbitmq_version erlang_version node'),
        ...all('string?', 'statistics_level statistics_db_node'),
        ...all('list', 'exchange_types listeners contexts'),
        'listeners.[].port': 'number',
        'queue_totals.messages_details.samples.[].sample': 'number',
        'queue_totals.messages_details.samples.[].timestamp': 'number',
        'message_stats.publish_details.samples': 'list',
      },
    },
    {
      ask: 'GET nodes',
      reads: rows({
        ...all('string', 'name type os_pid'),
        ...all('boolean', 'running mem_alarm disk_free_alarm'),
        ...all(
          'number',
          'fd_used fd_total sockets_used sockets_total mem_used mem_limit disk_free disk_free_limit',
        ),
        ...all('number', 'proc_used proc_total uptime run_queue processors'),
        ...all('list', 'exchange_types auth_mechanisms applications partitions'),
        'applications.[].name': 'string',
        'applications.[].description': 'string',
        'applications.[].version': 'string',
      }),
    },
    {
      ask: 'GET connections',
      row: inVhost,
      reads: rows({
        ...all(
          'number',
          'recv_oct recv_cnt send_oct send_cnt send_pend channels port peer_port timeout frame_max',
        ),
        ...all('string', 'state type node name peer_host auth_mechanism protocol user vhost'),
        ...all(
          'string?',
          'ssl_protocol ssl_key_exchange ssl_cipher ssl_hash peer_cert_subject peer_cert_issuer',
        ),
        ssl: 'boolean',
        client_properties: 'object',
      }),
    },
    {
      ask: 'GET channels/{channel}?msg_rates_age=60&msg_rates_incr=5',
      reads: {
        ...all('boolean', 'transactional confirm'),
        ...all('number', 'consumer_count messages_unacknowledged messages_unconfirmed messages_uncommitted'),
        ...all('number', 'acks_uncommitted prefetch_count number'),
        ...all('string', 'node name user vhost'),
        ...all('list', 'consumer_details'),
        'consumer_details.[].consumer_tag': 'string',
        'consumer_details.[].queue.name': 'string',
        'consumer_details.[].channel_details.peer_port': 'number',
      },
    },
    {
      ask: 'GET queues/{v}/{queue}?lengths_age=60&lengths_incr=5&msg_rates_age=60&msg_rates_incr=5',
      reads: {
        ...all('number', 'memory messages messages_ready messages_unacknowledged consumers'),
        ...all('string', 'name vhost node policy'),
        ...all('string?', 'idle_since exclusive_consumer_tag'),
        ...all('boolean', 'durable exclusive auto_delete'),
        ...all('number?', 'head_message_timestamp'),
        arguments: 'object',
        consumer_details: 'list',
        'messages_details.samples.[].sample': 'number',
        'messages_details.avg': 'number',
        'messages_details.avg_rate': 'number',
        'message_stats.publish_details.samples': 'list',
      },
    },
    {
      ask: 'GET queues?page=1&page_size=500',
      reads: {
        ...all('number', 'filtered_count item_count page page_count page_size total_count'),
        items: 'list',
      },
    },
    {
      ask: 'GET vhosts/{v}',
      reads: { name: 'string', tracing: 'boolean' },
    },
    // Sends back what it has read, with the switch changed.
    { ask: 'PUT vhosts/{v}', body: { name: '{vhost}', tracing: true } },
    { ask: 'PUT vhosts/{v}', body: { name: '{vhost}', tracing: false } },
    { ask: 'GET users/{user}', reads: { name: 'string', password_hash: 'string', tags: 'list' } },
    {
      ask: 'PUT queues/{v}/easy+plus',
      body: { auto_delete: false, durable: true, arguments: { 'x-dead-letter-exchange': 'x' } },
    },
    { ask: 'GET queues/{v}/easy+plus', status: [200, 404] },
    {
      ask: 'PUT policies/{v}/easy',
      body: {
        name: 'easy',
        pattern: 'averyuncommonpattern',
        vhost: '{vhost}',
        definition: { 'ha-mode': 'all', 'ha-sync-mode': 'automatic', 'message-ttl': 5000, expires: 10_000 },
        'apply-to': 'all',
        priority: 999,
      },
    },
    {
      ask: 'GET policies',
      row: { name: 'easy', vhost: '{vhost}' },
      reads: rows({ 'definition.ha-mode': 'string' }),
    },
    { ask: 'DELETE policies/{v}/easy' },
    {
      ask: 'POST exchanges/{v}/{exchange}/publish',
      body: { properties: {}, routing_key: 'nowhere', payload: 'x', payload_encoding: 'string' },
      reads: { routed: 'boolean' },
    },
    {
      ask: 'POST queues/{v}/idle/get',
      body: { count: 1, ackmode: 'ack_requeue_true', encoding: 'auto', truncate: 50_000 },
      reads: { '[].payload': 'string' },
    },
    { ask: 'GET aliveness-test/{v}', reads: { status: 'string' } },
    {
      ask: 'GET permissions',
      row: { user: '{user}', vhost: '{vhost}' },
      reads: rows(all('string', 'configure write read')),
    },
    {
      ask: 'GET topic-permissions',
      row: { user: '{user}', vhost: '{vhost}' },
      reads: rows(all('string', 'exchange write read')),
    },
  ],
}

/** Its integration tests, too. */
const ruby: Tool = {
  name: 'rabbitmq_http_api_client (Ruby)',
  requests: [
    {
      ask: 'GET overview',
      reads: {
        'exchange_types.[].name': 'string',
        ...all('string', 'rabbitmq_version erlang_version'),
        'listeners.[].protocol': 'string',
        'listeners.[].port': 'number',
      },
    },
    {
      ask: 'GET nodes',
      row: { name: '{node}' },
      reads: rows({
        // One of them is the server itself.
        'applications.[].name': 'string',
        'applications.[].description': 'string',
        partitions: 'list',
        ...all(
          'number',
          'fd_used fd_total sockets_used sockets_total mem_used mem_limit disk_free disk_free_limit',
        ),
        ...all('number', 'proc_used proc_total run_queue'),
      }),
    },
    {
      ask: 'GET connections',
      row: inVhost,
      reads: rows({ name: 'string', 'client_properties.product': 'string?' }),
    },
    { ask: 'GET channels', row: inVhost, reads: rows(all('number', 'number prefetch_count')) },
    {
      ask: 'GET exchanges/{v}/{exchange}',
      reads: { ...all('string', 'type name vhost'), ...all('boolean', 'durable internal auto_delete') },
    },
    // An empty list for no arguments.
    {
      ask: 'POST bindings/{v}/e/{exchange}/q/idle',
      body: { routing_key: 'ruby', arguments: [] },
      status: [201],
    },
    { ask: 'DELETE bindings/{v}/e/{exchange}/q/idle/ruby' },
    { ask: 'PUT queues/{v}/ruby', body: { durable: true, auto_delete: false, arguments: [] } },
    { ask: 'DELETE queues/{v}/ruby' },
    { ask: 'PUT vhosts/{v}' },
    { ask: 'PUT users/ruby-{user}', body: { password: 'p', tags: '' } },
    { ask: 'DELETE users/ruby-{user}' },
    {
      ask: 'GET definitions',
      reads: all('list', 'users vhosts permissions parameters policies queues exchanges bindings'),
    },
    { ask: 'GET extensions', reads: { '[]': 'object' } },
  ],
}

/** What kombu's Connection.manager uses. */
const pyrabbit: Tool = {
  name: 'pyrabbit (kombu)',
  requests: [
    { ask: 'GET aliveness-test/{v}', reads: { status: 'string' } },
    { ask: 'GET whoami', reads: { name: 'string', tags: 'list' } },
    { ask: 'GET queues/{v}', row: queue, reads: rows(all('number', 'messages')) },
    { ask: 'GET queues', row: queue, reads: rows(all('number', 'messages')) },
    { ask: 'PUT queues/{v}/pyrabbit', body: { auto_delete: false, durable: true, arguments: {} } },
    {
      ask: 'DELETE queues/{v}/pyrabbit/contents',
      body: { vhost: '{vhost}', name: 'pyrabbit', mode: 'purge' },
    },
    {
      ask: 'POST queues/{v}/pyrabbit/get',
      body: {
        vhost: '{vhost}',
        name: 'pyrabbit',
        encoding: 'auto',
        ackmode: 'ack_requeue_false',
        count: '1',
      },
    },
    { ask: 'DELETE queues/{v}/pyrabbit' },
    { ask: 'PUT permissions/{v}/{user}', body: { configure: '', write: '', read: '.*' } },
    { ask: 'GET connections/{connection}', reads: { name: 'string', state: 'string' } },
    { ask: 'GET users', row: { name: '{user}' }, reads: rows({ tags: 'list', password_hash: 'string' }) },
    { ask: 'GET vhosts/{v}/permissions', row: { user: '{user}' }, reads: rows(all('string', 'read')) },
  ],
}

/** The Python script of the management plugin: bodies as it builds them, and its columns. */
const rabbitmqadmin1: Tool = {
  name: 'rabbitmqadmin of the management plugin',
  requests: [
    {
      ask: 'GET overview?columns=cluster_name,rabbitmq_version',
      reads: all('string', 'cluster_name rabbitmq_version'),
    },
    {
      ask: 'GET queues?columns=name,messages',
      row: { name: '{queue}' },
      reads: rows(all('number', 'messages')),
    },
    {
      ask: 'GET queues/{v}?columns=vhost,name,node,messages,message_stats.publish_details.rate',
      row: queue,
      reads: rows({ messages: 'number' }),
    },
    { ask: 'GET connections?columns=name,user,channels', reads: rows(all('string', 'name user')) },
    {
      ask: 'PUT queues/{v}/script',
      body: {
        auto_delete: 'false',
        durable: 'true',
        arguments: {},
        name: 'script',
        vhost: '{vhost}',
      },
    },
    {
      ask: 'PUT exchanges/{v}/script',
      body: { type: 'fanout', auto_delete: 'false', durable: 'true', internal: 'false', arguments: {} },
    },
    { ask: 'POST bindings/{v}/e/script/q/script', body: { routing_key: '', arguments: {} }, status: [201] },
    {
      ask: 'POST exchanges/{v}/script/publish',
      body: {
        properties: { delivery_mode: 2 },
        routing_key: '',
        payload: 'hello',
        payload_encoding: 'string',
        vhost: '{vhost}',
        name: 'script',
        props: {},
      },
      reads: { routed: 'boolean' },
    },
    {
      ask: 'POST queues/{v}/script/get',
      body: { ackmode: 'ack_requeue_true', count: '1', encoding: 'auto', queue: 'script', vhost: '{vhost}' },
      reads: rows({
        ...all('string', 'routing_key exchange payload payload_encoding'),
        ...all('number', 'message_count payload_bytes'),
        redelivered: 'boolean',
        'properties.delivery_mode': 'number',
      }),
    },
    { ask: 'DELETE queues/{v}/script/contents' },
    { ask: 'DELETE bindings/{v}/e/script/q/script/~' },
    { ask: 'DELETE exchanges/{v}/script' },
    { ask: 'DELETE queues/{v}/script' },
    {
      ask: 'PUT parameters/vhost-limits/{v}/limits',
      body: {
        component: 'vhost-limits',
        vhost: '{vhost}',
        name: 'limits',
        value: { 'max-connections': 100 },
      },
    },
    {
      ask: 'PUT policies/{v}/script',
      body: { pattern: '^x', definition: { 'max-length': 1 }, priority: 0, 'apply-to': 'all' },
    },
    { ask: 'DELETE policies/{v}/script' },
    { ask: 'GET definitions', reads: { rabbit_version: 'string', queues: 'list' } },
    { ask: 'GET definitions/{v}', reads: { queues: 'list' } },
  ],
}

export const administrationTools: readonly Tool[] = [easyNetQ, ruby, pyrabbit, rabbitmqadmin1, rabbitmqadmin2]
