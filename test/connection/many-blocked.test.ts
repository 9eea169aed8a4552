/** Very many connections that wait for the end of an alarm. */
import { describe, expect, it } from 'vitest'
import { Broker } from '../../src/broker/broker.ts'
import type { Connection } from '../../src/connection/connection.ts'
import { FORCED_PER_STEP, JOB_STEPS_PER_TURN } from '../../src/limits.ts'
import { GroupCommit } from '../../src/storage/batch.ts'
import { MemoryStorage } from '../../src/storage/memory/memory-storage.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { serverOf } from '../support/server.ts'

const PER_TURN = (FORCED_PER_STEP + 1) * JOB_STEPS_PER_TURN

describe('very many connections that are blocked', () => {
  it('go on in several turns when the alarm is over, and no more of them once there is another one', () => {
    const clock = new ManualClock()
    const storage = new MemoryStorage()
    const broker = new Broker(storage, new GroupCommit(storage, clock), clock, {
      messageMemoryBytes: 2 ** 20,
    })
    broker.load()
    const { server } = serverOf(broker)
    const count = 5 * PER_TURN
    const told: number[] = []
    for (let i = 0; i < count; i++)
      server.connections.add({ intake: { unblock: () => told.push(i) } } as unknown as Connection)
    const alarm = (on: boolean): void => {
      server.alarms.memory = on
      server.alarmChanged()
    }
    alarm(true)
    expect(told).toEqual([])
    alarm(false)
    expect(told.length).toBeGreaterThan(0)
    expect(told.length).toBeLessThanOrEqual(PER_TURN)
    const some = told.length
    alarm(true)
    clock.runDeferred()
    expect(told.length).toBe(some)
    alarm(false)
    clock.runDeferred()
    expect(new Set(told).size).toBe(count)
    broker.stop()
  })
})
