/** Commands on the node and its health, including those of rabbitmq-diagnostics. */
import { resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Listening, listenerLine, listening } from './checks.ts'
import { CtlError } from './client.ts'
import { columns } from './columns.ts'
import {
  action,
  arg,
  type Command,
  type Context,
  enc,
  list,
  nodeOf,
  orElse,
  type Result,
  timeoutOption,
} from './command.ts'
import type { Row } from './output.ts'
import { awaitStartup } from './state.ts'

/** Uses RabbitMQ's key names, which scripts rely on. */
function clusterJson(
  overview: Row,
  nodes: readonly Row[],
  disk: readonly string[],
  running: readonly string[],
  flags: readonly Row[],
): Row {
  const each = (of: (n: Row) => unknown): Row =>
    Object.fromEntries(nodes.map((n) => [String(n['name']), of(n)]))
  const all = listening(overview)
  return {
    cluster_name: overview['cluster_name'],
    cluster_tags: [],
    disk_nodes: disk,
    ram_nodes: [],
    running_nodes: running,
    partitions: {},
    alarms: nodes.flatMap((n) =>
      ['mem', 'disk_free']
        .filter((a) => n[`${a}_alarm`] === true)
        .map((a) => ({ node: n['name'], resource: a })),
    ),
    versions: each(() => ({
      rabbitmq_name: overview['product_name'],
      rabbitmq_version: overview['rabbitmq_version'],
      erlang_version: overview['erlang_version'],
    })),
    cpu_cores: each((n) => n['processors'] ?? 0),
    maintenance_status: each(() => 'not under maintenance'),
    listeners: each((n) => all.filter((l) => l.node === n['name'])),
    feature_flags: flags.map(({ name, state }) => ({ name, state })),
  }
}

/** Formats the status with rabbitmqctl's section titles, which scripts look for. */
function clusterText(status: Row, leveret: unknown): string {
  const each = (name: string, line: (node: string, value: never) => string): string[] =>
    Object.entries(status[name] as Row).map(([node, value]) => line(node, value as never))
  const alarms = status['alarms'] as { node: string; resource: string }[]
  const listeners = Object.values(status['listeners'] as Record<string, Listening[]>).flat()
  const sections: [string, string[]][] = [
    ['Basics', [`Cluster name: ${status['cluster_name']}`]],
    ['Disk Nodes', status['disk_nodes'] as string[]],
    ['Running Nodes', status['running_nodes'] as string[]],
    [
      'Versions',
      each('versions', (n, v: Row) => `${n}: RabbitMQ ${v['rabbitmq_version']} (Leveret ${leveret})`),
    ],
    ['CPU Cores', each('cpu_cores', (n, v) => `Node: ${n}, available CPU cores: ${v}`)],
    ['Maintenance status', each('maintenance_status', (n, v) => `Node: ${n}, status: ${v}`)],
    [
      'Alarms',
      alarms.map((a) => `${a.resource === 'mem' ? 'Memory' : 'Free disk space'} alarm on node ${a.node}`),
    ],
    ['Network Partitions', []],
    ['Listeners', listeners.map((l) => `Node: ${l.node}, ${listenerLine(l)}`)],
    [
      'Feature flags',
      (status['feature_flags'] as Row[]).map((f) => `Flag: ${f['name']}, state: ${f['state']}`),
    ],
  ]
  const lines = (of: string[]): string => (of.length === 0 ? '(none)' : of.join('\n'))
  return sections.map(([title, of]) => `${title}\n\n${lines(of)}\n`).join('\n')
}

async function clusterStatus(c: Context): Promise<Result> {
  const [overview, nodes, flags] = await Promise.all([
    c.client.get<Row>('overview'),
    c.client.get<(Row & { name: string; running: boolean })[]>('nodes'),
    c.client.get<Row[]>('feature-flags'),
  ])
  const disk = nodes.map((n) => n.name)
  const running = nodes.filter((n) => n.running).map((n) => n.name)
  const status = clusterJson(overview, nodes, disk, running, flags)
  if (c.options['formatter'] === 'json') return { text: `${JSON.stringify(status)}\n` }
  return { text: clusterText(status, overview['leveret_version']) }
}

async function authenticate(c: Context): Promise<Result> {
  const [user, password] = [arg(c, 0), arg(c, 1)]
  const failed = `failed to authenticate user "${user}"\nuser '${user}' - invalid credentials`
  // The answer is the same for an unknown user and for a wrong password, as in RabbitMQ.
  const answer = orElse(c.client.call('POST', `users/${enc(user)}/authenticate`, { password }), failed, 65)
  const { authenticated } = (await answer) as { authenticated: boolean }
  if (!authenticated) throw new CtlError(failed, 65)
  return { text: 'Success\n' }
}

async function shutDown(c: Context): Promise<void> {
  await c.client.call('POST', `nodes/${await nodeOf(c)}/shutdown`, {})
}

/** Polls until the broker no longer responds. @throws CtlError on timeout */
async function awaitEnd(c: Context): Promise<void> {
  if (c.options['no-wait'] === true) return
  const until = Date.now() + (timeoutOption(c) ?? SHUTDOWN_SECONDS) * 1000
  while (Date.now() < until) {
    try {
      await c.client.get('whoami')
    } catch {
      return
    }
    await sleep(AWAIT_MS)
  }
  throw new CtlError('the broker is still running', 75)
}

const AWAIT_MS = 100
const SHUTDOWN_SECONDS = 60

export const nodeCommands: Readonly<Record<string, Command>> = {
  cluster_status: {
    usage: '',
    help: 'shows the nodes of the cluster',
    args: [0, 0],
    banner: () => 'Cluster status of the broker ...',
    run: clusterStatus,
  },
  authenticate_user: {
    usage: 'USER PASSWORD',
    help: "checks a user's password",
    args: [2, 2],
    banner: (c) => `Authenticating user "${arg(c, 0)}" ...`,
    run: authenticate,
  },
  wait: {
    usage: '[--pid PID | PIDFILE] [--timeout SECONDS]',
    help: 'waits until the broker accepts clients',
    args: [0, 1],
    options: ['pid'],
    waits: true,
    run: awaitStartup,
  },
  await_online_nodes: {
    usage: 'COUNT',
    help: 'waits until the broker accepts clients',
    args: [1, 1],
    waits: true,
    run: awaitStartup,
  },
  backup: action(
    'FOLDER',
    'copies the data folder of the running broker to a folder that is empty or does not exist',
    [1, 1],
    (c) => `Copying the data folder into "${resolve(arg(c, 0))}" ...`,
    async (c) => {
      const { node } = await c.client.get<Row>('overview')
      await c.client.call('POST', `nodes/${enc(String(node))}/backup`, { path: resolve(arg(c, 0)) })
    },
  ),
  stop: action(
    '[PIDFILE]',
    'stops the broker process, as SIGTERM does',
    [0, 1],
    () => 'Stopping the broker ...',
    shutDown,
  ),
  shutdown: action(
    '[--timeout SECONDS]',
    'stops the broker process and waits for it to exit',
    [0, 0],
    () => 'Shutting the broker down ...',
    async (c) => {
      await shutDown(c)
      await awaitEnd(c)
    },
    ['wait', 'no-wait'],
  ),
  list_feature_flags: list('feature flags', () => 'feature-flags', ['name', 'state'], columns.featureFlags),
  list_deprecated_features: {
    ...list(
      'deprecated features',
      () => 'deprecated-features',
      ['name', 'deprecation_phase'],
      columns.deprecatedFeatures,
    ),
    usage: '[--used] [COLUMN ...]',
    options: ['used'],
    run: async (c) => ({
      rows: await c.client.get<Row[]>(`deprecated-features${c.options['used'] === true ? '/used' : ''}`),
      columns: c.args.length > 0 ? c.args : ['name', 'deprecation_phase'],
    }),
  },
  enable_feature_flag: action(
    'NAME',
    'does nothing: every feature flag is enabled',
    [1, 1],
    (c) =>
      arg(c, 0) === 'all' ? 'Enabling all feature flags ...' : `Enabling feature flag "${arg(c, 0)}" ...`,
    async (c) => {
      const known = await c.client.get<Row[]>('feature-flags')
      if (arg(c, 0) !== 'all' && !known.some((f) => f['name'] === arg(c, 0)))
        throw new CtlError('This feature flag is not supported by the broker', 64)
    },
    ['experimental'],
  ),
  server_version: {
    usage: '',
    help: 'prints the version announced to clients',
    args: [0, 0],
    run: async (c) => ({ text: `${await c.client.get<string>('version')}\n` }),
  },
}
