/** The commands of rabbitmq-diagnostics. */
import { X509Certificate } from 'node:crypto'
import { lookup } from 'node:dns/promises'
import { networkInterfaces } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import { DEFAULT_MIN_VERSION, getCiphers } from 'node:tls'
import { RABBITMQ_VERSION } from '../../util/rabbitmq-version.ts'
import { version } from '../../util/version.ts'
import { CtlError } from './client.ts'
import {
  ArgumentError,
  action,
  arg,
  type Command,
  type Context,
  EXIT_UNAVAILABLE,
  nodeOf,
  numberOption,
  type Result,
} from './command.ts'
import type { Row } from './output.ts'

/** The most that the broker keeps and returns. */
const TAIL_LINES = 1000
const TAIL_MS = 500
const LINES = 50

async function node(c: Context): Promise<Row> {
  return (await c.client.get<Row[]>('nodes'))[0] ?? {}
}

async function alarms(c: Context): Promise<Result> {
  const n = await node(c)
  const on = (['mem_alarm', 'disk_free_alarm'] as const).filter((a) => n[a] === true)
  const names = { mem_alarm: 'memory', disk_free_alarm: 'disk' }
  if (on.length === 0) return { text: `Node ${n['name']} reported no alarms, local or clusterwide\n` }
  const lines = on.map((a) => `${names[a]} alarm on node ${n['name']}\n`).join('')
  return { text: `Node ${n['name']} reported alarms:\n${lines}` }
}

const units: Record<string, number> = { bytes: 1, kb: 1e3, mb: 1e6, gb: 1e9 }

async function memoryBreakdown(c: Context): Promise<Result> {
  const name = String(c.options['unit'] ?? 'gb').toLowerCase()
  const unit = units[name]
  if (unit === undefined)
    throw new ArgumentError(`unit '${name}' is not supported. Please use one of: bytes, mb, gb`)
  const { memory } = await c.client.get<{ memory: Row }>(`nodes/${await nodeOf(c)}/memory`)
  const { total, strategy: _, ...parts } = memory
  const all = Number((total as Row)['rss'])
  const rows = Object.entries(parts)
    .map(([what, bytes]) => ({
      what,
      bytes: Number(bytes),
      percentage: round((100 * Number(bytes)) / all, 2),
    }))
    .sort((a, b) => b.bytes - a.bytes)
  if (c.options['formatter'] === 'json')
    return { object: Object.fromEntries(rows.map(({ what, ...of }) => [what, of])) }
  const line = (r: (typeof rows)[number]): string =>
    `${r.what}: ${round(r.bytes / unit, 4)} ${name} (${r.percentage}%)\n`
  return { text: rows.map(line).join('') }
}

function round(n: number, digits: number): number {
  return Math.round(n * 10 ** digits) / 10 ** digits
}

interface Log {
  readonly file: string | null
  readonly lines: readonly string[]
  /** Number of lines since the start of the broker. */
  readonly written: number
}

async function log(c: Context, lines: number): Promise<Log> {
  return await c.client.get<Log>(`nodes/${await nodeOf(c)}/log?lines=${lines}`)
}

/** Prints new log lines until --duration has passed or the command is interrupted. */
async function logTailStream(c: Context): Promise<Result> {
  const seconds = numberOption(c, 'duration')
  const until = seconds === undefined ? Number.POSITIVE_INFINITY : Date.now() + seconds * 1000
  let stopped = false
  process.once('SIGINT', () => {
    stopped = true
  })
  let seen = (await log(c, 0)).written
  while (!stopped && Date.now() < until) {
    await sleep(TAIL_MS)
    const { lines, written } = await log(c, TAIL_LINES)
    // Fewer than before: the broker has been restarted.
    const fresh = written < seen ? written : written - seen
    if (fresh > lines.length) c.terminal.err(`(${fresh - lines.length} lines are missing here)\n`)
    for (const l of lines.slice(Math.max(0, lines.length - fresh))) c.terminal.out(`${l}\n`)
    seen = written
  }
  return {}
}

async function isRunning(c: Context): Promise<boolean> {
  try {
    await c.client.get('health/checks/ready-to-serve-clients')
    return true
  } catch (error) {
    if (error instanceof CtlError && error.exitCode === EXIT_UNAVAILABLE) throw error
    return false
  }
}

async function environment(c: Context): Promise<Row[]> {
  const path = `nodes/${await nodeOf(c)}/environment`
  return (await c.client.get<{ configuration: Row[] }>(path)).configuration
}

/** Queries the resources one after the other, and prints each under its title. */
async function report(c: Context): Promise<Result> {
  const parts: [string, string][] = [
    ['Status', 'nodes'],
    ['Overview', 'overview'],
    ['Vhosts', 'vhosts'],
    ['Users', 'users'],
    ['Permissions', 'permissions'],
    ['Policies', 'policies'],
    ['Operator policies', 'operator-policies'],
    ['Parameters', 'parameters'],
    ['Queues', 'queues'],
    ['Exchanges', 'exchanges'],
    ['Bindings', 'bindings'],
    ['Connections', 'connections'],
    ['Channels', 'channels'],
    ['Consumers', 'consumers'],
    ['Feature flags', 'feature-flags'],
    ['Deprecated features in use', 'deprecated-features/used'],
  ]
  const hidden = (key: string, v: unknown): unknown => (/pass|secret|token/i.test(key) ? '********' : v)
  let text = `Reporting server status of node ${(await node(c))['name']} on ${new Date().toISOString()}\n`
  for (const [title, path] of parts) {
    const found = await c.client.get<unknown>(path)
    const rows = Array.isArray(found) ? found : [found]
    text += `\n${title}\n\n${rows.map((r) => `${JSON.stringify(r, hidden)}\n`).join('') || '(none)\n'}`
  }
  const keys = (await environment(c)).map((e) => `${e['key']} = ${e['value']}  # ${e['origin']}\n`)
  return { text: `${text}\nConfiguration\n\n${keys.join('') || '(none)\n'}` }
}

const DAYS: Record<string, number> = { days: 1, weeks: 7, months: 30, years: 365 }

async function certificates(c: Context): Promise<X509Certificate[]> {
  const { readFileSync } = await import('node:fs')
  const files = (await environment(c)).filter((e) => /(^|\.)certfile$/.test(String(e['key'])))
  return files.map((e) => new X509Certificate(readFileSync(String(e['value']))))
}

async function certificateExpiration(c: Context): Promise<Result> {
  const unit = String(c.options['unit'] ?? 'weeks')
  const within = numberOption(c, 'within') ?? 4
  const days = DAYS[unit]
  if (days === undefined)
    throw new ArgumentError(
      `unit '${unit}' is not supported. Please use one of: ${Object.keys(DAYS).join(', ')}`,
    )
  const until = Date.now() + within * days * 86_400_000
  const ending = (await certificates(c)).filter((x) => Date.parse(x.validTo) < until)
  if (ending.length === 0) return { text: `No certificates are expiring within ${within} ${unit}.\n` }
  throw new CtlError(ending.map((x) => `${x.subject} expires on ${x.validTo}`).join('\n'), EXIT_UNAVAILABLE)
}

function interfaces(): string {
  return Object.entries(networkInterfaces())
    .map(
      ([name, list = []]) =>
        `Interface ${name}\n${list.map((i) => `addr: ${i.address}\nnetmask: ${i.netmask}\n`).join('')}`,
    )
    .join('\n')
}

function told(help: string, run: (c: Context) => Promise<string> | string): Command {
  return { usage: '', help, args: [0, 0], run: async (c) => ({ text: `${await run(c)}\n` }) }
}

export const diagnostics: Readonly<Record<string, Command>> = {
  version: told('prints the version; the RabbitMQ version if called by the name of a RabbitMQ tool', (c) =>
    c.tool === 'leveret' ? version : RABBITMQ_VERSION,
  ),
  alarms: {
    usage: '',
    help: 'lists alarms in effect',
    args: [0, 0],
    banner: () => 'Asking the broker to report any known resource alarms ...',
    run: alarms,
  },
  memory_breakdown: {
    usage: '[--unit bytes|KB|MB|GB]',
    help: 'shows what memory is used for',
    args: [0, 0],
    options: ['unit'],
    banner: () => 'Reporting memory breakdown of the broker ...',
    run: memoryBreakdown,
  },
  log_tail: {
    usage: '[--number N]',
    help: 'prints the last lines of the log',
    args: [0, 0],
    options: ['number'],
    banner: (c) => `Last ${c.options['number'] ?? LINES} log lines of the broker ...`,
    run: async (c) => {
      const { lines } = await log(c, numberOption(c, 'number') ?? LINES)
      return { text: lines.map((l) => `${l}\n`).join('') }
    },
  },
  log_tail_stream: {
    usage: '[--duration SECONDS]',
    help: 'prints the log as it is written',
    args: [0, 0],
    options: ['duration'],
    banner: () => 'Streaming logs of the broker ...',
    run: logTailStream,
  },
  log_location: {
    usage: '',
    help: 'shows where the log is written',
    args: [0, 0],
    options: ['all'],
    banner: () => 'Log file location(s) of the broker ...',
    run: async (c) => ({ text: `${(await log(c, 0)).file ?? '<stdout>'}\n` }),
  },
  rotate_logs: action(
    '',
    'reopens the log file, after a tool such as logrotate has moved it',
    [0, 0],
    () => 'Rotating logs of the broker ...',
    async (c) => c.client.call('POST', `nodes/${await nodeOf(c)}/log/rotate`, {}),
  ),
  set_log_level: action(
    '[CATEGORY] LEVEL',
    'sets the log level until the next start: debug, info, notice, warning, error, critical or none',
    [1, 2],
    (c) => `Setting log level to "${c.args.at(-1)}" ...`,
    async (c) => {
      const level = c.args.at(-1)
      const category = c.args.length === 2 ? { category: arg(c, 0) } : {}
      await c.client.call('PUT', `nodes/${await nodeOf(c)}/log/level`, { level, ...category })
    },
  ),
  is_running: {
    usage: '',
    help: 'fails if the broker accepts no connections',
    args: [0, 0],
    banner: () => 'Asking the broker for its status ...',
    run: async (c) => {
      if (await isRunning(c)) return { text: 'RabbitMQ is fully booted and running\n' }
      throw new CtlError(
        'RabbitMQ is not running or has not fully booted yet (check with is_booting)',
        EXIT_UNAVAILABLE,
      )
    },
  },
  is_booting: {
    usage: '',
    help: 'says whether the broker is starting; a broker that responds has started',
    args: [0, 0],
    banner: () => 'Asking the broker for its boot status ...',
    run: async (c) => {
      await c.client.get('whoami')
      return {
        text: 'RabbitMQ is fully booted (check with is_running), stopped or has not started booting yet\n',
      }
    },
  },
  environment: {
    usage: '',
    help: 'shows the effective configuration and where each value comes from',
    args: [0, 0],
    banner: () => 'Application environment of the broker ...',
    run: async (c) => {
      const keys = await environment(c)
      if (c.options['formatter'] === undefined)
        return { text: keys.map((e) => `${e['key']} = ${e['value']}  # ${e['origin']}\n`).join('') }
      return { rows: keys, columns: ['key', 'value', 'origin'] }
    },
  },
  report: {
    usage: '',
    help: 'prints a report on the broker, without secrets',
    args: [0, 0],
    run: report,
  },
  check_certificate_expiration: {
    usage: '[--unit days|weeks|months|years] [--within N]',
    help: 'fails if a configured certificate expires soon',
    args: [0, 0],
    options: ['unit', 'within'],
    banner: () => 'Checking certificate expiration of the broker ...',
    run: certificateExpiration,
  },
  certificates: told('shows the configured certificates', async (c) => {
    const all = await certificates(c)
    return (
      all
        .map(
          (x) =>
            `Subject: ${x.subject}\nIssuer: ${x.issuer}\nValid from: ${x.validFrom}\nValid to: ${x.validTo}`,
        )
        .join('\n\n') || '(none)'
    )
  }),
  cipher_suites: {
    usage: '[--all]',
    help: 'lists TLS cipher suites',
    args: [0, 0],
    options: ['all', 'format'],
    banner: () => 'Listing available cipher suites in OpenSSL format',
    run: async () => ({
      text: getCiphers()
        .map((n) => `${n.toUpperCase()}\n`)
        .join(''),
    }),
  },
  tls_versions: told('lists the TLS versions that are accepted', () =>
    ['tlsv1.3', 'tlsv1.2'].slice(0, DEFAULT_MIN_VERSION === 'TLSv1.3' ? 1 : 2).join('\n'),
  ),
  erlang_version: told('shows the runtime of the broker, Node.js', async (c) => {
    const { erlang_full_version } = await c.client.get<Row>('overview')
    return String(erlang_full_version)
  }),
  os_env: told('lists the environment variables that set configuration keys', async (c) => {
    const set = (await environment(c)).filter((e) => String(e['origin']).startsWith('environment '))
    return (
      set.map((e) => `${String(e['origin']).slice('environment '.length)}=${e['value']}`).join('\n') ||
      '(none)'
    )
  }),
  list_network_interfaces: told('lists the network interfaces of this machine', () => interfaces().trimEnd()),
  resolve_hostname: {
    usage: 'NAME',
    help: 'resolves a host name on this machine',
    args: [1, 1],
    run: async (c) => {
      const found = await lookup(arg(c, 0), { all: true })
      return { text: found.map((a) => `${a.address}\n`).join('') }
    },
  },
  list_node_auth_attempt_stats: {
    usage: '',
    help: 'shows login attempts by protocol',
    args: [0, 0],
    banner: () => 'Listing authentication attempts ...',
    run: async (c) => ({
      rows: await c.client.get<Row[]>(`auth/attempts/${await nodeOf(c)}`),
      columns: ['protocol', 'auth_attempts', 'auth_attempts_failed', 'auth_attempts_succeeded'],
    }),
  },
  reset_node_auth_attempt_metrics: action(
    '',
    'resets the counters of login attempts',
    [0, 0],
    () => 'Reset auth attempt metrics of the broker ...',
    async (c) => c.client.call('DELETE', `auth/attempts/${await nodeOf(c)}`),
  ),
}
