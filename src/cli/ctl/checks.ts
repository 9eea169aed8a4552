/** The health checks of rabbitmq-diagnostics, and the listeners that some of them check. */
import { CtlError } from './client.ts'
import { arg, type Command, type Context, EXIT_UNAVAILABLE, enc } from './command.ts'
import type { Row } from './output.ts'

/** A listener, with rabbitmq-diagnostics' member names. */
export interface Listening {
  readonly node: string
  readonly interface: string
  readonly port: number
  readonly protocol: string
  readonly purpose: string
}

const purposes: Readonly<Record<string, string>> = {
  amqp: 'AMQP 0-9-1',
  'amqp/ssl': 'AMQP 0-9-1 over TLS',
  clustering: 'inter-node communication',
  http: 'HTTP API',
  https: 'HTTP API over TLS (HTTPS)',
  'http/prometheus': 'Prometheus exporter API over HTTP',
  'https/prometheus': 'Prometheus exporter API over TLS (HTTPS)',
  'http/web-amqp': 'AMQP over WebSockets',
}

export function listening(overview: Row): Listening[] {
  return ((overview['listeners'] ?? []) as Row[]).map((l) => ({
    node: String(l['node']),
    interface: `[${l['ip_address']}]`,
    port: Number(l['port']),
    protocol: String(l['protocol']),
    purpose: purposes[String(l['protocol'])] ?? String(l['protocol']),
  }))
}

export function listenerLine(l: Listening): string {
  return `interface: ${l.interface}, port: ${l.port}, protocol: ${l.protocol}, purpose: ${l.purpose}`
}

async function listenersOf(c: Context): Promise<Listening[]> {
  return listening(await c.client.get<Row>('overview'))
}

interface Check {
  /** Name of the argument; absent if the check takes none. */
  readonly usage?: string
  readonly help: string
  readonly path: (c: Context) => string
  readonly banner: (c: Context) => string
  /** The text printed if the check passes. */
  readonly passed: (c: Context, node: string) => string | Promise<string>
  /** The error if the check fails; absent = the reason that the API returns. */
  readonly failed?: (c: Context, node: string) => string | Promise<string>
}

async function fulfilled(c: Context, o: Check): Promise<string> {
  const node = String((await c.client.get<Row>('overview'))['node'])
  try {
    await c.client.get(`health/checks/${o.path(c)}`)
  } catch (error) {
    if (o.failed === undefined || !(error instanceof CtlError) || error.status !== 503) throw error
    throw new CtlError(await o.failed(c, node), EXIT_UNAVAILABLE, error.status)
  }
  return await o.passed(c, node)
}

function check(o: Check): Command {
  const count = o.usage === undefined ? 0 : 1
  return {
    usage: o.usage ?? '',
    help: o.help,
    args: [count, count],
    banner: o.banner,
    run: async (c) => ({ text: `${await fulfilled(c, o)}\n` }),
  }
}

const running = 'ready-to-serve-clients'
const found = async (c: Context, of: (l: Listening) => unknown): Promise<string> =>
  [...new Set((await listenersOf(c)).map(of))].join(', ')

export const checks: Readonly<Record<string, Command>> = {
  listeners: {
    usage: '',
    help: 'lists listening addresses and ports',
    args: [0, 0],
    banner: () => 'Asking the broker to report its protocol listeners ...',
    run: async (c) => {
      const listeners = await listenersOf(c)
      const how = c.options['formatter'] ?? 'table'
      if (how === 'table') return { text: listeners.map((l) => `I${listenerLine(l).slice(1)}\n`).join('') }
      if (how === 'json') return { object: { result: 'ok', node: listeners[0]?.node ?? '', listeners } }
      return {
        rows: listeners.map((l) => ({ ...l })),
        columns: ['node', 'interface', 'port', 'protocol', 'purpose'],
      }
    },
  },
  check_running: check({
    help: 'fails if no listener is open',
    path: () => running,
    banner: () => 'Checking if the broker is running ...',
    passed: (_, node) => `RabbitMQ on node ${node} is fully booted and running`,
  }),
  check_alarms: check({
    help: 'fails if an alarm is in effect',
    path: () => 'alarms',
    banner: () => 'Asking the broker to report any resource alarms ...',
    passed: (_, node) => `Node ${node} reported no alarms, local or clusterwide`,
  }),
  check_local_alarms: check({
    help: 'fails if an alarm is in effect on this node',
    path: () => 'local-alarms',
    banner: () => 'Asking the broker to report any local resource alarms ...',
    passed: (_, node) => `Node ${node} reported no local alarms`,
  }),
  check_virtual_hosts: check({
    help: 'fails if a vhost is down',
    path: () => 'virtual-hosts',
    banner: () => 'Checking if all vhosts are running ...',
    passed: (_, node) => `Node ${node} reported all vhosts as running`,
  }),
  check_port_connectivity: check({
    help: 'fails if no listener is open',
    path: () => running,
    banner: () => 'Asking the broker whether its listeners are open ...',
    passed: async (c, node) =>
      `Listeners are open on ports ${await found(c, (l) => l.port)} of node ${node}.`,
  }),
  check_port_listener: check({
    usage: 'PORT',
    help: 'fails if nothing listens on the port',
    path: (c) => `port-listener/${enc(arg(c, 0))}`,
    banner: (c) => `Asking the broker if there's an active listener on port ${arg(c, 0)} ...`,
    passed: (c, node) => `A listener for port ${arg(c, 0)} is running on node ${node}.`,
    failed: async (c, node) =>
      `No listener for port ${arg(c, 0)} is active on node ${node}. Found listeners that use the following ports: ${await found(c, (l) => l.port)}`,
  }),
  check_protocol_listener: check({
    usage: 'PROTOCOL',
    help: 'fails if nothing listens for the protocol',
    path: (c) => `protocol-listener/${enc(arg(c, 0))}`,
    banner: (c) => `Asking the broker if there's an active listener for protocol ${arg(c, 0)} ...`,
    passed: (c, node) => `A listener for protocol ${arg(c, 0)} is running on node ${node}.`,
    failed: async (c, node) =>
      `No listener for protocol ${arg(c, 0)} is active on node ${node}. Found listeners for the following protocols: ${await found(c, (l) => l.protocol)}`,
  }),
  node_health_check: check({
    help: 'fails if an alarm is in effect',
    path: () => 'alarms',
    banner: () => 'Checking health of the broker ...',
    passed: () => 'Health check passed',
  }),
}
