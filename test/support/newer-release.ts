/** A build that is told apart from this one as the next release may be. */
import { cpSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'

/** What it calls itself. */
export const NEWER = '99.0.0'

const VERSION = [[/\bversion = (["'])\d+\.\d+\.\d+\1/, `version = '${NEWER}'`]] as const
/** How records of the log are written and read. */
const RECORDS = [
  [/b\.writeUInt8\(VERSION(?:\$\d+)?, 0\)/, 'b.writeUInt8(2, 0)'],
  [/b\.readUInt8\(0\) !== VERSION(?:\$\d+)?\b/, 'b.readUInt8(0) > 2'],
] as const

/** Changes the modules below that folder. @throws Error where a text is not there any more */
function change(folder: string, changes: readonly (readonly [RegExp, string])[]): void {
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((f) => f.endsWith('.js') && !f.startsWith('web'))
    .map((f) => join(folder, f))
  for (const [from, to] of changes) {
    const found = files.filter((f) => from.test(readFileSync(f, 'utf8')))
    if (found.length === 0) throw new Error(`the build has no ${from}`)
    for (const f of found) writeFileSync(f, readFileSync(f, 'utf8').replace(from, to))
  }
}

/**
 * A copy of this build in a folder of its own.
 * @param newRecords it writes the log's records in a version that this release cannot read, and reads both
 * @returns its program
 */
export function newerRelease(folder: string, newRecords: boolean): string {
  mkdirSync(folder)
  for (const name of ['bin', 'dist', 'package.json']) cpSync(name, join(folder, name), { recursive: true })
  symlinkSync(resolve('node_modules'), join(folder, 'node_modules'))
  change(join(folder, 'dist'), newRecords ? [...VERSION, ...RECORDS] : VERSION)
  return join(folder, 'bin', 'leveret.js')
}
