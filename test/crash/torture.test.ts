import { expect, it } from 'vitest'
import { crashRounds } from '../torture/crash.ts'

/** `npm run torture -- crash --rounds 100` for more. */
const ROUNDS = 6

it(`loses and mixes up nothing of a mixed load in ${ROUNDS} kills`, { timeout: 240_000 }, async () => {
  expect(await crashRounds({ rounds: ROUNDS, seed: 14 })).toEqual([])
})
