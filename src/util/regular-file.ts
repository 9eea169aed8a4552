/** Reads files that settings name, which may be anything: a device or a pipe would never end. */
import { readFileSync, statSync } from 'node:fs'

/** @throws Error that says what is wrong, without the name of the file where the system gives none */
export function readRegularFile(file: string, bytesMax: number): Buffer {
  const stat = statSync(file)
  if (!stat.isFile()) throw new Error('it is no regular file')
  if (stat.size > bytesMax) throw new Error(`it is larger than ${bytesMax} octets`)
  return readFileSync(file)
}
