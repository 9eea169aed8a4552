/** Changes to octets that know no form: what each target is tried with besides changes of its own. */
import type { Random } from '../random.ts'

/** A changed copy; never the same octets in place. */
export type Mutate = (random: Random, input: Buffer) => Buffer

export function pick<T>(random: Random, list: readonly T[]): T {
  return list[random(list.length)] as T
}

const INTERESTING = [0, 1, 2, 4, 7, 8, 16, 31, 32, 64, 100, 127, 128, 200, 254, 255] as const
const WIDE = [0, 1, 255, 256, 4096, 8192, 32_767, 32_768, 65_535, 131_072, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1]
const PIECE_MAX = 32

function range(random: Random, length: number): [from: number, to: number] {
  const from = random(length + 1)
  const size = random(4) === 0 ? random(length - from + 1) : random(Math.min(PIECE_MAX, length - from) + 1)
  return [from, from + size]
}

function written(input: Buffer, write: (out: Buffer) => void): Buffer {
  const out = Buffer.from(input)
  write(out)
  return out
}

function put(input: Buffer, at: number, piece: Uint8Array, instead = 0): Buffer {
  return Buffer.concat([input.subarray(0, at), piece, input.subarray(at + instead)])
}

const changes: readonly Mutate[] = [
  (r, b) => written(b, (out) => out.writeUInt8(r(256), r(out.length))),
  (r, b) => written(b, (out) => out.writeUInt8(pick(r, INTERESTING), r(out.length))),
  (r, b) =>
    written(b, (out) => {
      const at = r(out.length)
      out[at] = (out[at] as number) ^ (1 << r(8))
    }),
  (r, b) =>
    written(b, (out) => {
      const at = r(out.length)
      out[at] = ((out[at] as number) + r(21) - 10) & 255
    }),
  (r, b) => {
    const [from, to] = range(r, b.length)
    return put(b, from, Buffer.alloc(0), to - from)
  },
  (r, b) => {
    const [from, to] = range(r, b.length)
    return put(b, r(b.length + 1), b.subarray(from, to))
  },
  (r, b) => put(b, r(b.length + 1), Buffer.alloc(1 + r(PIECE_MAX), r(256))),
  (r, b) => b.subarray(0, r(b.length + 1)),
  (r, b) =>
    written(b, (out) => {
      const value = pick(r, WIDE)
      if (out.length >= 4 && r(2) === 0) out.writeUInt32BE(value, r(out.length - 3))
      else if (out.length >= 2) out.writeUInt16BE(value & 0xffff, r(out.length - 1))
    }),
  (r, b) =>
    written(b, (out) => {
      if (out.length >= 4) out.writeUInt32LE(pick(r, WIDE), r(out.length - 3))
    }),
]

/** One change to its octets. */
export const octets: Mutate = (random, input) =>
  input.length === 0 ? Buffer.from([random(256)]) : pick(random, changes)(random, input)

/** Puts one of the words somewhere, in place of what stands there or in front of it. */
export function words(list: readonly Buffer[]): Mutate {
  return (random, input) => {
    if (list.length === 0) return octets(random, input)
    const word = pick(random, list)
    return put(input, random(input.length + 1), word, random(2) === 0 ? word.length : 0)
  }
}

/** The beginning of one and the end of another. */
export function spliced(random: Random, a: Buffer, b: Buffer): Buffer {
  return Buffer.concat([a.subarray(0, random(a.length + 1)), b.subarray(random(b.length + 1))])
}

/** Changes that take the input apart into pieces: one is left out, doubled, moved, changed, or another one comes. */
export function pieces(
  apart: (input: Buffer) => Buffer[],
  fresh: (random: Random) => Buffer,
  inside: Mutate = octets,
): Mutate {
  return (random, input) => {
    const list = apart(input)
    const at = random(list.length)
    const piece = list[at] ?? Buffer.alloc(0)
    switch (random(6)) {
      case 0:
        list.splice(at, 1)
        break
      case 1:
        list.splice(random(list.length + 1), 0, piece)
        break
      case 2:
        list.splice(at, 1)
        list.splice(random(list.length + 1), 0, piece)
        break
      case 3:
        list.splice(random(list.length + 1), 0, fresh(random))
        break
      case 4:
        list[at] = fresh(random)
        break
      default:
        list[at] = inside(random, piece)
    }
    return Buffer.concat(list)
  }
}

export function lines(fresh: (random: Random) => string, inside: Mutate = octets): Mutate {
  const apart = (input: Buffer): Buffer[] =>
    input
      .toString('latin1')
      .split(/(?<=\n)/)
      .map((line) => Buffer.from(line, 'latin1'))
  return pieces(apart, (random) => Buffer.from(`${fresh(random)}\n`), inside)
}

type Json = null | boolean | number | string | Json[] | { [name: string]: Json }

const jsonValues: readonly Json[] = [
  null,
  true,
  0,
  -1,
  1.5,
  2 ** 53,
  1e300,
  '',
  'x',
  '(((',
  '\ud800',
  '__proto__',
  'l'.repeat(300),
  [],
  [[]],
  {},
  { a: null },
  [1, { b: [] }],
]

/** JSON stays JSON: one value in it is another one, goes, or is there twice. */
export function json(names: readonly string[]): Mutate {
  return (random, input) => {
    let value: Json
    try {
      value = JSON.parse(input.toString()) as Json
    } catch {
      return octets(random, input)
    }
    return Buffer.from(JSON.stringify(changedJson(random, value, names)))
  }
}

function changedJson(random: Random, value: Json, names: readonly string[]): Json {
  const isDeep = value !== null && typeof value === 'object'
  if (!isDeep || random(6) === 0) return pick(random, jsonValues)
  if (Array.isArray(value)) {
    if (value.length === 0 || random(5) === 0) return [...value, pick(random, jsonValues)]
    const at = random(value.length)
    const item = value[at] as Json
    if (random(6) === 0) return [...value, structuredClone(item)]
    if (random(8) === 0) return value.toSpliced(at, 1)
    return value.with(at, changedJson(random, item, names))
  }
  const keys = Object.keys(value)
  if (keys.length === 0 || random(5) === 0)
    return { ...value, [pick(random, names)]: pick(random, jsonValues) }
  const key = pick(random, keys)
  const { [key]: at = null, ...others } = value
  if (random(8) === 0) return others
  if (random(12) === 0) return { ...others, [pick(random, names)]: at }
  return { ...others, [key]: changedJson(random, at, names) }
}
