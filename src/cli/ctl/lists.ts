/** list_queues and the like. */
import { arg, type Command, enc, list } from './command.ts'
import type { Row } from './output.ts'

const policyColumns = ['vhost', 'name', 'pattern', 'apply-to', 'definition', 'priority']

export const lists: Record<string, Command> = {
  list_queues: list('queues', (c) => `queues/${enc(c.vhost)}`, ['name', 'messages']),
  list_exchanges: list('exchanges', (c) => `exchanges/${enc(c.vhost)}`, ['name', 'type']),
  list_bindings: list(
    'bindings',
    (c) => `bindings/${enc(c.vhost)}`,
    ['source_name', 'source_kind', 'destination_name', 'destination_kind', 'routing_key', 'arguments'],
    (b) => ({
      ...b,
      source_name: b['source'],
      source_kind: 'exchange',
      destination_name: b['destination'],
      destination_kind: b['destination_type'],
    }),
  ),
  list_connections: list(
    'connections',
    () => 'connections',
    ['user', 'peer_host', 'peer_port', 'state'],
    (o) => ({ ...o, pid: o['name'] }),
  ),
  list_channels: list(
    'channels',
    () => 'channels',
    ['pid', 'user', 'consumer_count', 'messages_unacknowledged'],
    (o) => ({ ...o, pid: o['name'] }),
  ),
  list_consumers: list(
    'consumers',
    (c) => `consumers/${enc(c.vhost)}`,
    ['queue_name', 'channel_pid', 'consumer_tag', 'ack_required', 'prefetch_count', 'active', 'arguments'],
    (o) => ({
      ...o,
      queue_name: (o['queue'] as Row)['name'],
      channel_pid: (o['channel_details'] as Row)['name'],
    }),
  ),
  list_parked_messages: list('messages that were set aside', () => 'parked-messages', [
    'vhost',
    'queue',
    'number',
    'during',
    'reason',
  ]),
  list_quarantined_objects: list('stored objects that could not be read', () => 'quarantined-objects', [
    'kind',
    'vhost',
    'name',
    'reason',
  ]),
  list_users: list(
    'users',
    () => 'users',
    ['user', 'tags'],
    (u) => ({ ...u, user: u['name'] }),
  ),
  list_vhosts: list('vhosts', () => 'vhosts', ['name']),
  list_permissions: list('permissions', (c) => `vhosts/${enc(c.vhost)}/permissions`, [
    'user',
    'configure',
    'write',
    'read',
  ]),
  list_topic_permissions: list('topic permissions', (c) => `vhosts/${enc(c.vhost)}/topic-permissions`, [
    'user',
    'exchange',
    'write',
    'read',
  ]),
  list_policies: list('policies', (c) => `policies/${enc(c.vhost)}`, policyColumns),
  list_operator_policies: list(
    'operator policies',
    (c) => `operator-policies/${enc(c.vhost)}`,
    policyColumns,
  ),
  list_vhost_limits: list('vhost limits', (c) => `vhost-limits/${enc(c.vhost)}`, ['vhost', 'value']),
  list_user_limits: list('user limits', () => 'user-limits', ['user', 'value']),
  list_user_permissions: {
    usage: 'USER',
    help: 'lists the permissions of a user',
    args: [1, 1],
    banner: (c) => `Listing permissions for user "${arg(c, 0)}" ...`,
    run: async (c) => ({
      rows: await c.client.get<Row[]>(`users/${enc(arg(c, 0))}/permissions`),
      columns: ['vhost', 'configure', 'write', 'read'],
    }),
  },
}
