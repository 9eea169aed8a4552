/** Dead letters of messages that full queues refuse, where the process ends before they are passed on. */

import { describe, expect, it } from 'vitest'
import { Failures } from '../../src/broker/failures.ts'
import type { Queue } from '../../src/broker/queue/queue.ts'
import { DEAD_LETTER_RETRY_MS, REFUSED_WAITING_BYTES_MAX } from '../../src/limits.ts'
import { setPolicy } from '../../src/operations/policies.ts'
import { MemoryStorage } from '../../src/storage/memory/memory-storage.ts'
import { bodies, run } from '../support/letter-runs.ts'
import { ManualClock } from '../support/manual-clock.ts'
import type { Plain } from '../support/timed-broker.ts'

/** x-delayed-message `x` or queue `first`, then two full queues, then two that take it. */
function chain({ exchange, queue, publish }: ReturnType<typeof run>): void {
  exchange('x', 'x-delayed-message', { 'x-delayed-type': 'fanout' })
  for (const name of ['to full', 'to second', 'to last', 'in']) exchange(name)
  const full = { 'x-max-length': 1, 'x-overflow': 'reject-publish-dlx' }
  queue('full', 'x', { ...full, 'x-dead-letter-exchange': 'to second' })
  queue('second', 'to second', { ...full, 'x-dead-letter-exchange': 'to last' })
  for (const name of ['last1', 'last2']) queue(name, 'to last')
  queue('first', 'in', { 'x-message-ttl': 1000, 'x-dead-letter-exchange': 'x' })
  publish('x', 'fill')
  publish('to second', 'fill')
}

const lasts = ['full', 'second', 'last1', 'last2']

describe.each(['a delayed exchange', 'a queue'])('confirmed messages of %s for full queues', (source) => {
  const begin = async (clock: ManualClock, storage: MemoryStorage) => {
    const it = run(storage, clock)
    chain(it)
    for (const body of ['a', 'b', 'c'])
      if (source === 'a queue') it.publish('in', body)
      else it.publish('x', body, { 'x-delay': 1000 })
    await it.commit.flush()
    it.state.inAlarm = true
    return it
  }

  it('are neither lost nor doubled where the process ends during an alarm, again and again', async () => {
    const [clock, storage] = [new ManualClock(), new MemoryStorage({ keeps: true })]
    await (await begin(clock, storage)).pass(3000)
    for (let i = 0; i < 3; i++) {
      const again = run(storage, clock, true)
      await again.pass(3000)
      expect(again.ready(...lasts)).toEqual([['fill'], ['fill'], [], []])
    }
    const afterwards = run(storage, clock)
    await afterwards.pass(3000)
    const expected = [['fill'], ['fill'], ['a', 'b', 'c'], ['a', 'b', 'c']]
    expect(afterwards.ready(...lasts)).toEqual(expected)
    const last = run(storage, clock)
    await last.pass(3000)
    expect(last.ready(...lasts)).toEqual(expected)
    expect([...storage.records(0, 0)]).toEqual([])
  })

  it('are where they belong after each single batch', async () => {
    for (let batches = 0; batches < 12; batches++) {
      const [clock, storage] = [new ManualClock(), new MemoryStorage({ keeps: true })]
      const { pass, state, broker } = await begin(clock, storage)
      const write = storage.write.bind(storage)
      let left = batches
      storage.write = async (batch) => {
        if (left-- > 0) await write(batch)
      }
      await pass(2000)
      state.inAlarm = false
      await pass(2000)
      broker.stop()
      storage.write = write
      const again = run(storage, clock)
      await again.pass(4000)
      const found = again.ready(...lasts)
      expect([found[2]?.toSorted(), found[3]?.toSorted()]).toEqual([
        ['a', 'b', 'c'],
        ['a', 'b', 'c'],
      ])
    }
  })

  it('go with a queue that is deleted', async () => {
    const [clock, storage] = [new ManualClock(), new MemoryStorage({ keeps: true })]
    const { pass, vhost, state } = await begin(clock, storage)
    await pass(3000)
    vhost.removeQueue(vhost.queues.get('second') as Queue)
    state.inAlarm = false
    await pass(3000)
    expect([...storage.records(0, 0)]).toEqual([])
    const again = run(storage, clock)
    await again.pass(3000)
    expect(again.ready('last1', 'last2')).toEqual([[], []])
  })
})

it('dead letters that are not passed on in the batch in which they were refused are in it', async () => {
  const [clock, storage] = [new ManualClock(), new MemoryStorage({ keeps: true })]
  const before = run(storage, clock)
  chain(before)
  for (const body of ['a', 'b', 'c']) before.publish('in', body)
  await before.commit.flush()
  // There is no time for them in this turn.
  before.broker.turn.pumpLater = () => {}
  const q = before.vhost.queues.get('first') as Queue
  for (const sequence of [0, 1, 2]) {
    q.get()
    q.takeGot(false)
    q.settle(sequence, 'reject')
  }
  await before.commit.flush()
  const again = run(storage, clock)
  await again.pass(1000)
  expect(again.ready('first', 'last1', 'last2')).toEqual([[], ['a', 'b', 'c'], ['a', 'b', 'c']])
})

it('those of a queue that is not durable do not wait for the end of an alarm', async () => {
  const [clock, storage] = [new ManualClock(), new MemoryStorage({ keeps: true })]
  const before = run(storage, clock)
  const { exchange, queue, publish, commit, state } = before
  exchange('x', 'x-delayed-message', { 'x-delayed-type': 'fanout' })
  exchange('to last')
  const full = { 'x-max-length': 0, 'x-overflow': 'reject-publish-dlx', 'x-dead-letter-exchange': 'to last' }
  queue('full', 'x', full, false)
  for (const name of ['last1', 'last2']) queue(name, 'to last')
  publish('x', 'a', { 'x-delay': 1000 })
  await commit.flush()
  state.inAlarm = true
  await before.pass(2000)
  expect(run(storage, clock, true).ready('last1', 'last2')).toEqual([['a'], ['a']])
})

it('what expires in a queue that is to take the dead letter of a publish is stored although that is not', async () => {
  const [clock, storage] = [new ManualClock(), new MemoryStorage({ keeps: true })]
  const before = run(storage, clock)
  const { broker, commit, state, exchange, queue, publish, vhost } = before
  for (const name of ['in', 'to old', 'to full', 'to last']) exchange(name)
  const full = (length: number, to: string): Plain => ({
    'x-max-length': length,
    'x-overflow': 'reject-publish-dlx',
    'x-dead-letter-exchange': to,
  })
  queue('first', 'in', full(0, 'to old'))
  queue('old', 'to old', { ...full(1, 'to full'), 'x-message-ttl': 1000 })
  queue('full', 'to full', full(0, 'to last'))
  for (const name of ['last1', 'last2']) queue(name, 'to last')
  publish('to old', 'a')
  await commit.flush()
  // It has expired, and the disk was too slow for its dead letter.
  const { isBehind } = broker.turn
  broker.turn.isBehind = () => true
  clock.pass(1000)
  broker.turn.isBehind = isBehind
  state.inAlarm = true
  publish('in', 'b')
  clock.pass(0)
  expect((vhost.queues.get('old') as Queue).counts.ready).toBe(1)
  expect(bodies(vhost.queues.get('old') as Queue)).toEqual(['b'])
  await commit.flush()
  const again = run(storage, clock)
  await again.pass(500)
  expect(again.ready('last1', 'last2')).toEqual([['a'], ['a']])
})

it('large ones wait at the delayed exchange where there is no room for their dead letters', async () => {
  const [clock, storage] = [new ManualClock(), new MemoryStorage({ keeps: true })]
  const { pass, publish, state, ready, commit, ...rest } = run(storage, clock)
  chain({ ...rest, pass, publish, state, ready, commit })
  const names = Array.from({ length: 6 }, (_, i) => String(i))
  for (const body of names) publish('x', body, { 'x-delay': 1000 }, REFUSED_WAITING_BYTES_MAX / 3)
  await commit.flush()
  state.inAlarm = true
  await pass(5000)
  expect([...storage.records(0, 0)].length).toBeLessThan(4)
  state.inAlarm = false
  await pass(10 * DEAD_LETTER_RETRY_MS)
  const dotted = names.map((n) => `${n}...`)
  expect(ready(...lasts)).toEqual([['fill'], ['fill'], dotted, dotted])
})

it('very many small ones wait there too: each needs memory beside its content', async () => {
  const [clock, storage] = [new ManualClock(), new MemoryStorage({ keeps: true })]
  const { pass, publish, state, ready, commit, ...rest } = run(storage, clock)
  chain({ ...rest, pass, publish, state, ready, commit })
  const [count, memoryOfOne] = [12_000, 2_000]
  for (let i = 0; i < count; i++) publish('x', 'a', { 'x-delay': 1000 })
  await commit.flush()
  state.inAlarm = true
  await pass(10_000)
  const waiting = [...storage.records(0, 0)].length
  expect(waiting).toBeGreaterThan(100)
  expect(waiting).toBeLessThan(REFUSED_WAITING_BYTES_MAX / 2 / memoryOfOne + 100)
  state.inAlarm = false
  await pass(30_000)
  expect(ready('last1', 'last2').map((r) => r.length)).toEqual([count, count])
})

it('those of a queue whose policy cannot be read wait until it has one again', async () => {
  const [clock, storage] = [new ManualClock(), new MemoryStorage({ keeps: true })]
  const to = { 'x-max-length': 0, 'x-overflow': 'reject-publish-dlx' }
  const policy = { name: 'p', pattern: '^full$', definition: { 'dead-letter-exchange': 'to last' } }
  const set = ({ broker, vhost }: ReturnType<typeof run>) => setPolicy(broker, vhost, policy, false)
  const before = run(storage, clock)
  before.exchange('x', 'x-delayed-message', { 'x-delayed-type': 'fanout' })
  before.exchange('to last')
  before.queue('full', 'x', to)
  for (const name of ['last1', 'last2']) before.queue(name, 'to last')
  void set(before)
  before.publish('x', 'a', { 'x-delay': 1000 })
  await before.commit.flush()
  before.state.inAlarm = true
  await before.pass(2000)
  const [stored] = [...storage.scan('policy:')]
  await storage.write([{ op: 'put', key: stored?.key as string, value: Buffer.from('damaged') }])
  const failures = new Failures(clock, () => {})
  const without = run(storage, clock, false, failures)
  await without.pass(1000)
  void set(without)
  await without.commit.flush()
  const again = run(storage, clock, false, failures)
  await again.pass(1000)
  expect(again.ready('last1', 'last2')).toEqual([['a'], ['a']])
})

it('a delayed message may be due in the first second of 1970', async () => {
  const [clock, storage] = [new ManualClock(0), new MemoryStorage({ keeps: true })]
  const before = run(storage, clock)
  chain(before)
  before.queue('taking', 'x')
  before.publish('x', 'a', { 'x-delay': 500 })
  await before.commit.flush()
  const again = run(storage, clock)
  await again.pass(2000)
  expect(again.ready('taking')).toEqual([['a']])
})
