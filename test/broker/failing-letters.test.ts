/** Dead letters of messages that full queues refuse, of which an attempt to pass them on fails. */

import { expect, it, vi } from 'vitest'
import { Failures } from '../../src/broker/failures.ts'
import type { Queue } from '../../src/broker/queue/queue.ts'
import { DEAD_LETTER_RETRY_MS, DEAD_LETTER_RETRY_MS_MAX } from '../../src/limits.ts'
import { MemoryStorage } from '../../src/storage/memory/memory-storage.ts'
import { run } from '../support/letter-runs.ts'
import { ManualClock } from '../support/manual-clock.ts'

/** A delayed exchange, a full queue behind it, and the queues that get its dead letters. */
function full({ exchange, queue }: ReturnType<typeof run>): void {
  exchange('x', 'x-delayed-message', { 'x-delayed-type': 'fanout' })
  exchange('to last')
  const args = { 'x-max-length': 0, 'x-overflow': 'reject-publish-dlx', 'x-dead-letter-exchange': 'to last' }
  queue('full', 'x', args)
  for (const name of ['last1', 'last2', 'last3']) queue(name, 'to last')
}

const lasts = ['last1', 'last2', 'last3']
const fails = (): never => {
  throw new RangeError('Array buffer allocation failed')
}

async function begin() {
  const [clock, storage] = [new ManualClock(), new MemoryStorage({ keeps: true })]
  const failures = new Failures(clock, () => {})
  const it = run(storage, clock, false, failures)
  full(it)
  const second = it.vhost.queues.get('last2') as Queue
  return { ...it, clock, storage, failures, second }
}

it('are tried again in the same run, for the targets that do not have them yet', async () => {
  const { publish, commit, pass, ready, storage, second } = await begin()
  for (const body of ['a', 'b']) publish('x', body, { 'x-delay': 1000 })
  await commit.flush()
  const publishing = vi.spyOn(second, 'publish').mockImplementationOnce(fails)
  await pass(1500)
  expect(ready(...lasts)).toEqual([['a', 'b'], ['b'], ['b']])
  await pass(2 * DEAD_LETTER_RETRY_MS)
  publishing.mockRestore()
  expect(ready(...lasts)).toEqual([
    ['a', 'b'],
    ['b', 'a'],
    ['b', 'a'],
  ])
  expect([...storage.records(0, 0)]).toEqual([])
})

it('are tried ever less often, and at once again where one has succeeded', async () => {
  const { publish, commit, pass, ready, second } = await begin()
  publish('x', 'a', { 'x-delay': 1000 })
  await commit.flush()
  const publishing = vi.spyOn(second, 'publish').mockImplementation(fails)
  await pass(600_000)
  expect(publishing.mock.calls.length).toBeGreaterThan(10)
  expect(publishing.mock.calls.length).toBeLessThan(20)
  publishing.mockRestore()
  await pass(DEAD_LETTER_RETRY_MS_MAX + 1000)
  expect(ready(...lasts)).toEqual([['a'], ['a'], ['a']])
})

it('are there at the next start where the process ends before', async () => {
  const { broker, clock, storage, failures, publish, commit, pass, second } = await begin()
  publish('x', 'a', { 'x-delay': 1000 })
  await commit.flush()
  vi.spyOn(second, 'publish').mockImplementation(fails)
  await pass(1500)
  broker.stop()
  const again = run(storage, clock, false, failures)
  await again.pass(500)
  expect(again.ready('last2', 'last3')).toEqual([['a'], ['a']])
})

it('are not read before their batch is on disk', async () => {
  const { publish, commit, pass, ready, storage, failures, clock, second } = await begin()
  publish('x', 'a', { 'x-delay': 1000 })
  await commit.flush()
  const publishing = vi.spyOn(second, 'publish').mockImplementation(fails)
  const write = storage.write.bind(storage)
  let goOn = (): void => {}
  storage.write = async (batch) => {
    await new Promise<void>((resolve) => {
      goOn = resolve
    })
    await write(batch)
  }
  clock.pass(1000)
  clock.pass(20)
  for (let i = 0; i < 5; i++) clock.pass(DEAD_LETTER_RETRY_MS)
  expect(publishing.mock.calls.length).toBe(1)
  storage.write = write
  goOn()
  publishing.mockRestore()
  await commit.flush()
  await pass(DEAD_LETTER_RETRY_MS_MAX)
  expect(ready(...lasts)).toEqual([['a'], ['a'], ['a']])
  expect(failures.counts.message).toBe(0)
})

it('those of a queue that is gone meanwhile go with it', async () => {
  const { publish, commit, pass, storage, vhost, second } = await begin()
  publish('x', 'a', { 'x-delay': 1000 })
  await commit.flush()
  vi.spyOn(second, 'publish').mockImplementation(fails)
  await pass(1500)
  expect([...storage.records(0, 0)].length).toBe(1)
  vhost.removeQueue(vhost.queues.get('full') as Queue)
  await pass(2 * DEAD_LETTER_RETRY_MS)
  expect([...storage.records(0, 0)]).toEqual([])
})

it('those for an exchange that cannot be read wait until there is one again', async () => {
  const [clock, storage] = [new ManualClock(), new MemoryStorage({ keeps: true })]
  const failures = new Failures(clock, () => {})
  const before = run(storage, clock, false, failures)
  full(before)
  before.publish('x', 'a', { 'x-delay': 1000 })
  await before.commit.flush()
  before.state.inAlarm = true
  await before.pass(2000)
  const stored = [...storage.scan('exchange:')].find(({ value }) => Buffer.from(value).includes('"to last"'))
  await storage.write([{ op: 'put', key: stored?.key as string, value: Buffer.from('damaged') }])
  const without = run(storage, clock, false, failures)
  await without.pass(1000)
  without.exchange('to last')
  without.queue('last4', 'to last')
  await without.commit.flush()
  const again = run(storage, clock, false, failures)
  await again.pass(1000)
  expect(again.ready('last4')).toEqual([['a']])
})
