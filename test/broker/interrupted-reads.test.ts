/** Operations on many messages of which some cannot be read for a moment: none is left behind without an owner. */

import { expect, it, onTestFinished, vi } from 'vitest'
import { Chain } from '../../src/broker/messages/chain.ts'
import { classic } from '../../src/broker/queue/kinds/kinds.ts'
import type { Settlement } from '../../src/broker/queue/queue.ts'
import { CONTINUES_MS } from '../../src/limits.ts'
import { trusted } from '../../src/operations/caller.ts'
import { dropParked, takeMessages } from '../../src/operations/messages.ts'
import { Redrive } from '../../src/operations/redrive.ts'
import { FieldTable } from '../../src/protocol/field-table.ts'
import { invariant } from '../../src/util/invariant.ts'
import { restarted } from '../support/failing-reads.ts'
import { table } from '../support/wire.ts'

const COUNT = 20

async function start(kind: string, args?: FieldTable) {
  const t = await restarted(kind, COUNT, args && { args })
  const caller = trusted('guest', t.vhost, {})
  const take = () => takeMessages(caller, 'q', COUNT, 'ack').map(({ content }) => content.body[0])
  return { ...t, take }
}

const all = Array.from({ length: COUNT }, (_, n) => n)

it.each(['classic', 'quorum'])('messages taken from a %s queue before the failure return', async (kind) => {
  const { broker, storage, queue, take } = await start(kind)
  Object.assign(storage, { before: 2, failures: 1 })
  expect(take).toThrow('allocation')
  expect(queue.counts).toMatchObject({ ready: COUNT, unacked: 0 })
  expect(take()).toEqual(all)
  broker.stop()
})

it.each(['classic', 'quorum'])('a purge of a %s queue that fails removes nothing', async (kind) => {
  const { broker, storage, queue, take } = await start(kind)
  // The head is read before the purge, the tail by it.
  Object.assign(storage, { before: 1, failures: 1 })
  expect(() => queue.purge()).toThrow('allocation')
  expect(queue.counts.ready).toBe(COUNT)
  expect(take()).toEqual(all)
  broker.stop()
})

it('a purge of a queue with priorities that fails removes nothing at any of them', async () => {
  const { broker, storage, queue, take } = await start('classic', table({ 'x-max-priority': COUNT }))
  // The tail of the first is read before the purge, the others by it.
  Object.assign(storage, { before: COUNT / 2, failures: 1 })
  expect(() => queue.purge()).toThrow('allocation')
  expect(queue.counts.ready).toBe(COUNT)
  expect(take()).toEqual(all)
  broker.stop()
})

it.each<Settlement>(['ack', 'return'])('a delivery whose %s fails is settled later', async (how) => {
  const { clock, broker, storage, vhost, queue } = await restarted('classic', COUNT)
  const caller = trusted('guest', vhost, {})
  const { find, settle, requeue } = Chain.prototype
  let left = 3
  const failing = <A extends unknown[], R>(real: (this: Chain, ...a: A) => R) =>
    function (this: Chain, ...a: A): R {
      if (--left >= 0 && left < 2) throw new RangeError('Array buffer allocation failed')
      return real.apply(this, a)
    }
  vi.spyOn(Chain.prototype, 'find').mockImplementation(failing(find))
  vi.spyOn(Chain.prototype, 'settle').mockImplementation(failing(settle))
  vi.spyOn(Chain.prototype, 'requeue').mockImplementation(failing(requeue))
  onTestFinished(() => void vi.restoreAllMocks())
  expect(takeMessages(caller, 'q', COUNT, how)).toHaveLength(COUNT)
  expect([left < 0, storage.failures]).toEqual([true, 0])
  expect(queue.counts.unacked).toBe(2)
  clock.pass(CONTINUES_MS)
  expect(queue.counts).toMatchObject({ ready: how === 'return' ? COUNT : 0, unacked: 0 })
  clock.pass(CONTINUES_MS)
  if (how === 'return')
    expect(takeMessages(caller, 'q', COUNT, 'ack').map(({ content }) => content.body[0])).toEqual(all)
  expect(queue.holding.messages).toBe(0)
  broker.stop()
})

it('set-aside messages of which one cannot be released now are released but for that one', async () => {
  const { broker, queue } = await restarted('classic', 3)
  for (const n of [0, 1, 2]) queue.setAside(n, 'get', new Error('it cannot be sent'))
  const failing = vi.spyOn(Chain.prototype, 'requeue').mockImplementationOnce(() => {
    throw new RangeError('Array buffer allocation failed')
  })
  onTestFinished(() => failing.mockRestore())
  queue.releaseParked()
  expect([queue.counts.ready, [...queue.aside].map(({ number, during }) => [number, during])]).toEqual([
    2,
    [[0, 'release']],
  ])
  queue.releaseParked()
  expect([queue.counts.ready, queue.aside.size]).toEqual([3, 0])
  broker.stop()
})

it('a set-aside message that cannot be released now is not dropped', async () => {
  const { broker, vhost, queue } = await restarted('classic', 3)
  queue.setAside(1, 'get', new Error('it cannot be sent'))
  const caller = trusted('guest', vhost, {})
  const failing = vi.spyOn(Chain.prototype, 'requeue').mockImplementationOnce(() => {
    throw new RangeError('Array buffer allocation failed')
  })
  onTestFinished(() => failing.mockRestore())
  expect(() => dropParked(caller, 'q', 1)).toThrow('allocation failed')
  expect([queue.counts, queue.aside.size]).toEqual([{ ready: 2, unacked: 0, consumers: 0 }, 1])
  expect(dropParked(caller, 'q', 1)).toBe(true)
  expect([queue.counts.ready, queue.aside.size]).toEqual([2, 0])
  broker.stop()
})

it('a message that was delivered since it was found is not redriven', async () => {
  const headers = FieldTable.from({
    'x-death': [{ queue: 'origin', exchange: '', 'routing-keys': ['origin'] }],
  })
  const { broker, vhost, queue } = await restarted('classic', 2, { headers })
  const info = { name: 'origin', durable: true, exclusive: false, autoDelete: false, kind: classic }
  const origin = broker.createQueue(vhost, { ...info, arguments: FieldTable.empty }, undefined)
  const { publish } = origin
  vi.spyOn(origin, 'publish').mockImplementationOnce((m) => {
    const outcome = publish.call(origin, m)
    // As a queue behind it does that has to make room.
    broker.turn.pumpAlone({ pump: () => expect.unreachable(), failed: () => {} })
    return outcome
  })
  vi.spyOn(broker.turn, 'pumpNow').mockImplementation(() => {
    if (origin.counts.ready === 1 && queue.get() !== undefined) queue.takeGot(false)
  })
  onTestFinished(() => void vi.restoreAllMocks())
  expect(await new Redrive(vhost, queue, broker, {}).done).toEqual({ moved: 1, skipped: 1 })
  expect([queue.counts, origin.counts.ready]).toEqual([{ ready: 0, unacked: 1, consumers: 0 }, 1])
  broker.stop()
})

it('a message that is redriven to a full queue stays, and is not dead-lettered once more', async () => {
  const headers = FieldTable.from({
    'x-death': [{ queue: 'origin', exchange: '', 'routing-keys': ['origin'] }],
  })
  const { clock, broker, vhost, queue } = await restarted('classic', 2, { headers })
  const args = {
    'x-max-length': 0,
    'x-overflow': 'reject-publish-dlx',
    'x-dead-letter-exchange': '',
    'x-dead-letter-routing-key': 'q',
  }
  const info = { name: 'origin', durable: true, exclusive: false, autoDelete: false, kind: classic }
  broker.createQueue(vhost, { ...info, arguments: FieldTable.from(args) }, undefined)
  expect(await new Redrive(vhost, queue, broker, {}).done).toEqual({ moved: 0, skipped: 2 })
  clock.pass(1000)
  expect(queue.counts.ready).toBe(2)
  broker.stop()
})

it('messages that have left the queue since they were found are not redriven', async () => {
  const headers = FieldTable.from({
    'x-death': [{ queue: 'origin', exchange: '', 'routing-keys': ['origin'] }],
  })
  const { broker, vhost, queue } = await restarted('classic', COUNT, { headers })
  const info = { name: 'origin', durable: true, exclusive: false, autoDelete: false, kind: classic }
  const origin = broker.createQueue(vhost, { ...info, arguments: FieldTable.empty }, undefined)
  // The first one stays unacknowledged, and the segments of most others are gone.
  let first = true
  vi.spyOn(broker.turn, 'pumpNow').mockImplementation(() => {
    for (; queue.get() !== undefined; first = false) queue.takeGot(!first)
  })
  onTestFinished(() => void vi.restoreAllMocks())
  const { moved, skipped } = await new Redrive(vhost, queue, broker, {}).done
  expect(moved).toBe(0)
  expect(skipped).toBeGreaterThan(0)
  expect([queue.counts, origin.counts.ready]).toEqual([{ ready: 0, unacked: 1, consumers: 0 }, 0])
  broker.stop()
})

it('a delivery that turns out to be settled already is not tried again and again', async () => {
  const { clock, broker, queue } = await restarted('classic', 1)
  const { sequence } = queue.get() as { sequence: number }
  const settle = vi.spyOn(Chain.prototype, 'settle').mockImplementation(() => invariant(false, 'once'))
  onTestFinished(() => void vi.restoreAllMocks())
  expect(() => queue.settle(sequence, 'ack')).toThrow('once')
  clock.pass(2 * CONTINUES_MS)
  expect(settle).toHaveBeenCalledTimes(1)
  broker.stop()
})
