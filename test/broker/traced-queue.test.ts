/** A queue that gets traces of its own deliveries, and is full: it must not deliver while it delivers. */

import { expect, it } from 'vitest'
import { encodeContent } from '../../src/broker/content.ts'
import type { Exchange } from '../../src/broker/exchange/exchange.ts'
import { Firehose } from '../../src/broker/firehose.ts'
import { InboundMessage } from '../../src/broker/message.ts'
import type { Consumer } from '../../src/broker/queue/consumers.ts'
import { FieldTable } from '../../src/protocol/field-table.ts'
import { timedBroker } from '../support/timed-broker.ts'

it('a message is delivered once', () => {
  const { clock, broker, vhost, queue } = timedBroker()
  const q = queue('q', { 'x-max-length': 3, 'x-overflow': 'reject-publish' })
  vhost.bind(vhost.exchanges.get('amq.rabbitmq.trace') as Exchange, q, '#', FieldTable.empty)
  const origin = { number: 1, connectionName: 'c', userName: 'u' }
  vhost.tracers.setFirehose(new Firehose(vhost, 'node', broker.failures.owner('broker', {}), broker.turn))
  for (const body of ['a', 'b', 'c']) {
    const m = new InboundMessage()
    encodeContent('', 'q', {}, Buffer.from(body), m)
    q.publish(m)
  }
  const got: string[] = []
  const consumer: Consumer = {
    tag: 't',
    noAck: true,
    exclusive: false,
    priority: 0,
    arguments: FieldTable.empty,
    resting: false,
    unacked: 0,
    hasCredit: () => got.length < 100,
    deliver: (from, segment, index) => {
      vhost.tracer?.delivered(origin, from, segment, index)
      got.push(String(segment.content(index).body))
    },
    settingsChanged: () => {},
    cancelled: () => {},
  }
  q.consume(consumer)
  clock.runDeferred()
  expect(got.slice(0, 3)).toEqual(['a', 'b', 'c'])
  expect(q.counts).toMatchObject({ ready: 0 })
})
