/** The structure of a command, and helpers that most commands share. */
import { type Client, CtlError } from './client.ts'
import type { OptionName } from './options.ts'
import type { Row } from './output.ts'

/** The output of a command: the streams of the process, or those of a test. */
export interface Terminal {
  out(text: string): void
  err(text: string): void
}

export interface Context {
  readonly client: Client
  /** -p */
  readonly vhost: string
  readonly args: readonly string[]
  readonly options: { readonly [name: string]: string | boolean | undefined }
  /** The name under which the program was called. */
  readonly tool: string
  /** For output before the command ends. */
  readonly terminal: Terminal
}

/** The result of a command: rows of a table, or a text. */
export interface Result {
  readonly rows?: readonly Row[]
  readonly columns?: readonly string[]
  readonly text?: string
  /** One object instead of rows: printed as one line per member, or as JSON. */
  readonly object?: Row
  /** Messages for people, printed to standard error. */
  readonly notes?: readonly string[]
}

export interface Command {
  /** The arguments after the name, as --help shows them. */
  readonly usage: string
  readonly help: string
  /** The line that is printed first, unless -q is given. */
  readonly banner?: (c: Context) => string | undefined
  /** Minimum and maximum number of arguments. */
  readonly args: readonly [number, number]
  /** Options besides the common ones. */
  readonly options?: readonly OptionName[]
  /** The arguments are column names; these are the available columns. */
  readonly columns?: readonly string[]
  /** --timeout limits how long the command waits, instead of each response. */
  readonly waits?: true
  /** How long each response may take without --timeout, in seconds; rabbitmqctl prints it first. */
  readonly seconds?: number
  readonly run: (c: Context) => Promise<Result>
}

export const enc = encodeURIComponent

/** Exit codes, as in rabbitmqctl. */
export const EXIT_USAGE = 64
export const EXIT_DATA = 65
export const EXIT_NO_USER = 67
export const EXIT_UNAVAILABLE = 69
export const EXIT_SOFTWARE = 70

/** Incorrect usage, reported before anything is done. */
export class ArgumentError extends CtlError {
  constructor(message: string, exitCode = EXIT_USAGE) {
    super(message, exitCode)
  }
}

function ofVhost(c: Context, path: (c: Context) => string): boolean {
  return path(c).split(/[/?]/).includes(enc(c.vhost))
}

/** rabbitmqctl words the banner of each list differently. */
function where(what: string, vhost: string): string {
  if (what === 'consumers') return ` in vhost ${vhost}`
  return ['queues', 'exchanges', 'bindings'].includes(what) ? ` for vhost ${vhost}` : ` for vhost "${vhost}"`
}

export function list(
  what: string,
  path: (c: Context) => string,
  defaultColumns: readonly string[],
  columns: readonly string[],
  row: (o: Row, c: Context) => Row = (o) => o,
): Command {
  return {
    usage: '[-p VHOST] [COLUMN ...]',
    help: `lists ${what}`,
    banner: (c) => `Listing ${what}${ofVhost(c, path) ? where(what, c.vhost) : ''} ...`,
    args: [0, Number.POSITIVE_INFINITY],
    columns,
    run: async (c) => {
      const answer = c.client.get<Row[]>(path(c))
      const found = ofVhost(c, path) ? await ofExistingVhost(c.vhost, answer) : await answer
      return { rows: found.map((o) => row(o, c)), columns: c.args.length > 0 ? c.args : defaultColumns }
    },
  }
}

export function action(
  usage: string,
  help: string,
  args: readonly [number, number],
  banner: (c: Context) => string,
  run: (c: Context) => Promise<unknown>,
  options: readonly OptionName[] = [],
): Command {
  return {
    usage,
    help,
    args,
    banner,
    options,
    run: async (c) => {
      const text = await run(c)
      return typeof text === 'string' ? { text } : {}
    },
  }
}

export const arg = (c: Context, i: number): string => c.args[i] as string

/** @throws ArgumentError if the option is not a number */
export function numberOption(c: Context, name: OptionName | 'timeout'): number | undefined {
  const v = c.options[name]
  if (v === undefined) return undefined
  const n = Number(v)
  if (typeof v !== 'string' || v.trim() === '' || !Number.isFinite(n) || n < 0)
    throw new ArgumentError(`--${name} takes a number, not '${String(v)}'`)
  return n
}

/** @throws ArgumentError if the option is not a whole number */
export function countOption(c: Context, name: OptionName): number | undefined {
  const n = numberOption(c, name)
  if (n !== undefined && !Number.isInteger(n))
    throw new ArgumentError(`--${name} takes a whole number, not '${String(c.options[name])}'`)
  return n
}

/** Returns --timeout in seconds, Infinity for `infinity`. @throws ArgumentError if it is neither that nor a number */
export function timeoutOption(c: Context): number | undefined {
  return c.options['timeout'] === 'infinity' ? Number.POSITIVE_INFINITY : numberOption(c, 'timeout')
}

/** @throws CtlError with that text and exit code if the response is 404 */
export async function orElse<T>(answer: Promise<T>, text: string, exitCode: number): Promise<T> {
  try {
    return await answer
  } catch (error) {
    throw error instanceof CtlError && error.exitCode === EXIT_DATA ? new CtlError(text, exitCode) : error
  }
}

/** @throws CtlError if the response is 404: there is no such vhost */
export function ofExistingVhost<T>(vhost: string, answer: Promise<T>): Promise<T> {
  return orElse(answer, `Virtual host '${vhost}' does not exist`, EXIT_DATA)
}

/** @throws CtlError if there is no such vhost */
export async function existingVhost(c: Context): Promise<void> {
  await ofExistingVhost(c.vhost, c.client.get(`vhosts/${enc(c.vhost)}`))
}

/** Ignores a 404: deleting an object that does not exist is a success. */
export async function unlessAbsent(answer: Promise<unknown>): Promise<void> {
  try {
    await answer
  } catch (error) {
    if (!(error instanceof CtlError) || error.exitCode !== EXIT_DATA) throw error
  }
}

/** The API path of the queue named by the first argument. */
export const queueOf = (c: Context): string => `queues/${enc(c.vhost)}/${enc(arg(c, 0))}`

/** The name of the node, which is part of some API paths. */
export async function nodeOf(c: Context): Promise<string> {
  const [node] = await c.client.get<Row[]>('nodes')
  return enc(String(node?.['name']))
}

/** Closes all AMQP connections and stops accepting new ones, or starts accepting them again. */
export async function switchListeners(c: Context, what: 'stop_app' | 'start_app'): Promise<Result> {
  await c.client.call('POST', `nodes/${await nodeOf(c)}/${what}`)
  return {}
}

export function json(text: string, what: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    // The text is not quoted: it may contain a password.
    throw new CtlError(`${what} is not JSON`, EXIT_UNAVAILABLE)
  }
}

/** @throws CtlError if the text is not a JSON object */
export function jsonObject(text: string, what: string): Record<string, unknown> {
  const v = json(text, what)
  if (typeof v !== 'object' || v === null || Array.isArray(v))
    throw new CtlError(`${what} are not a JSON object`, EXIT_UNAVAILABLE)
  return v as Record<string, unknown>
}
