/** Frames and tables as pieces of an input. */
import { encodeMethodFrame } from '../../../src/protocol/frame-writer.ts'
import { anyMethod, argumentsOf } from '../hostile-input.ts'
import { type Random, randomOf } from '../random.ts'
import { type Mutate, octets, pick, pieces } from './mutate.ts'

const PREFIX_BYTES = 7
const SEEDS = 120

export function someMethods(): Buffer[] {
  return Array.from({ length: SEEDS }, (_, i) => Buffer.from(encodeMethodFrame(1, anyMethod(randomOf(i)))))
}

const fields = [
  'a\u0001',
  'S\0\0\0\u0002hi',
  'x\0\0\0\u0001z',
  't\u0001',
  'b\u0001',
  'B\u0001',
  's\0\u0001',
  'u\0\u0001',
]
const wide = ['I\0\0\0\u0001', 'i\0\0\0\u0001', 'l\0\0\0\0\0\0\0\u0001', 'L\0\0\0\0\0\0\0\u0001', 'V']
const others = [
  'f\u007f\u00c0\0\0',
  'd\u007f\u00f8\0\0\0\0\0\0',
  'D\u0002\0\0\0\u0005',
  'T\0\0\0\0\0\0\0\u0001',
]
const nested = ['F\0\0\0\u0004\u0001at\u0001', 'A\0\0\0\u0002t\u0001', 'A\0\0\0\u0005F\0\0\0\0']
const values = [...fields.slice(1), ...wide, ...others, ...nested].map((v) => Buffer.from(v, 'latin1'))

function field(random: Random): Buffer {
  const name = pick(random, ['a', 'b', '', 'CC', 'BCC', 'x-death', 'n'.repeat(255)])
  return Buffer.concat([Buffer.from([name.length]), Buffer.from(name), pick(random, values)])
}

function nestedIn(random: Random, input: Buffer): Buffer {
  const letter = random(3) === 0 ? 'A' : 'F'
  const head = Buffer.from([1, 0x61, letter.charCodeAt(0), 0, 0, 0, 0])
  head.writeUInt32BE(input.length, 3)
  return Buffer.concat([head, input])
}

export const tableChanges: Mutate = (random, input) => {
  if (random(12) === 0) return nestedIn(random, input)
  const at = random(2) === 0 ? 0 : input.length
  return random(2) === 0
    ? Buffer.concat([input.subarray(0, at), field(random), input.subarray(at)])
    : octets(random, input)
}

export function someTables(): Buffer[] {
  const made = Array.from({ length: SEEDS }, (_, i) => Buffer.from(argumentsOf(randomOf(i)).bytes))
  return [...made, ...values.map((v) => Buffer.concat([Buffer.from([1, 0x61]), v]))]
}

/** The frames of an input, and what follows the last one; the first `before` octets are a piece of their own. */
export function framesOf(input: Buffer, before = 0): Buffer[] {
  const out = before > 0 ? [input.subarray(0, before)] : []
  let at = before
  while (at + PREFIX_BYTES < input.length) {
    const end = at + PREFIX_BYTES + input.readUInt32BE(at + 3) + 1
    if (end > input.length) break
    out.push(input.subarray(at, end))
    at = end
  }
  if (at < input.length) out.push(input.subarray(at))
  return out
}

/** Changes within the payload of a frame keep its length right. */
function insideFrame(random: Random, frame: Buffer): Buffer {
  if (frame.length < PREFIX_BYTES + 1 || random(4) === 0) return octets(random, frame)
  const payload = octets(random, frame.subarray(PREFIX_BYTES, frame.length - 1))
  const head = Buffer.from(frame.subarray(0, PREFIX_BYTES))
  head.writeUInt32BE(payload.length, 3)
  if (random(8) === 0) head.writeUInt16BE(pick(random, [0, 1, 2, 3, 65_535]), 1)
  return Buffer.concat([head, payload, frame.subarray(frame.length - 1)])
}

export function frameChanges(before = 0, fresh: (random: Random) => Buffer = aMethod): Mutate {
  return pieces((input) => framesOf(input, before), fresh, insideFrame)
}

function aMethod(random: Random): Buffer {
  return Buffer.from(encodeMethodFrame(1 + random(2), anyMethod(random)))
}

/** Of a content header's payload, from its flags on. */
export function propertiesOfHeader(payload: Buffer): Buffer {
  return payload.subarray(12)
}
