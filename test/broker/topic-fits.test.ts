import { describe, expect, it } from 'vitest'
import { topicFits } from '../../src/operations/topic-fits.ts'
import { same } from '../support/same.ts'

/** By the definition, one word after the other. */
function fits(pattern: readonly string[], key: readonly string[]): boolean {
  const [p, ...rest] = pattern
  if (p === undefined) return key.length === 0
  if (p === '#') return fits(rest, key) || (key.length > 0 && fits(pattern, key.slice(1)))
  return key.length > 0 && (p === '*' || p === key[0]) && fits(rest, key.slice(1))
}

function* lists(words: readonly string[], length: number): Generator<string[]> {
  if (length === 0) yield []
  else for (const first of words) for (const rest of lists(words, length - 1)) yield [first, ...rest]
}

describe('topicFits', () => {
  it('fits as the definition says, for all short patterns and keys', () => {
    const keys = [0, 1, 2, 3, 4].flatMap((n) => [...lists(['a', 'b'], n)])
    for (const pattern of [0, 1, 2, 3, 4].flatMap((n) => [...lists(['a', 'b', '*', '#'], n)]))
      for (const key of keys)
        same(topicFits(pattern.join('.'), key.join('.')), fits(pattern, key), `${pattern} ${key}`)
  })

  it('takes a key for what it is: wildcards in it stand for themselves, empty words count', () => {
    expect(topicFits('a', '#')).toBe(false)
    expect(topicFits('a.*', 'a.')).toBe(true)
    expect(topicFits('', '')).toBe(true)
    expect(topicFits('*', '')).toBe(false)
  })
})
