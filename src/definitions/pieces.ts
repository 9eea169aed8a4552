/**
 * Reads long definitions without holding all of their JSON in memory as objects: long lists at the top level stay text,
 * and each element is parsed when it is reached. All elements are validated beforehand, one by one, yielding to other
 * work.
 */
import {
  DEFINITION_BYTES_MAX,
  DEFINITION_NAMES_MAX,
  JSON_DEPTH_MAX,
  JSON_PARSED_PER_TURN,
} from '../limits.ts'
import { Pace } from '../util/pace.ts'
import { parseJson } from './json.ts'

const [QUOTE, BACKSLASH, COMMA, COLON] = [0x22, 0x5c, 0x2c, 0x3a]
const [OPEN_LIST, CLOSE_LIST, OPEN_OBJECT, CLOSE_OBJECT] = [0x5b, 0x5d, 0x7b, 0x7d]

/** The elements of a list, parsed from its text one at a time, so that they are not all in memory as objects. */
export class TextList implements Iterable<unknown> {
  private readonly bytes: Buffer
  /** Position after the opening bracket. */
  private readonly start: number
  readonly length: number

  /** @param start position after the opening bracket of a validated list. @param length number of elements */
  constructor(bytes: Buffer, start: number, length: number) {
    this.bytes = bytes
    this.start = start
    this.length = length
  }

  *[Symbol.iterator](): Iterator<unknown> {
    const s = new Scanner(this.bytes, this.start)
    for (let i = 0; i < this.length; i++) {
      yield s.value()
      s.take(COMMA, CLOSE_LIST)
    }
  }
}

function isSpace(c: number | undefined): boolean {
  return c === 0x20 || c === 0x0a || c === 0x0d || c === 0x09
}

/** Finds where values start and end, without parsing them. */
class Scanner {
  private readonly bytes: Buffer
  at: number

  constructor(bytes: Buffer, at: number) {
    this.bytes = bytes
    this.at = at
  }

  /** The next byte that is not whitespace. @throws SyntaxError if there is too much whitespace */
  get next(): number | undefined {
    const { bytes } = this
    let { at } = this
    const end = at + DEFINITION_BYTES_MAX
    while (isSpace(bytes[at])) if (++at > end) throw tooLong(this.at)
    this.at = at
    return bytes[at]
  }

  /** Parses the next value. @throws SyntaxError, RangeError like parseJson */
  value(): unknown {
    this.next
    const start = this.at
    this.skipValue(start + DEFINITION_BYTES_MAX)
    return parseJson(this.bytes.toString('utf8', start, this.at), JSON_DEPTH_MAX - 2)
  }

  /** Consumes the next octet, which must be one of `wanted`. @throws SyntaxError */
  take(...wanted: number[]): number {
    const c = this.next
    if (c === undefined || !wanted.includes(c)) throw new SyntaxError(`unexpected octet at ${this.at}`)
    this.at++
    return c
  }

  /** @param end position up to which to scan in this turn. @throws SyntaxError if the value does not end before it */
  private skipValue(end: number): void {
    const c = this.bytes[this.at]
    if (c === QUOTE) this.skipString(end)
    else if (c === OPEN_LIST || c === OPEN_OBJECT) this.skipNested(end)
    else while (!this.isDelimiter(this.bytes[this.at])) if (++this.at > end) throw tooLong(end)
  }

  private isDelimiter(c: number | undefined): boolean {
    return c === undefined || c === COMMA || c === CLOSE_LIST || c === CLOSE_OBJECT || isSpace(c)
  }

  private skipString(end: number): void {
    const { bytes } = this
    let at = this.at + 1
    for (let c = bytes[at]; c !== QUOTE; c = bytes[at]) {
      if (c === undefined) throw new SyntaxError('a string does not end')
      at += c === BACKSLASH ? 2 : 1
      if (at > end) throw tooLong(end)
    }
    this.at = at + 1
  }

  private skipNested(end: number): void {
    const { bytes } = this
    let depth = 0
    do {
      const c = bytes[this.at]
      if (c === undefined) throw new SyntaxError('a list or object does not end')
      if (c === QUOTE) {
        this.skipString(end)
        continue
      }
      if (c === OPEN_LIST || c === OPEN_OBJECT) depth++
      else if (c === CLOSE_LIST || c === CLOSE_OBJECT) depth--
      if (++this.at > end) throw tooLong(end)
    } while (depth > 0)
  }
}

function tooLong(at: number): RangeError {
  return new RangeError(`an object or value of more than ${DEFINITION_BYTES_MAX} octets in front of ${at}`)
}

/**
 * Reads an object in which each list is a TextList. Everything but the lists has at most DEFINITION_BYTES_MAX.
 * @throws SyntaxError, RangeError as parseJson
 */
export async function readPieces(bytes: Buffer): Promise<{ [name: string]: unknown }> {
  const s = new Scanner(bytes, 0)
  const rests = new Rests()
  const out: { [name: string]: unknown } = Object.create(null)
  let names = 0
  s.take(OPEN_OBJECT)
  if (s.next === CLOSE_OBJECT) s.at++
  else
    do {
      if (s.next !== QUOTE) throw new SyntaxError(`no name at ${s.at}`)
      const name = s.value() as string
      if (++names > DEFINITION_NAMES_MAX) throw new RangeError(`more than ${DEFINITION_NAMES_MAX} names`)
      s.take(COLON)
      out[name] = s.next === OPEN_LIST ? await elements(s, bytes, rests) : s.value()
      if (rests.areDue(s.at)) await rests.one(s.at)
    } while (s.take(COMMA, CLOSE_OBJECT) === COMMA)
  if (s.next !== undefined) throw new SyntaxError(`more behind the object at ${s.at}`)
  return out
}

/** Yields to other work after a number of bytes, and after some time. */
class Rests {
  private readonly pace = new Pace()
  private until = JSON_PARSED_PER_TURN

  areDue(at: number): boolean {
    return at >= this.until || this.pace.isLong
  }

  async one(at: number): Promise<void> {
    await this.pace.rest()
    this.until = at + JSON_PARSED_PER_TURN
  }
}

async function elements(s: Scanner, bytes: Buffer, rests: Rests): Promise<TextList> {
  s.take(OPEN_LIST)
  const start = s.at
  let length = 0
  if (s.next === CLOSE_LIST) s.at++
  else
    do {
      s.value()
      length++
      if (rests.areDue(s.at)) await rests.one(s.at)
    } while (s.take(COMMA, CLOSE_LIST) === COMMA)
  return new TextList(bytes, start, length)
}
