import { statfsSync } from 'node:fs'

/** Octets free where that folder is. @throws the error of the system */
export function freeOn(dir: string): number {
  const { bavail, bsize } = statfsSync(dir)
  return bavail * bsize
}
