/** Records of delayed messages that are read while the store fails, or whose second comes again. */

import { expect, it } from 'vitest'
import { encodeContent } from '../../src/broker/content.ts'
import { DelayedMessages } from '../../src/broker/delay/delayed-messages.ts'
import { Failures } from '../../src/broker/failures.ts'
import { Jobs } from '../../src/broker/jobs.ts'
import { InboundMessage } from '../../src/broker/message.ts'
import type { StorageWrite } from '../../src/storage/storage.ts'
import { ManualClock } from '../support/manual-clock.ts'

const TARGET = 1

/** A store that has written nothing, and has applied the batches that `apply` is told. */
function start() {
  const clock = new ManualClock(1_800_000_000_000)
  const jobs = new Jobs(clock, () => clock.defer(() => jobs.run()))
  const got: string[] = []
  const writes: StorageWrite[] = []
  const storage = { keeps: true, record: (): Uint8Array | undefined => undefined }
  let applied: () => void = () => {}
  const commit = {
    keeps: true,
    number: 1,
    applied: 0,
    pendingBytes: 0,
    onApplied: (f: () => void) => {
      applied = f
    },
    write: (w: StorageWrite) => writes.push(w),
  }
  const turn = { jobs, isBehind: () => false, givesUp: () => false }
  const failures = new Failures(clock, () => {})
  const delays = new DelayedMessages(storage as never, commit as never, clock, turn, failures)
  const then = { delivered: (_: string): void => {} }
  delays.register(TARGET, ({ source, contentEnd }) => {
    const body = String.fromCharCode(source[contentEnd - 2] as number)
    got.push(body)
    then.delivered(body)
  })
  const add = (body: string, ms: number): void => {
    const m = new InboundMessage()
    encodeContent('', 'q', {}, Buffer.from(body), m)
    delays.add(TARGET, clock.now() + ms, ['q'], m)
  }
  const apply = (batch: number): void => {
    commit.applied = batch
    applied()
  }
  return { clock, storage, commit, failures, delays, got, writes, add, apply, then }
}

it('a message is there until its own batch is applied, also where the clock was set back to a second that is over', () => {
  const { clock, commit, got, add, apply } = start()
  add('a', 100)
  commit.number = 2
  clock.pass(1000)
  clock.pass(1000)
  expect(got).toEqual(['a'])
  clock.jump(-2000)
  add('b', 100)
  apply(1)
  clock.pass(61_000)
  expect(got).toEqual(['a', 'b'])
})

it('a record that cannot be read is set aside, and the others are delivered', () => {
  const { clock, storage, commit, failures, delays, got, writes, add, apply } = start()
  for (const body of ['a', 'b', 'c']) add(body, 100)
  apply(commit.number)
  add('d', 5000)
  storage.record = () => {
    throw new Error('the store fails')
  }
  clock.pass(1000)
  clock.pass(5000)
  expect([got, delays.aside.size, failures.counts.message]).toEqual([['d'], 3, 3])
  expect(writes.filter((w) => w.op === 'drop-record')).toHaveLength(1)
})

it('a message that is overdue when it comes, as from a long transaction, does not get in the way of the others', () => {
  const { clock, failures, delays, got, add, then } = start()
  for (const body of ['a', 'b', 'c']) add(body, 100)
  // While the messages of a later second are delivered.
  then.delivered = (body) => {
    if (body === 'b') add('x', -5000)
  }
  clock.pass(2000)
  clock.pass(2000)
  expect([got, delays.size]).toEqual([['a', 'b', 'c', 'x'], 0])
  add('d', 100)
  clock.pass(2000)
  clock.pass(2000)
  expect([got.at(-1), failures.counts.broker]).toEqual(['d', 0])
})

it('a failure holds up the others for a second only', () => {
  const { clock, commit, failures, delays, got, add } = start()
  const { write } = commit
  for (const body of ['a', 'b', 'c']) add(body, 100)
  commit.write = () => {
    commit.write = write
    throw new RangeError('Array buffer allocation failed')
  }
  clock.pass(500)
  expect([got, failures.counts.broker]).toEqual([['a'], 1])
  clock.pass(1000)
  clock.pass(1000)
  expect([got.slice(-2), failures.counts.broker, delays.size]).toEqual([['b', 'c'], 1, 0])
})
