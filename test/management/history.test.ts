/** What numbers were: the store of samples by itself, against a model that keeps everything. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type Kind, Series } from '../../src/management/history.ts'

const kind = (more: Partial<Kind> = {}): Kind => ({ names: ['a', 'b'], wide: false, long: false, ...more })
const START = 1_800_000_000_000
const seconds = (s: number): number => START + s * 1000
const range = (last: number, step: number, count: number) => ({ last: START / 1000 + last, step, count })

describe('the history of an object', () => {
  it('knows what each number was, and 0 for the time before', () => {
    const s = new Series(kind(), [5, 0], seconds(0))
    s.update([7, 0], seconds(5))
    s.update([7, 0], seconds(10))
    s.update([9, 1], seconds(15))
    expect(s.samples(['a'], range(15, 5, 5))).toEqual([9, 7, 7, 5, 0])
    expect(s.samples(['b'], range(15, 5, 5))).toEqual([1, 0, 0, 0, 0])
    expect(s.samples(['a', 'b'], range(15, 5, 5))).toEqual([10, 7, 7, 5, 0])
    expect(s.rates).toEqual([0.4, 0.2])
  })

  it('takes no memory for what does not change, and gives it back some time after a change', () => {
    const s = new Series(kind(), [5, 0], seconds(0))
    for (let i = 1; i < 10_000; i++) s.update([5, 0], seconds(i * 5))
    expect(s.bytes).toBe(0)
    s.update([6, 0], seconds(50_000))
    expect(s.bytes).toBeGreaterThan(0)
    s.update([6, 0], seconds(54_000))
    expect(s.bytes).toBe(0)
    expect(s.samples(['a'], range(54_000, 60, 3))).toEqual([6, 6, 6])
  })

  it('has a bound that a day of changes every second does not pass', () => {
    const s = new Series(kind({ long: true }), [0, 0], seconds(0))
    for (let i = 1; i <= 86_400; i++) s.update([i, -i], seconds(i))
    expect(s.bytes).toBeLessThanOrEqual((122 + 62 + 50 + 50) * 3 * 4)
    expect(
      s.samples(['a'], range(86_400, 1800, 40)).every((n, i) => Math.abs(86_400 - i * 1800 - n) <= 1800),
    ).toBe(true)
  })

  it('keeps numbers beyond 2 ** 32 and gauges that go down', () => {
    const big = 2 ** 40
    const s = new Series(kind(), [big, 10], seconds(0))
    s.update([big + 3, 4], seconds(5))
    s.update([big + 2 ** 31, 12], seconds(10))
    expect(s.samples(['a'], range(10, 5, 3))).toEqual([big + 2 ** 31, big + 3, big])
    expect(s.samples(['b'], range(10, 5, 3))).toEqual([12, 4, 10])
    const wide = new Series(kind({ wide: true }), [0.5, 0], seconds(0))
    wide.update([big * 4 + 0.5, 0], seconds(5))
    expect(wide.samples(['a'], range(5, 5, 2))).toEqual([big * 4 + 0.5, 0.5])
  })

  it('goes on where the clock is put back', () => {
    const s = new Series(kind(), [1, 0], seconds(0))
    for (let i = 1; i < 300; i++) s.update([i, 0], seconds(i * 5))
    for (let i = 1; i < 300; i++) s.update([1000 + i, 0], seconds(i))
    expect(s.samples(['a'], range(299, 5, 2))).toEqual([1299, 1294])
  })

  it('says at each step what a store of everything says, within the last ten minutes', () => {
    const change = fc.record({
      after: fc.integer({ min: 1, max: 40 }),
      a: fc.nat(5),
      b: fc.integer({ min: -3, max: 3 }),
    })
    fc.assert(
      fc.property(fc.array(change, { minLength: 1, maxLength: 300 }), fc.nat(500), (changes, back) => {
        const s = new Series(kind(), [0, 100], seconds(0))
        // What RabbitMQ keeps, too: the last reading of each step of five seconds.
        const model: { at: number; values: number[] }[] = [{ at: 0, values: [0, 100] }]
        let now = 0
        let values = [0, 100]
        for (const c of changes) {
          now += c.after
          const next = [(values[0] as number) + c.a, (values[1] as number) + c.b]
          s.update(next, seconds(now))
          const changed = next.some((n, i) => n !== values[i])
          const last = model.at(-1)
          if (
            changed &&
            model.length > 1 &&
            last !== undefined &&
            Math.floor(last.at / 5) === Math.floor(now / 5)
          )
            model.pop()
          if (changed) model.push({ at: now, values: next })
          values = next
        }
        const at = now - Math.min(back, 580, now)
        const expected = model.findLast((m) => m.at <= at)?.values
        expect([s.samples(['a'], range(at, 1, 1))[0], s.samples(['b'], range(at, 1, 1))[0]]).toEqual(expected)
      }),
      { seed: 16, numRuns: 500 },
    )
  })
})
