/** Parses human-readable sizes, and determines the available memory. */
import { totalmem } from 'node:os'

/** k, ki and kib are multiples of 1024, kb of 1000; the same applies to the larger units. */
const units = new Map<string, number>([
  ['', 1],
  ['b', 1],
  ...['k', 'm', 'g', 't', 'p'].flatMap((letter, i): [string, number][] => [
    [letter, 1024 ** (i + 1)],
    [`${letter}i`, 1024 ** (i + 1)],
    [`${letter}ib`, 1024 ** (i + 1)],
    [`${letter}b`, 1000 ** (i + 1)],
  ]),
])

/** Parses octets: a number with or without a unit, such as 512MiB, 2GB or 4096. */
export function octets(text: string): number {
  const match = /^(\d+(?:\.\d+)?)\s*([a-z]*)$/i.exec(text)
  const unit = units.get((match?.[2] ?? 'none').toLowerCase())
  if (match === null || unit === undefined)
    throw new Error(`expected a size such as 512MiB or 2GB, found '${text}'`)
  return Math.floor(Number(match[1]) * unit)
}

/** Memory available to the process in octets: the container's limit if there is one. */
export function availableMemory(): number {
  const limit = process.constrainedMemory()
  const total = totalmem()
  return limit > 0 && limit < total ? limit : total
}
