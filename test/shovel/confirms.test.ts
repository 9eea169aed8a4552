/** Which messages of a shovel are confirmed. */
import { expect, it } from 'vitest'
import { Confirms } from '../../src/shovel/confirms.ts'

function sent(count: number): { confirms: Confirms; answers: string[] } {
  const confirms = new Confirms()
  const answers: string[] = []
  for (let tag = 1; tag <= count; tag++)
    confirms.sent((taken) => answers.push(`${tag} ${taken ? 'taken' : 'rejected'}`))
  return { confirms, answers }
}

it('confirms come in any order, each counts once, and several may stand for all before them', () => {
  const { confirms, answers } = sent(6)
  confirms.answered(3, false, true)
  confirms.answered(3, false, false)
  confirms.answered(4, true, false)
  confirms.answered(2, true, true)
  confirms.answered(6, true, true)
  expect(answers).toEqual(['3 taken', '1 rejected', '2 rejected', '4 rejected', '5 taken', '6 taken'])
})

it.each([0, 3, 2 ** 32, 2 ** 64])('tag %d of two messages is refused', (tag) => {
  const { confirms, answers } = sent(2)
  for (const multiple of [true, false])
    expect(() => confirms.answered(tag, multiple, true)).toThrow(`message ${tag} of 2`)
  expect(answers).toEqual([])
})
