/** The types of values in rabbitmq.conf. Each throws an Error that says what was expected. */
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

export function integer(text: string, min = 0, max = Number.MAX_SAFE_INTEGER): number {
  const n = /^-?\d+$/.test(text) ? Number(text) : Number.NaN
  if (Number.isNaN(n) || n < min || n > max)
    throw new Error(`expected a whole number from ${min} to ${max}, found '${text}'`)
  return n
}

export function numberOrInfinity(text: string): number {
  return text === 'infinity' ? Number.POSITIVE_INFINITY : integer(text)
}

export function decimal(text: string): number {
  const n = /^\d+(\.\d+)?$/.test(text) ? Number(text) : Number.NaN
  if (Number.isNaN(n)) throw new Error(`expected a number, found '${text}'`)
  return n
}

export function boolean(text: string): boolean {
  if (['true', 'on', 'yes'].includes(text)) return true
  if (['false', 'off', 'no'].includes(text)) return false
  throw new Error(`expected true or false, found '${text}'`)
}

/** Octets: a number with or without a unit, such as 512MiB, 2GB or 4096. */
export function octets(text: string): number {
  const match = /^(\d+(?:\.\d+)?)\s*([a-z]*)$/i.exec(text)
  const unit = UNITS[(match?.[2] ?? 'none').toLowerCase()]
  if (match === null || unit === undefined)
    throw new Error(`expected a size such as 512MiB or 2GB, found '${text}'`)
  return Math.floor(Number(match[1]) * unit)
}

export function oneOf<T extends string>(text: string, values: readonly T[]): T {
  if (values.includes(text as T)) return text as T
  throw new Error(`expected one of ${values.join(', ')}, found '${text}'`)
}

/** `5672`, `127.0.0.1:5672` or `[::1]:5672`; `none` is for the caller. */
export function address(text: string): { port: number; bind: string | undefined } {
  const match = /^(?:\[?(.*?)\]?:)?(\d+)$/.exec(text)
  if (match === null) throw new Error(`expected a port or address:port, found '${text}'`)
  return { bind: match[1], port: integer(match[2] as string, 0, 65_535) }
}

/** What the process may use, in octets: a container's limit where there is one. */
export function availableMemory(): number {
  const limit = process.constrainedMemory()
  const total = totalmem()
  return limit > 0 && limit < total ? limit : total
}
