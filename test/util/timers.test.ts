/** Who gets on when a turn has time. */
import { describe, expect, it } from 'vitest'
import { elapsed, noteAccepted, shareNow, whenThereIsTime } from '../../src/util/timers.ts'

/** More than what all have of a turn together. */
const MS = 25

function useUpTheTurn(): void {
  const until = elapsed() + MS
  while (elapsed() < until);
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

/** The names of those that got on, the first so many of them. */
async function order(waiting: readonly [name: string, address: string][], count: number): Promise<string[]> {
  const names: string[] = []
  const wait = ([name, address]: readonly [string, string]): void =>
    whenThereIsTime(() => {
      names.push(name)
      // It comes again at once, as a client that sends on and on.
      if (names.length < count) wait([name, address])
      useUpTheTurn()
    }, address)
  for (const w of waiting) wait(w)
  while (names.length < count) await turn()
  for (let i = 0; i < 3 * waiting.length; i++) await turn()
  return names.slice(0, count)
}

describe('those that wait until there is time', () => {
  it('are not passed by those that come again and again', async () => {
    const names = await order(
      [
        ['a', 'x'],
        ['b', 'x'],
        ['c', 'x'],
      ],
      6,
    )
    expect(names).toEqual(['a', 'b', 'c', 'a', 'b', 'c'])
  })

  it('wait for one of each other address only', async () => {
    const many = Array.from({ length: 20 }, (_, i): [string, string] => [`${i}`, 'x'])
    expect(await order([...many, ['other', 'y']], 4)).toEqual(['0', 'other', '1', 'other'])
  })
})

describe('the share of a turn', () => {
  it('is a tenth while connections are accepted, which libuv does one in a turn', async () => {
    expect(shareNow(20)).toBe(20)
    noteAccepted()
    expect(shareNow(20)).toBe(2)
    await turn()
    expect(shareNow(20)).toBe(2)
    noteAccepted()
    for (let i = 0; i < 2; i++) await turn()
    expect(shareNow(20)).toBe(20)
  })
})
