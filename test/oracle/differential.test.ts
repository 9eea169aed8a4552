/**
 * The same random steps on Leveret and on RabbitMQ, and the same answers, errors, deliveries and counts expected of both.
 * Runs with the oracle only (see test/oracle.config.ts).
 */
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createBroker, type RunningBroker } from '../../src/index.ts'
import { fresh } from '../support/target.ts'
import { cameTrue } from '../support/until.ts'
import { Side } from './side.ts'
import { deadLettersExcess, type Run, runs, type Step } from './steps.ts'

/** For a long search: RUNS=1000. */
const RUNS = Number(process.env['RUNS'] ?? 150)
const PATIENCE_MS = 2000
/** Then the search ends with what it has. */
const LONG_MS = Number(process.env['LONG_MS'] ?? 120_000)

let broker: RunningBroker
beforeAll(async () => {
  broker = await createBroker({ port: 0 })
})
afterAll(() => broker.close())

/** RabbitMQ's queues answer beside its channels: what is not equal yet gets a moment. */
async function settle(leveret: Side, rabbit: Side): Promise<[unknown, unknown]> {
  let found: [unknown, unknown] = [undefined, undefined]
  const equal = async (): Promise<boolean> => {
    found = [await leveret.state(), await rabbit.state()]
    return JSON.stringify(found[0]) === JSON.stringify(found[1])
  }
  await cameTrue(equal, PATIENCE_MS)
  return found
}

/**
 * Where RabbitMQ's processes race, so that what follows may differ: while it closes a channel, its consumers may still
 * get what the rest of a commit published, or what comes back to a full queue and is dead-lettered; dead letters of
 * several queues may arrive in any order.
 */
function isRace(step: Step, failed: boolean, steps: readonly Step[]): boolean {
  const severalQueues = step.do === 'commit' || (step.do === 'publish' && step.cc !== null)
  const excess = steps.some((s) => s.do === 'declare' && deadLettersExcess(s.args))
  return (failed && (excess || step.do === 'commit')) || (severalQueues && excess)
}

async function both({ tx, steps }: Run): Promise<void> {
  const prefix = fresh('d')
  const leveret = await Side.open(broker.url, prefix, tx)
  const rabbit = await Side.open(process.env['LEVERET_TEST_URL'] ?? '', prefix, tx)
  try {
    for (const [i, step] of steps.entries()) {
      const [a, b] = [await leveret.run(step), await rabbit.run(step)]
      expect({ i, step, answer: a }).toEqual({ i, step, answer: b })
      if (isRace(step, String(a).startsWith('error'), steps)) return
      const [mine, theirs] = await settle(leveret, rabbit)
      expect({ i, step, state: mine }).toEqual({ i, step, state: theirs })
    }
  } finally {
    await leveret.close()
    await rabbit.close()
  }
}

describe('Leveret and RabbitMQ', () => {
  it('do the same', async () => {
    await fc.assert(fc.asyncProperty(runs, both), { numRuns: RUNS, interruptAfterTimeLimit: LONG_MS })
  }, 600_000)
})
