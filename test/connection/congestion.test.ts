import { describe, expect, it } from 'vitest'
import { ConsumerBackpressure } from '../../src/connection/consumer-backpressure.ts'
import { CONGESTION_PAUSE_MS, CONGESTION_RETRY_MS } from '../../src/limits.ts'
import { ManualClock } from '../support/manual-clock.ts'

function setUp(residentBytes = 100) {
  const clock = new ManualClock()
  const memory = { residentBytes, memoryBytes: 50 }
  const congestion = new ConsumerBackpressure(clock, memory)
  let resumed = 0
  const publisher = {
    resumeReading: () => void resumed++,
    failed: (error: unknown) => expect(error).toBe(undefined),
  }
  return { clock, memory, congestion, publisher, resumed: () => resumed }
}

describe('a publisher of large messages', () => {
  it('is not paused while every consumer takes what it gets', () => {
    const { congestion, publisher } = setUp()
    expect(congestion.pause(publisher)).toBe(false)
  })

  it('waits for a full socket, and goes on when it drains', () => {
    const { congestion, publisher, resumed } = setUp()
    const consumer = {}
    congestion.began(consumer)
    expect([congestion.pause(publisher), resumed()]).toEqual([true, 0])
    congestion.ended(consumer)
    expect([resumed(), congestion.pause(publisher)]).toEqual([1, false])
  })

  it('does not wait while there is room in memory', () => {
    const { congestion, publisher, memory } = setUp(10)
    congestion.began({})
    expect(congestion.pause(publisher)).toBe(false)
    memory.residentBytes = 51
    expect(congestion.pause(publisher)).toBe(true)
  })

  it('does not wait for a consumer that takes nothing at all', () => {
    const { congestion, publisher, resumed, clock } = setUp()
    congestion.began({})
    expect(congestion.pause(publisher)).toBe(true)
    clock.pass(CONGESTION_PAUSE_MS)
    expect([resumed(), congestion.pause(publisher)]).toEqual([1, false])
    clock.pass(CONGESTION_RETRY_MS)
    expect(congestion.pause(publisher)).toBe(true)
  })

  it('never waits for itself', () => {
    const { congestion, publisher } = setUp()
    congestion.began(publisher)
    expect(congestion.pause(publisher)).toBe(false)
  })
})
