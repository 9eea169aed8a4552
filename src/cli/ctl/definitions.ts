/** Exports and imports definitions files. */
import { createHash } from 'node:crypto'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { definitionsHash, IMPORTED_HASH } from '../../util/definitions-hash.ts'
import { asUtf8, readJson } from '../../util/lenient-json.ts'
import { CtlError } from './client.ts'
import { ArgumentError, action, arg, type Command, type Context } from './command.ts'

const EXIT_DATA = 65
const STANDARD_INPUT = 0

interface ExportedUser {
  readonly name: string
  readonly password_hash?: string
  readonly leveret_password_hash?: string
}

async function definitionsIn(file: string): Promise<{ digest: string; parsed: unknown }> {
  if (file !== '-' && !existsSync(file)) throw new CtlError(`File ${file} does not exist`, EXIT_DATA)
  const octets = readFileSync(file === '-' ? STANDARD_INPUT : file)
  try {
    return { digest: definitionsHash([octets]), parsed: await readJson(asUtf8(octets).toString()) }
  } catch (error) {
    throw new CtlError(
      `${file === '-' ? 'the standard input' : file}: ${(error as Error).message}`,
      EXIT_DATA,
    )
  }
}

/** Warns about hashes that other brokers cannot read. */
function notesOn(users: readonly ExportedUser[]): string[] {
  return users
    .filter((u) => u.leveret_password_hash !== undefined && u.password_hash === undefined)
    .map(
      (u) =>
        `user ${u.name}: only Leveret can read this password hash; set the password again after the import`,
    )
}

/** The parameter that earlier versions of this command used, with a hash of the parsed definitions. */
const EARLIER_HASH = 'imported_definitions_hash'

async function globalParameter(c: Context, name: string): Promise<unknown> {
  try {
    return (await c.client.get<{ value: unknown }>(`global-parameters/${name}`)).value
  } catch (error) {
    if (error instanceof CtlError && error.status === 404) return undefined
    throw error
  }
}

/** Returns whether the last import, by this command or by a start of the broker, was of the same definitions. */
async function areImported(c: Context, digest: string, parsed: unknown): Promise<boolean> {
  const last = await globalParameter(c, IMPORTED_HASH)
  if (last !== undefined) return last === digest
  const earlier = createHash('sha256').update(JSON.stringify(parsed)).digest('hex')
  return (await globalParameter(c, EARLIER_HASH)) === earlier
}

/** @throws ArgumentError */
function onlyJson(c: Context): void {
  const { format = 'json' } = c.options
  if (format !== 'json') throw new ArgumentError(`--format takes json, not '${format}'`)
}

export const definitions: Readonly<Record<string, Command>> = {
  import_definitions: action(
    'FILE',
    'imports definitions from a file, or from standard input (-)',
    [1, 1],
    (c) => `Importing definitions in JSON from a file at "${arg(c, 0)}" ...`,
    async (c) => {
      onlyJson(c)
      const skipUnchanged = c.options['skip-if-unchanged'] === true
      const { digest, parsed } = await definitionsIn(arg(c, 0))
      if (skipUnchanged && (await areImported(c, digest, parsed)))
        return 'These definitions have been loaded already\n'
      await c.client.call('POST', 'definitions', parsed)
      if (skipUnchanged) await c.client.call('PUT', `global-parameters/${IMPORTED_HASH}`, { value: digest })
      return undefined
    },
    ['format', 'skip-if-unchanged'],
  ),
  export_definitions: {
    usage: 'FILE',
    help: 'exports definitions to a file, or to standard output (-)',
    args: [1, 1],
    options: ['format'],
    // Standard output must contain only the definitions.
    banner: (c) =>
      arg(c, 0) === '-' ? undefined : `Exporting definitions in JSON to a file at "${arg(c, 0)}" ...`,
    run: async (c) => {
      onlyJson(c)
      const all = (await c.client.get('definitions')) as { users?: ExportedUser[] }
      const text = `${JSON.stringify(all, null, 2)}\n`
      const notes = notesOn(all.users ?? [])
      if (arg(c, 0) === '-') return { text, notes }
      try {
        writeFileSync(arg(c, 0), text, { mode: 0o600 })
      } catch (error) {
        throw new CtlError(`cannot write ${arg(c, 0)}: ${(error as NodeJS.ErrnoException).code}`, EXIT_DATA)
      }
      return { notes }
    },
  },
}
