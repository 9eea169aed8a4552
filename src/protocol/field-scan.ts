// hot: per message
/** Scans the headers of a message without decoding them. */

import { TABLE_DEPTH_MAX } from '../limits.ts'
import { readU32 } from '../util/octets.ts'
import { frameError } from './errors.ts'

export const HAS_CC = 1
export const HAS_BCC = 2

/**
 * Checks that `b[start, end)` is a field table (without its length).
 * @returns HAS_CC and HAS_BCC, for those of the two headers that are present
 * @throws AmqpError 501 if it is not a valid table
 */
export function scanHeaders(b: Uint8Array, start: number, end: number): number {
  return scanTable(b, start, end, 0)
}

function scanTable(b: Uint8Array, start: number, end: number, depth: number): number {
  if (depth > TABLE_DEPTH_MAX) throw frameError(`field table nested deeper than ${TABLE_DEPTH_MAX}`)
  let found = 0
  let at = start
  while (at < end) {
    const size = b[at] as number
    const name = at + 1
    at = name + size
    if (at >= end) throw frameError('field table ends in the middle of a field')
    if (depth === 0 && (size === 2 || size === 3)) found |= special(b, name, size)
    at = skipValue(b, at, end, depth)
  }
  return found
}

function special(b: Uint8Array, at: number, size: number): number {
  const C = 0x43
  if (size === 2) return b[at] === C && b[at + 1] === C ? HAS_CC : 0
  return b[at] === 0x42 && b[at + 1] === C && b[at + 2] === C ? HAS_BCC : 0
}

/**
 * @param at offset of the type letter
 * @returns the offset of the end of the value
 */
function skipValue(b: Uint8Array, at: number, end: number, depth: number): number {
  const letter = b[at] as number
  const size = fixedSize(letter)
  if (size >= 0) return within(at + 1 + size, end)
  const start = within(at + 5, end)
  const valueEnd = within(start + readU32(b, at + 1), end)
  if (letter === 0x46 /* F */) scanTable(b, start, valueEnd, depth + 1)
  else if (letter === 0x41 /* A */) scanArray(b, start, valueEnd, depth + 1)
  return valueEnd
}

function scanArray(b: Uint8Array, start: number, end: number, depth: number): void {
  if (depth > TABLE_DEPTH_MAX) throw frameError(`field table nested deeper than ${TABLE_DEPTH_MAX}`)
  for (let at = start; at < end; ) at = skipValue(b, at, end, depth)
}

function within(at: number, end: number): number {
  if (at > end) throw frameError('field table ends in the middle of a field')
  return at
}

/** Octets of a value of that type; -1 for a type whose values are preceded by their length. */
function fixedSize(letter: number): number {
  switch (letter) {
    case 0x56 /* V */:
      return 0
    case 0x74 /* t */:
    case 0x62 /* b */:
    case 0x42 /* B */:
      return 1
    case 0x73 /* s */:
    case 0x75 /* u */:
      return 2
    case 0x49 /* I */:
    case 0x69 /* i */:
    case 0x66 /* f */:
      return 4
    case 0x44 /* D */:
      return 5
    case 0x6c /* l */:
    case 0x4c /* L */:
    case 0x64 /* d */:
    case 0x54 /* T */:
      return 8
    case 0x53 /* S */:
    case 0x78 /* x */:
    case 0x41 /* A */:
    case 0x46 /* F */:
      return -1
    default:
      throw frameError(`unknown field type ${JSON.stringify(String.fromCharCode(letter))}`)
  }
}

/** The end of the field at `at`, in a table that `scanHeaders` has checked. */
function fieldEnd(b: Buffer, at: number): number {
  const valueAt = at + 1 + (b[at] as number)
  const fixed = fixedSize(b[valueAt] as number)
  return fixed >= 0 ? valueAt + 1 + fixed : valueAt + 5 + readU32(b, valueAt + 1)
}

/** Returns the one of `names`, which are ASCII, that the field at `at` has. */
function nameOf(b: Buffer, at: number, names: readonly string[]): string | undefined {
  const size = b[at] as number
  return names.find((n) => n.length === size && b.toString('latin1', at + 1, at + 1 + size) === n)
}

/** The octets of the first field of each of `names`, which are ASCII, in a table that `scanHeaders` has checked. */
export function fieldsNamed(b: Buffer, start: number, end: number, names: readonly string[]): Buffer[] {
  const found = new Map<string, Buffer>()
  for (let at = start; at < end; ) {
    const next = fieldEnd(b, at)
    const name = nameOf(b, at, names)
    if (name !== undefined && !found.has(name)) found.set(name, b.subarray(at, next))
    at = next
  }
  return [...found.values()]
}

/** The octets of such a table without the fields of these names, in pieces. */
export function fieldsWithout(b: Buffer, start: number, end: number, names: readonly string[]): Buffer[] {
  const table = b.subarray(start, end)
  if (!names.some((n) => table.includes(n))) return [table]
  const pieces: Buffer[] = []
  let from = start
  for (let at = start; at < end; ) {
    const next = fieldEnd(b, at)
    if (nameOf(b, at, names) !== undefined) {
      pieces.push(b.subarray(from, at))
      from = next
    }
    at = next
  }
  pieces.push(b.subarray(from, end))
  return pieces
}
