/** How many messages have been dead-lettered: each counts once, however often it is tried. */

import { expect, it } from 'vitest'
import { encodeContent } from '../../src/broker/content.ts'
import { InboundMessage } from '../../src/broker/message.ts'
import { type QueueKind, queueKind } from '../../src/broker/queue/kinds/kinds.ts'
import { DEAD_LETTER_RETRY_MS } from '../../src/limits.ts'
import { timedBroker } from '../support/timed-broker.ts'

it('one that waits for a target counts when it has one', () => {
  const { clock, broker, queue } = timedBroker()
  const args = {
    'x-dead-letter-exchange': '',
    'x-dead-letter-routing-key': 'target',
    'x-dead-letter-strategy': 'at-least-once',
    'x-overflow': 'reject-publish',
  }
  const q = queue('q', args, queueKind('quorum') as QueueKind)
  const m = new InboundMessage()
  for (let i = 0; i < 3; i++) {
    encodeContent('', 'q', {}, Buffer.from('m'), m)
    q.publish(m)
    const found = q.get()
    q.takeGot(false)
    q.settle(found?.sequence ?? -1, 'reject')
  }
  for (let i = 0; i < 5; i++) clock.pass(DEAD_LETTER_RETRY_MS)
  expect(broker.counters.deadLetteredRejected).toBe(0)
  const target = queue('target')
  clock.pass(DEAD_LETTER_RETRY_MS)
  expect([target.counts.ready, broker.counters.deadLetteredRejected]).toEqual([3, 3])
  broker.stop()
})
