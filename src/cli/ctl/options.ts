/** The options of the commands: one row each. A command takes those that all take, and those that it names. */
import { parseArgs } from 'node:util'

export interface Option {
  readonly short?: string
  /** What stands behind it; absent = nothing does. */
  readonly value?: string
  readonly help: string
}

const common = {
  vhost: { short: 'p', value: 'VHOST', help: 'the vhost (default /)' },
  node: {
    short: 'n',
    value: 'NODE',
    help: 'taken as rabbitmqctl takes it; the broker is the one of the data folder',
  },
  longnames: { short: 'l', help: 'taken as rabbitmqctl takes it; without a meaning here' },
  timeout: { short: 't', value: 'SECONDS', help: 'how long to wait for an answer' },
  quiet: { short: 'q', help: 'no banner' },
  silent: { short: 's', help: 'no banner and no names of columns' },
  formatter: { value: 'WHAT', help: 'table, pretty_table, json, json_stream, csv or erlang' },
  'no-table-headers': { help: 'no names of columns' },
  'data-dir': { value: 'DIR', help: "folder of the broker's store" },
  url: { value: 'URL', help: 'http(s)://user:password@host:15672 in place of the data folder' },
  'ca-file': { value: 'FILE', help: 'certificates by which a server with https is known' },
  'dry-run': { help: 'checks how the command is used, and does nothing' },
  'print-stacktrace': { help: 'taken as rabbitmqctl takes it; without a meaning here' },
  version: { help: 'prints the version' },
  help: { short: 'h', help: 'prints how the command is used' },
} satisfies Record<string, Option>

const special = {
  priority: { value: 'N', help: 'the highest of the policies that match applies (default 0)' },
  'apply-to': {
    value: 'WHAT',
    help: 'queues, classic_queues, quorum_queues, streams, exchanges or all (default)',
  },
  'if-empty': { short: 'e', help: 'only if it has no messages' },
  'if-unused': { short: 'u', help: 'only if it has no consumers' },
  online: { help: 'those that are available' },
  offline: { help: 'those that are not available' },
  local: { help: 'those of this node' },
  description: { value: 'TEXT', help: 'what the vhost is for' },
  tags: { value: 'A,B', help: 'its tags' },
  'default-queue-type': { value: 'TYPE', help: 'of queues that do not say: classic, quorum or stream' },
  'protected-from-deletion': { value: 'BOOL', help: 'whether it can be deleted' },
  user: { value: 'USER', help: 'of that user (default guest)' },
  global: { help: 'of all' },
  limit: { value: 'N', help: 'at most so many' },
  'per-connection-delay': { value: 'MS', help: 'waits so long after each' },
  format: { value: 'FORMAT', help: 'json; the Erlang format is not there' },
  'skip-if-unchanged': { help: 'leaves out a file that has been loaded already' },
  'pre-hashed-password': { help: 'what is given is a hash of the password' },
  'queue-timeout': { value: 'MS', help: 'how long a queue may take (default 15000)' },
  from: { value: 'QUEUE', help: 'only messages that died in that queue' },
  reason: { value: 'REASON', help: 'only messages that died of that' },
  rate: { value: 'N', help: 'messages a second, at most' },
  count: { value: 'N', help: 'so many, then it ends' },
  pid: { value: 'PID', help: 'the process to wait for' },
  offset: { value: 'N', help: 'begins behind so many' },
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
  within: { value: 'N', help: 'so many units from now' },
  all: { help: 'all that there are' },
  address: { value: 'ADDRESS', help: 'on that address' },
  enabled: { short: 'E', help: 'those that are on' },
  'implicitly-enabled': { help: 'those that are on because others need them' },
  minimal: { short: 'm', help: 'names only' },
  verbose: { short: 'v', help: 'more about each' },
} satisfies Record<string, Option>

export type OptionName = keyof typeof special
export const options: Readonly<Record<string, Option>> = { ...common, ...special }
export const commonOptions: readonly string[] = Object.keys(common)

export interface Parsed {
  readonly values: { readonly [name: string]: string | boolean | undefined }
  readonly positionals: readonly string[]
}

/** @throws TypeError of parseArgs for an option that no command takes, or one without its value */
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
