/** One publish that many queues refuse, look at, or keep for later: in steps, and with a bound. */

import fc from 'fast-check'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { withHeaders } from '../../src/broker/add-header.ts'
import { Broker } from '../../src/broker/broker.ts'
import { encodeContent } from '../../src/broker/content.ts'
import type { Effect, Exchange } from '../../src/broker/exchange/exchange.ts'
import { Failures } from '../../src/broker/failures.ts'
import { type Outcome, startFanOut } from '../../src/broker/fan-out.ts'
import { headersNamed } from '../../src/broker/headers-named.ts'
import { InboundMessage, readContent } from '../../src/broker/message.ts'
import { Segment } from '../../src/broker/messages/segment.ts'
import { deathsOf } from '../../src/broker/queue/dead-letter.ts'
import { classic } from '../../src/broker/queue/kinds/kinds.ts'
import { PUBLISH_REFUSED, PUBLISH_STORED, type Queue } from '../../src/broker/queue/queue.ts'
import type { Vhost } from '../../src/broker/vhost.ts'
import { RouteCache } from '../../src/channel/route-cache.ts'
import { Transaction } from '../../src/channel/transaction.ts'
import {
  ENDING_MS_MAX,
  FAN_OUT_QUEUES,
  QUEUES_SERVED_AT_LEAST,
  QUEUES_SERVED_MS_MORE,
  REFUSED_LETTERS_MAX,
  TURN_MS,
} from '../../src/limits.ts'
import { trusted } from '../../src/operations/caller.ts'
import { publishMessage } from '../../src/operations/publish.ts'
import { FieldTable, fieldEntry, type PlainValue, toField } from '../../src/protocol/field-table.ts'
import { GroupCommit } from '../../src/storage/batch.ts'
import { MemoryStorage } from '../../src/storage/memory/memory-storage.ts'
import { ManualClock } from '../support/manual-clock.ts'

type Plain = Parameters<typeof FieldTable.from>[0]

function start(reported: string[] = []) {
  const clock = new ManualClock()
  const storage = new MemoryStorage({ keeps: true })
  const failures = new Failures(clock, (_, text) => void reported.push(text))
  const settings = { messageMemoryBytes: 2 ** 24, failures }
  const broker = new Broker(storage, new GroupCommit(storage, clock), clock, settings)
  broker.load()
  const vhost = broker.vhosts.get('/') as Vhost
  const info = { durable: false, exclusive: false, autoDelete: false }
  const queue = (name: string, args: Plain = {}): Queue =>
    broker.createQueue(vhost, { ...info, name, kind: classic, arguments: FieldTable.from(args) }, undefined)
  const exchange = (name: string, type: string, args: Plain = {}) =>
    broker.createExchange(vhost, { ...info, name, type, internal: false, arguments: FieldTable.from(args) })
  return { clock, broker, vhost, queue, exchange }
}

function message(body: string, headers: Plain = {}): InboundMessage {
  const m = new InboundMessage()
  encodeContent('', 'q', { headers: FieldTable.from(headers) }, Buffer.from(body), m)
  return m
}

const full = { 'x-max-length': 0, 'x-overflow': 'reject-publish-dlx' }
const bodies = (q: Queue): string[] =>
  [...q.browse()].map(({ segment, index }) => String(segment.content(index).body))

describe('queues that refuse messages and dead-letter them', () => {
  it('pass them on from one to the next, each in its order', () => {
    const { clock, queue } = start()
    const first = queue('1', { ...full, 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': '2' })
    queue('2', { ...full, 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': '3' })
    queue('3', { ...full, 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': 'end' })
    const end = queue('end')
    for (const body of ['a', 'b', 'c']) first.publish(message(body))
    clock.pass(1)
    expect(bodies(end)).toEqual(['a', 'b', 'c'])
  })

  it('on several ways: what was refused first is passed on first', () => {
    const { clock, vhost, queue, exchange } = start()
    const all = exchange('all', 'fanout')
    const first = queue('1', { ...full, 'x-dead-letter-exchange': 'all' })
    const second = queue('2', { ...full, 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': '3' })
    const third = queue('3', { ...full, 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': 'end' })
    const end = queue('end')
    for (const q of [second, third]) vhost.bind(all, q, '', FieldTable.empty)
    first.publish(message('x'))
    clock.pass(1)
    const ways = [...end.browse()].map(({ segment, index }) =>
      deathsOf(segment.content(index).properties.headers).map((d) => d.text('queue')),
    )
    expect(ways).toEqual([
      ['3', '1'],
      ['3', '2', '1'],
    ])
  })

  it('to each other give up some time, and others have their turn meanwhile', () => {
    const reported: string[] = []
    const { clock, broker, vhost, queue, exchange } = start(reported)
    const all = exchange('all', 'fanout')
    const queues = Array.from({ length: 8 }, (_, i) =>
      queue(`q${i}`, { ...full, 'x-dead-letter-exchange': 'all' }),
    )
    for (const q of queues) vhost.bind(all, q, '', FieldTable.empty)
    // Looking at the time takes it.
    let now = 0
    clock.elapsed = () => now++
    for (const q of queues.slice(0, 3)) q.publish(message('x'))
    const { counters } = broker
    expect(counters.deadLetteredMaxlen).toBeLessThan(2_000)
    clock.pass(1)
    // There would be 41,000.
    expect(counters.deadLetteredMaxlen).toBeGreaterThan(REFUSED_LETTERS_MAX)
    expect(counters.deadLetteredMaxlen).toBeLessThanOrEqual(3 * (REFUSED_LETTERS_MAX + 1))
    expect(reported).toContain('dead letter dropped')
    expect(broker.turn.jobs.size).toBe(0)
  })
})

describe('a message for several queues', () => {
  const outcome = (): Outcome => ({ durable: false, refused: false })
  const clock = new ManualClock()
  clock.elapsed = () => now
  let now = 0
  const slow = { publish: () => (now++ < 0 ? PUBLISH_REFUSED : PUBLISH_STORED) } as unknown as Queue

  it('goes to as many as there is time for', () => {
    const queues = new Array<Queue>(1_000).fill(slow)
    const at = startFanOut({ queues, effects: [] }, message('x'), clock, outcome())
    expect(at).toBeGreaterThan(0)
    expect(at).toBeLessThan(100)
    let steps = 1
    for (let next = at; next < queues.length; steps++)
      next = startFanOut({ queues, effects: [] }, message('x'), clock, outcome(), next)
    expect(steps).toBeGreaterThan(10)
    expect(startFanOut({ queues: queues.slice(0, 30), effects: [] }, message('x'), clock, outcome())).toBe(30)
  })

  it('is looked at for each of them where it has large headers', () => {
    const queues = new Array<Queue>(30).fill(slow)
    expect(
      startFanOut({ queues, effects: [] }, message('x', { text: 'x'.repeat(5_000) }), clock, outcome()),
    ).toBeLessThan(10)
  })

  it('tells single headers as if all were decoded', () => {
    const value = fc.oneof(
      fc.integer(),
      fc.string(),
      fc.boolean(),
      fc.constant(null),
      fc.constant<PlainValue>([1, { a: 'b' }]),
    )
    const headers = fc.dictionary(fc.constantFrom('a', 'b', 'ab', 'aa', 'é'), value)
    const text = fc.option(fc.string({ maxLength: 50 }), { nil: undefined })
    fc.assert(
      fc.property(headers, text, text, (plain, contentType, contentEncoding) => {
        const m = new InboundMessage()
        const properties = { contentType, contentEncoding, headers: FieldTable.from(plain), type: 't' }
        encodeContent('x', 'key', properties, Buffer.from('body'), m)
        const all = readContent(m.source, m.namesStart, m.contentStart, m.contentEnd).properties.headers
        const some = headersNamed(m, 'a', 'ab')
        for (const name of ['a', 'ab']) expect(some?.get(name)).toEqual(all?.get(name))
        expect(some?.get('b')).toBeUndefined()
      }),
    )
  })
})

it('very many queues that have something to do wait', () => {
  const { clock, broker } = start()
  const pumped = new Set<number>()
  const count = 3 * QUEUES_SERVED_AT_LEAST
  let now = 0
  // The time is used up soon, and then stands still.
  clock.elapsed = () => Math.min(++now, TURN_MS + QUEUES_SERVED_MS_MORE / 2)
  const pumpedBy = (i: number) => ({ pump: () => void pumped.add(i), failed: () => {} })
  for (let i = 0; i < count; i++) broker.turn.pumpLater(pumpedBy(i))
  broker.turn.pumpNow()
  expect(pumped.size).toBeGreaterThanOrEqual(QUEUES_SERVED_AT_LEAST)
  expect(pumped.size).toBeLessThan(count)
  now = Number.NEGATIVE_INFINITY
  clock.pass(1)
  expect(pumped.size).toBe(count)
})

it('few queues that take very long wait too: each may have a message with large headers', () => {
  const { clock, broker } = start()
  let [now, pumped] = [0, 0]
  clock.elapsed = () => now
  const slow = {
    pump: () => {
      pumped++
      now += TURN_MS / 4
    },
    failed: () => {},
  }
  for (let i = 0; i < 100; i++) broker.turn.pumpLater(slow)
  broker.turn.pumpNow()
  expect(pumped).toBeGreaterThan(0)
  expect(pumped).toBeLessThan(20)
  clock.pass(1)
  expect(pumped).toBe(100)
})

it('lists of queues in open transactions have a bound, all together', () => {
  const shared = { routeBytes: 0 }
  const all = Array.from({ length: 33 }, () => new Transaction(shared))
  const [a, b] = all as [Transaction, Transaction]
  const queues = new Array<Queue>(1_000_000).fill({} as Queue)
  const publish = (t: Transaction): void =>
    t.addPublish(message('x'), { queues, effects: [], byKeyOnly: false }, false, Infinity)
  for (const t of all) publish(t)
  expect(() => publish(b)).toThrow('PRECONDITION_FAILED - open transactions have too many messages')
  const effects = new Array<Effect>(2_000_000 / 16).fill({} as Effect)
  expect(() =>
    b.addPublish(message('x'), { queues: [], effects, byKeyOnly: false }, false, Infinity),
  ).toThrow('open transactions have too many messages')
  a.clear()
  publish(a)
  for (const t of all) t.clear()
  expect(shared.routeBytes).toBe(0)
})

it('routes to many queues are remembered one at a time, and to very many not at all', () => {
  const cache = new RouteCache()
  const remember = (key: string, queues: number): boolean => {
    const names = Buffer.from(key)
    const route = { queues: new Array<Queue>(queues).fill({} as Queue), effects: [], byKeyOnly: true }
    cache.add({ names, route, exchange: {} as Exchange }, 1)
    return cache.find(names, 0, names.length, 1) !== undefined
  }
  const isThere = (key: string): boolean => cache.find(Buffer.from(key), 0, key.length, 1) !== undefined
  expect([remember('a', 10), remember('b', 1_000), remember('c', 1_000)]).toEqual([true, true, true])
  expect([isThere('c'), isThere('b'), isThere('a')]).toEqual([true, false, true])
  expect(remember('d', FAN_OUT_QUEUES + 1)).toBe(false)
})

it('headers are put in place of others without decoding them', () => {
  const value = fc.oneof(fc.integer(), fc.string(), fc.constant<PlainValue>([1, { a: 'b' }]))
  const some = fc.dictionary(fc.constantFrom('a', 'b', 'ab', 'aa', 'c'), value)
  const headers = fc.option(some, { nil: undefined })
  const type = fc.option(fc.string({ maxLength: 50 }), { nil: undefined })
  const property = fc.property(headers, type, fc.string(), (plain, contentType, body) => {
    const m = new InboundMessage()
    const table = plain && FieldTable.from(plain)
    encodeContent('x', 'key', { contentType, headers: table, type: 't' }, Buffer.from(body), m)
    const segment = new Segment(1, 0, new Uint8Array(65_536))
    segment.append(m, Segment.entryBytes(m, false), 0)
    const added = [fieldEntry('a', toField(7)), fieldEntry('ab', toField('x'))]
    const others = (table ?? FieldTable.empty).without('a', 'ab').entries
    for (const where of ['first', 'last'] as const) {
      const all = where === 'first' ? [...added, ...others] : [...others, ...added]
      const fields = Buffer.concat(added.map((e) => e.bytes))
      const r = withHeaders(segment, 0, ['a', 'ab'], fields, where)
      const content = readContent(r.source, r.namesStart, r.contentStart, r.contentEnd)
      expect(content.properties).toEqual({ contentType, headers: content.properties.headers, type: 't' })
      expect(content.properties.headers?.bytes).toEqual(FieldTable.of(all).bytes)
      expect([content.exchange, content.routingKey, String(content.body)]).toEqual(['x', 'key', body])
    }
  })
  fc.assert(property)
})

it('a recent history is not kept for bindings that are gone', () => {
  const { clock, broker, vhost, queue, exchange } = start()
  const x = exchange('h', 'x-recent-history', { 'x-recent-history-length': 2_000 })
  const q = queue('q')
  const isFull = vi.spyOn(broker.turn, 'isFull').mockReturnValue(false)
  onTestFinished(() => isFull.mockRestore())
  const m = message('x')
  const route = vhost.route(x, [{ routingKey: '', headers: () => FieldTable.empty, properties: () => ({}) }])
  for (let i = 0; i < 2_000; i++) for (const e of route.effects) e.published(m)
  isFull.mockReturnValue(true)
  for (let i = 0; i < 50; i++) {
    vhost.bind(x, q, 'key', FieldTable.empty)
    vhost.unbind(x, q, 'key', FieldTable.empty)
  }
  vhost.bind(x, q, 'key', FieldTable.empty)
  clock.pass(1_000)
  expect([broker.turn.jobs.size, q.counts.ready]).toEqual([1, 0])
  isFull.mockReturnValue(false)
  clock.pass(1_000)
  expect([broker.turn.jobs.size, q.counts.ready]).toEqual([0, 2_000])
})

it('a recent history reaches the queue that was bound before the broker ends, also during an alarm', () => {
  const { clock, broker, vhost, queue, exchange } = start()
  const x = exchange('h', 'x-recent-history', { 'x-recent-history-length': 2_000 })
  const q = queue('q')
  let [inAlarm, behind] = [true, false]
  broker.inAlarm = () => inAlarm
  broker.turn.isFull = () => inAlarm || behind
  broker.turn.isBehind = () => behind
  const route = vhost.route(x, [{ routingKey: '', headers: () => FieldTable.empty, properties: () => ({}) }])
  for (let i = 0; i < 2_000; i++) for (const e of route.effects) e.published(message(String(i)))
  vhost.bind(x, q, '', FieldTable.empty)
  broker.turn.ending.begin()
  clock.pass(1_000)
  const numbers = Array.from({ length: 2_000 }, (_, i) => String(i))
  expect([broker.turn.jobs.size, bodies(q)]).toEqual([0, numbers])
  // Nor is it cut off where the disk is slow for long.
  ;[inAlarm, behind] = [false, true]
  const other = queue('other')
  vhost.bind(x, other, '', FieldTable.empty)
  clock.pass(ENDING_MS_MAX + 1_000)
  expect([broker.turn.jobs.size, bodies(other)]).toEqual([0, numbers])
})

describe('a recent history for an exchange', () => {
  const QUEUES = 1_000
  function kept(messages: number) {
    const { clock, broker, vhost, queue, exchange } = start()
    const h = exchange('h', 'x-recent-history', { 'x-recent-history-length': messages })
    const x = exchange('x', 'fanout')
    for (let i = 0; i < QUEUES; i++) vhost.bind(x, queue(`q${i}`), '', FieldTable.empty)
    const route = vhost.route(h, [
      { routingKey: '', headers: () => FieldTable.empty, properties: () => ({}) },
    ])
    const m = message('x'.repeat(1_000))
    for (let i = 0; i < messages; i++) for (const e of route.effects) e.published(m)
    const copies = (): number => [...vhost.queues.values()].reduce((sum, q) => sum + q.counts.ready, 0)
    return { clock, broker, vhost, h, x, copies }
  }

  it('goes to its queues in steps, within a message too, and waits for memory and disk', () => {
    const { clock, broker, vhost, h, x, copies } = kept(3)
    const isFull = vi.spyOn(broker.turn, 'isFull').mockImplementation(() => copies() > 1_500)
    onTestFinished(() => isFull.mockRestore())
    vhost.bind(h, x, '', FieldTable.empty)
    clock.pass(1_000)
    expect(copies()).toBe(1_501)
    isFull.mockReturnValue(false)
    clock.pass(1_000)
    expect([copies(), broker.turn.jobs.size]).toEqual([3 * QUEUES, 0])
  })

  it('looks at the time behind each of its messages, which may take long to route', () => {
    const { clock, broker, vhost, h, x } = kept(50)
    let routed = 0
    const routeOwn = vi.spyOn(vhost, 'routeOwn').mockImplementation(() => {
      routed++
      vi.spyOn(clock, 'elapsed').mockReturnValue(clock.elapsed() + 10 * TURN_MS)
      return { queues: [], effects: [], byKeyOnly: true }
    })
    onTestFinished(() => routeOwn.mockRestore())
    vhost.bind(h, x, '', FieldTable.empty)
    expect(routed).toBe(1)
    clock.pass(1_000)
    expect([routed, broker.turn.jobs.size]).toEqual([50, 0])
  })
})

it('a message over HTTP for queues that take long goes to the rest of them in the turns that follow', async () => {
  const { clock, broker, vhost, queue } = start()
  const x = vhost.exchanges.get('amq.fanout') as Exchange
  for (let i = 0; i < 100; i++) vhost.bind(x, queue(`q${i}`), '', FieldTable.empty)
  let now = 0
  clock.elapsed = () => {
    now += 10
    return now
  }
  const m = { exchange: 'amq.fanout', routingKey: '', properties: {}, body: Buffer.from('x') }
  const sent = publishMessage(broker, trusted('test', vhost, broker), m)
  const copies = (): number => [...vhost.queues.values()].reduce((sum, q) => sum + q.counts.ready, 0)
  expect([copies() > 0, copies() < 100]).toEqual([true, true])
  clock.runDeferred()
  expect([await sent, copies()]).toEqual([true, 100])
})
