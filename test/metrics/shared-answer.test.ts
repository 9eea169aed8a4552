/** Answers that are made once for all who ask. */
import { expect, it } from 'vitest'
import { SharedAnswer } from '../../src/metrics/shared-answer.ts'
import { nextTurn } from '../../src/util/timers.ts'

it('whoever asks while one is being made gets the next one, with all others', async () => {
  let made = 0
  const ends: (() => void)[] = []
  const answer = new SharedAnswer(async () => {
    const number = ++made
    await new Promise<void>((resolve) => ends.push(resolve))
    if (number === 2) throw new Error('failed')
    return number
  })
  const first = answer.get()
  const second = Array.from({ length: 1000 }, () => answer.get())
  expect(made).toBe(1)
  ends[0]?.()
  expect(await first).toBe(1)
  await nextTurn()
  const third = answer.get()
  expect(made).toBe(2)
  ends[1]?.()
  for (const { status } of await Promise.allSettled(second)) expect(status).toBe('rejected')
  await nextTurn()
  ends[2]?.()
  expect(await third).toBe(3)
  // Nobody has asked meanwhile.
  expect(made).toBe(3)
})
