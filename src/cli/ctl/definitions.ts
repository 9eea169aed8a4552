/** Definitions from and to files. */
import { readFileSync, writeFileSync } from 'node:fs'
import { readJson } from '../../util/lenient-json.ts'
import { CtlError } from './client.ts'
import { action, arg, type Command } from './command.ts'

const EXIT_DATA = 65
const STANDARD_INPUT = 0

interface ExportedUser {
  readonly name: string
  readonly password_hash?: string
  readonly leveret_password_hash?: string
}

async function definitionsIn(file: string): Promise<unknown> {
  const text = readFileSync(file === '-' ? STANDARD_INPUT : file, 'utf8')
  try {
    return await readJson(text)
  } catch (error) {
    throw new CtlError(
      `${file === '-' ? 'the standard input' : file}: ${(error as Error).message}`,
      EXIT_DATA,
    )
  }
}

/** Other brokers cannot read some hashes: whoever carries the file there should know. */
function notesOn(users: readonly ExportedUser[]): string[] {
  return users
    .filter((u) => u.leveret_password_hash !== undefined && u.password_hash === undefined)
    .map(
      (u) => `user ${u.name}: only Leveret can read the hash of the password; set it anew where you import`,
    )
}

export const definitions: Readonly<Record<string, Command>> = {
  import_definitions: action(
    'FILE',
    'loads definitions; - reads them from the standard input',
    [1, 1],
    (c) => `Importing definitions in JSON from a file at "${arg(c, 0)}" ...`,
    async (c) => c.client.call('POST', 'definitions', await definitionsIn(arg(c, 0))),
  ),
  export_definitions: {
    usage: 'FILE',
    help: 'writes definitions; - writes them to the standard output',
    args: [1, 1],
    // The standard output has the definitions and nothing else.
    banner: (c) =>
      arg(c, 0) === '-' ? undefined : `Exporting definitions in JSON to a file at "${arg(c, 0)}" ...`,
    run: async (c) => {
      const all = (await c.client.get('definitions')) as { users?: ExportedUser[] }
      const text = `${JSON.stringify(all, null, 2)}\n`
      const notes = notesOn(all.users ?? [])
      if (arg(c, 0) === '-') return { text, notes }
      writeFileSync(arg(c, 0), text, { mode: 0o600 })
      return { notes }
    },
  },
}
