/** Numbers of delayed messages: a second has only so many, and a message that is set aside is known by its second and number. */
import { expect, it } from 'vitest'
import { DelayedMessages } from '../../src/broker/delay/delayed-messages.ts'
import { InboundMessage } from '../../src/broker/message.ts'
import type { StorageWrite } from '../../src/storage/storage.ts'
import { ManualClock } from '../support/manual-clock.ts'

const PER_SECOND = 2 ** 20

/** The writes for messages that are added to a second of which so many numbers have been used. */
function added(used: number, count: number, second: number): StorageWrite[] {
  const state = new Uint8Array(4)
  new DataView(state.buffer).setUint32(0, used, true)
  const storage = { keeps: true, segments: () => [{ segment: second, state }], records: () => [] }
  const writes: StorageWrite[] = []
  const commit = {
    keeps: true,
    number: 1,
    pendingBytes: 0,
    onApplied: () => {},
    write: (w: StorageWrite) => writes.push(w),
  }
  const failures = { owner: () => undefined }
  const delays = new DelayedMessages(
    storage as never,
    commit as never,
    new ManualClock(),
    {} as never,
    failures as never,
  )
  delays.restore()
  for (let i = 0; i < count; i++) delays.add(1, second * 1000, ['key'], new InboundMessage())
  delays.stop()
  return writes
}

it('go on in the next second where those of a second are used up', () => {
  const second = 1_800_000_000
  const records = added(PER_SECOND - 1, 3, second).filter((w) => w.op === 'record')
  expect(records.map((w) => w.op === 'record' && [w.segment, w.index])).toEqual([
    [second, PER_SECOND - 1],
    [second + 1, 0],
    [second + 1, 1],
  ])
})

it('never go beyond the last second that can be stored', () => {
  const last = 2 ** 32 - 1
  const records = added(PER_SECOND, 2, last).filter((w) => w.op === 'record')
  expect(records.map((w) => w.op === 'record' && [w.segment, w.index])).toEqual([
    [last, PER_SECOND],
    [last, PER_SECOND + 1],
  ])
})
