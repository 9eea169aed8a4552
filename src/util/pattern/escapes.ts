/** Escapes and character classes of PCRE's syntax. */
import { escapedSets, folded, inverse, type OctetSet, posixSets } from './octets.ts'
import type { PatternReader } from './reader.ts'

const controls: { readonly [letter: string]: number | undefined } = {
  a: 7,
  e: 27,
  f: 12,
  n: 10,
  r: 13,
  t: 9,
}

/**
 * The octet that an escape denotes; the backslash has already been read. Letters without a meaning denote themselves.
 * @throws SyntaxError
 */
export function escapedOctet(source: PatternReader): number {
  const c = source.next()
  if (c === '') throw source.error('\\ at end of pattern')
  const control = controls[c]
  if (control !== undefined) return control
  if (c === 'x') {
    const braced = source.match(/\{([0-9a-fA-F]{1,8})\}/y)
    return octet(
      source,
      Number.parseInt(braced?.[1] ?? source.match(/[0-9a-fA-F]{0,2}/y)?.[0] ?? '', 16) || 0,
    )
  }
  if (c === 'o') {
    const braced = source.match(/\{([0-7]{1,8})\}/y)
    if (braced === null) throw source.error('missing opening brace after \\o')
    return octet(source, Number.parseInt(braced[1] as string, 8))
  }
  if (/[0-7]/.test(c)) {
    source.at--
    return octet(source, Number.parseInt((source.match(/[0-7]{1,3}/y) as RegExpExecArray)[0], 8))
  }
  if (c === 'c') return source.next().toUpperCase().charCodeAt(0) ^ 64
  if (/[uUlLNpPXCRkgKQE]/.test(c)) throw source.error(`\\${c} is not supported here`)
  return c.charCodeAt(0)
}

function octet(source: PatternReader, value: number): number {
  if (value > 255) throw source.error('character value is too large')
  return value
}

/** One member of a class: an octet, which may start a range, or a set. */
function member(source: PatternReader): number | OctetSet {
  if (source.take('[:')) {
    const named = source.match(/(\^?)([a-z]+):\]/y)
    const set = posixSets.get(named?.[2] ?? '')
    if (named === null || set === undefined) throw source.error('unknown POSIX class name')
    return named[1] === '^' ? inverse(set) : set
  }
  if (source.take('[.') || source.take('[=')) throw source.error('POSIX collating elements are not supported')
  const c = source.next()
  if (c === '') throw source.error('missing terminating ] for character class')
  if (c !== '\\') return c.charCodeAt(0)
  const letter = source.peek()
  const set = escapedSets[letter]
  if (set !== undefined) {
    source.at++
    return set
  }
  return source.take('b') ? 8 : escapedOctet(source)
}

/** Parses a class after its opening bracket. @throws SyntaxError */
export function parseClass(source: PatternReader, anyCase: boolean): OctetSet {
  const set: OctetSet = new Uint8Array(256)
  const negative = source.take('^')
  let quoted = false
  for (let first = true; first || quoted || !source.take(']'); first = false) {
    if (quoted ? source.take('\\E') : source.take('\\Q')) {
      quoted = !quoted
      first = false
      continue
    }
    const from = quoted ? quotedMember(source) : member(source)
    if (typeof from !== 'number') {
      for (let i = 0; i < 256; i++) if (from[i] === 1) set[i] = 1
      continue
    }
    let to = from
    if (!quoted && source.match(/-(?!\])/y) !== null) {
      const end = member(source)
      if (typeof end !== 'number') throw source.error('invalid range in character class')
      if (end < from) throw source.error('range out of order in character class')
      to = end
    }
    set.fill(1, from, to + 1)
  }
  const whole = anyCase ? folded(set) : set
  return negative ? inverse(whole) : whole
}

function quotedMember(source: PatternReader): number {
  const c = source.next()
  if (c === '') throw source.error('missing terminating ] for character class')
  return c.charCodeAt(0)
}
