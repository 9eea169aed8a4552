import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Binding } from '../../src/broker/exchange/exchange.ts'
import { TopicRouting } from '../../src/broker/exchange/topic.ts'
import { PlainMessage } from '../../src/broker/router.ts'
import { FieldTable } from '../../src/protocol/field-table.ts'
import { sameDeep } from '../support/same.ts'

/** The definition, word by word, without a trie. */
function matches(pattern: string[], words: string[]): boolean {
  const [head, ...rest] = pattern
  if (head === undefined) return words.length === 0
  if (head === '#') return matches(rest, words) || (words.length > 0 && matches(pattern, words.slice(1)))
  return words.length > 0 && (head === '*' || head === words[0]) && matches(rest, words.slice(1))
}
const split = (key: string): string[] => (key === '' ? [] : key.split('.'))

const key = (words: string[]) => fc.array(fc.constantFrom(...words), { maxLength: 6 }).map((w) => w.join('.'))

function bindingTo(name: string, routingKey: string): Binding {
  return {
    source: {},
    destination: { name },
    routingKey,
    arguments: FieldTable.empty,
    durable: false,
  } as unknown as Binding
}

describe('topic routing', () => {
  it('finds exactly what the definition says, after any binds and unbinds', () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(key(['a', 'b', '', '*', '#']), { maxLength: 12 }),
        fc.array(fc.nat(11), { maxLength: 4 }),
        fc.array(key(['a', 'b', 'c', '']), { minLength: 1, maxLength: 8 }),
        (patterns, removed, keys) => {
          const routing = new TopicRouting()
          const bindings = patterns.map((p, i) => bindingTo(String(i), p))
          for (const b of bindings) routing.add(b)
          const gone = new Set(removed.map((i) => bindings[i]).filter((b) => b !== undefined))
          for (const b of gone) routing.remove(b)
          for (const k of keys) {
            const found = new Set<string>()
            routing.route(new PlainMessage(k, {}), {
              keys: [],
              add: (d) => found.add(d.name),
              effect() {},
              steps() {},
            })
            const expected = bindings.filter((b) => !gone.has(b) && matches(split(b.routingKey), split(k)))
            sameDeep([...found].sort(), expected.map((b) => b.destination.name).sort())
          }
        },
      ),
      { numRuns: 500 },
    )
  })

  it('stays quick with many hashes in one key', () => {
    const routing = new TopicRouting()
    routing.add(bindingTo('q', `${'#.a.'.repeat(20)}end`))
    let found = 0
    const message = new PlainMessage('a.'.repeat(100).slice(0, -1), {})
    routing.route(message, { keys: [], add: () => found++, effect() {}, steps() {} })
    expect(found).toBe(0)
  })
})
