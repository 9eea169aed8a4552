/** Whose password is looked at next, and whose TLS handshake begins. */
import { describe, expect, it } from 'vitest'
import { FairQueue } from '../../src/util/fair-queue.ts'

function filled(text: string): FairQueue<string> {
  const queue = new FairQueue<string>()
  for (const item of text.split(' ')) queue.push(item.charAt(0), item)
  return queue
}

function rest(queue: FairQueue<string>): string[] {
  const all: string[] = []
  for (let item = queue.shift(); item !== undefined; item = queue.shift()) all.push(item)
  return all
}

describe('a queue in which addresses take turns', () => {
  it('gives each its oldest item in its turn', () => {
    const queue = filled('a1 a2 a3 b1 c1 b2')
    expect(queue.size).toBe(6)
    expect(rest(queue)).toEqual(['a1', 'b1', 'c1', 'a2', 'b2', 'a3'])
    expect(queue.size).toBe(0)
  })

  it('makes room for others at the expense of the one with the most', () => {
    const queue = filled('a1 b1 b2 b3 c1')
    expect(queue.makeRoomFor('d')).toBe('b3')
    expect(queue.makeRoomFor('a')).toBeUndefined()
    expect(queue.makeRoomFor('b')).toBeUndefined()
    expect(queue.makeRoomFor('d')).toBe('b2')
    expect(queue.makeRoomFor('d')).toBeUndefined()
    expect(rest(queue)).toEqual(['a1', 'b1', 'c1'])
  })

  it('forgets what is taken out, whoever has had a turn meanwhile', () => {
    const queue = filled('a1 a2 a3 b1 c1')
    queue.remove('b', 'b1')
    queue.remove('b', 'b1')
    queue.remove('a', 'c1')
    expect(queue.shift()).toBe('a1')
    queue.remove('a', 'a2')
    expect(queue.size).toBe(2)
    expect(rest(queue)).toEqual(['c1', 'a3'])
    expect(queue.size).toBe(0)
  })

  it('makes no room at the expense of the broker itself', () => {
    const queue = new FairQueue<number>()
    for (let i = 0; i < 9; i++) queue.push('', i)
    expect(queue.makeRoomFor('a')).toBeUndefined()
    expect(queue.clear()).toHaveLength(9)
    expect([queue.size, queue.shift()]).toEqual([0, undefined])
  })
})
