import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { MARKS_MAX, TimeMarks } from '../../src/util/time-marks.ts'
import { same } from '../support/same.ts'

describe('time marks', () => {
  it('tell when a number came: never too early a number, exactly while there are few marks', () => {
    const steps = fc.array(fc.record({ wait: fc.nat(3), come: fc.nat(2) }), { maxLength: 300 })
    fc.assert(
      fc.property(steps, (list) => {
        const marks = new TimeMarks()
        const came: number[] = []
        let second = 1000
        for (const { wait, come } of list) {
          second += wait
          marks.note(came.length, second)
          for (let i = 0; i < come; i++) came.push(second)
        }
        expect(marks.pairs.length).toBeLessThanOrEqual(MARKS_MAX * 2)
        const exact = new Set(came).size < MARKS_MAX
        let before = 0
        for (const [number, at] of came.entries()) {
          const told = marks.at(number)
          if (exact) same(told, at)
          // Of the thousands of numbers, those where it is not so.
          if (!(told >= before)) expect(told).toBeGreaterThanOrEqual(before)
          if (!(told <= at)) expect(told).toBeLessThanOrEqual(at)
          before = told
        }
      }),
    )
  })

  it('forget what is not asked for, and start over', () => {
    const marks = new TimeMarks()
    for (let n = 0; n < 10; n++) marks.note(n * 10, 100 + n)
    marks.forgetBefore(55)
    expect(marks.pairs.length).toBe(10)
    expect([marks.at(55), marks.at(60), marks.at(1000)]).toEqual([105, 106, 109])
    marks.restart()
    expect(marks.pairs).toEqual([0, 109])
    expect(new TimeMarks().at(5)).toBe(0)
  })
})
