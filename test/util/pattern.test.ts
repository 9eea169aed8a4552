import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Heap } from '../../src/util/heap.ts'
import { PATTERN_STEPS_MAX } from '../../src/util/pattern/pattern-limits.ts'
import { Pattern } from '../../src/util/pattern.ts'

/** Pattern, text, and whether RabbitMQ 3.10 on Erlang 25 says that it matches; ! = no regular expression to it. */
const verdicts: readonly (readonly [string, string, boolean | '!'])[] = [
  ['b', 'abc', true],
  ['^(a|b)+$', 'abba', true],
  ['(?i)^AB$', 'ab', true],
  ['a(?i)b|c', 'C', true],
  ['\\Aab\\z', 'abc', false],
  ['^(?!amq\\.).*', 'amq.gen-1', false],
  ['^(?!amq\\.).*', 'orders', true],
  ['(?<!x)a(?<=a)$', 'bba', true],
  ['^(?>a+)ab', 'aaab', false],
  ['^a++ab', 'aaab', false],
  ['(?:[[:alpha:]]?+|.)*+.', 'aa-c', true],
  ['^((?:a|b)+)-\\1$', 'ab-ab', true],
  ['^(?<n>a|b)\\k<n>$', 'ab', false],
  ['^(a|)*\\1b', 'b', true],
  ['^a{2}{3}$', 'aaaaaa', true],
  ['a{,2}', 'a{,2}', true],
  ['^\\Qa.b\\E$', 'axb', false],
  ['^[[:upper:]\\d]+$', 'A1', true],
  ['^[]a]+$', ']a', true],
  ['^a$', 'a\n', true],
  ['^a\\z', 'a\n', false],
  ['(?m)^b$', 'a\nb', true],
  ['(?x) ^ a b $ # both', 'ab', true],
  ['(?s)^.$', '\n', true],
  ['^.$', 'é', false],
  ['^..$', 'é', true],
  ['^\\x41\\102$', 'AB', true],
  ['a\\b-', 'a-', true],
  ['', '', true],
  ['(', '', '!'],
  ['a**', '', '!'],
  ['[z-a]', '', '!'],
  ['\\1', '', '!'],
  ['a{3,2}', '', '!'],
  ['{2}', '', '!'],
]

/** Expressions that take for ever in one kind of matcher or another, and the text to take it with. */
const long = 'a'.repeat(255)
const hostile: readonly (readonly [string, string])[] = [
  ['^(a+)+$', `${long.slice(1)}!`],
  [`${'.?'.repeat(30)}x`, long],
  ['^(?:a|a|aa)+$', `${long.slice(1)}!`],
  ['(.*)*(.*)*(.*)*(.*)*x', long],
  ['(?:(?=(?:(?=.*b|.*c|.*).)*x).)*x', long],
  ['(?:(?!.*b).*)*x', long],
  ['(?<=(?:a|aa)*)b', long],
  ['^(?>(?:a?){200}a{200})+b', long],
  ['(a*)*\\1b', long],
  ['^(?:(a+)+\\1)+$', `${long.slice(1)}!`],
  ['(?:.?){2000}x', long],
]

const atoms = fc.constantFrom('a', 'b', 'c', '.', '\\.', '-', '\\w', '\\d', '[ab]', '[^a-c]', '\\b', '^', '$')
const pieces: fc.Memo<string> = fc.memo((depth) => {
  if (depth <= 1) return atoms
  const inner = expressions(depth - 1)
  return fc.oneof(
    { weight: 4, arbitrary: atoms },
    inner.map((e) => `(${e})`),
    inner.map((e) => `(?:${e})`),
    inner.map((e) => `(?=${e})`),
    inner.map((e) => `(?!${e})`),
    fc
      .tuple(inner, fc.constantFrom('*', '+', '?', '{2}', '{1,2}', '{0,}', '*?', '+?'))
      .map(([e, times]) => `(?:${e})${times}`),
  )
})
const expressions: fc.Memo<string> = fc.memo((depth) =>
  fc
    .array(fc.array(pieces(depth), { maxLength: 4 }), { minLength: 1, maxLength: 2 })
    .map((ways) => ways.map((w) => w.join('')).join('|')),
)

describe('patterns', () => {
  it.each(verdicts)('%s on %j: %s, as RabbitMQ has it', (source, text, expected) => {
    if (expected === '!') expect(() => new Pattern(source)).toThrow(SyntaxError)
    else expect(new Pattern(source).decide(text)).toBe(expected)
  })

  it('without what PCRE alone has match as in JavaScript', () => {
    const texts = fc.string({ unit: fc.constantFrom('a', 'b', 'c', '1', '.', '-'), maxLength: 9 })
    fc.assert(
      fc.property(expressions(3), fc.array(texts, { minLength: 1, maxLength: 5 }), (source, names) => {
        const [ours, theirs] = [new Pattern(source), new RegExp(source)]
        for (const name of names)
          expect([source, name, ours.decide(name)]).toEqual([source, name, theirs.test(name)])
      }),
      { numRuns: 500 },
    )
  })

  it.each(hostile)('%s takes no more than so many steps', (source, text) => {
    const pattern = new Pattern(source)
    expect(pattern.decide(text)).not.toBe(true)
    expect(pattern.steps).toBeLessThan(1.1 * PATTERN_STEPS_MAX)
    expect(pattern.matches(text)).toBe(false)
  })

  it('without look-around, atomic groups and back-references are always decided', () => {
    for (const source of ['^(a+)+$', `${'.?'.repeat(30)}x`, '(?:(?:.?){2000}|b|c)x'])
      expect(new Pattern(source).decide(long)).toBe(source === '^(a+)+$')
  })

  it('that are too large, too deep or of a kind that is not there are refused at once', () => {
    const deep = '('.repeat(300) + ')'.repeat(300)
    const nested = `${'('.repeat(6)}${'){65535}'.repeat(6)}`
    for (const source of [deep, nested, '(a{1000}){1000}', 'a'.repeat(20_000), '(?R)', '(?(1)a|b)', '\\pL'])
      expect(() => new Pattern(source)).toThrow(/invalid regular expression: .*(large|deeply|supported)/)
  })
})

describe('a heap', () => {
  it('gives values by key, equal keys in the order of their coming', () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(fc.nat(20), fc.constant(-1)), { maxLength: 200 }), (ops) => {
        const heap = new Heap()
        const model: { key: number; value: number }[] = []
        for (const [i, key] of ops.entries()) {
          if (key >= 0) {
            heap.push(key, i)
            model.push({ key, value: i })
          } else if (model.length > 0) {
            model.sort((a, b) => a.key - b.key || a.value - b.value)
            expect(heap.firstKey).toBe(model[0]?.key)
            expect(heap.pop()).toBe(model.shift()?.value)
          }
          expect(heap.size).toBe(model.length)
        }
      }),
    )
  })
})
