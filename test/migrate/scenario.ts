/** What is moved in the tests between any two brokers, and what has to be there afterwards. */
import { expect } from 'vitest'
import { type Side, send, texts } from './support.ts'

const X_QUEUES = 3

/** Vhosts, users, exchanges, bindings, queues of every kind, with messages. */
export async function fill(side: Side): Promise<void> {
  await side.api('PUT', 'vhosts/a%2Fb', {})
  await side.api('PUT', 'permissions/a%2Fb/guest', { configure: '.*', write: '.*', read: '.*' })
  await side.api('PUT', 'users/ann', { password: 's3cret', tags: 'monitoring' })
  await side.api('PUT', 'permissions/a%2Fb/ann', { configure: '^ann', write: '.*', read: '.*' })
  await side.api('PUT', 'policies/%2F/limit', {
    pattern: '^limited$',
    definition: { 'max-length': 1000 },
    'apply-to': 'queues',
  })
  const ch = await side.channel()
  await ch.assertExchange('news', 'topic')
  await ch.assertExchange('dead', 'direct', { durable: true })
  for (let i = 0; i < X_QUEUES; i++) {
    await ch.assertQueue(`news-${i}`, { durable: true })
    await ch.bindQueue(`news-${i}`, 'news', i === 0 ? 'sport.#' : '#')
  }
  await ch.assertQueue('dead', { durable: true })
  await ch.bindQueue('dead', 'dead', 'gone')
  await ch.assertQueue('work', {
    durable: true,
    arguments: { 'x-dead-letter-exchange': 'dead', 'x-dead-letter-routing-key': 'gone' },
  })
  await ch.assertQueue('urgent', { durable: true, maxPriority: 5 })
  await ch.assertQueue('limited', { durable: true })
  await ch.assertQueue('brief', { autoDelete: true, durable: true })
  await ch.assertQueue('quorum', { durable: true, arguments: { 'x-queue-type': 'quorum' } })
  await ch.assertQueue('log', { durable: true, arguments: { 'x-queue-type': 'stream' } })
  await ch.bindQueue('log', 'news', 'log')
  const headers = { CC: ['news-2'], n: 1, big: 2 ** 40, list: [1, 'x'] }
  ch.publish('news', 'sport.golf', Buffer.from('golf'), { headers, messageId: 'm', persistent: true })
  ch.publish('news', 'art', Buffer.from('art'), { correlationId: 'c', persistent: true })
  for (const queue of ['work', 'brief', 'quorum']) await send(ch, queue, 300)
  for (let i = 0; i < 100; i++)
    ch.sendToQueue('urgent', Buffer.from(String(i)), { priority: i % 5, persistent: true })
  for (let i = 0; i < 200; i++)
    ch.sendToQueue('log', Buffer.from(String(i)), { headers: { i }, persistent: true })
  await ch.waitForConfirms()
  const other = await side.channel('a/b')
  await other.assertQueue('ünï/code', { durable: true })
  await send(other, 'ünï/code', 50)
}

/** @param vhostOpen whether guest may look into the other vhost */
export async function checkMoved(from: Side, to: Side): Promise<void> {
  expect(await to.api('GET', 'permissions/a%2Fb/ann')).toMatchObject({ configure: '^ann', write: '.*' })
  expect(await to.api('GET', 'users/ann')).toMatchObject({ tags: ['monitoring'] })
  expect(await to.api('GET', 'policies/%2F/limit')).toMatchObject({ pattern: '^limited$' })
  for (const q of ['work', 'brief', 'quorum', 'urgent', 'news-0', 'news-1', 'news-2'])
    expect([q, await from.ready(q)]).toEqual([q, 0])
  expect(await to.texts('work', 300)).toEqual(texts(300))
  expect(await to.texts('quorum', 300)).toEqual(texts(300))
  const urgent = await to.take('urgent', 100)
  const expected = [4, 3, 2, 1, 0].flatMap((p) => texts(100).filter((t) => Number(t) % 5 === p))
  expect(urgent.map((m) => m.content.toString())).toEqual(expected)
  expect(await to.texts('ünï/code', 50, 'a/b')).toEqual(texts(50))
  // Its routing key and its headers stay, and its CC brings it nowhere else.
  const [golf] = await to.take('news-0', 1)
  expect(golf?.fields.routingKey).toBe('sport.golf')
  expect(golf?.properties).toMatchObject({
    messageId: 'm',
    headers: { CC: ['news-2'], n: 1, big: 2 ** 40, list: [1, 'x'] },
    deliveryMode: 2,
  })
  expect((await to.take('news-1', 2)).map((m) => m.content.toString())).toEqual(['golf', 'art'])
  const [, art] = await to.take('news-2', 2)
  expect(art?.properties.correlationId).toBe('c')
  expect(await to.ready('news-2')).toBe(0)
  const log = await to.take('log', 200, '/', 'first')
  expect(log.map((m) => m.content.toString())).toEqual(texts(200))
  expect(log.map((m) => m.properties.headers?.['i'])).toEqual(texts(200).map(Number))
  // The bindings and the arguments are there as well.
  const ch = await to.channel()
  await ch.assertQueue('dead', { durable: true })
  ch.sendToQueue('work', Buffer.from('rejected'))
  await ch.waitForConfirms()
  const m = await ch.get('work')
  expect(m).not.toBe(false)
  if (m !== false) ch.reject(m, false)
  expect(await to.texts('dead', 1)).toEqual(['rejected'])
}
