import type { ConsumeMessage } from 'amqplib'
import { expect, it } from 'vitest'
import { LINK_WAITING_BYTES_MAX } from '../../src/shovel/link-limits.ts'
import { WaitingMessages } from '../../src/shovel/waiting-messages.ts'
import { channel, here, put, state, take, useTwoBrokers } from './two-brokers.ts'

useTwoBrokers()

const message = (length: number): ConsumeMessage => ({ content: { length } }) as unknown as ConsumeMessage

it('nothing is read from the source while much waits for the destination', () => {
  const waiting = new WaitingMessages()
  const held: boolean[] = []
  waiting.hold = (on) => void held.push(on)
  waiting.push(message(LINK_WAITING_BYTES_MAX))
  expect(held).toEqual([])
  waiting.push(message(1))
  waiting.push(message(1))
  expect([held, waiting.count]).toEqual([[true], 3])
  waiting.shift()
  expect(held).toEqual([true, false])
  waiting.shift()
  waiting.shift()
  expect([waiting.shift(), waiting.count, held.length]).toEqual([undefined, 0, 2])
})

it('more than may wait passes through a shovel', async () => {
  const ch = await channel(here)
  await ch.assertQueue('from')
  const count = 12
  for (let i = 0; i < count; i++) ch.sendToQueue('from', Buffer.alloc(16 * 1024 * 1024, i))
  await ch.waitForConfirms()
  await put('s', { 'src-uri': 'amqp://', 'src-queue': 'from', 'dest-uri': 'amqp://', 'dest-queue': 'to' })
  await state('s', 'running')
  const moved = await take(ch, 'to', count)
  expect(moved.map((m) => [m.content.length, m.content[0]])).toEqual(
    Array.from({ length: count }, (_, i) => [16 * 1024 * 1024, i]),
  )
})
