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
  timeout: { short: 't', value: 'SECONDS', help: 'seconds to wait for a response' },
  quiet: { short: 'q', help: 'print no banner' },
  silent: { short: 's', help: 'print no banner and no column names' },
  formatter: { value: 'WHAT', help: 'table, pretty_table, json, json_stream, csv or erlang' },
  'no-table-headers': { help: 'print no column names' },
  'data-dir': { value: 'DIR', help: "the broker's data folder" },
  url: { value: 'URL', help: 'connect to the HTTP API at http(s)://user:password@host:15672 instead' },
  'ca-file': { value: 'FILE', help: 'CA certificates to verify an https server with' },
  'dry-run': { help: "check the command line and do nothing; 'migrate' reports what it would move" },
  'print-stacktrace': { help: 'accepted for compatibility; has no effect' },
  version: { help: 'print the version' },
  help: { short: 'h', help: 'print this help' },
} satisfies Record<string, Option>

const special = {
  priority: {
    value: 'N',
    help: 'the matching policy with the highest priority applies (default 0)',
  },
  'apply-to': {
    value: 'WHAT',
    help: 'queues, classic_queues, quorum_queues, streams, exchanges or all (the default)',
  },
  'if-empty': { short: 'e', help: 'delete the queue only if it has no messages' },
  'if-unused': { short: 'u', help: 'delete the queue only if it has no consumers' },
  online: { help: 'list only queues that are available' },
  offline: { help: 'list only queues that are unavailable' },
  local: { help: 'list only queues on this node' },
  description: { value: 'TEXT', help: 'description of the vhost' },
  tags: { value: 'A,B', help: 'tags of the vhost' },
  'default-queue-type': {
    value: 'TYPE',
    help: 'type of queues declared without x-queue-type: classic, quorum or stream',
  },
  'protected-from-deletion': {
    value: 'BOOL',
    help: 'whether the vhost is protected from deletion: true or false',
  },
  user: { value: 'USER', help: 'only this user (default: all users)' },
  'across-all-vhosts': { help: 'check the queues of all vhosts' },
  global: { help: 'apply to all vhosts or users' },
  limit: { value: 'N', help: 'stop after N connections or messages' },
  'per-connection-delay': { value: 'MS', help: 'pause after each connection, in milliseconds' },
  format: { value: 'FORMAT', help: 'json; the Erlang format is not supported' },
  'skip-if-unchanged': { help: 'skip the import if the definitions are unchanged since the last one' },
  'pre-hashed-password': { help: 'the argument is a password hash' },
  'queue-timeout': { value: 'MS', help: 'milliseconds to wait for each queue (default 15000)' },
  from: { value: 'QUEUE', help: 'only messages dead-lettered from this queue' },
  reason: { value: 'REASON', help: 'only messages dead-lettered for this reason' },
  rate: { value: 'N', help: 'at most N messages per second' },
  count: { value: 'N', help: "stop after N messages; 'top': after N screens" },
  pid: { value: 'PID', help: 'also fail when this process exits' },
  offset: { value: 'N', help: 'skip the first N messages' },
  state: { value: 'STATE', help: 'only messages in this state: ready or unacked' },
  header: { value: 'NAME=VALUE', help: 'only messages with this header' },
  'older-than': { value: 'SECONDS', help: 'only messages that arrived more than SECONDS ago' },
  'newer-than': { value: 'SECONDS', help: 'only messages that arrived within the last SECONDS' },
  requeue: { help: 'return the messages to the queue' },
  exchange: { value: 'NAME', help: 'exchange to publish to (default: the default exchange)' },
  properties: { value: 'JSON', help: 'properties of the message, as in the HTTP API' },
  number: { short: 'N', value: 'N', help: 'number of lines (default 50)' },
  duration: { short: 'd', value: 'SECONDS', help: 'stop after SECONDS (default: run until interrupted)' },
  wait: { help: 'wait until the process has exited (the default)' },
  'no-wait': { help: 'return at once' },
  management: { value: 'URL', help: "the other broker's HTTP API (default: port 15672 of the same host)" },
  out: { help: 'move from this broker to the other one' },
  parallel: { value: 'N', help: 'number of queues to move at a time (default 8)' },
  used: { help: 'list only features that are in use' },
  experimental: { help: 'accepted for compatibility; has no effect' },
  'object-type': { value: 'TYPE', help: 'queue (default) or exchange' },
  unit: { value: 'UNIT', help: 'memory: bytes, KB, MB or GB; expiry: days, weeks, months or years' },
  within: { value: 'N', help: 'fail if a certificate expires within N units' },
  all: { help: 'include everything' },
  address: { value: 'ADDRESS', help: 'address to check' },
  enabled: { short: 'E', help: 'list only enabled plugins' },
  'implicitly-enabled': { help: 'list only plugins enabled as dependencies' },
  minimal: { short: 'm', help: 'print names only' },
  verbose: { short: 'v', help: 'print more details' },
} satisfies Record<string, Option>

export type OptionName = keyof typeof special | 'dry-run'
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

/** Formats options as lines such as `-p, --vhost VHOST   the vhost`. */
export function optionLines(names: readonly string[]): string {
  const rows = names.map((name): [string, string] => {
    const { short, value, help } = options[name] as Option
    return [`${short ? `-${short}, ` : '    '}--${name}${value ? ` ${value}` : ''}`, help]
  })
  const width = Math.max(...rows.map(([left]) => left.length))
  return rows.map(([left, help]) => `  ${left.padEnd(width)}  ${help}\n`).join('')
}
