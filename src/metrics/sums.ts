/** Totals of metrics over very many objects. */
import { nextTurn } from '../util/timers.ts'
import { forgetNumbers, type Metric } from './objects.ts'
import { type Family, family } from './text.ts'

/** Objects visited before yielding. */
const PIECE = 500

/** Returns a family with one sample for each metric: its total over the objects, in a single pass. */
export async function sums<T>(metrics: readonly Metric<T>[], objects: Iterable<T>): Promise<Family[]> {
  const totals = metrics.map(() => 0)
  let count = 0
  for (const o of objects) {
    for (const [i, [, , , value]] of metrics.entries()) totals[i] = (totals[i] as number) + (value(o) ?? 0)
    if (++count % PIECE !== 0) continue
    forgetNumbers()
    await nextTurn()
  }
  forgetNumbers()
  return metrics.map(([name, type, help], i) => family(`rabbitmq_${name}`, type, help, totals[i] as number))
}
