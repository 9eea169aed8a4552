import { expect, it } from 'vitest'
import type { Metric } from '../../src/metrics/objects.ts'
import { sums } from '../../src/metrics/sums.ts'
import { nextTurn } from '../../src/util/timers.ts'

const metrics: Metric<{ n: number }>[] = [
  ['n', 'gauge', 'their numbers', ({ n }) => n],
  ['even', 'counter', 'only some have it', ({ n }) => (n % 2 === 0 ? 1 : undefined)],
]

it('are of all objects, and let others have their turn in between', async () => {
  let [turns, done] = [0, false]
  const others = (async () => {
    for (; !done; turns++) await nextTurn()
  })()
  const objects = Array.from({ length: 10_000 }, (_, n) => ({ n }))
  const found = await sums(metrics, objects)
  done = true
  await others
  expect(found.map((f) => [f.name, f.type, f.samples.map((s) => s.value)])).toEqual([
    ['rabbitmq_n', 'gauge', [49_995_000]],
    ['rabbitmq_even', 'counter', [5000]],
  ])
  expect(turns).toBeGreaterThan(10)
})
