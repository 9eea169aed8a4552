/** The value types of rabbitmq.conf. Each parser throws an Error that says what was expected. */
import { Pattern } from '../util/pattern.ts'
import { brief } from './parse.ts'

export function integer(text: string, min = 0, max = Number.MAX_SAFE_INTEGER): number {
  const n = /^-?\d+$/.test(text) ? Number(text) : Number.NaN
  if (Number.isNaN(n) || n < min || n > max)
    throw new Error(`expected a whole number from ${min} to ${max}, found '${brief(text)}'`)
  return n
}

export function numberOrInfinity(text: string): number {
  return text === 'infinity' ? Number.POSITIVE_INFINITY : integer(text)
}

export function decimal(text: string): number {
  const n = /^\d+(\.\d+)?$/.test(text) ? Number(text) : Number.NaN
  if (Number.isNaN(n)) throw new Error(`expected a number, found '${brief(text)}'`)
  return n
}

export function boolean(text: string): boolean {
  if (['true', 'on', 'yes'].includes(text)) return true
  if (['false', 'off', 'no'].includes(text)) return false
  throw new Error(`expected true or false, found '${brief(text)}'`)
}

export function oneOf<T extends string>(text: string, values: readonly T[]): T {
  if (values.includes(text as T)) return text as T
  throw new Error(`expected one of ${values.join(', ')}, found '${brief(text)}'`)
}

/** `5672`, `127.0.0.1:5672` or `[::1]:5672`; the caller handles `none`. */
export function address(text: string): { port: number; bind: string | undefined } {
  const match = /^(?:\[?(.*?)\]?:)?(\d+)$/.exec(text)
  if (match === null) throw new Error(`expected a port or address:port, found '${brief(text)}'`)
  return { bind: match[1], port: integer(match[2] as string, 0, 65_535) }
}

const SECOND_MS = 1000
const durations = new Map([
  ['', 1],
  ['ms', 1],
  ['s', SECOND_MS],
  ['m', 60 * SECOND_MS],
  ['h', 3600 * SECOND_MS],
  ['d', 86_400 * SECOND_MS],
  ['w', 604_800 * SECOND_MS],
])

/** Returns milliseconds. Accepts a number, or numbers with units such as `1h30m` or `10s`. */
export function duration(text: string): number {
  // Each group must end with a unit. If it were optional, digits could be split in many ways, and all would be tried.
  if (text === '' || !/^(\d+(ms|[smhdw]))*\d*$/.test(text))
    throw new Error(`expected a time such as 5000 or 1h30m, found '${brief(text)}'`)
  let ms = 0
  for (const [, n, unit] of text.matchAll(/(\d+)(ms|[smhdw])?/g))
    ms += Number(n) * (durations.get(unit ?? '') as number)
  return ms
}

const NAME_BYTES_MAX = 255

/** Parses a name of a user, a vhost or the broker: at most 255 bytes, because AMQP sends it as a short string. */
export function name(text: string): string {
  if (text === '' || Buffer.byteLength(text) > NAME_BYTES_MAX)
    throw new Error(`expected a name of 1 to ${NAME_BYTES_MAX} octets, found '${brief(text)}'`)
  return text
}

/** Parses a regular expression, which is returned unchanged. */
export function pattern(text: string): string {
  new Pattern(text)
  return text
}

/** A password or passphrase, taken literally. */
export function secret(text: string): string {
  if (text.startsWith('encrypted:'))
    throw new Error(
      'encrypted values cannot be decrypted here; write the value itself, in a file that only the broker can read',
    )
  return text
}
