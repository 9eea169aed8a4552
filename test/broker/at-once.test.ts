/** Very many things at the same instant, and one thing that is very much: each takes several turns. */
import { describe, expect, it } from 'vitest'
import { Broker } from '../../src/broker/broker.ts'
import { encodeContent } from '../../src/broker/content.ts'
import { Failures } from '../../src/broker/failures.ts'
import { fanningOut, isWide } from '../../src/broker/fan-out.ts'
import { Jobs, type Steps, WAIT } from '../../src/broker/jobs.ts'
import { InboundMessage } from '../../src/broker/message.ts'
import type { Consumer } from '../../src/broker/queue/consumers.ts'
import { classic, type QueueKind, queueKind } from '../../src/broker/queue/kinds/kinds.ts'
import type { Queue } from '../../src/broker/queue/queue.ts'
import type { Route } from '../../src/broker/router.ts'
import type { Vhost } from '../../src/broker/vhost.ts'
import { ConsumerTimeout } from '../../src/channel/consumer-timeout.ts'
import {
  FAN_OUT_BYTES,
  FAN_OUT_OWN_BYTES_MAX,
  FAN_OUT_QUEUES,
  JOB_WAIT_MS,
  TIMED_PER_PIECE,
  TURN_MS,
} from '../../src/limits.ts'
import { FieldTable } from '../../src/protocol/field-table.ts'
import { GroupCommit } from '../../src/storage/batch.ts'
import { MemoryStorage } from '../../src/storage/memory/memory-storage.ts'
import { ManualClock } from '../support/manual-clock.ts'

const quorum = queueKind('quorum') as QueueKind
const stream = queueKind('stream') as QueueKind

type Plain = Parameters<typeof FieldTable.from>[0]

/** Each look at the clock takes a while; turns are counted. */
class SlowClock extends ManualClock {
  turns = 0
  private spent = 0
  private next: (() => void) | undefined

  override elapsed(): number {
    this.spent += TURN_MS / 10
    return this.spent
  }

  override defer(action: () => void): void {
    this.next = action
  }

  one(): boolean {
    const action = this.next
    this.next = undefined
    action?.()
    if (action !== undefined) this.turns++
    return action !== undefined
  }

  override runDeferred(): void {
    while (this.one());
  }

  /** Time passes, and whatever is due then is begun; nothing more. */
  reach(ms: number): void {
    const all = this.runDeferred
    this.runDeferred = () => {}
    this.pass(ms)
    this.runDeferred = all
    this.turns = 0
  }
}

function start() {
  const clock = new SlowClock()
  const storage = new MemoryStorage({ keeps: true })
  const commit = new GroupCommit(storage, clock)
  const failures = new Failures(clock, () => {})
  const broker = new Broker(storage, commit, clock, { messageMemoryBytes: 2 ** 24, failures })
  broker.load()
  const vhost = broker.vhosts.get('/') as Vhost
  const queue = (name: string, args: Plain = {}, kind = classic): Queue => {
    const durable = kind !== classic
    const info = {
      name,
      durable,
      exclusive: false,
      autoDelete: false,
      kind,
      arguments: FieldTable.from(args),
    }
    return broker.createQueue(vhost, info, undefined)
  }
  return { clock, commit, broker, vhost, queue }
}

function message(body: string | Buffer, headers: Plain = {}): InboundMessage {
  const m = new InboundMessage()
  encodeContent('', 'q', { headers: FieldTable.from(headers) }, Buffer.from(body), m)
  return m
}

function fill(q: Queue, count: number): void {
  for (let i = 0; i < count; i++) q.publish(message(String(i)))
}

function take(q: Queue, count: number): void {
  for (let i = 0; i < count; i++) {
    q.get()
    q.takeGot(false)
  }
}

function taker(got: string[], settled = true, args: Plain = {}): Consumer {
  return {
    tag: 't',
    noAck: settled,
    exclusive: false,
    priority: 0,
    arguments: FieldTable.from(args),
    resting: false,
    unacked: 0,
    hasCredit: () => true,
    deliver: (_, segment, index) => void got.push(String(segment.content(index).body)),
    settingsChanged: () => {},
    cancelled: () => {},
  }
}

const numbers = (count: number): string[] => Array.from({ length: count }, (_, i) => String(i))

describe('at the same instant', () => {
  it('very many queues expire', () => {
    const { clock, vhost, queue } = start()
    for (let i = 0; i < 500; i++) queue(`q${i}`, { 'x-expires': 1000 })
    clock.runDeferred()
    clock.reach(1000)
    expect(vhost.queues.size).toBeGreaterThan(400)
    clock.runDeferred()
    expect(vhost.queues.size).toBe(0)
    expect(clock.turns).toBeGreaterThan(5)
  })

  it('one that is used meanwhile stays', () => {
    const { clock, vhost, queue } = start()
    for (let i = 0; i < 500; i++) queue(`q${i}`, { 'x-expires': 1000 })
    clock.runDeferred()
    clock.reach(1000)
    vhost.queues.get('q499')?.redeclared()
    clock.runDeferred()
    expect([...vhost.queues.keys()]).toEqual(['q499'])
    clock.pass(1000)
    expect(vhost.queues.size).toBe(0)
  })

  it('very many returned messages have waited long enough', () => {
    const { clock, queue } = start()
    const retry = { 'x-delayed-retry-type': 'all', 'x-delayed-retry-min': 1000, 'x-delayed-retry-max': 1000 }
    const q = queue('q', retry, quorum)
    const count = 100 * TIMED_PER_PIECE
    fill(q, count)
    take(q, count)
    for (let i = 0; i < count; i++) q.settle(i, 'return')
    clock.runDeferred()
    expect(q.counts.ready).toBe(0)
    clock.reach(1000)
    expect(q.counts.ready).toBeLessThan(count)
    clock.runDeferred()
    expect(q.counts.ready).toBe(count)
  })

  it('very many deliveries time out', () => {
    const clock = new ManualClock()
    const gone: number[] = []
    const pieces: (() => void)[] = []
    const timeout = new ConsumerTimeout(
      1000,
      clock,
      () => true,
      (tag) => void gone.push(tag),
      (piece) => void pieces.push(piece),
    )
    const count = 10 * TIMED_PER_PIECE
    for (let tag = 1; tag <= count; tag++) timeout.delivered(tag)
    clock.pass(1000)
    expect(gone).toEqual([])
    for (let n = 1; pieces.length > 0; n++) {
      pieces.shift()?.()
      expect(gone.length).toBe(Math.min(count, n * TIMED_PER_PIECE))
    }
    expect(gone.length).toBe(count)
  })

  it('very many dead letters find the queue that they waited for', () => {
    const { clock, vhost, queue } = start()
    const to = { 'x-dead-letter-exchange': 'amq.fanout', 'x-dead-letter-strategy': 'at-least-once' }
    const q = queue('q', { ...to, 'x-overflow': 'reject-publish' }, quorum)
    fill(q, 500)
    take(q, 500)
    for (let i = 0; i < 500; i++) q.settle(i, 'reject')
    clock.runDeferred()
    const dead = queue('dead')
    const source = vhost.exchanges.get('amq.fanout')
    if (source !== undefined) vhost.bind(source, dead, '', FieldTable.empty)
    clock.runDeferred()
    clock.reach(1000)
    expect(dead.counts.ready).toBeLessThan(250)
    clock.runDeferred()
    expect(clock.turns).toBeGreaterThan(5)
    expect([...dead.browse()].map(({ segment, index }) => String(segment.content(index).body))).toEqual(
      numbers(500),
    )
  })

  it('very many messages expire in the middle of a queue', () => {
    const { clock, queue } = start()
    const dead = queue('dead')
    const to = { 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': 'dead' }
    const q = queue('q', { ...to, 'x-expire-anywhere': true })
    q.publish(message('stays'))
    const m = message('expires')
    m.ttl = 1000
    for (let i = 0; i < 1000; i++) q.publish(m)
    clock.runDeferred()
    clock.reach(2000)
    clock.one()
    expect(dead.counts.ready).toBeLessThan(500)
    clock.runDeferred()
    expect([q.counts.ready, dead.counts.ready]).toEqual([1, 1000])
  })

  it('very many delayed messages are due, in their order, and others come for the same second', () => {
    const { clock, broker, vhost, queue } = start()
    const args = FieldTable.from({ 'x-delayed-type': 'fanout' })
    const info = { name: 'd', durable: true, autoDelete: false, internal: false, arguments: args }
    const x = broker.createExchange(vhost, { ...info, type: 'x-delayed-message' })
    const q = queue('q')
    vhost.bind(x, q, '', FieldTable.empty)
    const target = x.log as number
    const due = (Math.floor(clock.now() / 1000) + 2) * 1000
    for (let i = 999; i >= 0; i--) broker.delays.add(target, due + (i % 500), [''], message(String(i % 500)))
    clock.runDeferred()
    clock.reach(due + 500 - clock.now())
    expect(q.counts.ready).toBe(0)
    clock.one()
    broker.delays.add(target, due + 500, [''], message('500'))
    clock.runDeferred()
    expect(clock.turns).toBeGreaterThan(5)
    const got = [...q.browse()].map(({ segment, index }) => Number(segment.content(index).body))
    expect(got.length).toBe(1001)
    expect(got).toEqual([...got].sort((a, b) => a - b))
  })
})

describe('what is very much', () => {
  it('is handed out in several turns, in its order', () => {
    const { clock, queue } = start()
    const q = queue('q')
    fill(q, 10_000)
    const got: string[] = []
    q.consume(taker(got))
    clock.one()
    expect(got.length).toBeGreaterThan(0)
    expect(got.length).toBeLessThan(10_000)
    clock.runDeferred()
    expect(got).toEqual(numbers(10_000))
  })

  it('is handed out before what is too much is dropped', () => {
    const { clock, queue } = start()
    const q = queue('q', { 'x-max-length': 10 })
    const got: string[] = []
    q.consume(taker(got))
    fill(q, 10_000)
    clock.runDeferred()
    expect(got.length).toBe(10_000)
  })

  it('is read from a stream by each of very many readers', () => {
    const { clock, queue } = start()
    const q = queue('s', {}, stream)
    fill(q, 100)
    const readers = Array.from({ length: 100 }, (): string[] => [])
    for (const got of readers) q.consume(taker(got, false, { 'x-stream-offset': 'first' }))
    clock.one()
    const sum = (): number => readers.reduce((n, got) => n + got.length, 0)
    expect(sum()).toBeGreaterThan(0)
    expect(sum()).toBeLessThan(10_000)
    q.publish(message('100'))
    clock.runDeferred()
    expect(readers.every((got) => got.length === 101)).toBe(true)
  })

  it('is purged whatever has become of it', () => {
    const { clock, queue } = start()
    const q = queue('q')
    fill(q, 20_000)
    const taken = 15_000
    take(q, taken)
    for (let i = 0; i < taken; i++) if (i % 3 !== 0) q.settle(i, 'return')
    clock.runDeferred()
    expect(q.purge()).toBe(15_000)
    expect(q.counts).toMatchObject({ ready: 0, unacked: 5000 })
    expect(q.bytes.ready).toBe(0)
    q.publish(message('later'))
    q.settle(0, 'return')
    for (let i = 3; i < taken; i += 3) q.settle(i, 'ack')
    expect([...q.browse()].map(({ segment, index }) => String(segment.content(index).body))).toEqual([
      '0',
      'later',
    ])
  })
})

describe('a message for very many queues', () => {
  it('is one for which its publisher waits', () => {
    const queues = (count: number): Route => ({
      queues: new Array<Queue>(count).fill({} as Queue),
      effects: [],
      byKeyOnly: false,
    })
    expect(isWide(queues(20), message('x'))).toBe(false)
    expect(isWide(queues(20), message(Buffer.alloc(FAN_OUT_BYTES / 20)))).toBe(true)
    expect(isWide(queues(1), message(Buffer.alloc(FAN_OUT_BYTES)))).toBe(false)
    expect(isWide(queues(FAN_OUT_QUEUES + 1), message('x'))).toBe(true)
  })

  it('reaches them in several turns, and waits while memory or disk cannot take it', () => {
    const { clock, broker, vhost, queue } = start()
    const queues = Array.from({ length: 1000 }, (_, i) => queue(`q${i}`))
    const ready = (): number => queues.reduce((n, q) => n + q.counts.ready, 0)
    let full = false
    broker.inAlarm = () => full
    const outcomes: unknown[] = []
    const steps = fanningOut({ queues, effects: [] }, message('x'), broker.turn, broker.commit)
    const owner = { failed: (error: unknown) => outcomes.push(error) }
    broker.turn.jobs.begin(steps, owner, (outcome) => outcomes.push(outcome))
    clock.one()
    const before = ready()
    expect(before).toBeGreaterThan(0)
    expect(before).toBeLessThan(1000)
    full = true
    clock.runDeferred()
    expect(ready()).toBeLessThan(1000)
    const held = ready()
    clock.pass(10 * JOB_WAIT_MS)
    expect(ready()).toBe(held)
    full = false
    vhost.removeQueue(queues[999] as Queue)
    clock.pass(JOB_WAIT_MS)
    expect(outcomes).toEqual([{ durable: false, refused: false }])
    expect(ready()).toBe(999)
  })

  it('is set aside where it is a large dead letter', () => {
    const { clock, vhost, queue } = start()
    const source = vhost.exchanges.get('amq.fanout')
    for (let i = 0; i < 20 && source !== undefined; i++)
      vhost.bind(source, queue(`dead${i}`), '', FieldTable.empty)
    const q = queue('q', { 'x-dead-letter-exchange': 'amq.fanout' })
    q.publish(message(Buffer.alloc(FAN_OUT_OWN_BYTES_MAX / 20)))
    q.publish(message('small'))
    take(q, 2)
    for (let i = 0; i < 2; i++) q.settle(i, 'reject')
    clock.runDeferred()
    expect(q.aside.size).toBe(1)
    expect(vhost.queues.get('dead0')?.counts.ready).toBe(1)
  })
})

describe('a job that cannot go on', () => {
  it('rests a while and costs no turns', () => {
    const clock = new SlowClock()
    const turn = { jobs: undefined as Jobs | undefined }
    const jobs = new Jobs(clock, () => clock.defer(() => turn.jobs?.run()))
    turn.jobs = jobs
    let [looks, open] = [0, false]
    function* work(): Steps<string> {
      while (!open) {
        looks++
        yield WAIT
      }
      return 'over'
    }
    const results: string[] = []
    jobs.begin(work(), { failed: () => {} }, (r) => results.push(r))
    clock.runDeferred()
    expect([looks, clock.turns, jobs.size]).toEqual([1, 0, 1])
    clock.pass(JOB_WAIT_MS)
    expect([looks, jobs.size]).toEqual([2, 1])
    open = true
    clock.pass(JOB_WAIT_MS)
    expect([results, jobs.size]).toEqual([['over'], 0])
  })
})
