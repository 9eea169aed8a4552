/** Policies that are set at the same time go through the objects of a vhost together. */

import { describe, expect, it } from 'vitest'
import { atOnce, ofNow } from '../../src/broker/jobs.ts'
import type { Queue } from '../../src/broker/queue/queue.ts'
import { JOB_STEPS_PER_TURN, OBJECTS_PER_STEP } from '../../src/limits.ts'
import { setPolicy } from '../../src/operations/policies.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { timedBroker } from '../support/timed-broker.ts'

const OBJECTS = 3 * JOB_STEPS_PER_TURN * OBJECTS_PER_STEP

function start() {
  const clock = new ManualClock()
  const turns: (() => void)[] = []
  clock.defer = (action) => void turns.push(action)
  const { broker, vhost, queue } = timedBroker(clock)
  const queues = Array.from({ length: OBJECTS }, (_, i) => queue(`q${i}`))
  /** Turn after turn until no job is left, those that rest meanwhile included. */
  const all = async (): Promise<void> => {
    while (turns.length > 0 || broker.turn.jobs.size > 0) {
      for (const action of turns.splice(0)) action()
      clock.pass(1)
      await Promise.resolve()
    }
  }
  return { broker, vhost, queues, all }
}

const limit = (name: string, length: number) => ({
  name,
  pattern: '^q',
  applyTo: 'queues' as const,
  priority: length,
  definition: { 'max-length': length },
})

const followed = (queues: readonly Queue[]): string[] => [
  ...new Set(queues.map((q) => q.policies.policy?.name ?? '')),
]

/** How often a queue is configured. */
function countConfigured(queues: readonly Queue[]): () => number {
  let count = 0
  for (const q of queues) {
    const configure = q.configure.bind(q)
    q.configure = (...args) => {
      count++
      configure(...args)
    }
  }
  return () => count
}

describe('policies that are set at once', () => {
  it('go through the queues twice, however many they are, and are told when the last queue has them', async () => {
    const { broker, vhost, queues, all } = start()
    const configured = countConfigured(queues)
    const set = Array.from({ length: 100 }, (_, i) =>
      setPolicy(broker, vhost, limit(`p${i}`, i), false).then(() => followed(queues)),
    )
    await all()
    for (const seen of await Promise.all(set)) expect(seen).not.toContain('')
    expect(followed(queues)).toEqual(['p99'])
    expect(configured()).toBeLessThanOrEqual(2 * OBJECTS)
  })

  it('and removed again leave nothing behind, operator policies neither', async () => {
    const { broker, vhost, queues, all } = start()
    for (const operator of [false, true])
      for (let i = 0; i < 10; i++) atOnce(vhost.settingPolicy(limit(`p${i}`, i), operator))
    const configured = countConfigured(queues)
    const gone = [false, true].flatMap((operator) =>
      Array.from({ length: 10 }, (_, i) =>
        broker.turn.jobs.finished(vhost.removingPolicy(`p${i}`, operator)),
      ),
    )
    await all()
    expect(new Set(await Promise.all(gone))).toEqual(new Set([true]))
    expect(followed(queues)).toEqual([''])
    expect(queues.every((q) => q.policies.operator === undefined)).toBe(true)
    expect(configured()).toBeLessThanOrEqual(2 * OBJECTS)
  })

  it('come to the objects though whoever began has stopped', () => {
    const { vhost, queues } = start()
    const stopped = vhost.settingPolicy(limit('one', 1), false)
    stopped.next()
    atOnce(vhost.settingPolicy(limit('two', 2), false))
    expect(followed(queues)).toEqual(['two'])
    atOnce(vhost.removingPolicy('two', false))
    expect(followed(queues)).toEqual(['one'])
    expect(atOnce(stopped)).toBeUndefined()
  })

  it('are told of what has failed, and the next ones are applied', () => {
    const { vhost, queues } = start()
    const last = queues.at(-1) as Queue
    const { configure } = last
    last.configure = () => {
      throw new Error('out of order')
    }
    const [one, two] = [
      vhost.settingPolicy(limit('one', 1), false),
      vhost.settingPolicy(limit('two', 2), false),
    ]
    one.next()
    two.next()
    expect(() => atOnce(one)).toThrow('out of order')
    expect(() => atOnce(two)).toThrow('out of order')
    last.configure = configure
    atOnce(vhost.settingPolicy(limit('three', 3), false))
    expect(followed(queues)).toEqual(['three'])
  })
})

it('what is added to a map meanwhile does not make the walk over it longer', () => {
  const map = new Map([1, 2, 3].map((n) => [n, n]))
  const seen: number[] = []
  for (const n of ofNow(map)) {
    seen.push(n)
    map.delete(n + 1)
    map.set(n + 10, n + 10)
  }
  expect(seen).toEqual([1, 3, 11])
})
