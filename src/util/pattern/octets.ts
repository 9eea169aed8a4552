/** Sets of octets as in PCRE without UTF and with Erlang's tables: ISO 8859-1, which RabbitMQ uses for matching. */

/** 1 for each octet in the set. */
export type OctetSet = Uint8Array

type Range = readonly [from: number, to: number]

export function setOf(...ranges: readonly Range[]): OctetSet {
  const set = new Uint8Array(256)
  for (const [from, to] of ranges) set.fill(1, from, to + 1)
  return set
}

export function inverse(set: OctetSet): OctetSet {
  return set.map((v) => 1 - v)
}

const upper: readonly Range[] = [
  [65, 90],
  [192, 214],
  [216, 222],
]
/** Their counterparts in the other case are 32 higher or lower, or do not exist. */
const letters: readonly Range[] = [
  ...upper,
  [97, 122],
  [170, 170],
  [181, 181],
  [186, 186],
  [223, 246],
  [248, 255],
]

const digit = setOf([48, 57])
const space = setOf([9, 13], [32, 32])
const horizontal = setOf([9, 9], [32, 32], [160, 160])
const vertical = setOf([10, 13], [133, 133])
export const word = setOf([48, 57], [95, 95], ...letters)
export const anyOctet = setOf([0, 255])
export const notNewline = setOf([0, 9], [11, 255])

/** By the letter after the backslash. */
export const escapedSets: { readonly [letter: string]: OctetSet | undefined } = {
  d: digit,
  D: inverse(digit),
  w: word,
  W: inverse(word),
  s: space,
  S: inverse(space),
  h: horizontal,
  H: inverse(horizontal),
  v: vertical,
  V: inverse(vertical),
}

/** By the name between `[:` and `:]`. */
export const posixSets: ReadonlyMap<string, OctetSet> = new Map([
  ['alpha', setOf(...letters)],
  ['alnum', setOf([48, 57], ...letters)],
  ['lower', setOf([97, 122], [170, 170], [181, 181], [186, 186], [223, 246], [248, 255])],
  ['upper', setOf(...upper)],
  ['cntrl', setOf([0, 31], [127, 159])],
  ['graph', setOf([33, 126], [160, 255])],
  ['print', setOf([32, 126], [160, 255])],
  ['blank', setOf([9, 9], [32, 32])],
  ['xdigit', setOf([48, 57], [65, 70], [97, 102])],
  ['punct', setOf([33, 126], [160, 255]).map((v, i) => (word[i] === 1 && i !== 95 ? 0 : v))],
  ['ascii', anyOctet],
  ['digit', digit],
  ['space', space],
  ['word', word],
])

function isUpper(octet: number): boolean {
  return upper.some(([from, to]) => octet >= from && octet <= to)
}

/** The same letter in the other case, or the octet itself if it has none. */
export function otherCase(octet: number): number {
  if (isUpper(octet)) return octet + 32
  return isUpper(octet - 32) ? octet - 32 : octet
}

export function folded(set: OctetSet): OctetSet {
  const both = set.slice()
  for (let i = 0; i < 256; i++) if (set[i] === 1) both[otherCase(i)] = 1
  return both
}
