/** Dead letters during an alarm: nobody could be held back for them. */

import { describe, expect, it } from 'vitest'
import { encodeContent } from '../../src/broker/content.ts'
import type { Exchange } from '../../src/broker/exchange/exchange.ts'
import { InboundMessage } from '../../src/broker/message.ts'
import type { Queue } from '../../src/broker/queue/queue.ts'
import { DEAD_LETTER_RETRY_MS, HELD_BACK_MAX, REFUSED_WAITING_BYTES_MAX } from '../../src/limits.ts'
import { FieldTable } from '../../src/protocol/field-table.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { type Plain, timedBroker } from '../support/timed-broker.ts'

function start() {
  const { clock, broker, vhost, queue } = timedBroker(new ManualClock(), false)
  const bound = (name: string, args: Plain = {}): Queue => {
    const q = queue(name, args)
    const x = vhost.exchanges.get('amq.fanout')
    if (x !== undefined) vhost.bind(x, q, '', FieldTable.empty)
    return q
  }
  let low = true
  broker.inAlarm = () => low
  const over = (): void => {
    low = false
    clock.pass(DEAD_LETTER_RETRY_MS)
  }
  return { clock, broker, vhost, queue, bound, over }
}

function fill(q: Queue, count: number): void {
  const m = new InboundMessage()
  for (let i = 0; i < count; i++) {
    encodeContent('', q.name, {}, Buffer.from(String(i)), m)
    q.publish(m)
  }
}

const dying = { 'x-message-ttl': 1000, 'x-dead-letter-exchange': 'amq.fanout' }
const bodies = (q: Queue): string[] =>
  [...q.browse()].map(({ segment, index }) => String(segment.content(index).body))

describe('dead letters during an alarm', () => {
  it('go on to one queue', () => {
    const { clock, queue, bound } = start()
    const dead = bound('dead')
    fill(queue('q', dying), 10)
    clock.runDeferred()
    clock.pass(2000)
    expect(dead.counts.ready).toBe(10)
  })

  it('wait where they go to several, and come when it is over', () => {
    const { clock, queue, bound, over } = start()
    const both = [bound('a'), bound('b')]
    const q = queue('q', dying)
    const count = 2 * HELD_BACK_MAX + 10
    fill(q, count)
    clock.runDeferred()
    clock.pass(10_000)
    expect(both.map((dead) => dead.counts.ready)).toEqual([0, 0])
    // Most of them are where they were.
    expect(q.counts.ready).toBe(count - HELD_BACK_MAX)
    expect(q.get()).toBeUndefined()
    over()
    clock.pass(1)
    expect(q.counts.ready).toBe(0)
    const expected = Array.from({ length: count }, (_, i) => String(i)).sort()
    for (const dead of both) expect(bodies(dead).sort()).toEqual(expected)
  })

  it('wait after they were rejected', () => {
    const { queue, bound, over } = start()
    const both = [bound('a'), bound('b')]
    const q = queue('q', dying)
    fill(q, 1)
    q.get()
    q.takeGot(false)
    q.settle(0, 'reject')
    expect(q.counts).toMatchObject({ ready: 0, unacked: 0 })
    expect(both.map((dead) => dead.counts.ready)).toEqual([0, 0])
    over()
    expect(both.map((dead) => dead.counts.ready)).toEqual([1, 1])
  })
})

describe('dead letters of what full queues refuse', () => {
  const refusing = {
    'x-max-length': 0,
    'x-overflow': 'reject-publish-dlx',
    'x-dead-letter-exchange': 'amq.fanout',
  }

  it('wait for the end of an alarm where they go to several queues, in their order', () => {
    const { clock, queue, bound, over } = start()
    const both = [bound('a'), bound('b')]
    fill(queue('q', refusing), 10)
    clock.pass(10_000)
    expect(both.map((dead) => dead.counts.ready)).toEqual([0, 0])
    over()
    const expected = Array.from({ length: 10 }, (_, i) => String(i))
    expect(both.map(bodies)).toEqual([expected, expected])
  })

  it('do not wait where too many do, nor when the broker ends', async () => {
    const { clock, broker, queue, bound } = start()
    const both = [bound('a'), bound('b')]
    const q = queue('q', refusing)
    const m = new InboundMessage()
    const large = 10 * 1024 * 1024
    const count = Math.floor(REFUSED_WAITING_BYTES_MAX / large)
    for (let i = 0; i < count + 1; i++) {
      encodeContent('', 'q', {}, Buffer.alloc(large), m)
      q.publish(m)
    }
    clock.pass(10_000)
    expect(both.map((dead) => dead.counts.ready)).toEqual([1, 1])
    broker.turn.ending.begin()
    clock.pass(1_000)
    expect(broker.turn.jobs.size).toBe(0)
    expect(both.map((dead) => dead.counts.ready)).toEqual([count + 1, count + 1])
  })
})

describe('dead letters for full queues, of whose own so many wait that there is no room,', () => {
  const large = 10 * 1024 * 1024
  const count = Math.floor(REFUSED_WAITING_BYTES_MAX / large) + 4
  const first = { ...dying, 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': 'full' }
  const refusing = { 'x-max-length': 0, 'x-overflow': 'reject-publish-dlx' }
  const fillLarge = (q: Queue): void => {
    const m = new InboundMessage()
    for (let i = 0; i < count; i++) {
      encodeContent('', q.name, {}, Buffer.alloc(large, String(i)), m)
      q.publish(m)
    }
  }
  const firsts = (q: Queue): string =>
    [...q.browse()].map(({ segment, index }) => String(segment.content(index).body.subarray(0, 1))).join('')
  const expected = Array.from({ length: count }, (_, i) => String(i)).join('')

  it('wait in their queue', () => {
    const { clock, queue, bound, over } = start()
    const both = [bound('a'), bound('b')]
    queue('full', { ...refusing, 'x-dead-letter-exchange': 'amq.fanout' })
    fillLarge(queue('q', first))
    clock.runDeferred()
    clock.pass(10_000)
    expect(both.map((dead) => dead.counts.ready)).toEqual([0, 0])
    over()
    for (let i = 0; i < count; i++) clock.pass(DEAD_LETTER_RETRY_MS)
    expect(both.map(firsts)).toEqual([expected, expected])
  })

  it('are not dropped where one full queue follows another', () => {
    const { clock, queue, bound, over } = start()
    const both = [bound('a'), bound('b')]
    queue('full', { ...refusing, 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': 'next' })
    queue('next', { ...refusing, 'x-dead-letter-exchange': 'amq.fanout' })
    fillLarge(queue('q', first))
    clock.runDeferred()
    clock.pass(10_000)
    over()
    for (let i = 0; i < count; i++) clock.pass(DEAD_LETTER_RETRY_MS)
    expect(both.map(firsts)).toEqual([expected, expected])
  })
})

describe('dead letters while much is on its way to the disk', () => {
  it('wait where they go to several queues and come of other dead letters', () => {
    const { clock, broker, vhost, queue, bound, over } = start()
    over()
    let full = true
    broker.turn.isFull = () => full
    const next = { 'x-message-ttl': 1000, 'x-dead-letter-exchange': 'amq.direct' }
    const last = ['a', 'b'].map((name) => queue(name))
    for (const q of last)
      vhost.bind(vhost.exchanges.get('amq.direct') as Exchange, q, 'first', FieldTable.empty)
    const middle = ['c', 'd'].map((name) => bound(name, next))
    fill(queue('first', dying), 10)
    clock.runDeferred()
    clock.pass(1500)
    expect(middle.map((q) => q.counts.ready)).toEqual([10, 10])
    clock.pass(1500)
    expect([...middle, ...last].map((q) => q.counts.ready)).toEqual([0, 0, 0, 0])
    full = false
    clock.pass(DEAD_LETTER_RETRY_MS)
    expect(last.map((q) => q.counts.ready)).toEqual([20, 20])
  })

  it('wait where full queues refuse them', () => {
    const { clock, broker, queue, bound, over } = start()
    over()
    let full = true
    broker.turn.isFull = () => full
    const last = [bound('a'), bound('b')]
    const args = {
      'x-max-length': 0,
      'x-overflow': 'reject-publish-dlx',
      'x-dead-letter-exchange': 'amq.fanout',
    }
    queue('middle', args)
    const first = {
      'x-message-ttl': 1000,
      'x-dead-letter-exchange': '',
      'x-dead-letter-routing-key': 'middle',
    }
    fill(queue('first', first), 10)
    clock.runDeferred()
    clock.pass(3000)
    expect(last.map((q) => q.counts.ready)).toEqual([0, 0])
    full = false
    clock.pass(1000)
    expect(last.map((q) => q.counts.ready)).toEqual([10, 10])
    full = true
    fill(queue('first', first), 1)
    clock.runDeferred()
    clock.pass(3000)
    broker.turn.ending.begin()
    clock.pass(1000)
    // What is on its way comes to the disk before the end, but not where that takes nothing.
    expect([broker.turn.jobs.size, ...last.map((q) => q.counts.ready)]).toEqual([1, 10, 10])
    broker.commit.failure = new Error('input/output error')
    clock.pass(1000)
    expect([broker.turn.jobs.size, ...last.map((q) => q.counts.ready)]).toEqual([0, 11, 11])
  })
})
