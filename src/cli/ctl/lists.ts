/** The list commands, such as list_queues. */

import { Pattern } from '../../util/pattern.ts'
import { columns } from './columns.ts'
import {
  ArgumentError,
  arg,
  type Command,
  type Context,
  EXIT_UNAVAILABLE,
  enc,
  list,
  ofExistingVhost,
  orElse,
  type Result,
} from './command.ts'
import type { Row } from './output.ts'

const policyColumns = ['vhost', 'name', 'pattern', 'apply-to', 'definition', 'priority']

/** Lists queues. --online and --local select all of them, --offline none. */
async function queues(c: Context): Promise<Result> {
  const shown = c.args.length > 0 ? c.args : ['name', 'messages']
  if (c.options['offline'] === true && c.options['online'] !== true) return { rows: [], columns: shown }
  const found = await ofExistingVhost(c.vhost, c.client.get<Row[]>(`queues/${enc(c.vhost)}`))
  const rows = found.map((q) => ({
    ...q,
    pid: q['node'],
    owner_pid: (q['owner_pid_details'] as Row | undefined)?.['name'],
  }))
  return { rows, columns: shown }
}

/** Lists the limits of one vhost or user, or of all. */
function limits(what: 'vhost' | 'user'): Command {
  const whom = (c: Context): string | undefined => {
    if (c.options['global'] === true) return undefined
    return what === 'vhost' ? c.vhost : (c.options['user'] as string | undefined)
  }
  return {
    usage: what === 'vhost' ? '[-p VHOST | --global]' : '[--user USER | --global]',
    help: `lists the limits of a ${what}, or of all ${what}s`,
    args: [0, 10],
    options: what === 'vhost' ? ['global'] : ['user', 'global'],
    columns: what === 'vhost' ? columns.vhostLimits : columns.userLimits,
    banner: (c) => {
      const one = whom(c)
      return `Listing limits for ${one === undefined ? `all ${what}s` : `${what} "${one}"`} ...`
    },
    run: async (c) => {
      const one = whom(c)
      const path = `${what}-limits${one === undefined ? '' : `/${enc(one)}`}`
      const answer = c.client.get<Row[]>(path)
      const rows = await (what === 'vhost'
        ? ofExistingVhost(c.vhost, answer)
        : orElse(answer, `User "${one}" does not exist`, EXIT_UNAVAILABLE))
      const { formatter = 'table' } = c.options
      // For a single object only the JSON is printed, as by rabbitmqctl.
      if (one !== undefined && c.args.length === 0 && formatter === 'table')
        return { text: `${JSON.stringify(rows[0]?.['value'] ?? {})}\n` }
      return {
        rows: rows.map((l) => ({ ...l, limits: l['value'] })),
        columns: c.args.length > 0 ? c.args : [what, 'limits'],
      }
    },
  }
}

/** Lists policies with mirroring keys, which have no effect. */
function mirroring(path: string, what: string): Command {
  return {
    ...list(what, (c) => `${path}/${enc(c.vhost)}`, policyColumns, columns.policies),
    help: `lists ${what} with mirroring keys, which have no effect`,
    run: async (c) => {
      const all = await c.client.get<Row[]>(`${path}/${enc(c.vhost)}`)
      const rows = all.filter((p) => Object.keys(p['definition'] as Row).some((k) => k.startsWith('ha-')))
      return { rows, columns: c.args.length > 0 ? c.args : policyColumns }
    },
  }
}

/** @throws ArgumentError */
function objectType(c: Context): string {
  const { 'object-type': type = 'queue' } = c.options
  if (type !== 'queue' && type !== 'exchange')
    throw new ArgumentError(`--object-type takes queue or exchange, not '${type}'`)
  return type
}

function ofUser(what: string, path: string, shown: readonly string[]): Command {
  return {
    usage: 'USER',
    help: `lists the ${what} of a user`,
    args: [1, 1],
    banner: (c) => `Listing ${what} for user "${arg(c, 0)}" ...`,
    run: async (c) => {
      const answer = c.client.get<Row[]>(`users/${enc(arg(c, 0))}/${path}`)
      const rows = await orElse(answer, `User "${arg(c, 0)}" does not exist`, EXIT_UNAVAILABLE)
      return { rows, columns: shown }
    },
  }
}

export const lists: Record<string, Command> = {
  list_queues: {
    ...list('queues', (c) => `queues/${enc(c.vhost)}`, [], columns.queues),
    usage: '[-p VHOST] [--online] [--offline] [--local] [COLUMN ...]',
    options: ['online', 'offline', 'local'],
    seconds: 60,
    run: queues,
  },
  list_exchanges: list('exchanges', (c) => `exchanges/${enc(c.vhost)}`, ['name', 'type'], columns.exchanges),
  list_bindings: list(
    'bindings',
    (c) => `bindings/${enc(c.vhost)}`,
    ['source_name', 'source_kind', 'destination_name', 'destination_kind', 'routing_key', 'arguments'],
    columns.bindings,
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
    columns.connections,
    (o) => ({ ...o, pid: o['name'] }),
  ),
  list_channels: list(
    'channels',
    () => 'channels',
    ['pid', 'user', 'consumer_count', 'messages_unacknowledged'],
    columns.channels,
    (o) => ({
      ...o,
      pid: o['name'],
      connection: (o['connection_details'] as Row | undefined)?.['name'],
    }),
  ),
  list_consumers: list(
    'consumers',
    (c) => `consumers/${enc(c.vhost)}`,
    ['queue_name', 'channel_pid', 'consumer_tag', 'ack_required', 'prefetch_count', 'active', 'arguments'],
    columns.consumers,
    (o) => ({
      ...o,
      queue_name: (o['queue'] as Row)['name'],
      channel_pid: (o['channel_details'] as Row)['name'],
    }),
  ),
  list_parked_messages: list(
    'parked messages, which could not be handled',
    () => 'parked-messages',
    ['vhost', 'queue', 'number', 'during', 'reason'],
    columns.parked,
  ),
  list_quarantined_objects: list(
    'stored objects that could not be read',
    () => 'quarantined-objects',
    ['kind', 'vhost', 'name', 'reason', 'key'],
    columns.quarantined,
  ),
  list_users: list(
    'users',
    () => 'users',
    ['user', 'tags'],
    columns.users,
    (u) => ({ ...u, user: u['name'] }),
  ),
  list_vhosts: list('vhosts', () => 'vhosts', ['name'], columns.vhosts),
  list_permissions: list(
    'permissions',
    (c) => `vhosts/${enc(c.vhost)}/permissions`,
    ['user', 'configure', 'write', 'read'],
    columns.permissions,
  ),
  list_topic_permissions: list(
    'topic permissions',
    (c) => `vhosts/${enc(c.vhost)}/topic-permissions`,
    ['user', 'exchange', 'write', 'read'],
    columns.topicPermissions,
  ),
  list_policies: list('policies', (c) => `policies/${enc(c.vhost)}`, policyColumns, columns.policies),
  list_operator_policies: list(
    'operator policy overrides',
    (c) => `operator-policies/${enc(c.vhost)}`,
    policyColumns,
    columns.policies,
  ),
  list_policies_with_classic_queue_mirroring: mirroring('policies', 'policies'),
  list_operator_policies_with_classic_queue_mirroring: mirroring(
    'operator-policies',
    'operator policy overrides',
  ),
  list_policies_that_match: {
    usage: '[-p VHOST] [--object-type queue|exchange] NAME',
    help: 'lists the policies whose pattern matches a name, the effective one first',
    args: [1, 1],
    options: ['object-type'],
    banner: (c) => `Listing policies that match ${objectType(c)} '${arg(c, 0)}' in vhost '${c.vhost}' ...`,
    run: async (c) => {
      const all = await c.client.get<Row[]>(`policies/${enc(c.vhost)}`)
      const isQueue = objectType(c) === 'queue'
      const applies = (to: unknown): boolean => to === 'all' || (to === 'exchanges') !== isQueue
      const rows = all
        .filter((p) => applies(p['apply-to']) && new Pattern(String(p['pattern'])).matches(arg(c, 0)))
        .sort((a, b) => Number(b['priority']) - Number(a['priority']))
      return { rows, columns: policyColumns }
    },
  },
  list_vhost_limits: limits('vhost'),
  list_user_limits: limits('user'),
  list_user_permissions: ofUser('permissions', 'permissions', ['vhost', 'configure', 'write', 'read']),
  list_user_topic_permissions: ofUser('topic permissions', 'topic-permissions', [
    'vhost',
    'exchange',
    'write',
    'read',
  ]),
  list_unresponsive_queues: {
    usage: '[-p VHOST] [--queue-timeout MS] [COLUMN ...]',
    help: 'lists unresponsive queues: always none, because queues are not separate processes',
    args: [0, Number.POSITIVE_INFINITY],
    options: ['local', 'queue-timeout'],
    columns: columns.queues,
    banner: (c) => `Listing unresponsive queues for vhost ${c.vhost} ...`,
    run: async (c) => {
      await c.client.get(`queues/${enc(c.vhost)}?page=1&page_size=1`)
      return { rows: [], columns: c.args }
    },
  },
}
