/** Transactions whose commit takes several turns, in which no batch goes to the disk. */

import { describe, expect, it, onTestFinished, vi } from 'vitest'
import type { Effect } from '../../src/broker/exchange/exchange.ts'
import { atOnce, WAIT } from '../../src/broker/jobs.ts'
import { LargeCommits } from '../../src/broker/large-commits.ts'
import { InboundMessage } from '../../src/broker/message.ts'
import type { Queue } from '../../src/broker/queue/queue.ts'
import { Transaction } from '../../src/channel/transaction.ts'
import {
  COMMIT_BYTES_MAX,
  COMMITTED_BYTES_PER_STEP,
  COMMITTED_PER_STEP,
  LARGE_COMMITS_MS,
  TRANSACTION_COPIES_BYTES_MAX,
  TRANSACTION_COPIES_MAX,
} from '../../src/limits.ts'
import { ReplyCode } from '../../src/protocol/errors.ts'
import { MethodId } from '../../src/protocol/generated/constants.ts'
import type { Clock } from '../../src/util/clock.ts'
import { servedBroker } from '../support/served-broker.ts'
import { bindQueue, CH, confirmSelect, counts, declareQueue, session } from '../support/session.ts'
import { until } from '../support/until.ts'

const persistent = { deliveryMode: 2 }

it('one large persistent message for many queues does not wait, as others do, for a batch that waits for it', async () => {
  const t = await servedBroker()
  const [w, other] = [await session(t), await session(t)]
  const queues = 40
  const body = Buffer.alloc(Math.ceil((2 * COMMIT_BYTES_MAX) / queues))
  const names: string[] = []
  for (let i = 0; i < queues; i++) {
    const queue = await declareQueue(w, { durable: true, exclusive: false })
    await bindQueue(w, queue, 'amq.fanout')
    names.push(queue)
  }
  await w.call(CH, MethodId.TxSelect, {}, MethodId.TxSelectOk)
  w.publish(CH, { exchange: 'amq.fanout', properties: persistent, body })
  await w.call(CH, MethodId.TxCommit, {}, MethodId.TxCommitOk)
  await confirmSelect(other)
  other.publish(CH, { routingKey: names[0] as string, properties: persistent })
  await other.expect(CH, MethodId.BasicAck)
  expect((await counts(w, names[0] as string)).messages).toBe(2)
})

it('one of large messages takes several steps, however few they are', async () => {
  const t = await servedBroker()
  const w = await session(t)
  for (let i = 0; i < 4; i++) await bindQueue(w, await declareQueue(w), 'amq.fanout')
  await w.call(CH, MethodId.TxSelect, {}, MethodId.TxSelectOk)
  const body = Buffer.alloc(COMMITTED_BYTES_PER_STEP / 4)
  for (let i = 0; i < 20; i++) w.publish(CH, { exchange: 'amq.fanout', body })
  await w.call(CH, MethodId.BasicQos, {}, MethodId.BasicQosOk)
  const { jobs } = t.broker.turn
  const begin = jobs.begin.bind(jobs)
  let steps = 0
  vi.spyOn(jobs, 'begin').mockImplementation((all, owner, done) => {
    const next = all.next.bind(all)
    all.next = () => {
      steps++
      return next()
    }
    begin(all, owner, done)
  })
  await w.call(CH, MethodId.TxCommit, {}, MethodId.TxCommitOk)
  expect(steps).toBeGreaterThanOrEqual(20)
})

it('one that waits for memory begins when there is some, and not at all when its connection is closed', async () => {
  const t = await servedBroker()
  const [w, leaving] = [await session(t), await session(t)]
  const queues = [await declareQueue(w), await declareQueue(w, { exclusive: false })] as const
  let isLow = true
  t.broker.inAlarm = () => isLow
  for (const [i, client] of [w, leaving].entries()) {
    await client.call(CH, MethodId.TxSelect, {}, MethodId.TxSelectOk)
    for (let n = 0; n <= COMMITTED_PER_STEP; n++) client.publish(CH, { routingKey: queues[i] as string })
    client.send(CH, MethodId.TxCommit, {})
  }
  const { jobs } = t.broker.turn
  await until(() => jobs.size === 2, 'both wait')
  ;[...t.server.connections].at(-1)?.close(ReplyCode.ConnectionForced, 'enough')
  await leaving.expect(0, MethodId.ConnectionClose)
  await until(() => jobs.size === 1, 'one is gone')
  const other = await session(t)
  expect(await Promise.all(queues.slice(1).map((q) => counts(other, q)))).toMatchObject([{ messages: 0 }])
  isLow = false
  await w.expect(CH, MethodId.TxCommitOk)
  expect((await counts(w, queues[0])).messages).toBe(COMMITTED_PER_STEP + 1)
  expect((await counts(other, queues[1])).messages).toBe(0)
  expect(jobs.size).toBe(0)
})

describe('large commits', () => {
  let now = 0
  const clock = { elapsed: () => now } as Clock
  const turn = { full: false, ends: false, clock, isFull: () => turn.full, givesUp: () => turn.ends }

  it('come one after the other, and in the next batch where the first one in it began a while ago', () => {
    const commit = { number: 1, dirty: false }
    const large = new LargeCommits(turn, commit)
    const enter = () => large.enter(true, () => false)
    expect(atOnce(enter())).toBe(true)
    const next = enter()
    expect(next.next().value).toBe(WAIT)
    commit.dirty = true
    large.leave()
    now += LARGE_COMMITS_MS - 1
    expect(next.next()).toEqual({ done: true, value: true })
    large.leave()
    now++
    const late = enter()
    expect(late.next().value).toBe(WAIT)
    commit.number++
    expect(late.next()).toEqual({ done: true, value: true })
    now += 2 * LARGE_COMMITS_MS
    commit.dirty = false
    large.leave()
    expect(atOnce(enter())).toBe(true)
  })

  it('wait for memory and disk if they publish, but for those that are given up', () => {
    const large = new LargeCommits(turn, { number: 1, dirty: false })
    turn.full = true
    onTestFinished(() => void Object.assign(turn, { full: false, ends: false }))
    let isGone = false
    const next = large.enter(true, () => isGone)
    expect(next.next().value).toBe(WAIT)
    isGone = true
    expect(next.next()).toEqual({ done: true, value: false })
    const last = large.enter(true, () => false)
    expect(last.next().value).toBe(WAIT)
    turn.ends = true
    expect(last.next()).toEqual({ done: true, value: false })
    expect(atOnce(large.enter(false, () => false))).toBe(true)
  })
})

describe('a transaction', () => {
  const message = (octets: number): InboundMessage => {
    const m = new InboundMessage()
    m.contentEnd = octets
    return Object.defineProperty(m, 'source', { value: new Uint8Array(octets) })
  }
  const routeTo = (count: number) => ({
    queues: new Array<Queue>(count).fill({} as Queue),
    effects: [],
    byKeyOnly: true,
  })

  it('has a bound for its copies, which wait in memory for the last one', () => {
    const transaction = new Transaction({ routeBytes: 0 })
    const add = (count: number): void =>
      transaction.addPublish(message(1_000_000), routeTo(count), false, Number.POSITIVE_INFINITY)
    const fits = Math.floor(TRANSACTION_COPIES_BYTES_MAX / 1_000_100)
    add(fits)
    expect(() => add(1)).toThrow(/^PRECONDITION_FAILED - transaction's copies/)
    transaction.clear()
    add(fits)
  })

  it('has a bound for the number of its copies, while which are made nobody is confirmed', () => {
    const add = (transaction: Transaction, count: number, kept = 0): void => {
      const effects = new Array<Effect>(kept).fill({ takes: true, copies: true } as Effect)
      transaction.addPublish(message(0), { ...routeTo(count), effects }, false, Number.POSITIVE_INFINITY)
    }
    const transaction = new Transaction({ routeBytes: 0 })
    for (let i = 0; i < 2 ** 6; i++) add(transaction, TRANSACTION_COPIES_MAX / 2 ** 6)
    expect(() => add(transaction, 1)).toThrow(/^PRECONDITION_FAILED - transaction's messages are for more/)
    transaction.clear()
    add(transaction, TRANSACTION_COPIES_MAX / 2)
    // Messages that exchanges keep cost more: one record each.
    expect(() => add(transaction, 0, TRANSACTION_COPIES_MAX / 4)).toThrow(/^PRECONDITION_FAILED/)
  })

  it('is large if its commit takes more than a step', () => {
    const isLarge = (octets: number, ...routes: number[]): boolean => {
      const transaction = new Transaction({ routeBytes: 0 })
      for (const count of routes) transaction.addPublish(message(octets), routeTo(count), false, 2 ** 28)
      return transaction.isLarge
    }
    expect([isLarge(100), isLarge(100, 1, 2, 3), isLarge(100_000, 1, 2)]).toEqual([false, false, false])
    expect([isLarge(100, COMMITTED_PER_STEP), isLarge(100_000, 10, 10)]).toEqual([true, true])
    expect(isLarge(100, ...new Array<number>(COMMITTED_PER_STEP + 1).fill(0))).toBe(true)
  })
})
