import { describe, expect, it } from 'vitest'
import { modelSeeds, noMarks, shrink, simulate } from './model.ts'
import { marks } from './model-marks.ts'
import type { Action, Step } from './model-steps.ts'
import { SEEDS, STEPS } from './seeds.ts'
import { streamSeeds } from './stream-model.ts'

/** All by one client without confirms or transactions. */
function steps(...actions: readonly Action[]): Step[] {
  return actions.map((a) => ({ ...a, client: 1, goesOn: false }))
}

const message = {
  do: 'publish',
  exchange: '',
  key: 'a',
  priority: 0,
  padding: 0,
  mandatory: false,
  persistent: false,
} as const
const consumer = { do: 'consume', noAck: false, exclusive: false, priority: 0 } as const
const get = { do: 'get', queue: 'a', noAck: true } as const

describe('the broker beside an oracle', () => {
  it(`does the same in ${SEEDS} seeds, which reach every mark`, { timeout: 240_000 }, async () => {
    const found = noMarks()
    expect(await modelSeeds(1, SEEDS, STEPS, found)).toEqual([])
    expect(await streamSeeds(1, SEEDS, STEPS, found)).toEqual([])
    expect(found.steps).toBe(2 * SEEDS * STEPS)
    expect(marks.filter((m) => !found.reached.has(m))).toEqual([])
  })

  it('finds what is behind a message that expired and came to the head by a drop', async () => {
    const scenario = steps(
      { do: 'declare', queue: 'a', args: { maxLength: 2 } },
      { ...message, id: 1, ttl: -1 },
      { ...message, id: 2, ttl: 10 },
      { do: 'wait', ms: 20 },
    )
    const publish: Step = { ...message, id: 3, ttl: -1, client: 1, goesOn: true }
    expect(await simulate([...scenario, publish, ...steps(get)])).toBeUndefined()
  })

  it('lets a message expire that came to the head by a basic.get', async () => {
    const scenario = steps(
      { do: 'declare', queue: 'a', args: { deadLetterExchange: '', deadLetterKey: 'b' } },
      { do: 'declare', queue: 'b', args: {} },
      { ...message, id: 1, ttl: -1 },
      { ...message, id: 2, ttl: 10 },
      get,
      { do: 'wait', ms: 20 },
    )
    expect(await simulate(scenario)).toBeUndefined()
  })

  it('delivers nothing of several that return before all are back', async () => {
    const dead = { deadLetterExchange: 'amq.fanout', bound: true } as const
    const args = { ...dead, maxLength: 2, overflow: 'reject-publish-dlx', deadLetterKey: 'b' } as const
    const scenario = steps(
      { do: 'declare', queue: 'a', args },
      {
        do: 'declare',
        queue: 'b',
        args: { maxLength: 1, deadLetterExchange: '', deadLetterKey: 'a', bound: true },
      },
      { ...consumer, queue: 'a', tag: 'ta', prefetch: 3 },
      { ...consumer, queue: 'b', tag: 'tb', prefetch: 3 },
      { ...message, exchange: 'amq.fanout', id: 1, ttl: -1 },
      { ...message, exchange: 'amq.fanout', id: 2, ttl: -1 },
      { do: 'settle', which: 3, multiple: true, how: 'requeue' },
    )
    expect(await simulate(scenario)).toBeUndefined()
  })

  it('serves consumers in turn with messages that are larger than the queue may be', async () => {
    const args = { maxBytes: 1, overflow: 'reject-publish' } as const
    const large = { ...message, padding: 5, ttl: -1 } as const
    const scenario = steps(
      { do: 'declare', queue: 'a', args },
      { ...consumer, queue: 'a', tag: 't1', prefetch: 0 },
      { ...consumer, queue: 'a', tag: 't2', prefetch: 0 },
      { ...large, id: 1 },
      { ...large, id: 2 },
      { ...large, id: 3 },
    )
    expect(await simulate(scenario)).toBeUndefined()
  })

  it('is shown by the fewest steps that differ', async () => {
    const all = Array.from({ length: 100 }, (_, i) => i)
    const fails = async (some: readonly number[]): Promise<boolean> => some.includes(17) && some.includes(83)
    expect(await shrink(all, fails)).toEqual([17, 83])
  })
})
