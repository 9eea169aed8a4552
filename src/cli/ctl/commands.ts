/** The commands by rabbitmqctl's names: what each asks of the HTTP API, and what it prints. */
import { readFileSync, writeFileSync } from 'node:fs'
import { type Client, CtlError } from './client.ts'
import type { Row } from './output.ts'

export interface Context {
  readonly client: Client
  /** -p */
  readonly vhost: string
  readonly args: readonly string[]
  readonly options: { readonly [name: string]: string | boolean | undefined }
}

/** Rows for a table, or a text. */
export interface Result {
  readonly rows?: readonly Row[]
  readonly columns?: readonly string[]
  readonly text?: string
}

export interface Command {
  /** Behind the name, as --help shows it. */
  readonly usage: string
  readonly help: string
  /** What is said first, unless -q is given. */
  readonly banner?: (c: Context) => string
  /** How many arguments, at least and at most. */
  readonly args: readonly [number, number]
  readonly run: (c: Context) => Promise<Result>
}

const enc = encodeURIComponent

function list(
  what: string,
  path: (c: Context) => string,
  usual: readonly string[],
  row: (o: Row, c: Context) => Row = (o) => o,
): Command {
  return {
    usage: '[-p VHOST] [COLUMN ...]',
    help: `lists ${what}`,
    banner: (c) =>
      `Listing ${what}${/vhost|:/.test(path(c)) || path(c).includes(enc(c.vhost)) ? ` for vhost ${c.vhost}` : ''} ...`,
    args: [0, 50],
    run: async (c) => {
      const found = await c.client.get<Row[]>(path(c))
      return { rows: found.map((o) => row(o, c)), columns: c.args.length > 0 ? c.args : usual }
    },
  }
}

function action(
  usage: string,
  help: string,
  args: readonly [number, number],
  banner: (c: Context) => string,
  run: (c: Context) => Promise<unknown>,
): Command {
  return {
    usage,
    help,
    args,
    banner,
    run: async (c) => {
      await run(c)
      return {}
    },
  }
}

const arg = (c: Context, i: number): string => c.args[i] as string

function json(text: string, what: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw new CtlError(`${what} is not JSON: ${text}`, 65)
  }
}

const lists: Record<string, Command> = {
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
  list_policies: list('policies', (c) => `policies/${enc(c.vhost)}`, [
    'vhost',
    'name',
    'pattern',
    'apply-to',
    'definition',
    'priority',
  ]),
  list_operator_policies: list('operator policies', (c) => `operator-policies/${enc(c.vhost)}`, [
    'vhost',
    'name',
    'pattern',
    'apply-to',
    'definition',
    'priority',
  ]),
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

async function tagsOf(c: Context, user: string): Promise<unknown> {
  return (await c.client.get<Row>(`users/${enc(user)}`))['tags']
}

const users: Record<string, Command> = {
  add_user: action(
    'USER PASSWORD',
    'makes a user',
    [2, 2],
    (c) => `Adding user "${arg(c, 0)}" ...`,
    async (c) => {
      const existing = await c.client.get<Row[]>('users')
      if (existing.some((u) => u['name'] === arg(c, 0)))
        throw new CtlError(`user '${arg(c, 0)}' already exists`, 70)
      await c.client.call('PUT', `users/${enc(arg(c, 0))}`, { password: arg(c, 1), tags: '' })
    },
  ),
  delete_user: action(
    'USER',
    'removes a user',
    [1, 1],
    (c) => `Deleting user "${arg(c, 0)}" ...`,
    (c) => c.client.call('DELETE', `users/${enc(arg(c, 0))}`),
  ),
  change_password: action(
    'USER PASSWORD',
    'gives a user another password',
    [2, 2],
    (c) => `Changing password for user "${arg(c, 0)}" ...`,
    async (c) =>
      c.client.call('PUT', `users/${enc(arg(c, 0))}`, {
        password: arg(c, 1),
        tags: await tagsOf(c, arg(c, 0)),
      }),
  ),
  clear_password: action(
    'USER',
    'lets a user log in with no password any more',
    [1, 1],
    (c) => `Clearing password for user "${arg(c, 0)}" ...`,
    async (c) =>
      c.client.call('PUT', `users/${enc(arg(c, 0))}`, {
        password_hash: '',
        tags: await tagsOf(c, arg(c, 0)),
      }),
  ),
  set_user_tags: action(
    'USER [TAG ...]',
    'gives a user these tags and no others',
    [1, 20],
    (c) => `Setting tags for user "${arg(c, 0)}" to [${c.args.slice(1).join(', ')}] ...`,
    async (c) => {
      const user = await c.client.get<Row>(`users/${enc(arg(c, 0))}`)
      await c.client.call('POST', 'users/tags', { user: user['name'], tags: c.args.slice(1) })
    },
  ),
  set_permissions: action(
    '[-p VHOST] USER CONFIGURE WRITE READ',
    'sets what a user may do in a vhost',
    [4, 4],
    (c) => `Setting permissions for user "${arg(c, 0)}" in vhost "${c.vhost}" ...`,
    (c) =>
      c.client.call('PUT', `permissions/${enc(c.vhost)}/${enc(arg(c, 0))}`, {
        configure: arg(c, 1),
        write: arg(c, 2),
        read: arg(c, 3),
      }),
  ),
  clear_permissions: action(
    '[-p VHOST] USER',
    'takes a user the right to use a vhost',
    [1, 1],
    (c) => `Clearing permissions for user "${arg(c, 0)}" in vhost "${c.vhost}" ...`,
    (c) => c.client.call('DELETE', `permissions/${enc(c.vhost)}/${enc(arg(c, 0))}`),
  ),
  set_topic_permissions: action(
    '[-p VHOST] USER EXCHANGE WRITE READ',
    'limits routing keys of a topic exchange',
    [4, 4],
    (c) => `Setting topic permissions on "${arg(c, 1)}" for user "${arg(c, 0)}" in vhost "${c.vhost}" ...`,
    (c) =>
      c.client.call('PUT', `topic-permissions/${enc(c.vhost)}/${enc(arg(c, 0))}`, {
        exchange: arg(c, 1),
        write: arg(c, 2),
        read: arg(c, 3),
      }),
  ),
  clear_topic_permissions: action(
    '[-p VHOST] USER [EXCHANGE]',
    'removes such limits',
    [1, 2],
    (c) => `Clearing topic permissions for user "${arg(c, 0)}" in vhost "${c.vhost}" ...`,
    (c) => c.client.call('DELETE', `topic-permissions/${enc(c.vhost)}/${c.args.map(enc).join('/')}`),
  ),
  set_user_limits: action(
    'USER JSON',
    'limits connections and channels of a user',
    [2, 2],
    (c) => `Setting user limits to "${arg(c, 1)}" for user "${arg(c, 0)}" ...`,
    async (c) => {
      for (const [name, value] of Object.entries(json(arg(c, 1), 'the limits') as Row))
        await c.client.call('PUT', `user-limits/${enc(arg(c, 0))}/${enc(name)}`, { value })
    },
  ),
  clear_user_limits: action(
    'USER NAME',
    'removes such a limit',
    [2, 2],
    (c) => `Clearing "${arg(c, 1)}" for user "${arg(c, 0)}" ...`,
    (c) => c.client.call('DELETE', `user-limits/${c.args.map(enc).join('/')}`),
  ),
}

function policy(resource: string, what: string): Record<string, Command> {
  return {
    [`set_${what}`]: action(
      '[-p VHOST] [--priority N] [--apply-to WHAT] NAME PATTERN DEFINITION',
      `sets a ${what}`,
      [3, 3],
      (c) =>
        `Setting ${what} "${arg(c, 0)}" for pattern "${arg(c, 1)}" to "${arg(c, 2)}" with priority "${c.options['priority'] ?? 0}" for vhost "${c.vhost}" ...`,
      (c) =>
        c.client.call('PUT', `${resource}/${enc(c.vhost)}/${enc(arg(c, 0))}`, {
          pattern: arg(c, 1),
          definition: json(arg(c, 2), 'the definition'),
          priority: Number(c.options['priority'] ?? 0),
          'apply-to': c.options['apply-to'] ?? 'all',
        }),
    ),
    [`clear_${what}`]: action(
      '[-p VHOST] NAME',
      `removes a ${what}`,
      [1, 1],
      (c) => `Clearing ${what} "${arg(c, 0)}" on vhost "${c.vhost}" ...`,
      (c) => c.client.call('DELETE', `${resource}/${enc(c.vhost)}/${enc(arg(c, 0))}`),
    ),
  }
}

const objects: Record<string, Command> = {
  add_vhost: action(
    'VHOST',
    'makes a vhost',
    [1, 1],
    (c) => `Adding vhost "${arg(c, 0)}" ...`,
    (c) =>
      c.client.call('PUT', `vhosts/${enc(arg(c, 0))}`, {
        ...(c.options['description'] === undefined ? {} : { description: c.options['description'] }),
        ...(c.options['default-queue-type'] === undefined
          ? {}
          : { default_queue_type: c.options['default-queue-type'] }),
      }),
  ),
  delete_vhost: action(
    'VHOST',
    'removes a vhost and all that is in it',
    [1, 1],
    (c) => `Deleting vhost "${arg(c, 0)}" ...`,
    (c) => c.client.call('DELETE', `vhosts/${enc(arg(c, 0))}`),
  ),
  set_vhost_limits: action(
    '[-p VHOST] JSON',
    'limits connections and queues of a vhost',
    [1, 1],
    (c) => `Setting vhost limits to "${arg(c, 0)}" for vhost "${c.vhost}" ...`,
    async (c) => {
      for (const [name, value] of Object.entries(json(arg(c, 0), 'the limits') as Row))
        await c.client.call('PUT', `vhost-limits/${enc(c.vhost)}/${enc(name)}`, { value })
    },
  ),
  purge_queue: action(
    '[-p VHOST] QUEUE',
    'drops the ready messages of a queue',
    [1, 1],
    (c) => `Purging queue '${arg(c, 0)}' in vhost '${c.vhost}' ...`,
    (c) => c.client.call('DELETE', `queues/${enc(c.vhost)}/${enc(arg(c, 0))}/contents`),
  ),
  delete_queue: action(
    '[-p VHOST] [--if-empty] [--if-unused] QUEUE',
    'deletes a queue',
    [1, 1],
    (c) => `Deleting queue '${arg(c, 0)}' on vhost '${c.vhost}' ...`,
    (c) =>
      c.client.call(
        'DELETE',
        `queues/${enc(c.vhost)}/${enc(arg(c, 0))}?if-empty=${c.options['if-empty'] === true}&if-unused=${c.options['if-unused'] === true}`,
      ),
  ),
  close_connection: action(
    'NAME REASON',
    'closes a connection',
    [2, 2],
    (c) => `Closing connection ${arg(c, 0)}, reason: ${arg(c, 1)}...`,
    (c) => c.client.call('DELETE', `connections/${enc(arg(c, 0))}`, undefined, { 'x-reason': arg(c, 1) }),
  ),
  close_all_connections: action(
    'REASON',
    'closes all connections, or those of -p VHOST',
    [1, 1],
    (c) => `Closing all connections, reason: ${arg(c, 0)}...`,
    async (c) => {
      const all = await c.client.get<Row[]>('connections')
      for (const o of all.filter((x) => c.options['vhost'] === undefined || x['vhost'] === c.vhost))
        await c.client.call('DELETE', `connections/${enc(String(o['name']))}`, undefined, {
          'x-reason': arg(c, 0),
        })
    },
  ),
  trace_on: action(
    '[-p VHOST]',
    'turns the firehose on',
    [0, 0],
    (c) => `Starting tracing for vhost "${c.vhost}" ...`,
    (c) => c.client.call('PUT', `vhosts/${enc(c.vhost)}`, { tracing: true }),
  ),
  trace_off: action(
    '[-p VHOST]',
    'turns the firehose off',
    [0, 0],
    (c) => `Stopping tracing for vhost "${c.vhost}" ...`,
    (c) => c.client.call('PUT', `vhosts/${enc(c.vhost)}`, { tracing: false }),
  ),
  import_definitions: action(
    'FILE',
    'loads definitions; - reads them from the standard input',
    [1, 1],
    (c) => `Importing definitions in JSON from a file at "${arg(c, 0)}" ...`,
    (c) =>
      c.client.call(
        'POST',
        'definitions',
        json(readFileSync(arg(c, 0) === '-' ? 0 : arg(c, 0), 'utf8'), 'the file'),
      ),
  ),
  export_definitions: {
    usage: 'FILE',
    help: 'writes definitions; - writes them to the standard output',
    args: [1, 1],
    banner: (c) => `Exporting definitions in JSON to a file at "${arg(c, 0)}" ...`,
    run: async (c) => {
      const text = `${JSON.stringify(await c.client.get('definitions'), null, 2)}\n`
      if (arg(c, 0) === '-') return { text }
      writeFileSync(arg(c, 0), text, { mode: 0o600 })
      return {}
    },
  },
}

const messages: Record<string, Command> = {
  redrive: {
    usage: '[-p VHOST] [--from QUEUE] [--reason REASON] [--rate N] [--limit N] QUEUE',
    help: 'moves dead letters back to where they came from',
    args: [1, 1],
    banner: (c) => `Redriving messages of queue '${arg(c, 0)}' in vhost '${c.vhost}' ...`,
    run: async (c) => {
      const number = (name: string): number | undefined =>
        c.options[name] === undefined ? undefined : Number(c.options[name])
      const { from, reason } = c.options
      const body = { from, reason, rate: number('rate'), limit: number('limit') }
      const rows = [
        (await c.client.call('POST', `queues/${enc(c.vhost)}/${enc(arg(c, 0))}/redrive`, body)) as Row,
      ]
      return { rows, columns: ['moved', 'skipped'] }
    },
  },
  publish: action(
    '[-p VHOST] [--exchange NAME] ROUTING-KEY PAYLOAD',
    'publishes a message',
    [2, 2],
    (c) => `Publishing to "${arg(c, 0)}" ...`,
    async (c) => {
      const x = String(c.options['exchange'] ?? 'amq.default')
      const message = {
        properties: { delivery_mode: 2 },
        routing_key: arg(c, 0),
        payload: arg(c, 1),
        payload_encoding: 'string',
      }
      const { routed } = (await c.client.call(
        'POST',
        `exchanges/${enc(c.vhost)}/${enc(x)}/publish`,
        message,
      )) as { routed: boolean }
      if (!routed) throw new CtlError('the message was not routed to any queue', 70)
    },
  ),
  get: {
    usage: '[-p VHOST] [--count N] [--requeue] QUEUE',
    help: 'takes messages out of a queue',
    args: [1, 1],
    run: async (c) => ({
      rows: (await c.client.call('POST', `queues/${enc(c.vhost)}/${enc(arg(c, 0))}/get`, {
        count: Number(c.options['count'] ?? 1),
        ackmode: c.options['requeue'] === true ? 'ack_requeue_true' : 'ack_requeue_false',
        encoding: 'auto',
      })) as Row[],
      columns: ['exchange', 'routing_key', 'redelivered', 'payload_bytes', 'payload'],
    }),
  },
  peek: {
    usage: '[-p VHOST] [--count N] QUEUE',
    help: 'shows messages without taking them, and who holds those that are unacknowledged',
    args: [1, 1],
    run: async (c) => ({
      rows: await c.client.get<Row[]>(
        `queues/${enc(c.vhost)}/${enc(arg(c, 0))}/peek?count=${Number(c.options['count'] ?? 20)}`,
      ),
      columns: ['position', 'state', 'routing_key', 'payload_bytes', 'payload', 'held_by'],
    }),
  },
}

export const commands: Readonly<Record<string, Command>> = {
  ...lists,
  ...users,
  ...policy('policies', 'policy'),
  ...policy('operator-policies', 'operator_policy'),
  ...objects,
  ...messages,
}
