/** The seeds behind those of `model.test.ts`. */
import { expect, it } from 'vitest'
import { modelSeeds, noMarks } from './model.ts'
import { MORE_SEEDS, SEEDS, STEPS } from './seeds.ts'
import { streamSeeds } from './stream-model.ts'

it(`the broker does the same as the oracle in ${MORE_SEEDS} more seeds`, { timeout: 240_000 }, async () => {
  const found = noMarks()
  expect(await modelSeeds(SEEDS + 1, MORE_SEEDS, STEPS, found)).toEqual([])
  expect(await streamSeeds(SEEDS + 1, MORE_SEEDS, STEPS, found)).toEqual([])
  expect(found.steps).toBe(2 * MORE_SEEDS * STEPS)
})
