/** `leveret cluster ...`: shows the nodes of a cluster, and generates the configuration of its NATS servers. */
import { randomBytes } from 'node:crypto'
import { type NatsServer, natsConfig } from '../../cluster/nats-config.ts'
import type { ClusterStatus } from '../../management/cluster-view.ts'
import { CtlError } from './client.ts'
import { arg, type Command, type Context, enc, type Result } from './command.ts'

const EXIT_USAGE = 64
const NATS_PORT = 4222
const ROUTE_PORT = 6222
const MONITOR_PORT = 8222
const SERVERS = [1, 3, 5]
const MIB = 1024 * 1024

const what = `status            shows the nodes, the log and the NATS servers
promote NODE      makes NODE the active node
forget NODE       removes a node that will not come back
nats-config HOST ...   prints the nats-server configurations of one, three or five hosts`

function statusText(s: ClusterStatus): string {
  if (s.cluster === '') return `Node ${s.node} runs alone: it belongs to no cluster.\n`
  const rows = s.nodes.map((n) => [
    n.name,
    n.active ? 'active' : n.state === 'standby' ? 'standby' : n.state,
    n.lag_records === 0 ? '-' : `${n.lag_records} (${n.lag_seconds} s)`,
    n.host,
    n.listeners.map((l) => `${l.protocol}:${l.port}`).join(' '),
    n.version,
  ])
  const head = ['node', 'state', 'lag', 'host', 'listeners', 'version']
  const widths = head.map((h, i) => Math.max(h.length, ...rows.map((r) => (r[i] ?? '').length)))
  const line = (r: readonly string[]): string =>
    r
      .map((t, i) => t.padEnd(widths[i] as number))
      .join('  ')
      .trimEnd()
  const { log, engine } = s
  const replicas = engine.replicas
    .map((r) => `${r.name} ${r.current ? 'current' : r.reached ? `${r.lag} behind` : 'out of reach'}`)
    .join(', ')
  return [
    `Cluster ${s.cluster}, seen by ${s.node}; active: ${s.active === '' ? 'none' : s.active}; epoch ${s.epoch}`,
    '',
    line(head),
    ...rows.map(line),
    '',
    `Log: ${Math.max(0, log.last - log.first + 1)} records, ${(log.bytes / MIB).toFixed(1)} MiB of ${(log.limit / MIB).toFixed(0)}`,
    `NATS: ${engine.connected ? 'connected' : 'not reached'}; leader ${engine.leader === '' ? 'none' : engine.leader}` +
      `${replicas === '' ? '' : `; ${replicas}`}${engine.round_trip_ms > 0 ? `; round trip ${engine.round_trip_ms} ms` : ''}`,
    ...(s.problem === '' ? [] : [`Problem: ${s.problem}`]),
    '',
  ].join('\n')
}

/** One configuration file per host, each preceded by the host's name. */
function natsConfigs(hosts: readonly string[]): string {
  if (!SERVERS.includes(hosts.length))
    throw new CtlError(
      `nats-config takes the hosts of one, three or five NATS servers, not ${hosts.length}`,
      EXIT_USAGE,
    )
  const [password, routePassword, secret] = [0, 1, 2].map(() => randomBytes(16).toString('hex')) as [
    string,
    string,
    string,
  ]
  const servers: NatsServer[] = hosts.map((host, i) => ({
    name: `nats-${i + 1}`,
    host,
    port: NATS_PORT,
    routePort: ROUTE_PORT,
    monitorPort: MONITOR_PORT,
    storeDir: '/var/lib/nats',
  }))
  const files = servers.map((server) => {
    const text = natsConfig(server, {
      cluster: 'leveret',
      servers,
      password,
      routePassword,
      bind: '127.0.0.1',
    })
    return `# ---- ${server.host}: /etc/nats-server.conf ----\n${text}`
  })
  return `${files.join('\n')}
# ---- all hosts: rabbitmq.conf of Leveret, with another cluster.node on each ----
# cluster.name = prod
# cluster.node = a
# cluster.urls = nats://leveret:${password}@127.0.0.1:${NATS_PORT}
# cluster.replicas = ${hosts.length}
# cluster.secret = ${secret}
`
}

async function run(c: Context): Promise<Result> {
  const [sub = '', node] = c.args
  const needsNode = (): string => {
    if (node === undefined || c.args.length > 2) throw new CtlError(`leveret cluster ${sub} NODE`, EXIT_USAGE)
    return node
  }
  switch (sub) {
    case 'status': {
      const status = await c.client.get<ClusterStatus>('cluster/status')
      return { text: c.options['formatter'] === 'json' ? `${JSON.stringify(status)}\n` : statusText(status) }
    }
    case 'promote':
      await c.client.call('POST', `cluster/promote/${enc(needsNode())}`, {})
      return { text: `node ${arg(c, 1)} is now the active node\n` }
    case 'forget':
      await c.client.call('DELETE', `cluster/nodes/${enc(needsNode())}`)
      return { text: `node ${arg(c, 1)} has been removed\n` }
    case 'nats-config':
      return { text: natsConfigs(c.args.slice(1)) }
    default:
      throw new CtlError(`unknown command 'cluster ${sub}'; the commands are:\n${what}`, EXIT_USAGE)
  }
}

export const clusterCommands: Readonly<Record<string, Command>> = {
  cluster: {
    usage: 'status | promote NODE | forget NODE | nats-config HOST ...',
    help: 'shows and changes the nodes of a cluster',
    args: [1, 6],
    run,
  },
}
