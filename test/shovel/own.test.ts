/** What Leveret's shovels have beyond RabbitMQ's. */
import { expect, it } from 'vitest'
import { until } from '../support/until.ts'
import { channel, far, here, list, put, send, state, take, there, useTwoBrokers } from './two-brokers.ts'

useTwoBrokers()

it('src-basic-get empties a queue that its last consumer would take along', async () => {
  const a = await channel(here)
  await a.assertQueue('from', { autoDelete: true })
  await send2(a, 1200)
  const ends = { 'src-uri': 'amqp://', 'src-queue': 'from', 'dest-uri': far(), 'dest-queue': 'to' }
  await put('s', { ...ends, 'src-basic-get': true, 'src-delete-after': 'queue-length' })
  await until(async () => (await list()).length === 0, 'the shovel to end')
  expect(here.queue('from')).toMatchObject({ ready: 0, unacked: 0, consumers: 0 })
  const found = await take(await channel(there), 'to', 1200)
  expect(found.map((m) => m.content.toString())).toEqual(Array.from({ length: 1200 }, (_, i) => String(i)))
  // And without an end it goes on with what comes.
  await put('on', { ...ends, 'src-basic-get': true, 'src-prefetch-count': 2 })
  await state('on', 'running')
  await send2(a, 5)
  await there.waitForQueue('to', { ready: 5 })

  async function send2(ch: typeof a, count: number): Promise<void> {
    for (let i = 0; i < count; i++) ch.sendToQueue('from', Buffer.from(String(i)))
    await ch.waitForConfirms()
  }
})

it('dest-mandatory loses nothing when the queue of the destination goes', async () => {
  const a = await channel(here)
  const b = await channel(there)
  await send(a, 'from', 10)
  await b.assertExchange('x', 'fanout')
  const value = {
    'src-uri': 'amqp://',
    'src-queue': 'from',
    'dest-uri': far(),
    'dest-exchange': 'x',
    'reconnect-delay': 0.05,
  }
  await put('s', { ...value, 'dest-mandatory': true })
  expect(await state('s', 'terminated')).toMatchObject({
    reason: 'no queue of the destination takes a message',
  })
  await until(() => here.queue('from')?.ready === 10 || here.queue('from')?.unacked === 10, 'the messages')
  await b.assertQueue('to')
  await b.bindQueue('to', 'x', '')
  await there.waitForQueue('to', { ready: 10 })
  await here.waitForQueue('from', { ready: 0, unacked: 0 })
})

it('a stream is copied without the offsets that it had', async () => {
  const a = await channel(here)
  await a.assertQueue('log', { arguments: { 'x-queue-type': 'stream' } })
  a.sendToQueue('log', Buffer.from('plain'))
  a.sendToQueue('log', Buffer.from('with'), { headers: { own: 1 } })
  await a.waitForConfirms()
  const ends = { 'src-uri': 'amqp://', 'src-queue': 'log', 'dest-uri': far(), 'dest-queue': 'to' }
  await put('s', { ...ends, 'src-consumer-args': { 'x-stream-offset': 'first' } })
  await there.waitForQueue('to', { ready: 2 })
  const found = await take(await channel(there), 'to', 2)
  expect(found.map((m) => [m.content.toString(), m.properties.headers])).toEqual([
    ['plain', undefined],
    ['with', { own: 1 }],
  ])
})
