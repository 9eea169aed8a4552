import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Heap } from '../../src/util/heap.ts'
import { Pattern } from '../../src/util/pattern.ts'

describe('patterns', () => {
  it('are unanchored regular expressions, with what PCRE adds', () => {
    expect(new Pattern('b').matches('abc')).toBe(true)
    expect(new Pattern('^(a|b)+$').matches('abba')).toBe(true)
    expect(new Pattern('(?i)^AB$').matches('ab')).toBe(true)
    expect(new Pattern('\\Aab\\z').matches('abc')).toBe(false)
    expect(new Pattern('^(?!amq\\.).*').matches('amq.gen-1')).toBe(false)
    expect(() => new Pattern('(')).toThrow(SyntaxError)
  })

  it('that could take for ever count as no match, and then are not tried again', () => {
    const evil = new Pattern('^(a+)+$')
    expect(evil.matches('aaaa')).toBe(true)
    const began = performance.now()
    for (let i = 0; i < 50; i++) expect(evil.matches(`${'a'.repeat(40 + i)}!`)).toBe(false)
    // Three time-outs, not fifty: without the bound one of them alone takes hours.
    expect(performance.now() - began).toBeLessThan(5000)
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
