/** `leveret COMMAND`, `leveret ctl COMMAND`, and the same program under the names of RabbitMQ's tools. */

import { nearest } from '../../util/nearest.ts'
import { withoutPassword } from '../../util/without-passwords.ts'
import { ownCommands } from '../tool-names.ts'
import { Client, CtlError } from './client.ts'
import {
  ArgumentError,
  arg,
  type Command,
  type Context,
  EXIT_SOFTWARE,
  EXIT_USAGE,
  existingVhost,
  type Result,
  type Terminal,
  timeoutOption,
} from './command.ts'
import { commands } from './commands.ts'
import { examples } from './examples.ts'
import { brokerFolder } from './find-broker.ts'
import { commonOptions, optionLines, type Parsed, parseCommandLine } from './options.ts'
import { type Formatter, format, formatObject, formatters, machineFormatters } from './output.ts'
import { shownOn } from './shown.ts'
import { stateCommands } from './state.ts'
import { toolCommands } from './tools.ts'

function commandsOf(tool: string): Readonly<Record<string, Command>> {
  return { ...commands, ...stateCommands, ...toolCommands[tool] }
}

function commandsText(all: Readonly<Record<string, Command>>): string {
  const width = Math.max(...Object.keys(all).map((n) => n.length))
  return Object.entries(all)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, c]) => `  ${name.padEnd(width)}  ${c.help}\n`)
    .join('')
}

/** Returns the completion script for a shell. */
function completionText(shell: string): string {
  const words = [...ownCommands, 'ctl', 'help', 'completion', ...Object.keys(commandsOf('leveret'))].join(' ')
  if (shell === 'bash') return `complete -W "${words}" leveret\n`
  if (shell === 'zsh') return `compdef '_arguments "1: :(${words})"' leveret\n`
  if (shell === 'fish') return `complete -c leveret -f -a "${words}"\n`
  throw new CtlError(`no completion for '${shell}'; supported are bash, zsh and fish`, EXIT_USAGE)
}

function helpText(tool: string): string {
  const called = tool === 'leveret' ? 'leveret [ctl]' : tool
  // Commands specific to the tool come first; the others work too.
  const own = toolCommands[tool]
  return `Runs rabbitmqctl's commands, and commands of Leveret

Usage: ${called} [options] COMMAND [options] [arguments]

Commands reach the broker over a socket in its data folder, which only the owner of the folder can open, or over the HTTP API
(--url). The folder is --data-dir, LEVERET_DATA_DIR, or the first of ./leveret-data, /data and /var/lib/leveret that has a
running broker.

Options for all commands:
${optionLines(commonOptions)}
Examples:
  leveret list_queues -p / name messages consumers
  leveret set_policy --apply-to queues limits '^work' '{"max-length":10000}'
  leveret redrive --reason rejected dead-letters
  leveret completion bash
${own === undefined ? '' : `\nCommands of ${tool}:\n${commandsText(own)}`}
Commands:
${commandsText({ ...commands, ...stateCommands })}
Run '${tool} COMMAND --help' for help on a command.
`
}

const ownTerminal: Terminal = {
  out: (text) => void process.stdout.write(shownOn(process.stdout, text)),
  err: (text) => void process.stderr.write(shownOn(process.stderr, text)),
}

/** Runs one command; returns the exit code. @param tool the name under which the program was called */
export async function ctl(
  args: readonly string[],
  tool = 'leveret',
  terminal: Terminal = ownTerminal,
): Promise<number> {
  try {
    await run(args, tool, terminal)
    return 0
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error)
    const heading =
      error instanceof UnknownCommand
        ? ''
        : error instanceof ArgumentError
          ? 'Error (argument validation): '
          : 'Error:\n'
    terminal.err(`${heading}${message}\n`)
    return error instanceof CtlError ? error.exitCode : EXIT_SOFTWARE
  }
}

async function run(args: readonly string[], tool: string, terminal: Terminal): Promise<void> {
  const parsed = parse(args, tool)
  const { values } = parsed
  let [name = '', ...rest] = parsed.positionals
  const all = commandsOf(tool)
  if (name === 'completion') return terminal.out(completionText(rest[0] ?? ''))
  if (name === 'autocomplete') return terminal.out(beginningWith(all, rest[0] ?? ''))
  if (values['version'] === true && name === '') [name, rest] = ['version', []]
  if ((name === '' && values['help'] === true) || (name === 'help' && rest.length === 0))
    return terminal.out(helpText(tool))
  if (name === '') throw new UnknownCommand(helpText(tool), EXIT_USAGE)
  const asksForHelp = name === 'help' || values['help'] === true
  if (name === 'help') [name = '', ...rest] = rest
  const command = Object.hasOwn(all, name) ? (all[name] as Command) : undefined
  if (command === undefined) throw notFound(name, all, tool)
  if (asksForHelp) return terminal.out(helpOf(name, command, tool))
  const how = check(name, command, { values, positionals: rest }, tool)
  // A command with its own --dry-run option does more than check the command line.
  const isDry = values['dry-run'] === true && command.options?.includes('dry-run') !== true
  await runCommand(command, how, { ...contextOf(command, values, rest, tool), terminal }, isDry)
}

function parse(args: readonly string[], tool: string): Parsed {
  try {
    return parseCommandLine(args)
  } catch (error) {
    const { code, message } = error as { code?: string; message: string }
    const option = /'(-{1,2}[^' ]*)/.exec(message)?.[1]
    if (code !== 'ERR_PARSE_ARGS_UNKNOWN_OPTION' || option === undefined)
      throw new ArgumentError(message.split('. ')[0] as string)
    throw new ArgumentError(`Invalid options for this command: ${option}\nTry '${tool} help'.`)
  }
}

class UnknownCommand extends CtlError {}

function notFound(name: string, all: Readonly<Record<string, Command>>, tool: string): CtlError {
  const meant = nearest(name, Object.keys(all))
  const hint = meant === undefined ? `Try '${tool} help'.` : `Did you mean '${meant}'?`
  return new UnknownCommand(`Command '${name}' not found. ${hint}`, EXIT_USAGE)
}

function beginningWith(all: Readonly<Record<string, Command>>, prefix: string): string {
  const names = Object.keys(all).filter((n) => n.startsWith(prefix))
  return names
    .sort()
    .map((n) => `${n}\n`)
    .join('')
}

function helpOf(name: string, command: Command, tool: string): string {
  const { columns = [], options = [], usage, help } = command
  const own = options.length === 0 ? '' : `\nOptions:\n${optionLines(options)}`
  const lines = (examples[name] ?? [name]).map((e) => (e.includes('leveret ') ? e : `leveret ${e}`))
  return [
    `Usage: ${`${tool} ${name} ${usage}`.trimEnd()}\n`,
    `\n${help}\n`,
    own,
    `\nOptions for all commands:\n${optionLines(commonOptions.filter((o) => !options.some((own) => own === o)))}`,
    columns.length === 0 ? '' : `\nColumns:\n  ${columns.join(', ')}\n`,
    `\nExamples:\n${lines.map((l) => `  ${l}\n`).join('')}`,
  ].join('')
}

/** Validates the command line before anything is done. @returns the formatter. @throws ArgumentError */
function check(name: string, command: Command, { values, positionals }: Parsed, tool: string): Formatter {
  const usage = `\n\nUsage: ${tool} ${name} ${command.usage}`
  const takes = [...commonOptions, ...(command.options ?? [])]
  const foreign = Object.keys(values).filter((o) => !takes.includes(o))
  if (foreign.length > 0)
    throw new ArgumentError(
      `Invalid options for this command: ${foreign.map((o) => `--${o}`).join(', ')}${usage}`,
    )
  const [least, most] = command.args
  if (positionals.length < least) throw new ArgumentError(`not enough arguments.${usage}`)
  if (positionals.length > most) throw new ArgumentError(`too many arguments.${usage}`)
  const { columns } = command
  const unknown = columns === undefined ? [] : positionals.filter((c) => !columns.includes(c))
  if (unknown.length > 0)
    throw new ArgumentError(`Info key(s) ${unknown.join(',')} are not supported${usage}`)
  const how = values['formatter'] ?? 'table'
  const known = formatters.find((f) => f === how)
  if (known === undefined)
    throw new ArgumentError(`--formatter takes one of ${formatters.join(', ')}, not '${String(how)}'`)
  return known
}

function contextOf(
  command: Command,
  values: Context['options'],
  args: readonly string[],
  tool: string,
): Omit<Context, 'terminal'> {
  const text = (name: string): string | undefined => {
    const v = values[name]
    return typeof v === 'string' ? v : undefined
  }
  const options = { options: values } as Context
  const timeout = timeoutOption(options) ?? command.seconds ?? Number.POSITIVE_INFINITY
  return {
    client: new Client({
      url: text('url'),
      dataDir: brokerFolder(text('data-dir'), process.env),
      caFile: text('ca-file'),
      timeoutMs: command.waits || timeout === Number.POSITIVE_INFINITY ? undefined : timeout * 1000,
    }),
    vhost: text('vhost') ?? '/',
    args,
    options: values,
    tool,
  }
}

/** Runs the command. If the response is a bare 404, the error names the missing object. @throws CtlError */
async function resultOf(command: Command, context: Context): Promise<Result> {
  try {
    return await command.run(context)
  } catch (error) {
    if (!(error instanceof CtlError) || error.status !== 404) throw error
    if (command.usage.includes('-p VHOST')) await existingVhost(context)
    const [first = ''] = command.usage
      .replace(/\[.*?\]/g, '')
      .trim()
      .split(' ')
    if (first !== 'QUEUE' || error.message !== 'Not Found') throw error
    throw new CtlError(`no queue '${arg(context, 0)}' in vhost '${context.vhost}'`, error.exitCode, 404)
  }
}

async function runCommand(command: Command, how: Formatter, context: Context, isDry: boolean): Promise<void> {
  const { options, terminal } = context
  const quiet = options['quiet'] === true || options['silent'] === true || machineFormatters.includes(how)
  const said = quiet ? '' : withoutPassword(command.banner?.(context) ?? '')
  const { timeoutMs } = context.client.target
  if (!quiet && command.seconds !== undefined && timeoutMs !== undefined)
    terminal.out(`Timeout: ${(timeoutMs / 1000).toFixed(1)} seconds ...\n`)
  if (said !== '') terminal.out(`${said}\n`)
  if (isDry) return
  const { rows, columns = [], object, text = '', notes = [] } = await resultOf(command, context)
  for (const note of notes) terminal.err(`${note}\n`)
  const headers = options['silent'] !== true && options['no-table-headers'] !== true
  if (rows !== undefined) terminal.out(format(rows, columns, how, headers))
  else if (object !== undefined) terminal.out(formatObject(object, how))
  else terminal.out(text)
}
