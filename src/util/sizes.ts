/** Sizes as people write them, and how much memory there is. */
import { totalmem } from 'node:os'

const UNITS: Record<string, number> = {
  '': 1,
  b: 1,
  k: 1024,
  kib: 1024,
  kb: 1000,
  m: 1024 ** 2,
  mib: 1024 ** 2,
  mb: 1e6,
  g: 1024 ** 3,
  gib: 1024 ** 3,
  gb: 1e9,
  t: 1024 ** 4,
  tib: 1024 ** 4,
  tb: 1e12,
}

/** Octets: a number with or without a unit, such as 512MiB, 2GB or 4096. */
export function octets(text: string): number {
  const match = /^(\d+(?:\.\d+)?)\s*([a-z]*)$/i.exec(text)
  const unit = UNITS[(match?.[2] ?? 'none').toLowerCase()]
  if (match === null || unit === undefined)
    throw new Error(`expected a size such as 512MiB or 2GB, found '${text}'`)
  return Math.floor(Number(match[1]) * unit)
}

/** What the process may use, in octets: a container's limit where there is one. */
export function availableMemory(): number {
  const limit = process.constrainedMemory()
  const total = totalmem()
  return limit > 0 && limit < total ? limit : total
}
