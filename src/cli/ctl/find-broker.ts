/** Where the broker is whose folder nobody has named. */
import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { CONTROL_SOCKET, DATA_DIR_VARIABLE, DEFAULT_DATA_DIR } from '../../util/data-folder.ts'

/** Of the image and of the systemd unit in packaging/. */
const WELL_KNOWN = ['/data', '/var/lib/leveret']

/** What is named counts; else the first folder with a broker in it: the working folder's, then well-known ones. */
export function brokerFolder(
  named: string | undefined,
  environment: Readonly<Record<string, string | undefined>>,
  runs = (dir: string): boolean => existsSync(join(dir, CONTROL_SOCKET)),
): string {
  const given = named ?? environment[DATA_DIR_VARIABLE]
  if (given !== undefined && given !== '') return resolve(given)
  const byDefault = resolve(DEFAULT_DATA_DIR)
  return [byDefault, ...WELL_KNOWN].find(runs) ?? byDefault
}
