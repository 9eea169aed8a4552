/** What a command is, and what most of them share. */
import { type Client, CtlError } from './client.ts'
import type { Row } from './output.ts'

export interface Context {
  readonly client: Client
  /** -p */
  readonly vhost: string
  readonly args: readonly string[]
  readonly options: { readonly [name: string]: string | boolean | undefined }
}

/** Rows for a table, or a text. */
export interface Result {
  readonly rows?: readonly Row[]
  readonly columns?: readonly string[]
  readonly text?: string
  /** For people: on the standard error output. */
  readonly notes?: readonly string[]
}

export interface Command {
  /** Behind the name, as --help shows it. */
  readonly usage: string
  readonly help: string
  /** What is said first, unless -q is given. */
  readonly banner?: (c: Context) => string | undefined
  /** How many arguments, at least and at most. */
  readonly args: readonly [number, number]
  readonly run: (c: Context) => Promise<Result>
}

export const enc = encodeURIComponent

export function list(
  what: string,
  path: (c: Context) => string,
  defaultColumns: readonly string[],
  row: (o: Row, c: Context) => Row = (o) => o,
): Command {
  return {
    usage: '[-p VHOST] [COLUMN ...]',
    help: `lists ${what}`,
    banner: (c) =>
      `Listing ${what}${path(c).split(/[/?]/).includes(enc(c.vhost)) ? ` for vhost ${c.vhost}` : ''} ...`,
    args: [0, 50],
    run: async (c) => {
      const found = await c.client.get<Row[]>(path(c))
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
): Command {
  return {
    usage,
    help,
    args,
    banner,
    run: async (c) => {
      await run(c)
      return {}
    },
  }
}

export const arg = (c: Context, i: number): string => c.args[i] as string

export function json(text: string, what: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    // Without the text: a password may be in it.
    throw new CtlError(`${what} is not JSON`, 65)
  }
}
