/**
 * Random programs on Leveret and on RabbitMQ, and the same answers, errors, deliveries and counts expected of both:
 * `npm run torture -- differential` for a moment.
 */
import { expect, it } from 'vitest'
import { Differential } from '../torture/differential/differential.ts'

/** `npm run torture -- differential --seeds 1000` for more. */
const [SEEDS, STEPS] = [60, 60]
const [MINUTES, MINUTE_MS] = [10, 60_000]

it(`${SEEDS} programs do the same on both`, { timeout: MINUTES * MINUTE_MS }, async () => {
  const d = await Differential.start()
  try {
    await d.seeds(1, SEEDS, STEPS)
    expect(d.found.problems).toEqual([])
    expect(d.found.steps).toBeGreaterThan(SEEDS * (STEPS / 2))
  } finally {
    await d.close()
  }
})
