/** Dead letters that wait for a target, and of which one fails: the others do not wait for ever. */

import { expect, it, onTestFinished, vi } from 'vitest'
import { encodeContent } from '../../src/broker/content.ts'
import type { Exchange } from '../../src/broker/exchange/exchange.ts'
import { InboundMessage } from '../../src/broker/message.ts'
import { Chain } from '../../src/broker/messages/chain.ts'
import { classic, type QueueKind, queueKind } from '../../src/broker/queue/kinds/kinds.ts'
import type { Queue } from '../../src/broker/queue/queue.ts'
import { DEAD_LETTER_RETRY_MS } from '../../src/limits.ts'
import { FieldTable } from '../../src/protocol/field-table.ts'
import { timedBroker } from '../support/timed-broker.ts'

const COUNT = 5

it('are all passed on, each once', () => {
  const { clock, broker, vhost } = timedBroker()
  const info = { durable: true, exclusive: false, autoDelete: false }
  const args = FieldTable.from({
    'x-dead-letter-exchange': 'amq.fanout',
    'x-dead-letter-strategy': 'at-least-once',
    'x-overflow': 'reject-publish',
  })
  const kind = queueKind('quorum') as QueueKind
  const queue = broker.createQueue(vhost, { ...info, name: 'q', kind, arguments: args }, undefined)
  for (let i = 0; i < COUNT; i++) {
    const m = new InboundMessage()
    encodeContent('', 'q', { deliveryMode: 2 }, Buffer.from(String(i)), m)
    queue.publish(m)
    const got = queue.get()
    queue.takeGot(false)
    queue.settle(got?.sequence ?? -1, 'reject')
  }
  const dead = { ...info, name: 'dead', kind: classic, arguments: FieldTable.empty }
  const target = broker.createQueue(vhost, dead, undefined)
  vhost.bind(vhost.exchanges.get('amq.fanout') as Exchange, target, '', FieldTable.empty)
  const settle = vi.spyOn(Chain.prototype, 'settle').mockImplementationOnce(() => {
    throw new RangeError('Array buffer allocation failed')
  })
  onTestFinished(() => settle.mockRestore())
  for (let i = 0; i < 3; i++) clock.pass(DEAD_LETTER_RETRY_MS)
  const bodies = [...target.browse()].map(({ segment, index }) => String(segment.content(index).body))
  expect([queue.holding.messages, bodies]).toEqual([0, ['0', '1', '2', '3', '4']])
  expect(Object.values(broker.failures.counts).filter((n) => n > 0)).toEqual([])
  broker.stop()
})

it('go to the others of their targets where one of them has failed, once', () => {
  const { clock, broker, vhost, queue } = timedBroker()
  const q = queue('q', { 'x-dead-letter-exchange': 'amq.fanout' })
  const targets = ['a', 'b', 'c'].map((name) => {
    const target = queue(name)
    vhost.bind(vhost.exchanges.get('amq.fanout') as Exchange, target, '', FieldTable.empty)
    return target
  })
  const m = new InboundMessage()
  encodeContent('', 'q', {}, Buffer.from('x'), m)
  q.publish(m)
  q.get()
  q.takeGot(false)
  vi.spyOn(targets[1] as Queue, 'publish').mockImplementationOnce(() => {
    throw new RangeError('Array buffer allocation failed')
  })
  q.settle(0, 'reject')
  clock.pass(DEAD_LETTER_RETRY_MS)
  expect([q.holding.messages, q.aside.size, ...targets.map((t) => t.counts.ready)]).toEqual([0, 0, 1, 1, 1])
  expect(broker.counters.deadLetteredRejected).toBe(1)
  broker.stop()
})
