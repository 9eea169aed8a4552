import { expect, it } from 'vitest'
import { hostileInputs } from '../torture/hostile.ts'

/** `npm run torture -- hostile --inputs 1000000` for more. */
const INPUTS = 400

it(`outlives ${INPUTS} hostile sessions and requests, and serves others meanwhile`, {
  timeout: 240_000,
}, async () => {
  expect(await hostileInputs({ inputs: INPUTS, seed: 12 })).toEqual([])
})
