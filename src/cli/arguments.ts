/** The command line: `leveret [start] [options]`. */
import { resolve } from 'node:path'
import { parseArgs } from 'node:util'

export class UsageError extends Error {}

export interface StartOptions {
  readonly port: number
  readonly bind: string
  readonly dataDir: string
  readonly logLevel: string
}

export type Command = { name: 'help' } | { name: 'version' } | { name: 'start'; options: StartOptions }

const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent']
const PORT_MAX = 65_535

export const helpText = `leveret: an AMQP 0-9-1 message broker

Usage: leveret [start] [options]

Options:
  --port PORT        TCP port for AMQP (default 5672; 0 = any free one)
  --bind ADDRESS     address to listen on (default 0.0.0.0)
  --data-dir DIR     folder of the store (default ./leveret-data)
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
  'data-dir': { type: 'string' },
  'log-level': { type: 'string' },
  version: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
} as const

/** @throws UsageError */
export function parseArguments(args: readonly string[]): Command {
  const { values, positionals } = parse(args)
  if (values.help === true) return { name: 'help' }
  if (values.version === true) return { name: 'version' }
  const [command = 'start', ...rest] = positionals
  if (command !== 'start') throw new UsageError(`unknown command '${command}'`)
  if (rest.length > 0) throw new UsageError(`unexpected argument '${rest[0]}'`)
  const logLevel = values['log-level'] ?? 'info'
  if (!LOG_LEVELS.includes(logLevel))
    throw new UsageError(`--log-level takes one of ${LOG_LEVELS.join(', ')}, not '${logLevel}'`)
  return {
    name: 'start',
    options: {
      port: portOf(values.port ?? '5672'),
      bind: values.bind ?? '0.0.0.0',
      dataDir: resolve(values['data-dir'] ?? 'leveret-data'),
      logLevel,
    },
  }
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options, allowPositionals: true, strict: true })
  } catch (error) {
    throw new UsageError((error as Error).message)
  }
}

function portOf(text: string): number {
  const port = /^\d+$/.test(text) ? Number(text) : Number.NaN
  if (Number.isNaN(port) || port > PORT_MAX)
    throw new UsageError(`--port takes a number from 0 to ${PORT_MAX}, not '${text}'`)
  return port
}
