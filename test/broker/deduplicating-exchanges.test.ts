/** What exchanges that deduplicate remember of messages that are published in steps, over HTTP or by the broker itself. */

import { describe, expect, it } from 'vitest'
import { encodeContent } from '../../src/broker/content.ts'
import type { Exchange } from '../../src/broker/exchange/exchange.ts'
import { fanningOut } from '../../src/broker/fan-out.ts'
import { InboundMessage } from '../../src/broker/message.ts'
import { publishContent } from '../../src/broker/publish-content.ts'
import { type QueueKind, queueKind } from '../../src/broker/queue/kinds/kinds.ts'
import type { Queue } from '../../src/broker/queue/queue.ts'
import { PlainMessage } from '../../src/broker/router.ts'
import { DEAD_LETTER_RETRY_MS, JOB_WAIT_MS } from '../../src/limits.ts'
import { trusted } from '../../src/operations/caller.ts'
import { publishMessage } from '../../src/operations/publish.ts'
import { Redrive } from '../../src/operations/redrive.ts'
import { FieldTable } from '../../src/protocol/field-table.ts'
import { timedBroker, transient } from '../support/timed-broker.ts'

type Plain = Parameters<typeof FieldTable.from>[0]

function start() {
  const { clock, broker, vhost, queue } = timedBroker()
  const exchange = (name: string, type: string, args: Plain = {}): Exchange =>
    broker.createExchange(vhost, {
      ...transient,
      name,
      type,
      internal: false,
      arguments: FieldTable.from(args),
    })
  const bind = (from: Exchange, to: Queue | Exchange): void => void vhost.bind(from, to, '', FieldTable.empty)
  return { clock, broker, vhost, queue, exchange, bind }
}

const quorum = queueKind('quorum') as QueueKind
const deduplicates = { 'x-message-deduplication': true }
const full = { 'x-max-length': 1, 'x-overflow': 'reject-publish' }

function valued(value: string, more: Plain = {}) {
  return { headers: FieldTable.from({ ...more, 'x-deduplication-header': value }) }
}

function message(value: string, more: Plain = {}): InboundMessage {
  const m = new InboundMessage()
  encodeContent('', '', valued(value, more), Buffer.from(value), m)
  return m
}

const bodies = (q: Queue): string[] =>
  [...q.browse()].map(({ segment, index }) => String(segment.content(index).body))

describe('an exchange with deduplication', () => {
  it('remembers a message only once all queues have it, also where that takes several turns', () => {
    const { clock, broker, vhost, queue, exchange, bind } = start()
    const x = exchange('x', 'fanout', deduplicates)
    // Its effect, found last, is found after that of the first, and must not come after what is remembered.
    const later = exchange('later', 'x-delayed-message', { 'x-delayed-type': 'fanout' })
    const queues = Array.from({ length: 100 }, (_, i) => queue(`q${i}`, i === 50 ? full : {}))
    for (const q of [...queues, later]) bind(x, q)
    const publish = (value: string): unknown => {
      const route = vhost.route(x, [new PlainMessage('', valued(value, { 'x-delay': 1e9 }))])
      expect(route.effects.map((e) => e.remembers === true)).toEqual(route.effects.map((_, i) => i > 0))
      let outcome: unknown
      const steps = fanningOut(route, message(value), broker.turn, broker.commit)
      broker.turn.jobs.begin(steps, { failed: () => {} }, (o) => (outcome = o))
      clock.pass(JOB_WAIT_MS)
      return outcome
    }
    const isKnown = (value: string) => x.deduplication?.isDuplicate(valued(value).headers, clock.now())
    // Looking at the time takes it.
    let now = 0
    clock.elapsed = () => now++
    expect(publish('a')).toMatchObject({ refused: false })
    expect(publish('b')).toMatchObject({ refused: true })
    expect(['a', 'b'].map(isKnown)).toEqual([true, false])
  })

  it('accepts a message again over HTTP that a full queue has refused', async () => {
    const { broker, vhost, queue, exchange, bind } = start()
    const x = exchange('x', 'fanout', deduplicates)
    const q = queue('q', full)
    bind(x, q)
    const publish = async (value: string): Promise<unknown> => {
      const m = { exchange: 'x', routingKey: '', properties: valued(value), body: Buffer.from(value) }
      return await publishMessage(broker, trusted('test', vhost, broker), m)
    }
    expect(await publish('a')).toBe(true)
    await expect(publish('b')).rejects.toThrow('Check queue limits')
    q.purge()
    expect(await publish('b')).toBe(true)
    expect(q.counts.ready).toBe(1)
    expect(await publish('b')).toBe(true)
    expect(q.counts.ready).toBe(1)
  })

  it('does not remember a message of the broker itself that no queue has accepted', () => {
    const { vhost, queue, exchange, bind } = start()
    const [source, x] = [exchange('source', 'fanout'), exchange('x', 'fanout', deduplicates)]
    bind(source, x)
    const publish = (value: string): unknown => {
      const content = { exchange: 'x', routingKey: '', properties: valued(value), body: Buffer.from(value) }
      return publishContent(vhost, source, [''], content)
    }
    publish('a')
    const q = queue('q', full)
    bind(x, q)
    publish('a')
    expect(q.counts.ready).toBe(1)
    publish('b')
    q.purge()
    publish('b')
    expect(q.counts.ready).toBe(1)
  })
})

describe('an at-least-once dead letter that a target refuses', () => {
  function dying() {
    const parts = start()
    const { clock, broker, vhost, queue } = parts
    const args = {
      'x-dead-letter-exchange': 'dlx',
      'x-dead-letter-strategy': 'at-least-once',
      'x-overflow': 'reject-publish',
    }
    const info = { name: 'q', durable: true, exclusive: false, autoDelete: false, kind: quorum }
    const q = broker.createQueue(vhost, { ...info, arguments: FieldTable.from(args) }, undefined)
    const target = queue('target', full)
    target.publish(message('before'))
    const die = (m: InboundMessage): void => {
      q.publish(m)
      const { sequence } = q.get() as { sequence: number }
      q.takeGot(false)
      q.settle(sequence, 'reject')
    }
    const rounds = (times: number): void => {
      for (let i = 0; i < times; i++) clock.pass(DEAD_LETTER_RETRY_MS)
    }
    return { ...parts, target, die, rounds }
  }

  it('is no duplicate of itself, and one that follows is', () => {
    const { exchange, bind, target, queue, die, rounds } = dying()
    const dlx = exchange('dlx', 'fanout', deduplicates)
    const other = queue('other')
    for (const q of [target, other]) bind(dlx, q)
    die(message('a'))
    rounds(3)
    expect([bodies(target), bodies(other)]).toEqual([['before'], ['a']])
    target.purge()
    rounds(1)
    expect([bodies(target), bodies(other)]).toEqual([['a'], ['a']])
    target.purge()
    die(message('a'))
    rounds(3)
    expect([bodies(target), bodies(other)]).toEqual([[], ['a']])
  })

  it('is kept once by the exchanges on its way', () => {
    const { clock, exchange, bind, target, queue, die, rounds } = dying()
    const dlx = exchange('dlx', 'x-recent-history')
    const held = exchange('held', 'x-delayed-message', { 'x-delayed-type': 'fanout' })
    const afterwards = queue('afterwards')
    bind(held, afterwards)
    bind(dlx, held)
    bind(dlx, target)
    die(message('a', { 'x-delay': 3_600_000 }))
    rounds(3)
    target.purge()
    rounds(2)
    expect(bodies(target)).toEqual(['a'])
    const late = queue('late')
    bind(dlx, late)
    clock.pass(3_600_000)
    expect([bodies(late), bodies(afterwards)]).toEqual([['a'], ['a']])
  })
})

describe('a message that the broker itself sends where it has been before is no duplicate', () => {
  it('in a delayed exchange, when it is due', () => {
    const { clock, vhost, broker, queue, exchange, bind } = start()
    const x = exchange('x', 'x-delayed-message', { 'x-delayed-type': 'fanout', ...deduplicates })
    const q = queue('q')
    bind(x, q)
    const publish = (value: string): unknown => {
      const properties = valued(value, { 'x-delay': 1000 })
      const m = { exchange: 'x', routingKey: '', properties, body: Buffer.from(value) }
      return publishMessage(broker, trusted('test', vhost, broker), m)
    }
    for (const value of ['a', 'a', 'b']) expect(publish(value)).toBe(true)
    clock.pass(5000)
    expect(bodies(q)).toEqual(['a', 'b'])
  })

  it('in the exchange to which it was published before it died', () => {
    const { clock, vhost, broker, queue, exchange } = start()
    const x = exchange('x', 'direct', deduplicates)
    const q = queue('q', {
      'x-message-ttl': 1000,
      'x-dead-letter-exchange': 'x',
      'x-dead-letter-routing-key': 'dead',
    })
    const dead = queue('dead')
    vhost.bind(x, q, 'alive', FieldTable.empty)
    vhost.bind(x, dead, 'dead', FieldTable.empty)
    for (const value of ['a', 'a', 'b']) {
      const m = { exchange: 'x', routingKey: 'alive', properties: valued(value), body: Buffer.from(value) }
      publishMessage(broker, trusted('test', vhost, broker), m)
    }
    clock.pass(2000)
    expect([bodies(q), bodies(dead)]).toEqual([[], ['a', 'b']])
  })

  it('in a queue in which it died, again and again, but a new one is', () => {
    const { clock, queue } = start()
    const waits = (to: string) => ({
      'x-message-ttl': 1000,
      'x-dead-letter-exchange': '',
      'x-dead-letter-routing-key': to,
    })
    const q = queue('q', {
      ...deduplicates,
      'x-dead-letter-exchange': '',
      'x-dead-letter-routing-key': 'later',
    })
    queue('later', waits('q'))
    q.publish(message('a'))
    for (let i = 0; i < 3; i++) {
      const { sequence } = q.get() as { sequence: number }
      q.takeGot(false)
      q.settle(sequence, 'reject')
      clock.runDeferred()
      clock.pass(2000)
      expect(bodies(q)).toEqual(['a'])
      q.publish(message('a'))
      expect(bodies(q)).toEqual(['a'])
    }
  })

  it('in a queue to which it is redriven', async () => {
    const { clock, broker, vhost, queue } = start()
    const q = queue('q', {
      ...deduplicates,
      'x-dead-letter-exchange': '',
      'x-dead-letter-routing-key': 'dead',
    })
    const dead = queue('dead')
    q.publish(message('a'))
    const { sequence } = q.get() as { sequence: number }
    q.takeGot(false)
    q.settle(sequence, 'reject')
    expect(bodies(dead)).toEqual(['a'])
    const redrive = new Redrive(vhost, dead, broker, {})
    clock.pass(1000)
    expect(await redrive.done).toMatchObject({ moved: 1 })
    expect([bodies(q), bodies(dead)]).toEqual([['a'], []])
  })
})
