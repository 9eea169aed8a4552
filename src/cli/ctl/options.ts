/** The options of the commands. A command accepts the common ones and those that it lists. */
import { parseArgs } from 'node:util'

export interface Option {
  readonly short?: string
  /** Placeholder of its value; absent for a flag. */
  readonly value?: string
  readonly help: string
}

const common = {
  vhost: { short: 'p', value: 'VHOST', help: 'the vhost (default /)' },
  node: {
    short: 'n',
    value: 'NODE',
    help: 'accepted for compatibility; the data folder selects the broker',
  },
  longnames: { short: 'l', help: 'accepted for compatibility; has no effect' },
  timeout: { short: 't', value: 'SECONDS', help: 'how long to wait for an answer' },
  quiet: { short: 'q', help: 'print no banner' },
  silent: { short: 's', help: 'print no banner and no column names' },
  formatter: { value: 'WHAT', help: 'table, pretty_table, json, json_stream, csv or erlang' },
  'no-table-headers': { help: 'print no column names' },
  'data-dir': { value: 'DIR', help: "the broker's data folder" },
  url: { value: 'URL', help: 'http(s)://user:password@host:15672 in place of the data folder' },
  'ca-file': { value: 'FILE', help: 'certificates by which a server with https is known' },
  'dry-run': { help: 'checks how the command is used, and does nothing' },
  'print-stacktrace': { help: 'taken as rabbitmqctl takes it; without a meaning here' },
  version: { help: 'prints the version' },
  help: { short: 'h', help: 'prints how the command is used' },
} satisfies Record<string, Option>

const special = {
  priority: {
    value: 'N',
    help: 'of several matching policies the one with the highest priority applies (default 0)',
  },
  'apply-to': {
    value: 'WHAT',
    help: 'queues, classic_queues, quorum_queues, streams, exchanges or all (default)',
  },
  'if-empty': { short: 'e', help: 'only if the queue has no messages' },
  'if-unused': { short: 'u', help: 'only if the queue has no consumers' },
  online: { help: 'list available ones only' },
  offline: { help: 'list unavailable ones only' },
  local: { help: 'list those on this node only' },
  description: { value: 'TEXT', help: 'description of the vhost' },
  tags: { value: 'A,B', help: 'tags of the vhost' },
  'default-queue-type': {
    value: 'TYPE',
    help: 'type of queues declared without one: classic, quorum or stream',
  },
  'protected-from-deletion': { value: 'BOOL', help: 'true protects it from deletion' },
  user: { value: 'USER', help: 'the user (default guest)' },
  global: { help: 'all of them' },
  limit: { value: 'N', help: 'at most N' },
  'per-connection-delay': { value: 'MS', help: 'pause after each connection' },
  format: { value: 'FORMAT', help: 'json; the Erlang format is not supported' },
  'skip-if-unchanged': { help: 'skip a file that is unchanged since it was last imported' },
  'pre-hashed-password': { help: 'the argument is a password hash' },
  'queue-timeout': { value: 'MS', help: 'how long to wait for a queue (default 15000)' },
  from: { value: 'QUEUE', help: 'only messages dead-lettered from that queue' },
  reason: { value: 'REASON', help: 'only messages dead-lettered for that reason' },
  rate: { value: 'N', help: 'at most N messages per second' },
  count: { value: 'N', help: 'stop after N messages' },
  pid: { value: 'PID', help: 'process to wait for' },
  offset: { value: 'N', help: 'skip the first N' },
  state: { value: 'STATE', help: 'ready or unacked' },
  header: { value: 'NAME=VALUE', help: 'only messages with that header' },
  'older-than': { value: 'SECONDS', help: 'only messages that have been there longer' },
  'newer-than': { value: 'SECONDS', help: 'only messages that have not been there longer' },
  requeue: { help: 'puts them back' },
  exchange: { value: 'NAME', help: 'publishes there (default: the default exchange)' },
  properties: { value: 'JSON', help: 'of the message, as the HTTP API has them' },
  number: { short: 'N', value: 'N', help: 'so many lines (default 50)' },
  duration: { short: 'd', value: 'SECONDS', help: 'for so long (default: until it is interrupted)' },
  wait: { help: 'until it is gone, as it does in any case' },
  'no-wait': { help: 'does not wait' },
  management: { value: 'URL', help: "the other broker's HTTP API (default: port 15672 of the same host)" },
  out: { help: 'from this broker to the other one' },
  'dry-run': { help: 'only says what would be moved, and what will differ' },
  parallel: { value: 'N', help: 'so many queues at a time (default 8)' },
  used: { help: 'only those that are in use' },
  experimental: { help: 'taken as rabbitmqctl takes it' },
  'object-type': { value: 'TYPE', help: 'queue (default) or exchange' },
  unit: { value: 'UNIT', help: 'bytes, KB, MB or GB; for certificates days, weeks, months or years' },
  within: { value: 'N', help: 'number of units from now' },
  all: { help: 'all of them' },
  address: { value: 'ADDRESS', help: 'address to check' },
  enabled: { short: 'E', help: 'only enabled ones' },
  'implicitly-enabled': { help: 'only those enabled as dependencies' },
  minimal: { short: 'm', help: 'names only' },
  verbose: { short: 'v', help: 'more details' },
} satisfies Record<string, Option>

export type OptionName = keyof typeof special
export const options: Readonly<Record<string, Option>> = { ...common, ...special }
export const commonOptions: readonly string[] = Object.keys(common)

export interface Parsed {
  readonly values: { readonly [name: string]: string | boolean | undefined }
  readonly positionals: readonly string[]
}

/** @throws TypeError of parseArgs for an unknown option, or one without its value */
export function parseCommandLine(args: readonly string[]): Parsed {
  const known = Object.fromEntries(
    Object.entries(options).map(([name, { short, value }]) => [
      name,
      { type: value === undefined ? ('boolean' as const) : ('string' as const), ...(short && { short }) },
    ]),
  )
  return parseArgs({ args: [...args], options: known, allowPositionals: true, strict: true }) as Parsed
}

/** `-p, --vhost VHOST   the vhost` */
export function optionLines(names: readonly string[]): string {
  const rows = names.map((name): [string, string] => {
    const { short, value, help } = options[name] as Option
    return [`${short ? `-${short}, ` : '    '}--${name}${value ? ` ${value}` : ''}`, help]
  })
  const width = Math.max(...rows.map(([left]) => left.length))
  return rows.map(([left, help]) => `  ${left.padEnd(width)}  ${help}\n`).join('')
}
