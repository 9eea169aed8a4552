import { describe, expect, it } from 'vitest'
import { bodyOf, disorder, Record } from '../torture/record.ts'

const found = (...ids: number[]) => ids.map((id) => ({ id, body: bodyOf(id, 20) }))

function recordOf(...confirmed: number[]): Record {
  const record = new Record()
  for (const id of confirmed) {
    record.sent.add(id)
    record.confirmed.add(id)
  }
  return record
}

describe("the driver's record of a queue", () => {
  it('notices what is lost, doubled, back, unknown, refused or changed', () => {
    const record = recordOf(1, 2, 3)
    expect(record.check(found(1, 2, 3))).toEqual([])
    expect(record.check(found(1, 3))).toEqual(['message 2 was confirmed and is lost'])
    expect(record.check(found(1, 2, 2, 3))).toEqual(['message 2 is there twice'])
    expect(record.check(found(1, 2, 3, 9))).toEqual(['message 9 was never published'])
    const changed = { id: 3, body: Buffer.concat([bodyOf(3, 19), Buffer.from([1])]) }
    expect(record.check([...found(1, 2), changed])).toEqual(['message 3 has another body'])
    record.settled.add(2)
    expect(record.check(found(1, 3))).toEqual([])
    record.settle(found(1, 3))
    expect(record.check(found(1, 2, 3))).toEqual(['message 2 has come back'])
    record.forgetAll()
    expect(record.check([])).toEqual([])
    record.sent.add(4)
    record.refused.add(4)
    expect(record.check(found(4))).toEqual(['message 4 is there though it was refused'])
  })

  it('allows that a purge without an answer was done, as a whole', () => {
    const record = recordOf(1, 2, 3)
    record.settled.add(1)
    record.emptying()
    expect(record.check(found(2, 3))).toEqual([])
    expect(record.check(found(3))).toEqual(['message 2 was confirmed and is lost'])
    expect(record.check([])).toEqual([])
    record.settle([])
    expect(record.check(found(2))).toEqual(['message 2 has come back'])
    const next = recordOf(4)
    next.emptying()
    next.settle(found(4))
    expect(next.check([])).toEqual(['message 4 was confirmed and is lost'])
  })

  it('allows what was sent and not answered, and what a queue may drop', () => {
    const record = recordOf(1, 2, 3)
    record.sent.add(4)
    expect(record.check(found(1, 2, 3, 4))).toEqual([])
    expect(record.check(found(2, 3), (id) => id > 1)).toEqual([])
  })

  it('knows the order', () => {
    expect(disorder(found(1, 4, 7))).toEqual([])
    expect(disorder(found(1, 7, 4))).toEqual(['message 4 stands behind 7'])
  })
})
