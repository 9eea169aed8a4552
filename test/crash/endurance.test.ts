import { expect, it } from 'vitest'
import { endurance, parts, seriesOf } from '../torture/endurance.ts'
import { trendOf } from '../torture/trend.ts'

/** `npm run torture -- endurance` for two hours, of which the trends mean something. */
const SAMPLES = 2

it('does all that comes and goes without an error, leaves nothing behind, and measures itself', {
  timeout: 240_000,
}, async () => {
  const { problems, samples, done } = await endurance({ samples: SAMPLES, everyMs: 2_000, seed: 18, pace: 1 })
  expect(problems.filter((p) => !p.startsWith('not flat'))).toEqual([])
  expect([...done.keys()].sort()).toEqual(parts.map((p) => p.name).sort())
  expect(samples).toHaveLength(SAMPLES)
  for (const s of seriesOf(samples)) {
    expect(s.values.every((v) => v > 0)).toBe(true)
    expect(trendOf(s).bound).toBeGreaterThan(0)
  }
})
