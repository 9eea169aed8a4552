/** Sizes as people write them, and how much memory there is. */
import { totalmem } from 'node:os'

/** k, ki and kib count by 1024, kb by 1000, and so on for the greater ones. */
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

/** Octets: a number with or without a unit, such as 512MiB, 2GB or 4096. */
export function octets(text: string): number {
  const match = /^(\d+(?:\.\d+)?)\s*([a-z]*)$/i.exec(text)
  const unit = units.get((match?.[2] ?? 'none').toLowerCase())
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
