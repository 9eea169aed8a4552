import { expect, it } from 'vitest'
import { Settlements } from '../../src/shovel/settlements.ts'

it('acknowledges what is confirmed, up to the first gap, however the confirms are ordered', () => {
  const acknowledged: number[] = []
  const settlements = new Settlements((tag) => acknowledged.push(tag))
  for (const tag of [1, 2, 3, 4, 5]) settlements.sent(tag)
  for (const tag of [5, 3, 2]) settlements.settled(tag, true)
  settlements.flush()
  expect(acknowledged).toEqual([])
  settlements.settled(1, true)
  settlements.flush()
  expect(acknowledged).toEqual([3])
  settlements.settled(4, false)
  settlements.flush()
  expect([acknowledged, settlements.waiting, settlements.unacknowledged]).toEqual([[3, 5], 0, 0])
})

it.each([3, 2, 0, Number.NaN])('refuses message %d after 3', (tag) => {
  const settlements = new Settlements(() => {})
  settlements.sent(3)
  expect(() => settlements.sent(tag)).toThrow(`message ${tag} after 3`)
})

it('keeps nothing of messages that are rejected again and again while an earlier one is open', () => {
  const settlements = new Settlements(() => {})
  settlements.sent(1)
  for (let tag = 2; tag < 10_000; tag++) {
    settlements.sent(tag)
    settlements.settled(tag, false)
  }
  settlements.flush()
  expect([settlements.waiting, settlements.unacknowledged]).toEqual([1, 1])
})
