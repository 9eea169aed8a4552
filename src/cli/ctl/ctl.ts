/** `leveret COMMAND`, `leveret ctl COMMAND`, and the same program by the name rabbitmqctl. */
import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { Client, CtlError } from './client.ts'
import type { Command } from './command.ts'
import { commands } from './commands.ts'
import { examples } from './examples.ts'
import { type Formatter, format, formatters } from './output.ts'
import { stateCommands } from './state.ts'

const all: Readonly<Record<string, Command>> = { ...commands, ...stateCommands }

const EXIT_USAGE = 64
const EXIT_SOFTWARE = 70

const options = {
  vhost: { type: 'string', short: 'p' },
  quiet: { type: 'boolean', short: 'q' },
  silent: { type: 'boolean', short: 's' },
  formatter: { type: 'string' },
  'no-table-headers': { type: 'boolean' },
  // Taken and without a meaning here: there is one node.
  node: { type: 'string', short: 'n' },
  longnames: { type: 'boolean', short: 'l' },
  timeout: { type: 'string', short: 't' },
  url: { type: 'string' },
  'data-dir': { type: 'string' },
  priority: { type: 'string' },
  'apply-to': { type: 'string' },
  'if-empty': { type: 'boolean' },
  'if-unused': { type: 'boolean' },
  description: { type: 'string' },
  'default-queue-type': { type: 'string' },
  from: { type: 'string' },
  reason: { type: 'string' },
  rate: { type: 'string' },
  limit: { type: 'string' },
  count: { type: 'string' },
  pid: { type: 'string' },
  offset: { type: 'string' },
  state: { type: 'string' },
  header: { type: 'string' },
  'older-than': { type: 'string' },
  'newer-than': { type: 'string' },
  requeue: { type: 'boolean' },
  exchange: { type: 'string' },
  properties: { type: 'string' },
  help: { type: 'boolean', short: 'h' },
} as const

function commandsText(): string {
  const width = Math.max(...Object.keys(all).map((n) => n.length))
  return Object.entries(all)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, c]) => `  ${name.padEnd(width)}  ${c.help}\n`)
    .join('')
}

/** Words that complete a command line, for shells. */
function completionText(shell: string): string {
  const words = ['start', 'config', 'ctl', 'completion', ...Object.keys(all)].join(' ')
  if (shell === 'bash') return `complete -W "${words}" leveret\n`
  if (shell === 'zsh') return `compdef '_arguments "1: :(${words})"' leveret\n`
  if (shell === 'fish') return `complete -c leveret -f -a "${words}"\n`
  throw new CtlError(`no completion for '${shell}'; there are bash, zsh and fish`, EXIT_USAGE)
}

const helpText = `rabbitmqctl's commands, and some more

Usage: leveret [ctl] COMMAND [options] [arguments]

They talk to the broker over a socket in its data folder, as the owner of the files, or to --url.

Options:
  -p VHOST           the vhost (default /)
  --data-dir DIR     folder of the broker's store (default ./leveret-data)
  --url URL          http://user:password@host:15672 instead
  --formatter WHAT   ${formatters.join(', ')}
  -q, -s             no banner; no banner and no names of columns

Examples:
  leveret list_queues -p / name messages consumers
  leveret set_policy --apply-to queues limits '^work' '{"max-length":10000}'
  leveret redrive --reason rejected dead-letters
  leveret completion bash

Commands:
`

/** Runs one command; returns the exit code. */
export async function ctl(args: readonly string[]): Promise<number> {
  try {
    process.stdout.write(await run(args))
    return 0
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error)
    process.stderr.write(`Error:\n${message}\n`)
    return error instanceof CtlError ? error.exitCode : EXIT_SOFTWARE
  }
}

async function run(args: readonly string[]): Promise<string> {
  let parsed: ReturnType<typeof parse>
  try {
    parsed = parse(args)
  } catch (error) {
    throw new CtlError((error as Error).message, EXIT_USAGE)
  }
  const { values, positionals } = parsed
  const [name = '', ...rest] = positionals
  if (name === 'completion') return completionText(rest[0] ?? '')
  if (name === '' || name === 'help') return helpText + commandsText()
  const command = Object.hasOwn(all, name) ? all[name] : undefined
  if (command === undefined)
    throw new CtlError(`Command '${name}' not found. Commands:\n${commandsText()}`, EXIT_USAGE)
  const usage = `Usage: leveret ${name} ${command.usage}\n`
  if (values.help === true) return `${usage}\n${command.help}\n${exampleText(name)}`
  const [least, most] = command.args
  if (rest.length < least || rest.length > most)
    throw new CtlError(`wrong number of arguments\n${usage}`, EXIT_USAGE)
  const how = (values.formatter ?? 'table') as Formatter
  if (!formatters.includes(how))
    throw new CtlError(`--formatter takes one of ${formatters.join(', ')}`, EXIT_USAGE)
  const context = {
    client: new Client({ url: values.url, dataDir: resolve(values['data-dir'] ?? 'leveret-data') }),
    vhost: values.vhost ?? '/',
    args: rest,
    options: values,
  }
  const quiet = values.quiet === true || values.silent === true || how === 'json' || how === 'csv'
  const { rows, columns, text, notes = [] } = await command.run(context)
  for (const note of notes) process.stderr.write(`${note}\n`)
  const said = quiet ? undefined : command.banner?.(context)
  const banner = said === undefined ? '' : `${said}\n`
  if (rows === undefined) return banner + (text ?? '')
  const headers = values.silent !== true && values['no-table-headers'] !== true
  return banner + format(rows, columns ?? [], how, headers)
}

function exampleText(name: string): string {
  const lines = (examples[name] ?? [name]).map((e) => (e.includes('leveret ') ? e : `leveret ${e}`))
  return `\nExamples:\n${lines.map((l) => `  ${l}\n`).join('')}`
}

function parse(args: readonly string[]) {
  return parseArgs({ args: [...args], options, allowPositionals: true, strict: true })
}
