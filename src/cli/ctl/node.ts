/** Commands about the node and its health, those of rabbitmq-diagnostics among them. */
import { resolve } from 'node:path'
import { CtlError } from './client.ts'
import { action, arg, type Command, type Context, enc, type Result } from './command.ts'
import type { Row } from './output.ts'
import { awaitStartup } from './state.ts'

function check(usage: string, help: string, path: (c: Context) => string): Command {
  return {
    usage,
    help,
    args: [usage === '' ? 0 : 1, usage === '' ? 0 : 1],
    run: async (c) => {
      await c.client.get(`health/checks/${path(c)}`)
      return { text: 'Check passed\n' }
    },
  }
}

async function clusterStatus(c: Context): Promise<Result> {
  const overview = await c.client.get<Row>('overview')
  const { cluster_name, node, rabbitmq_version, leveret_version } = overview
  const nodes = await c.client.get<{ name: string; running: boolean }[]>('nodes')
  const disk = nodes.map((n) => n.name)
  const running = nodes.filter((n) => n.running).map((n) => n.name)
  if (c.options['formatter'] === 'json')
    return { text: `${JSON.stringify({ cluster_name, running_nodes: running, disk_nodes: disk })}\n` }
  const text = `Cluster name: ${cluster_name}\n\nDisk Nodes\n\n${disk.join('\n')}\n\nRunning Nodes\n\n${running.join('\n')}\n\nVersions\n\n${node}: RabbitMQ ${rabbitmq_version} (Leveret ${leveret_version})\n`
  return { text }
}

async function authenticate(c: Context): Promise<Result> {
  const [user, password] = [arg(c, 0), arg(c, 1)]
  const { authenticated } = (await c.client.call('POST', `users/${enc(user)}/authenticate`, {
    password,
  })) as { authenticated: boolean }
  if (!authenticated) throw new CtlError(`failed to authenticate user "${user}"`, 65)
  return { text: 'Success\n' }
}

const running = 'ready-to-serve-clients'

export const nodeCommands: Readonly<Record<string, Command>> = {
  cluster_status: {
    usage: '',
    help: 'shows the nodes',
    args: [0, 0],
    banner: () => 'Cluster status of the broker ...',
    run: clusterStatus,
  },
  authenticate_user: {
    usage: 'USER PASSWORD',
    help: 'says whether the password is right',
    args: [2, 2],
    banner: (c) => `Authenticating user "${arg(c, 0)}" ...`,
    run: authenticate,
  },
  wait: {
    usage: '[--pid PID | PIDFILE] [--timeout SECONDS]',
    help: 'waits until the broker serves clients',
    args: [0, 1],
    run: awaitStartup,
  },
  await_online_nodes: {
    usage: 'COUNT',
    help: 'waits until the broker serves clients',
    args: [1, 1],
    run: awaitStartup,
  },
  backup: action(
    'FOLDER',
    'copies the data folder of the running broker into a folder that is empty or not there yet',
    [1, 1],
    (c) => `Copying the data folder into "${resolve(arg(c, 0))}" ...`,
    async (c) => {
      const { node } = await c.client.get<Row>('overview')
      await c.client.call('POST', `nodes/${enc(String(node))}/backup`, { path: resolve(arg(c, 0)) })
    },
  ),
  stop: action(
    '',
    'ends the broker process, as SIGTERM does',
    [0, 1],
    () => 'Stopping the broker ...',
    async (c) => {
      const { node } = await c.client.get<Row>('overview')
      await c.client.call('POST', `nodes/${enc(String(node))}/shutdown`, {})
    },
  ),
  list_feature_flags: {
    usage: '[COLUMN ...]',
    help: 'lists feature flags: none, since there is nothing to switch',
    args: [0, 10],
    run: async (c) => ({ rows: await c.client.get<Row[]>('feature-flags'), columns: ['name', 'state'] }),
  },
  enable_feature_flag: action(
    'NAME',
    'nothing to do: all features are on',
    [1, 1],
    (c) => `Enabling feature flag "${arg(c, 0)}" ...`,
    (c) => c.client.get('whoami'),
  ),
  listeners: {
    usage: '',
    help: 'lists what the broker listens on',
    args: [0, 0],
    run: async (c) => ({
      rows: (await c.client.get<Row>('overview'))['listeners'] as Row[],
      columns: ['ip_address', 'port', 'protocol'],
    }),
  },
  server_version: {
    usage: '',
    help: 'prints the version that clients are told',
    args: [0, 0],
    run: async (c) => ({ text: `${await c.client.get<string>('version')}\n` }),
  },
  check_running: check('', 'fails where no listener is open', () => running),
  check_local_alarms: check('', 'fails where an alarm is on', () => 'local-alarms'),
  check_virtual_hosts: check('', 'fails where a vhost does not run', () => 'virtual-hosts'),
  check_port_connectivity: check('', 'fails where no listener is open', () => running),
  check_port_listener: check(
    'PORT',
    'fails where nothing listens on the port',
    (c) => `port-listener/${enc(arg(c, 0))}`,
  ),
  check_protocol_listener: check(
    'PROTOCOL',
    'fails where nothing listens for the protocol',
    (c) => `protocol-listener/${enc(arg(c, 0))}`,
  ),
  node_health_check: check('', 'fails where an alarm is on', () => 'alarms'),
}
