/** Reads files that settings name: such a name may lead to a device or a pipe, which would never end. */
import { readFileSync, statSync } from 'node:fs'

/** @throws Error that says what is wrong; only errors of the system name the file */
export function readRegularFile(file: string, bytesMax: number): Buffer {
  const stat = statSync(file)
  if (!stat.isFile()) throw new Error('it is not a regular file')
  if (stat.size > bytesMax) throw new Error(`it is larger than ${bytesMax} octets`)
  return readFileSync(file)
}
