/** Delayed messages that are due at a full queue: they were confirmed, and their publisher cannot be told. */

import { expect, it } from 'vitest'
import { encodeContent } from '../../src/broker/content.ts'
import { InboundMessage } from '../../src/broker/message.ts'
import { deathsOf } from '../../src/broker/queue/dead-letter.ts'
import { type QueueKind, queueKind } from '../../src/broker/queue/kinds/kinds.ts'
import type { Queue } from '../../src/broker/queue/queue.ts'
import { PlainMessage } from '../../src/broker/router.ts'
import { FieldTable } from '../../src/protocol/field-table.ts'
import { timedBroker, transient } from '../support/timed-broker.ts'

const bodies = (q: Queue): string[] =>
  [...q.browse()].map(({ segment, index }) => String(segment.content(index).body))

it.each([
  ['classic', 'reject-publish', true],
  ['quorum', 'reject-publish', true],
  ['classic', 'reject-publish-dlx', true],
  ['classic', 'reject-publish', false],
])('%s, %s, with a dead-letter exchange: %s', (name, overflow, hasExchange) => {
  const { clock, broker, vhost, queue } = timedBroker()
  const toDead = { 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': 'dead' }
  const dead = queue('dead')
  const args = { 'x-max-length': 1, 'x-overflow': overflow, ...(hasExchange ? toDead : {}) }
  const full = queue('full', args, queueKind(name) as QueueKind)
  const free = queue('free')
  const x = broker.createExchange(vhost, {
    ...transient,
    name: 'x',
    type: 'x-delayed-message',
    internal: false,
    arguments: FieldTable.from({ 'x-delayed-type': 'fanout' }),
  })
  for (const q of [full, free]) vhost.bind(x, q, '', FieldTable.empty)
  const headers = FieldTable.from({ 'x-delay': 1000 })
  for (const body of ['a', 'b', 'c']) {
    const m = new InboundMessage()
    encodeContent('x', '', { headers }, Buffer.from(body), m)
    for (const e of vhost.route(x, [new PlainMessage('', { headers })]).effects) e.published(m)
  }
  clock.pass(2000)
  expect([full, free, dead].map(bodies)).toEqual([['a'], ['a', 'b', 'c'], hasExchange ? ['b', 'c'] : []])
  for (const { segment, index } of dead.browse()) {
    const [death] = deathsOf(segment.content(index).properties.headers)
    expect(['queue', 'reason', 'exchange'].map((f) => death?.text(f))).toEqual(['full', 'maxlen', 'x'])
  }
})
