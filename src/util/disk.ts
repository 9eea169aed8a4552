import { statfsSync } from 'node:fs'

/** Free disk space in octets on the volume of that folder. @throws the system error */
export function freeOn(dir: string): number {
  const { bavail, bsize } = statfsSync(dir)
  return bavail * bsize
}
