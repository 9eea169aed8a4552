/** Regular expressions and topics, compared with a second opinion. */

import type { Binding, Matches, Target } from '../../../src/broker/exchange/exchange.ts'
import { TopicRouting } from '../../../src/broker/exchange/topic.ts'
import { ROUTING_STEPS_MAX } from '../../../src/limits.ts'
import { AmqpError, preconditionFailed } from '../../../src/protocol/errors.ts'
import { FieldTable } from '../../../src/protocol/field-table.ts'
import { Pattern } from '../../../src/util/pattern.ts'
import type { FuzzTarget } from './fuzzer.ts'
import { lines, octets, pick } from './mutate.ts'
import { same, unless } from './oracle.ts'

/** What PCRE and JavaScript read in the same way, and short enough for one that tries everything. */
const COMMON = /^(?:[a-d.|^$]|\((?!\?)|\(\?:|[)]|[*+?](?![*+?])|\[[a-d]+\])*$/
const COMMON_LENGTH = 14
const STEPS = 100_000

/** A second opinion; undefined where there is none. */
function byJavaScript(pattern: string, text: string): boolean | undefined {
  if (pattern.length > COMMON_LENGTH || text.length > COMMON_LENGTH || !COMMON.test(pattern)) return undefined
  try {
    return new RegExp(pattern).test(text)
  } catch {
    return undefined
  }
}

/** The first line is the pattern, the others are names. */
export function patternTarget(): FuzzTarget {
  const few = [
    '^amq\\.',
    '.*',
    '^(a|b)+$\nab',
    '(?i)x\nX',
    '[[:alpha:]]{2,3}\\d\nab1',
    '\\bq(?=x)\nqx',
    '(a*)*b\naaaa',
  ]
  const more = [
    '(?:a|ab)(?:c|bcd)(d*)\nabcd',
    '^[^a-c\\n]+$\nxyz',
    '\\p{L}+\nü',
    '\\Qa.b\\E\na.b',
    'a{1000}',
    '(?<n>a)\\k<n>',
  ]
  return {
    name: 'pattern',
    bytesMax: 400,
    seeds: [...few, ...more].map((t) => Buffer.from(t)),
    changes: [octets],
    words: [
      '(',
      ')',
      '(?:',
      '(?i)',
      '(?=',
      '(?!',
      '(?<=',
      '[^',
      '[[:digit:]]',
      '{2,}',
      '{0,65535}',
      '\\d',
      '\\Q',
      '\\x{41}',
      '*?',
      '++',
    ],
    run(input) {
      const [source = '', ...names] = input.toString().split('\n')
      const pattern = unless(
        (error) => error instanceof SyntaxError,
        () => new Pattern(source),
      )
      for (const name of names.slice(0, 4)) {
        const found = pattern?.decide(name, STEPS)
        const other = byJavaScript(source, name)
        if (other === undefined || (found === undefined && pattern !== undefined)) continue
        same(found === other, `a pattern is decided otherwise than by JavaScript: ${found}, ${other}`)
        same(found === pattern?.decide(name, STEPS), 'a pattern decides otherwise the second time')
      }
    },
  }
}

/** By the definition: `*` is one word, `#` any number of them. */
function topicMatches(pattern: readonly string[], words: readonly string[]): boolean {
  let row = Array.from({ length: words.length + 1 }, (_, i) => i === 0)
  for (const p of pattern) {
    const next = [p === '#' && (row[0] as boolean)]
    for (let i = 1; i <= words.length; i++)
      next.push(
        p === '#'
          ? (row[i] as boolean) || (next[i - 1] as boolean)
          : (row[i - 1] as boolean) && (p === '*' || (p === words[i - 1] && p !== '*')),
      )
    row = next
  }
  return row.at(-1) as boolean
}

const BINDINGS_MAX = 40

function split(key: string): string[] {
  return key === '' ? [] : key.split('.')
}

/** The first line is the key of a message, the others are bindings; one with `-` in front is removed again. */
export function topicTarget(): FuzzTarget {
  const few = ['a.b.c\na.*.c\n#\n*.b\n', 'a.a.a.a.a.a.a.a\n#.a.#.a.#.a.#\n#.#.#.#\n*.*.#.*\n', '\n#\n\n*\n']
  const words = ['#', '*', '.', 'a', 'b', '-', '\n', '#.*', '*.#', '..', '#.#.#.#.#.#.#.#']
  return {
    name: 'topic',
    bytesMax: 1500,
    seeds: [...few, 'a.#.b\n-a.#.b\na.#.b\n', `${'a.'.repeat(100)}\n${'#.a.'.repeat(60)}\n`].map((t) =>
      Buffer.from(t),
    ),
    changes: [lines((random) => Array.from({ length: random(6) }, () => pick(random, words)).join('.'))],
    words,
    run(input) {
      const [key = '', ...bindings] = input.toString('latin1').split('\n').slice(0, BINDINGS_MAX)
      const routing = new TopicRouting()
      const bound = new Map<string, Binding>()
      for (const b of bindings) {
        const pattern = b.replace(/^-/, '')
        const known = bound.get(pattern)
        if (b.startsWith('-')) {
          if (known !== undefined) routing.remove(known)
          bound.delete(pattern)
        } else if (known === undefined) {
          const destination = { name: pattern } as unknown as Binding['destination']
          const made = {
            destination,
            routingKey: pattern,
            arguments: FieldTable.empty,
            durable: false,
          } as Binding
          bound.set(pattern, made)
          routing.add(made)
        }
      }
      routedAsDefined(routing, key, [...bound.keys()])
    },
  }
}

function routedAsDefined(routing: TopicRouting, key: string, patterns: readonly string[]): void {
  const found = new Set<string>()
  let steps = 0
  const matches: Matches = {
    add: (target: Target) => void found.add((target as unknown as { name: string }).name),
    keys: [],
    effect: () => {},
    steps: (count) => {
      steps += count
      if (steps > ROUTING_STEPS_MAX) throw preconditionFailed('too many steps')
    },
  }
  const message = { routingKey: key, headers: () => FieldTable.empty, properties: () => ({}) }
  const isBound = (error: unknown): boolean => error instanceof AmqpError && steps > ROUTING_STEPS_MAX
  const isRouted = unless(isBound, () => {
    routing.route(message, matches)
    return true
  })
  if (isRouted === undefined) return
  const words = split(key)
  for (const p of patterns)
    same(
      found.has(p) === topicMatches(split(p), words),
      `topic ${JSON.stringify(p)} is routed otherwise than defined`,
    )
}
