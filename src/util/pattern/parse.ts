/**
 * Parses regular expressions in PCRE's syntax by octets, as RabbitMQ does: a non-ASCII character is a sequence of
 * octets.
 */
import { escapedOctet, parseClass } from './escapes.ts'
import { anyOctet, escapedSets, folded, notNewline, type OctetSet, otherCase, setOf } from './octets.ts'
import { PATTERN_BYTES_MAX, PATTERN_DEPTH_MAX } from './pattern-limits.ts'
import { PatternReader } from './reader.ts'
import type { Assertion, Node, Repeat, Syntax } from './syntax.ts'

/** Set by `(?imsxU)`, until the end of the group. */
interface Flags {
  anyCase: boolean
  lines: boolean
  dotAll: boolean
  extended: boolean
  lazyFirst: boolean
}

const flagOf = new Map<string, keyof Flags>([
  ['i', 'anyCase'],
  ['m', 'lines'],
  ['s', 'dotAll'],
  ['x', 'extended'],
  ['U', 'lazyFirst'],
])
const noFlags: Flags = { anyCase: false, lines: false, dotAll: false, extended: false, lazyFirst: false }
const assertions = new Map<string, Assertion>([
  ['A', 'A'],
  ['G', 'A'],
  ['z', 'z'],
  ['Z', 'Z'],
  ['b', 'b'],
  ['B', 'B'],
])
const looks = [
  ['?=', false, false],
  ['?!', false, true],
  ['?<=', true, false],
  ['?<!', true, true],
] as const
const REPEAT_MAX = 65_535
const nothing: Node = { is: 'sequence', nodes: [] }
const newline: Node = {
  is: 'choice',
  nodes: [
    { is: 'octets', octets: [13, 10] },
    { is: 'set', set: escapedSets['v'] as OctetSet },
  ],
}

/** @throws SyntaxError that says what is invalid or unsupported, and where */
export function parsePattern(source: string): Syntax {
  return new Parser(source).parse()
}

class Parser {
  private readonly source: PatternReader
  private readonly names = new Map<string, number>()
  private groups = 0
  private readonly references: (number | string)[] = []
  private hasAtomic = false

  constructor(source: string) {
    this.source = new PatternReader(source)
  }

  parse(): Syntax {
    const { source, names, references } = this
    if (source.text.length > PATTERN_BYTES_MAX) throw source.error('regular expression is too large')
    const root = this.choice({ ...noFlags }, 0)
    if (!source.atEnd) throw source.error('unmatched parentheses')
    for (const to of references)
      if (typeof to === 'string' ? !names.has(to) : to > this.groups || to < 1)
        throw source.error('reference to non-existent subpattern')
    const { groups, hasAtomic } = this
    return { root, names, groups, hasReferences: references.length > 0, hasAtomic }
  }

  private choice(flags: Flags, depth: number): Node {
    if (depth > PATTERN_DEPTH_MAX) throw this.source.error('parentheses are too deeply nested')
    const nodes = [this.sequence(flags, depth)]
    while (this.source.take('|')) nodes.push(this.sequence(flags, depth))
    return nodes.length === 1 ? (nodes[0] as Node) : { is: 'choice', nodes }
  }

  private sequence(flags: Flags, depth: number): Node {
    const { source } = this
    const nodes: Node[] = []
    for (;;) {
      this.skip(flags)
      const c = source.peek()
      if (c === '' || c === '|' || c === ')') break
      if (source.take('\\Q')) {
        this.quoted(nodes, flags)
        continue
      }
      if (source.take('\\E')) continue
      const plain = flags.anyCase || flags.extended ? null : source.match(/[\w:@/,;=-]+(?![*+?{])/y)
      if (plain !== null) nodes.push({ is: 'octets', octets: [...Buffer.from(plain[0], 'latin1')] })
      else nodes.push(this.repeated(this.atom(flags, depth), flags))
    }
    return { is: 'sequence', nodes: joined(nodes) }
  }

  /** Skips comments, and whitespace in extended mode. */
  private skip({ extended }: Flags): void {
    const { source } = this
    for (;;) {
      if (extended && source.match(/(?:\s|#[^\n]*(?:\n|$))+/y) !== null) continue
      if (!source.take('(?#')) return
      if (source.match(/[^)]*\)/y) === null) throw source.error('missing ) after comment')
    }
  }

  /** Reads a quotation up to `\E` or the end; a quantifier applies only to its last octet. */
  private quoted(nodes: Node[], flags: Flags): void {
    const { source } = this
    const end = source.text.indexOf('\\E', source.at)
    const stop = end < 0 ? source.text.length : end
    while (source.at < stop) nodes.push(literal(source.next().charCodeAt(0), flags))
    if (!source.take('\\E')) return
    const last = nodes.pop()
    if (last !== undefined) nodes.push(this.repeated(last, flags))
  }

  private repeated(node: Node | undefined, flags: Flags): Node {
    const { source } = this
    const began = source.at
    this.skip(flags)
    const found = source.match(/[*+?]|\{(\d+)(?:(,)(\d*))?\}/y)
    if (found === null) {
      source.at = began
      return node ?? nothing
    }
    if (node === undefined || node.is === 'assertion') {
      source.at -= found[0].length
      throw source.error('nothing to repeat')
    }
    const [text, least, comma, most] = found
    const min = text === '+' ? 1 : Number(least ?? 0)
    const max = text === '?' ? 1 : least === undefined ? Infinity : this.most(min, comma, most)
    if (source.take('+')) {
      this.hasAtomic = true
      return { is: 'atomic', node: { is: 'repeat', node, min, max, lazy: false } }
    }
    const repeat: Repeat = { is: 'repeat', node, min, max, lazy: source.take('?') !== flags.lazyFirst }
    return source.peek() === '{' && text.endsWith('}') ? this.repeated(repeat, flags) : repeat
  }

  private most(min: number, comma: string | undefined, most: string | undefined): number {
    const max = comma === undefined ? min : most === '' || most === undefined ? Infinity : Number(most)
    if (min > REPEAT_MAX || (max !== Infinity && max > REPEAT_MAX))
      throw this.source.error('number too big in {} quantifier')
    if (max < min) throw this.source.error('numbers out of order in {} quantifier')
    return max
  }

  /** Parses one atom; undefined for option settings and empty constructs, which cannot be quantified. */
  private atom(flags: Flags, depth: number): Node | undefined {
    const { source } = this
    const c = source.peek()
    if (source.match(/(?=[*+?]|\{\d+(?:,\d*)?\})/y) !== null) return undefined
    source.at++
    switch (c) {
      case '^':
        return { is: 'assertion', kind: flags.lines ? '^' : 'A' }
      case '$':
        return { is: 'assertion', kind: flags.lines ? '$' : 'Z' }
      case '.':
        return { is: 'set', set: flags.dotAll ? anyOctet : notNewline }
      case '[':
        if (source.match(/[:.=][^\]]*[:.=]\]/y) !== null)
          throw source.error('POSIX named classes are supported only within a class')
        return { is: 'set', set: parseClass(source, flags.anyCase) }
      case '(':
        return this.group(flags, depth)
      case '\\':
        return this.escape(flags)
      default:
        return literal(c.charCodeAt(0), flags)
    }
  }

  private escape(flags: Flags): Node {
    const { source } = this
    const c = source.peek()
    const kind = assertions.get(c)
    const set = escapedSets[c]
    if (kind !== undefined || set !== undefined || 'RXCNK'.includes(c || '?')) source.at++
    if (kind !== undefined) return { is: 'assertion', kind }
    if (set !== undefined) return { is: 'set', set }
    if (c === 'R') return newline
    if (c === 'K') return nothing
    if (c === 'N' && source.match(/(?=\{(?!\d))/y) === null) return { is: 'set', set: notNewline }
    if (c === 'C' || c === 'X') return { is: 'set', set: anyOctet }
    return this.reference(flags) ?? literal(escapedOctet(source), flags)
  }

  /** `\1`, `\g{1}`, `\g{-1}`, `\k<name>` and their variants. */
  private reference(flags: Flags): Node | undefined {
    const { source } = this
    const named = source.match(/k(?:<(\w+)>|\{(\w+)\}|'(\w+)')|g\{([A-Za-z_]\w*)\}/y)
    if (named !== null) return this.referenceTo(named.slice(1).find((n) => n !== undefined) as string, flags)
    const relative = source.match(/g(?:\{-(\d+)\}|-(\d+))/y)
    if (relative !== null)
      return this.referenceTo(this.groups + 1 - Number(relative[1] ?? relative[2]), flags)
    const absolute = source.match(/g(?:\{(\d+)\}|(\d+))/y)
    if (absolute !== null) return this.referenceTo(Number(absolute[1] ?? absolute[2]), flags)
    const began = source.at
    const digits = source.match(/[1-9]\d*/y)
    if (digits === null) return undefined
    const n = Number(digits[0])
    if (n < 10 || n <= this.groups) return this.referenceTo(n, flags)
    // As in PCRE: an octet in octal notation if there are fewer groups.
    source.at = began
    return undefined
  }

  private referenceTo(to: number | string, { anyCase }: Flags): Node {
    this.references.push(to)
    return { is: 'reference', to, anyCase }
  }

  private group(flags: Flags, depth: number): Node | undefined {
    const { source } = this
    const inner = (): Node => {
      const node = this.choice({ ...flags }, depth + 1)
      if (!source.take(')')) throw source.error('missing )')
      return node
    }
    for (const [opening, behind, negative] of looks)
      if (source.take(opening)) return { is: 'look', node: inner(), behind, negative }
    if (source.take('?:')) return inner()
    if (source.take('?>')) {
      this.hasAtomic = true
      return { is: 'atomic', node: inner() }
    }
    const backwards = source.match(/\?P=(\w+)\)/y)
    if (backwards !== null) return this.referenceTo(backwards[1] as string, flags)
    const named = source.match(/\?(?:P?<([A-Za-z_]\w*)>|'([A-Za-z_]\w*)')/y)
    if (named !== null || !/[?*]/.test(source.peek() || ' ')) {
      const index = ++this.groups
      const name = named?.[1] ?? named?.[2]
      if (name !== undefined && this.names.has(name))
        throw source.error('two named subpatterns have the same name')
      if (name !== undefined) this.names.set(name, index)
      return { is: 'group', node: inner(), index }
    }
    return this.switches(flags, inner)
  }

  /** `(?i)` applies to the end of the enclosing group, `(?i:...)` to its content. */
  private switches(flags: Flags, inner: () => Node): Node | undefined {
    const { source } = this
    const found = source.match(/\?([imsxUJ]*)(?:-([imsxUJ]*))?([:)])/y)
    if (found === null)
      throw source.error('recursion, conditions, verbs and other kinds of group are not supported')
    const [, on = '', off = '', end] = found
    const before = { ...flags }
    for (const [letters, value] of [
      [on, true],
      [off, false],
    ] as const)
      for (const letter of letters) {
        const flag = flagOf.get(letter)
        if (flag !== undefined) flags[flag] = value
      }
    if (end === ')') return undefined
    const node = inner()
    Object.assign(flags, before)
    return node
  }
}

function literal(octet: number, { anyCase }: Flags): Node {
  const other = anyCase ? otherCase(octet) : octet
  if (other === octet) return { is: 'octets', octets: [octet] }
  return { is: 'set', set: folded(setOf([octet, octet])) }
}

/** Merges adjacent octets. */
function joined(nodes: readonly Node[]): Node[] {
  const out: Node[] = []
  let run: number[] | undefined
  for (const node of nodes) {
    if (node === nothing) continue
    if (node.is !== 'octets') {
      run = undefined
      out.push(node)
    } else if (run !== undefined) run.push(...node.octets)
    else {
      run = [...node.octets]
      out.push({ is: 'octets', octets: run })
    }
  }
  return out
}
