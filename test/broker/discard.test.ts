import { describe, expect, it } from 'vitest'
import { encodeContent } from '../../src/broker/content.ts'
import { atOnce } from '../../src/broker/jobs.ts'
import { InboundMessage } from '../../src/broker/message.ts'
import type { Queue } from '../../src/broker/queue/queue.ts'
import { DISCARDED_PER_TURN_MAX } from '../../src/limits.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { type Plain, timedBroker } from '../support/timed-broker.ts'

/** Tells what had happened after each turn. */
class Turns extends ManualClock {
  atTurnEnd: (() => void) | undefined
  override defer(action: () => void): void {
    super.defer(() => {
      action()
      this.atTurnEnd?.()
    })
  }
}

const MESSAGES = 7000
const PER_TURN = DISCARDED_PER_TURN_MAX / 25

function filled(args: Plain) {
  const clock = new Turns()
  const { vhost, queue: make } = timedBroker(clock, false)
  const dead = make('dead', {})
  const queue = make('q', { 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': 'dead', ...args })
  const m = new InboundMessage()
  for (let i = 0; i < MESSAGES; i++) {
    encodeContent('', 'q', {}, Buffer.from(String(i)), m)
    queue.publish(m)
  }
  clock.runDeferred()
  const passed: number[] = []
  let before = 0
  clock.atTurnEnd = () => {
    const { ready } = dead.counts
    if (ready > before) passed.push(ready - before)
    before = ready
  }
  return { clock, vhost, queue, dead, passed }
}

function bodies(q: Queue): string[] {
  return [...q.browse()].map(({ segment, index }) => String(segment.content(index).body))
}

describe('messages that leave a queue all at once', () => {
  const inOrder = Array.from({ length: MESSAGES }, (_, i) => String(i))

  it('are dead-lettered so many in one turn, in their order, when they expire', () => {
    const { clock, queue, dead, passed } = filled({ 'x-message-ttl': 1000 })
    clock.pass(1001)
    expect(passed).toEqual([PER_TURN, PER_TURN, PER_TURN, MESSAGES - 3 * PER_TURN])
    expect(queue.counts.ready).toBe(0)
    expect(bodies(dead)).toEqual(inOrder)
  })

  it('are not there any more for basic.get, though some have to wait', () => {
    const { clock, queue } = filled({ 'x-message-ttl': 1000 })
    const got: unknown[] = []
    clock.after(1001, () => got.push(queue.get()))
    clock.pass(1001)
    expect(got).toEqual([undefined])
  })

  it('and when a policy leaves less room than they take', () => {
    const { clock, vhost, queue, dead, passed } = filled({})
    atOnce(
      vhost.settingPolicy(
        { name: 'p', pattern: '^q$', applyTo: 'queues', priority: 0, definition: { 'max-length': 10 } },
        false,
      ),
    )
    clock.runDeferred()
    expect(passed).toEqual([PER_TURN, PER_TURN, PER_TURN, MESSAGES - 10 - 3 * PER_TURN])
    expect(queue.counts.ready).toBe(10)
    expect(bodies(dead)).toEqual(inOrder.slice(0, -10))
  })
})
