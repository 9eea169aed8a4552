/** A build that is told apart from this one as the next release may be. */
import { cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'

/** What it calls itself. */
export const NEWER = '99.0.0'

/** @throws Error where the text is not there any more */
function change(file: string, changes: readonly (readonly [string, string])[]): void {
  let text = readFileSync(file, 'utf8')
  for (const [from, to] of changes) {
    if (!text.includes(from)) throw new Error(`${file} has no '${from}'`)
    text = text.replace(from, to)
  }
  writeFileSync(file, text)
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
  change(join(folder, 'dist', 'util', 'version.js'), [["version = '0.1.0'", `version = '${NEWER}'`]])
  if (newRecords)
    change(join(folder, 'dist', 'cluster', 'record.js'), [
      ['const VERSION = 1;', 'const VERSION = 2;'],
      ['b.readUInt8(0) !== VERSION', 'b.readUInt8(0) > VERSION'],
    ])
  return join(folder, 'bin', 'leveret.js')
}
