import { expect, it } from 'vitest'
import { SplitMap } from '../../src/util/split-map.ts'
import { objectKey } from '../../src/util/stored-objects.ts'

it('has what a Map has, for texts and for numbers', () => {
  const split = new SplitMap<string | number, number>()
  const map = new Map<string | number, number>()
  const keys = [
    '',
    'a',
    'ab',
    'ba',
    ...Array.from({ length: 500 }, (_, i) => `key ${i}`),
    0,
    1,
    64,
    2 ** 32 - 1,
  ]
  for (const round of [1, 2])
    for (const [i, key] of keys.entries()) {
      split.set(key, i * round)
      map.set(key, i * round)
      expect(split.size).toBe(map.size)
    }
  for (const key of keys) expect(split.get(key)).toBe(map.get(key))
  expect([split.get('c'), split.get(2)]).toEqual([undefined, undefined])
  expect(new Map(split)).toEqual(map)
  expect(new Set(split.keys())).toEqual(new Set(map.keys()))
})

it.each([
  ['keys of objects', (i: number) => objectKey('binding', `queue ${i}`)],
  ['numbers of logs', (i: number) => i],
])('%s are spread over the parts', (_, key) => {
  const split = new SplitMap<string | number, number>()
  for (let i = 0; i < 10_000; i++) split.set(key(i), i)
  const { parts } = split as unknown as { parts: (Map<string, number> | undefined)[] }
  expect(Math.max(...parts.map((p) => p?.size ?? 0))).toBeLessThan(500)
})
