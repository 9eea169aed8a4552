import { describe, expect, it } from 'vitest'
import { ConsumerTimeout } from '../../src/channel/consumer-timeout.ts'
import { ManualClock } from '../support/manual-clock.ts'

const MS = 1000
const MANY = 200_000

function start() {
  const clock = new ManualClock()
  const open = new Set<number>()
  const expired: number[] = []
  const seen = { looks: 0 }
  const timeout = new ConsumerTimeout(
    MS,
    clock,
    (tag) => {
      seen.looks++
      return open.has(tag)
    },
    (tag) => {
      open.delete(tag)
      expired.push(tag)
    },
    (action) => clock.defer(action),
  )
  let next = 1
  /** Looks at deliveries that one more has cost. */
  const deliver = (): number => {
    const before = seen.looks
    open.add(next)
    timeout.delivered(next++)
    return seen.looks - before
  }
  return { clock, open, expired, timeout, deliver }
}

describe('a consumer with a timeout', () => {
  it('never looks at very many deliveries at once, however many there are', () => {
    const { deliver, open } = start()
    let most = 0
    for (let i = 0; i < MANY; i++) most = Math.max(most, deliver())
    open.clear()
    for (let i = 0; i < MANY; i++) most = Math.max(most, deliver())
    expect(most).toBeLessThan(5000)
  })

  it('lists no more than twice as many as are outstanding, and a few, whichever are settled', () => {
    const { clock, deliver, open, expired, timeout } = start()
    for (let i = 1; i <= MANY; i++) {
      deliver()
      if (i > 50 && i % 100 !== 0) open.delete(i)
    }
    expect(open.size).toBeLessThan(MANY / 50)
    expect(timeout.size).toBeLessThan(2 * open.size + 5000)
    const left = [...open]
    clock.pass(MS + 1)
    expect(expired).toEqual(left)
    expect(timeout.size).toBe(0)
  })

  it('returns each in its time, those first that were delivered first', () => {
    const { clock, deliver, open, expired } = start()
    for (let i = 0; i < 3000; i++) deliver()
    clock.pass(MS / 2)
    for (let i = 0; i < 3000; i++) deliver()
    for (let tag = 2; tag <= 6000; tag += 2) open.delete(tag)
    clock.pass(MS / 2)
    const odd = Array.from({ length: 3000 }, (_, i) => 2 * i + 1)
    expect(expired).toEqual(odd.slice(0, 1500))
    clock.pass(MS / 2)
    expect(expired).toEqual(odd)
    deliver()
    clock.pass(MS)
    expect(expired.at(-1)).toBe(6001)
  })

  it('does nothing any more once it is stopped', () => {
    const { clock, deliver, expired, timeout } = start()
    for (let i = 0; i < 10; i++) deliver()
    timeout.stop()
    clock.pass(2 * MS)
    expect([expired, timeout.size]).toEqual([[], 0])
  })
})
