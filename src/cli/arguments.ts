/** The command line: `leveret [start] [options]`. */
import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import type { Entry } from '../config/parse.ts'
import { DATA_DIR_VARIABLE, DEFAULT_DATA_DIR } from '../util/data-folder.ts'

export class UsageError extends Error {}

export interface StartOptions {
  /** Path of rabbitmq.conf. */
  readonly config: string | undefined
  /** Settings from the command line, by their rabbitmq.conf keys. */
  readonly overrides: readonly Entry[]
  /** undefined = no listener; false = not specified */
  readonly managementPort: number | undefined | false
  readonly metricsPort: number | undefined | false
  readonly bind: string | undefined
  readonly dataDir: string
  readonly logLevel: string | undefined
}

export type Command =
  | { name: 'help' }
  | { name: 'version' }
  | { name: 'start'; options: StartOptions }
  | { name: 'config'; options: StartOptions }
  | { name: 'check'; dir: string }
  | { name: 'restore'; from: string; dataDir: string }

const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent']
const PORT_MAX = 65_535

export const helpText = `leveret: an AMQP 0-9-1 message broker

Usage: leveret [start] [options]
       leveret [ctl] COMMAND ...               rabbitmqctl's commands; see leveret ctl --help
       leveret config --effective [options]    print the effective settings and their sources
       leveret check DIR                       verify a data folder that is not in use
       leveret restore BACKUP [--data-dir DIR] restore a backup as the data folder

Options:
  --port PORT        TCP port for AMQP (default 5672; 0 = any free port)
  --management-port PORT
                     TCP port of the HTTP API (default 15672; 0 = any free port; none = off)
  --metrics-port PORT
                     TCP port of the Prometheus metrics (default 15692; 0 = any free port; none = off)
  --bind ADDRESS     address to listen on (default: every address, IPv4 and IPv6)
  --data-dir DIR     data folder (default ${DATA_DIR_VARIABLE}, else ./${DEFAULT_DATA_DIR})
  --config FILE      configuration file in the format of rabbitmq.conf; options override it
  --cluster-name NAME, --node-name NAME, --cluster-urls URL,URL
                     run as a node of a cluster; see docs/cluster.md
  --log-level LEVEL  ${LOG_LEVELS.join(', ')} (default info)
  --version          print the version
  --help             print this text

Examples:
  leveret
  leveret start --port 5673 --data-dir /var/lib/leveret
`

const options = {
  port: { type: 'string' },
  bind: { type: 'string' },
  'management-port': { type: 'string' },
  'metrics-port': { type: 'string' },
  config: { type: 'string' },
  'cluster-name': { type: 'string' },
  'node-name': { type: 'string' },
  'cluster-urls': { type: 'string' },
  effective: { type: 'boolean' },
  'data-dir': { type: 'string' },
  'log-level': { type: 'string' },
  version: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
} as const

/** Options that correspond to keys of rabbitmq.conf. */
const clusterOptions = [
  ['cluster-name', 'cluster.name'],
  ['node-name', 'cluster.node'],
  ['cluster-urls', 'cluster.urls'],
] as const

/** @throws UsageError */
export function parseArguments(
  args: readonly string[],
  environment: Readonly<Record<string, string | undefined>> = {},
): Command {
  const { values, positionals } = parse(args)
  if (values.help === true) return { name: 'help' }
  if (values.version === true) return { name: 'version' }
  const [command = 'start', ...rest] = positionals
  const dataDir = resolve(values['data-dir'] ?? (environment[DATA_DIR_VARIABLE] || DEFAULT_DATA_DIR))
  if (command === 'check') return { name: 'check', dir: folderOf(command, 'a data folder', rest) }
  if (command === 'restore')
    return {
      name: 'restore',
      from: folderOf(command, 'the folder of a backup', rest),
      dataDir,
    }
  if (command !== 'start' && command !== 'config') throw new UsageError(`unknown command '${command}'`)
  if (rest.length > 0) throw new UsageError(`unexpected argument '${rest[0]}'`)
  if (command === 'config' && values.effective !== true) throw new UsageError("'config' takes --effective")
  const logLevel = values['log-level']
  if (logLevel !== undefined && !LOG_LEVELS.includes(logLevel))
    throw new UsageError(`--log-level takes one of ${LOG_LEVELS.join(', ')}, not '${logLevel}'`)
  const { port, bind } = values
  const overrides: Entry[] = []
  if (port !== undefined)
    overrides.push({
      key: 'listeners.tcp.default',
      value: `${bind === undefined ? '' : `${bind.includes(':') ? `[${bind}]` : bind}:`}${portOf(port, '--port')}`,
      origin: '--port',
    })
  for (const [option, key] of clusterOptions) {
    const value = values[option]
    if (value !== undefined) overrides.push({ key, value, origin: `--${option}` })
  }
  return {
    name: command,
    options: {
      config: values.config,
      overrides,
      managementPort: optionalPort(values['management-port'], '--management-port'),
      metricsPort: optionalPort(values['metrics-port'], '--metrics-port'),
      bind,
      dataDir,
      logLevel,
    },
  }
}

function folderOf(command: string, what: string, [dir, more]: readonly string[]): string {
  if (dir === undefined) throw new UsageError(`'${command}' takes ${what}`)
  if (more !== undefined) throw new UsageError(`unexpected argument '${more}'`)
  return resolve(dir)
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options, allowPositionals: true, strict: true })
  } catch (error) {
    throw new UsageError((error as Error).message)
  }
}

/** Returns false if the option is not specified, undefined for `none`. @throws UsageError */
function optionalPort(text: string | undefined, option: string): number | undefined | false {
  return text === undefined ? false : text === 'none' ? undefined : portOf(text, option)
}

function portOf(text: string, option: string): number {
  const port = /^\d+$/.test(text) ? Number(text) : Number.NaN
  if (Number.isNaN(port) || port > PORT_MAX)
    throw new UsageError(`${option} takes a number from 0 to ${PORT_MAX}, not '${text}'`)
  return port
}
