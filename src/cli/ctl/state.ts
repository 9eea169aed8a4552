/** Commands about the broker itself. */
import { setTimeout as sleep } from 'node:timers/promises'
import { CtlError } from './client.ts'
import type { Command, Context, Result } from './command.ts'
import type { Row } from './output.ts'

const AWAIT_MS = 250

async function status(c: Context): Promise<Result> {
  const [overview, [node]] = await Promise.all([c.client.get<Row>('overview'), c.client.get<Row[]>('nodes')])
  const n = node ?? {}
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
    ...Object.entries(overview['object_totals'] as Row).map(([k, v]): [string, unknown] => [`Total ${k}`, v]),
    ...(overview['listeners'] as Row[]).map((l): [string, unknown] => [
      'Listener',
      `${l['ip_address']}:${l['port']}, protocol: ${l['protocol']}`,
    ]),
  ]
  if (c.options['formatter'] === 'json') return { text: `${JSON.stringify({ ...overview, node: n })}\n` }
  return { text: show.map(([k, v]) => `${k}: ${v}\n`).join('') }
}

/** Asks until the broker answers. @throws CtlError when the time is over */
async function awaitStartup(c: Context): Promise<Result> {
  const until = Date.now() + Number(c.options['timeout'] ?? 300) * 1000
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

/** Everything that a bug report needs, without secrets, as one JSON document. */
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

async function checkAlarms(c: Context): Promise<Result> {
  try {
    await c.client.get('health/checks/alarms')
  } catch (error) {
    throw error instanceof CtlError && error.exitCode === 70 ? new CtlError(error.message, 70) : error
  }
  return {}
}

export const stateCommands: Readonly<Record<string, Command>> = {
  status: {
    usage: '',
    help: 'shows how the broker is',
    args: [0, 0],
    banner: () => 'Status of the broker ...',
    run: status,
  },
  await_startup: {
    usage: '[--timeout SECONDS]',
    help: 'waits until the broker serves clients',
    args: [0, 0],
    run: awaitStartup,
  },
  ping: {
    usage: '',
    help: 'succeeds where a broker answers',
    args: [0, 0],
    banner: () => 'Will ping the broker ...',
    run: async (c) => {
      await c.client.get('whoami')
      return { text: 'Ping succeeded\n' }
    },
  },
  check_alarms: { usage: '', help: 'fails where an alarm is on', args: [0, 0], run: checkAlarms },
  diagnostics: {
    usage: '',
    help: 'prints what a bug report needs, without secrets',
    args: [0, 0],
    run: diagnostics,
  },
}
