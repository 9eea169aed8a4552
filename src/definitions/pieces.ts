/**
 * Reads long definitions without holding all of their JSON in memory as objects: long lists at the top level stay text,
 * and each element is parsed when it is reached. All elements are validated beforehand, one by one, yielding to other
 * work.
 */
import { JSON_DEPTH_MAX, JSON_PARSED_PER_TURN } from '../limits.ts'
import { nextTurn } from '../util/timers.ts'
import { parseJson } from './json.ts'

/** A list of more elements than this stays text. */
const LONG = 1_000

const [QUOTE, BACKSLASH, COMMA, COLON] = [0x22, 0x5c, 0x2c, 0x3a]
const [OPEN_LIST, CLOSE_LIST, OPEN_OBJECT, CLOSE_OBJECT] = [0x5b, 0x5d, 0x7b, 0x7d]

/** The elements of a list, parsed from its text one at a time. */
export class TextList implements Iterable<unknown> {
  private readonly bytes: Buffer
  /** The start and end of each element, alternating. */
  private readonly places: readonly number[]

  constructor(bytes: Buffer, places: readonly number[]) {
    this.bytes = bytes
    this.places = places
  }

  *[Symbol.iterator](): Iterator<unknown> {
    for (let i = 0; i < this.places.length; i += 2)
      yield read(this.bytes, this.places[i] as number, this.places[i + 1] as number)
  }
}

function read(bytes: Buffer, start: number, end: number): unknown {
  return parseJson(bytes.toString('utf8', start, end), JSON_DEPTH_MAX - 2)
}

function isSpace(c: number | undefined): boolean {
  return c === 0x20 || c === 0x0a || c === 0x0d || c === 0x09
}

/** Finds where values start and end, without parsing them. */
class Scanner {
  private readonly bytes: Buffer
  at = 0

  constructor(bytes: Buffer) {
    this.bytes = bytes
  }

  /** The next octet that is not whitespace. */
  get next(): number | undefined {
    while (isSpace(this.bytes[this.at])) this.at++
    return this.bytes[this.at]
  }

  /** @throws SyntaxError */
  take(...wanted: number[]): number {
    const c = this.next
    if (c === undefined || !wanted.includes(c)) throw new SyntaxError(`unexpected octet at ${this.at}`)
    this.at++
    return c
  }

  /** Skips the next value. @throws SyntaxError if it does not end */
  skipValue(): void {
    const c = this.next
    if (c === QUOTE) this.skipString()
    else if (c === OPEN_LIST || c === OPEN_OBJECT) this.skipNested()
    else while (!this.isDelimiter(this.bytes[this.at])) this.at++
  }

  private isDelimiter(c: number | undefined): boolean {
    return c === undefined || c === COMMA || c === CLOSE_LIST || c === CLOSE_OBJECT || isSpace(c)
  }

  private skipString(): void {
    const { bytes } = this
    let at = this.at + 1
    for (let c = bytes[at]; c !== QUOTE; c = bytes[at]) {
      if (c === undefined) throw new SyntaxError('a string does not end')
      at += c === BACKSLASH ? 2 : 1
    }
    this.at = at + 1
  }

  private skipNested(): void {
    const { bytes } = this
    let depth = 0
    do {
      const c = bytes[this.at]
      if (c === undefined) throw new SyntaxError('a list or object does not end')
      if (c === QUOTE) {
        this.skipString()
        continue
      }
      if (c === OPEN_LIST || c === OPEN_OBJECT) depth++
      else if (c === CLOSE_LIST || c === CLOSE_OBJECT) depth--
      this.at++
    } while (depth > 0)
  }
}

/** Reads an object in which each long list is a TextList. @throws SyntaxError, RangeError as parseJson */
export async function readPieces(bytes: Buffer): Promise<{ [name: string]: unknown }> {
  const s = new Scanner(bytes)
  const out: { [name: string]: unknown } = Object.create(null)
  const value = (): unknown => {
    s.next
    const start = s.at
    s.skipValue()
    return read(bytes, start, s.at)
  }
  s.take(OPEN_OBJECT)
  if (s.next === CLOSE_OBJECT) s.at++
  else
    do {
      if (s.next !== QUOTE) throw new SyntaxError(`no name at ${s.at}`)
      const name = value() as string
      s.take(COLON)
      out[name] = s.next === OPEN_LIST ? await elements(s, bytes) : value()
    } while (s.take(COMMA, CLOSE_OBJECT) === COMMA)
  if (s.next !== undefined) throw new SyntaxError(`more behind the object at ${s.at}`)
  return out
}

async function elements(s: Scanner, bytes: Buffer): Promise<unknown> {
  const places: number[] = []
  let turnEnd = s.at + JSON_PARSED_PER_TURN
  s.take(OPEN_LIST)
  if (s.next === CLOSE_LIST) s.at++
  else
    do {
      s.next
      const start = s.at
      s.skipValue()
      read(bytes, start, s.at)
      places.push(start, s.at)
      if (s.at < turnEnd) continue
      turnEnd = s.at + JSON_PARSED_PER_TURN
      await nextTurn()
    } while (s.take(COMMA, CLOSE_LIST) === COMMA)
  const list = new TextList(bytes, places)
  return places.length > 2 * LONG ? list : [...list]
}
