/** Queues and exchanges that are deleted while a message is being copied to them, in steps, take nothing any more. */

import { describe, expect, it } from 'vitest'
import { encodeContent } from '../../src/broker/content.ts'
import { startFanOut } from '../../src/broker/fan-out.ts'
import { InboundMessage } from '../../src/broker/message.ts'
import { PlainMessage } from '../../src/broker/router.ts'
import { FieldTable } from '../../src/protocol/field-table.ts'
import { type Plain, timedBroker, transient } from '../support/timed-broker.ts'

const deduplicates = { 'x-message-deduplication': true }
const properties = { deliveryMode: 2, headers: FieldTable.from({ 'x-deduplication-header': 'once' }) }

function start() {
  const t = timedBroker()
  const m = new InboundMessage()
  encodeContent('x', '', properties, Buffer.alloc(1000), m)
  const exchange = () => {
    const info = { ...transient, durable: true, name: 'x', type: 'fanout', internal: false }
    return t.broker.createExchange(t.vhost, { ...info, arguments: FieldTable.from(deduplicates) })
  }
  const durable = (args: Plain = {}) => {
    const { kind } = t.queue('any')
    const info = { ...transient, durable: true, name: 'q', kind, arguments: FieldTable.from(args) }
    return t.broker.createQueue(t.vhost, info, undefined)
  }
  const written = async (): Promise<void> => {
    await t.broker.commit.flush()
    t.clock.runDeferred()
    await t.broker.commit.flush()
  }
  const give = (route: Parameters<typeof startFanOut>[0]) => {
    const outcome = { durable: false, refused: false }
    startFanOut(route, m, t.clock, outcome)
    return outcome
  }
  return { ...t, m, exchange, durable, written, give }
}

describe('of a message that is copied in steps', () => {
  it('a deleted queue gets no copy', () => {
    const { broker, vhost, durable, give } = start()
    const q = durable()
    vhost.removeQueue(q)
    const before = broker.residentBytes
    expect(give({ queues: [q], effects: [] })).toMatchObject({ durable: false })
    expect([q.counts.ready, broker.residentBytes]).toEqual([0, before])
  })

  it('a queue of the same name as a deleted one takes no duplicate', async () => {
    const { vhost, durable, give, written } = start()
    const q = durable(deduplicates)
    await written()
    vhost.removeQueue(q)
    give({ queues: [q], effects: [] })
    await written()
    const again = durable(deduplicates)
    give({ queues: [again], effects: [] })
    expect(again.counts.ready).toBe(1)
  })

  it('a deleted exchange remembers nothing that a new one of its name would', async () => {
    const { vhost, queue, exchange, give, written } = start()
    const q = queue('target')
    const x = exchange()
    vhost.bind(x, q, '', FieldTable.empty)
    const route = vhost.route(x, [new PlainMessage('', properties)])
    await written()
    vhost.removeExchange(x)
    give(route)
    await written()
    const again = exchange()
    vhost.bind(again, q, '', FieldTable.empty)
    expect(vhost.route(again, [new PlainMessage('', properties)]).queues).toEqual([q])
  })
})
