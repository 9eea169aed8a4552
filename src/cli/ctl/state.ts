/** Commands on the state of the broker. */
import { setTimeout as sleep } from 'node:timers/promises'
import { availableMemory, octets } from '../../util/sizes.ts'
import { listening } from './checks.ts'
import { CtlError } from './client.ts'
import {
  ArgumentError,
  type Command,
  type Context,
  countOption,
  EXIT_DATA,
  enc,
  nodeOf,
  type Result,
  switchListeners,
  timeoutOption,
} from './command.ts'
import { format, type Row } from './output.ts'

const AWAIT_MS = 250
const TOP_MS = 2000

async function status(c: Context): Promise<Result> {
  const [overview, [n = {}]] = await Promise.all([
    c.client.get<Row>('overview'),
    c.client.get<Row[]>('nodes'),
  ])
  const show: [string, unknown][] = [
    ['Node', n['name']],
    ['Leveret version', overview['leveret_version']],
    ['RabbitMQ version', overview['rabbitmq_version']],
    ['OS PID', n['os_pid']],
    ['Uptime (seconds)', Math.floor(Number(n['uptime']) / 1000)],
    ['Data directory', n['db_dir']],
    ['Memory used (bytes)', n['mem_used']],
    ['Memory high watermark (bytes)', n['mem_limit']],
    ['Free disk space (bytes)', n['disk_free']],
    ['Low free disk space watermark (bytes)', n['disk_free_limit']],
    ['Memory alarm', n['mem_alarm']],
    ['Disk alarm', n['disk_free_alarm']],
    ['Damaged values in the store', n['store_damaged']],
    ['Store refuses writes', n['store_failure'] || 'no'],
    ...Object.entries(overview['object_totals'] as Row).map(([k, v]): [string, unknown] => [`Total ${k}`, v]),
    ...(overview['listeners'] as Row[]).map((l): [string, unknown] => [
      'Listener',
      `${l['ip_address']}:${l['port']}, protocol: ${l['protocol']}`,
    ]),
  ]
  if (c.options['formatter'] === 'json') {
    const [{ memory }, vhosts] = await Promise.all([
      c.client.get<{ memory: Row }>(`nodes/${enc(String(n['name']))}/memory`),
      c.client.get<Row[]>('vhosts'),
    ])
    const object = { ...overview, node: n, ...statusJson(overview, n, memory, vhosts.length) }
    return { text: `${JSON.stringify(object)}\n` }
  }
  return { text: show.map(([k, v]) => `${k}: ${v}\n`).join('') }
}

/** Uses RabbitMQ's key names, which scripts rely on. */
function statusJson(overview: Row, n: Row, memory: Row, vhosts: number): Row {
  const totals = overview['object_totals'] as Row
  return {
    pid: Number(n['os_pid']),
    uptime: Math.floor(Number(n['uptime']) / 1000),
    data_directory: n['db_dir'],
    is_under_maintenance: false,
    run_queue: n['run_queue'],
    alarms: [
      ...(n['mem_alarm'] === true ? ['memory'] : []),
      ...(n['disk_free_alarm'] === true ? ['disk'] : []),
    ],
    disk_free: n['disk_free'],
    disk_free_limit: n['disk_free_limit'],
    vm_memory_limit: n['mem_limit'],
    vm_memory_high_watermark_limit: n['mem_limit'],
    vm_memory_calculation_strategy: 'rss',
    vm_memory_high_watermark_setting: { absolute: n['mem_limit'] },
    memory,
    listeners: listening(overview),
    file_descriptors: {
      total_limit: n['fd_total'],
      total_used: n['fd_used'],
      sockets_limit: n['sockets_total'],
      sockets_used: n['sockets_used'],
    },
    processes: { limit: n['proc_total'], used: n['proc_used'] },
    totals: {
      connection_count: totals['connections'],
      queue_count: totals['queues'],
      virtual_host_count: vhosts,
    },
    active_plugins: n['enabled_plugins'],
    config_files: n['config_files'],
    log_files: n['log_files'],
    tags: [],
    os: process.platform,
  }
}

/** Polls until the broker responds. @throws CtlError on timeout */
export async function awaitStartup(c: Context): Promise<Result> {
  const until = Date.now() + (timeoutOption(c) ?? 300) * 1000
  for (;;) {
    try {
      await c.client.get('health/checks/ready-to-serve-clients')
      return {}
    } catch (error) {
      if (Date.now() > until) throw error
      await sleep(AWAIT_MS)
    }
  }
}

/** Returns the information that a bug report needs, as one JSON document without secrets. */
async function diagnostics(c: Context): Promise<Result> {
  const paths = [
    'overview',
    'nodes',
    'vhosts',
    'queues',
    'exchanges',
    'bindings',
    'policies',
    'operator-policies',
    'connections',
    'channels',
    'consumers',
  ]
  const parts = await Promise.all(paths.map(async (p) => [p, await c.client.get(p)] as const))
  const { platform, arch, version } = process
  const all = {
    taken_at: new Date().toISOString(),
    platform,
    arch,
    node: version,
    ...Object.fromEntries(parts),
  }
  const text = JSON.stringify(all, (key, v) => (/pass|secret|token/i.test(key) ? '********' : v), 2)
  return { text: `${text}\n` }
}

/** Parses `0.6` and `absolute 2GB` for memory, `2GB` and `mem_relative 1.5` for the disk, as rabbitmqctl does. */
function limitOctets(args: readonly string[], what: 'memory' | 'disk'): number {
  const [first = '', second = ''] = args
  const word = what === 'memory' ? 'absolute' : 'mem_relative'
  const isValueOnly = args.length === 1 && first !== word
  if (!isValueOnly && first !== word)
    throw new CtlError(`expected '${word}' before '${second}', found '${first}'`, 64)
  const value = isValueOnly ? first : second
  if (isValueOnly && what === 'memory' && Number(value) > 1)
    throw new ArgumentError('The threshold should be a fraction between 0.0 and 1.0', EXIT_DATA)
  try {
    if (isValueOnly !== (what === 'memory')) return octets(value)
    if (!/^\d*\.?\d+$/.test(value)) throw new Error(`expected a share such as 0.6, found '${value}'`)
    return Math.floor(Number(value) * availableMemory())
  } catch (error) {
    throw new CtlError((error as Error).message, 64)
  }
}

async function setLimit(c: Context, what: 'memory' | 'disk'): Promise<Result> {
  await c.client.call('PUT', `nodes/${await nodeOf(c)}/limits`, { [what]: limitOctets(c.args, what) })
  return {}
}

/** Shows the busiest queues, refreshed periodically. */
async function top(c: Context): Promise<Result> {
  const rounds = countOption(c, 'count') ?? Number.POSITIVE_INFINITY
  const rateOf = (q: Row, what: string): number =>
    ((q['message_stats'] as Row | undefined)?.[`${what}_details`] as { rate: number } | undefined)?.rate ?? 0
  let last = ''
  for (let round = 0; round < rounds; round++) {
    const [overview, queues] = await Promise.all([
      c.client.get<Row>('overview'),
      c.client.get<{ items: Row[] }>(
        'queues?page=1&page_size=20&sort=message_stats.publish_details.rate&sort_reverse=true',
      ),
    ])
    const totals = overview['queue_totals'] as Row
    last = `ready ${totals['messages_ready']}  unacked ${totals['messages_unacknowledged']}\n${format(
      queues.items.map((q) => ({
        ...q,
        in: rateOf(q, 'publish'),
        out: rateOf(q, 'deliver_get'),
        acks: rateOf(q, 'ack'),
      })),
      ['vhost', 'name', 'messages_ready', 'messages_unacknowledged', 'consumers', 'in', 'out', 'acks'],
      'pretty_table',
      true,
    )}`
    if (round + 1 === rounds) break
    if (process.stdout.isTTY) process.stdout.write('\x1b[2J\x1b[H')
    c.terminal.out(last)
    await sleep(TOP_MS)
  }
  return { text: last }
}

/** Prints the messages published and delivered in a vhost, until interrupted or --count messages have been printed. */
async function trace(c: Context): Promise<Result> {
  const [v, queue] = [enc(c.vhost), `leveret-trace-${process.pid}`]
  const [key = '#'] = c.args
  let left = countOption(c, 'count') ?? Number.POSITIVE_INFINITY
  let stopped = false
  process.once('SIGINT', () => {
    stopped = true
  })
  const args = { 'x-expires': 60_000, 'x-max-length': 10_000 }
  await c.client.call('PUT', `queues/${v}/${queue}`, { durable: false, arguments: args })
  await c.client.call('POST', `bindings/${v}/e/amq.rabbitmq.trace/q/${queue}`, {
    routing_key: key,
    arguments: {},
  })
  await c.client.call('PUT', `vhosts/${v}`, { tracing: true })
  try {
    while (!stopped && left > 0) {
      const take = {
        count: Math.min(100, left),
        ackmode: 'ack_requeue_false',
        encoding: 'auto',
        truncate: 200,
      }
      const found = (await c.client.call('POST', `queues/${v}/${queue}/get`, take)) as Row[]
      for (const m of found) c.terminal.out(`${m['routing_key']}\t${m['payload_bytes']}\t${m['payload']}\n`)
      left -= found.length
      if (found.length === 0) await sleep(AWAIT_MS)
    }
  } finally {
    await c.client.call('PUT', `vhosts/${v}`, { tracing: false })
    await c.client.call('DELETE', `queues/${v}/${queue}`)
  }
  return {}
}

export const stateCommands: Readonly<Record<string, Command>> = {
  status: {
    usage: '',
    help: 'shows the status of the broker',
    args: [0, 0],
    banner: () => 'Status of the broker ...',
    run: status,
  },
  await_startup: {
    usage: '[--timeout SECONDS]',
    help: 'waits until the broker accepts clients',
    args: [0, 0],
    waits: true,
    run: awaitStartup,
  },
  ping: {
    usage: '',
    help: 'succeeds if the broker responds',
    args: [0, 0],
    banner: () => 'Will ping the broker ...',
    run: async (c) => {
      await c.client.get('whoami')
      return { text: 'Ping succeeded\n' }
    },
  },
  set_vm_memory_high_watermark: {
    usage: 'SHARE | absolute SIZE',
    help: 'sets the memory threshold above which publishers are blocked, until the next start',
    args: [1, 2],
    banner: (c) => `Setting memory threshold to ${c.args.join(' ')} ...`,
    run: (c) => setLimit(c, 'memory'),
  },
  set_disk_free_limit: {
    usage: 'SIZE | mem_relative SHARE',
    help: 'sets the free disk space below which publishers are blocked, until the next start',
    args: [1, 2],
    banner: (c) => `Setting disk free limit to ${c.args.join(' ')} ...`,
    run: (c) => setLimit(c, 'disk'),
  },
  top: {
    usage: '[--count N]',
    help: 'shows the busiest queues and keeps refreshing',
    args: [0, 0],
    options: ['count'],
    run: top,
  },
  trace: {
    usage: '[-p VHOST] [--count N] [PATTERN]',
    help: 'prints published and delivered messages; PATTERN is for example publish.# or deliver.QUEUE',
    args: [0, 1],
    options: ['count'],
    run: trace,
  },
  stop_app: {
    usage: '',
    help: 'closes all AMQP connections and accepts no new ones; the process and its HTTP API keep running',
    args: [0, 0],
    banner: () => 'Stopping the broker application ...',
    run: (c) => switchListeners(c, 'stop_app'),
  },
  start_app: {
    usage: '',
    help: 'accepts AMQP connections again',
    args: [0, 0],
    banner: () => 'Starting the broker application ...',
    run: (c) => switchListeners(c, 'start_app'),
  },
  diagnostics: {
    usage: '',
    help: 'prints the information that a bug report needs, without secrets',
    args: [0, 0],
    run: diagnostics,
  },
}
