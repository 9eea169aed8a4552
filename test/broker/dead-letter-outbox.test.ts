/** The retries of at-least-once dead lettering go on whatever happens to one message. */
import { expect, it } from 'vitest'
import { Jobs } from '../../src/broker/jobs.ts'
import { Aside } from '../../src/broker/queue/aside.ts'
import { DeadLetterOutbox } from '../../src/broker/queue/dead-letter-outbox.ts'
import { DEAD_LETTER_RETRY_MS } from '../../src/limits.ts'
import { ManualClock } from '../support/manual-clock.ts'

it('a message that cannot be dropped once there is no dead-letter exchange is set aside', () => {
  const clock = new ManualClock()
  const settings: { deadLetterExchange: string | undefined; deadLetterAtLeastOnce: boolean } = {
    deadLetterExchange: 'x',
    deadLetterAtLeastOnce: true,
  }
  const settled: number[] = []
  const order = {
    find: () => ({ segment: { content: () => ({}) }, index: 0 }),
    settle: (n: number) => {
      if (n === 1) throw new RangeError('Array buffer allocation failed')
      settled.push(n)
    },
  }
  const failures: unknown[] = []
  const env = Object.assign(clock, {
    turn: { jobs: new Jobs(clock, () => {}), isBehind: () => false, pumpLater: () => {} },
    refusedLetters: { apart: (publish: () => unknown) => publish() },
    deadLetter: () => false,
    failed: (error: unknown) => void failures.push(error),
  })
  const aside = new Aside({ now: () => clock.now(), parked: () => {} })
  const parts = [{ settings }, order, env, aside] as unknown as ConstructorParameters<typeof DeadLetterOutbox>
  const outbox = new DeadLetterOutbox(...parts)
  for (const n of [1, 2, 3]) outbox.die(n, 'expired')
  expect(outbox.size).toBe(3)
  settings.deadLetterExchange = undefined
  for (let i = 0; i < 3; i++) clock.pass(DEAD_LETTER_RETRY_MS)
  expect([settled, outbox.size, failures]).toEqual([[2, 3], 0, []])
  expect([...aside].map((m) => m.number)).toEqual([1])
})
