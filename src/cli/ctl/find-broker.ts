/** Finds the broker's data folder if none is specified. */
import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { CONTROL_SOCKET, DATA_DIR_VARIABLE, DEFAULT_DATA_DIR } from '../../util/data-folder.ts'

/** The data folders of the container image and of the systemd unit in packaging/. */
const WELL_KNOWN = ['/data', '/var/lib/leveret']

/**
 * Returns the specified folder; otherwise the first one that contains a running broker: that in the working directory,
 * then well-known ones.
 */
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
