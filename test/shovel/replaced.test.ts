/** A shovel whose parameter is set anew while it still has messages. */
import type { Socket } from 'node:net'
import { expect, it } from 'vitest'
import { texts } from '../migrate/support.ts'
import {
  api,
  channel,
  far,
  here,
  inFrontOfOther,
  list,
  put,
  send,
  state,
  take,
  there,
  useTwoBrokers,
} from './two-brokers.ts'

useTwoBrokers()

it('is replaced by one that begins after its end: messages keep their order', async () => {
  const links: Socket[] = []
  const source = await inFrontOfOther((client, broker) => {
    links.push(client)
    client.pipe(broker)
    broker.pipe(client)
  })
  await send(await channel(there), 'from', 500)
  const target = await channel(here)
  await target.assertQueue('to')
  const value = { 'src-queue': 'from', 'dest-uri': 'amqp://', 'dest-queue': 'to', 'dest-mandatory': true }
  await put('s', { ...value, 'src-uri': source.href, 'src-prefetch-count': 10 })
  await here.waitForQueue('to', { ready: 500 }, { timeoutMs: 20_000 })
  await there.waitForQueue('from', { ready: 0, unacked: 0 })
  // The next messages come back to the shovel, which cannot return them to the source: that does not hear it any more.
  await api('DELETE', 'queues/%2F/to')
  for (const link of links) link.pause()
  await send(await channel(there), 'from', 20)
  await there.waitForQueue('from', { ready: 10, unacked: 10 })
  await state('s', 'terminated')
  await target.assertQueue('to')
  await put('s', { ...value, 'src-uri': far() })
  for (let i = 0; i < 50; i++) expect((await list())[0]).toMatchObject({ state: 'starting' })
  for (const link of links) link.resume()
  await state('s', 'running')
  expect((await take(target, 'to', 20)).map((m) => m.content.toString())).toEqual(texts(20))
})

it('by the time that it has moved all it was meant to: the one that replaces it stays', async () => {
  let held: Socket | undefined
  const source = await inFrontOfOther((client, broker) => {
    client.pipe(broker)
    broker.on('data', (octets: Buffer) => {
      client.write(octets)
      if (!octets.includes('the last one')) return
      // The source does not hear that it may close the channel: the shovel waits for that.
      held = client.pause()
    })
  })
  const from = await channel(there)
  await from.assertQueue('from')
  from.sendToQueue('from', Buffer.from('the last one'))
  await from.waitForConfirms()
  const value = { 'src-queue': 'from', 'dest-uri': 'amqp://', 'dest-queue': 'to' }
  await put('s', { ...value, 'src-uri': source.href, 'src-delete-after': 'queue-length' })
  await here.waitForQueue('to', { ready: 1 })
  await put('s', { ...value, 'src-uri': far(), 'src-queue': 'another' })
  held?.resume()
  await state('s', 'running')
  await send(from, 'another', 5)
  await here.waitForQueue('to', { ready: 6 })
  expect((await api('GET', 'parameters/shovel/%2F/s')).status).toBe(200)
})
