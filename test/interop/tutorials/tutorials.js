// The steps of RabbitMQ's seven tutorials with amqplib, as their readers write them; names get a prefix.
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import amqp from 'amqplib'

const [port, prefix] = process.argv.slice(2)
const connection = await amqp.connect(`amqp://localhost:${port}`)
const channel = await connection.createChannel()
const quorum = { durable: true, arguments: { 'x-queue-type': 'quorum' } }

/** The next bodies of a queue, in order. */
async function take(queue, count) {
  const bodies = []
  const { consumerTag } = await channel.consume(queue, (m) => bodies.push(m.content.toString()), {
    noAck: true,
  })
  await until(() => bodies.length >= count)
  await channel.cancel(consumerTag)
  return bodies
}

async function until(done) {
  for (let i = 0; !done(); i++) {
    assert(i < 1000, 'what was waited for has not come')
    await sleep(10)
  }
}

async function receiver(exchange, ...keys) {
  const { queue } = await channel.assertQueue('', { exclusive: true })
  for (const key of keys) await channel.bindQueue(queue, exchange, key)
  return queue
}

async function hello() {
  const queue = `${prefix}hello`
  await channel.assertQueue(queue, quorum)
  channel.sendToQueue(queue, Buffer.from('Hello World!'))
  assert.deepEqual(await take(queue, 1), ['Hello World!'])
}

async function workQueues() {
  const queue = `${prefix}task_queue`
  await channel.assertQueue(queue, quorum)
  const done = [[], []]
  for (const mine of done) {
    const worker = await connection.createChannel()
    await worker.prefetch(1)
    await worker.consume(queue, (m) => {
      mine.push(m.content.toString())
      worker.ack(m)
    })
  }
  for (let n = 0; n < 6; n++) channel.sendToQueue(queue, Buffer.from(`task ${n}`), { persistent: true })
  await until(() => done.flat().length === 6)
  assert.deepEqual(
    done.flat().sort(),
    Array.from({ length: 6 }, (_, n) => `task ${n}`),
  )
  assert(done.every((mine) => mine.length > 0))
}

async function publishAndSubscribe() {
  const logs = `${prefix}logs`
  await channel.assertExchange(logs, 'fanout', { durable: false })
  const subscribers = [await receiver(logs, ''), await receiver(logs, '')]
  channel.publish(logs, '', Buffer.from('info: Hello World!'))
  for (const queue of subscribers) assert.deepEqual(await take(queue, 1), ['info: Hello World!'])
}

async function routing() {
  const logs = `${prefix}direct_logs`
  await channel.assertExchange(logs, 'direct', { durable: false })
  const disk = await receiver(logs, 'error')
  const screen = await receiver(logs, 'info', 'warning', 'error')
  for (const severity of ['info', 'warning', 'error', 'debug'])
    channel.publish(logs, severity, Buffer.from(severity))
  assert.deepEqual(await take(disk, 1), ['error'])
  assert.deepEqual(await take(screen, 3), ['info', 'warning', 'error'])
}

async function topics() {
  const logs = `${prefix}topic_logs`
  await channel.assertExchange(logs, 'topic', { durable: false })
  const [every, kernel, critical] = [
    await receiver(logs, '#'),
    await receiver(logs, 'kern.*'),
    await receiver(logs, '*.critical'),
  ]
  const keys = ['kern.critical', 'kern.info', 'cron.critical', 'a.b.c']
  for (const key of keys) channel.publish(logs, key, Buffer.from(key))
  assert.deepEqual(await take(every, 4), keys)
  assert.deepEqual(await take(kernel, 2), keys.slice(0, 2))
  assert.deepEqual(await take(critical, 2), ['kern.critical', 'cron.critical'])
}

function fibonacci(n) {
  return n < 2 ? n : fibonacci(n - 1) + fibonacci(n - 2)
}

async function remoteCalls() {
  const serving = await connection.createChannel()
  const queue = `${prefix}rpc_queue`
  await serving.assertQueue(queue, quorum)
  await serving.prefetch(1)
  await serving.consume(queue, (m) => {
    const answer = Buffer.from(String(fibonacci(Number(m.content))))
    serving.sendToQueue(m.properties.replyTo, answer, { correlationId: m.properties.correlationId })
    serving.ack(m)
  })
  const callback = await channel.assertQueue('', { exclusive: true })
  const answers = []
  await channel.consume(
    callback.queue,
    (m) => answers.push([m.properties.correlationId, m.content.toString()]),
    { noAck: true },
  )
  const correlationId = randomUUID()
  channel.sendToQueue(queue, Buffer.from('12'), { correlationId, replyTo: callback.queue })
  await until(() => answers.length > 0)
  assert.deepEqual(answers, [[correlationId, '144']])
}

async function confirms() {
  const confirming = await connection.createConfirmChannel()
  const { queue } = await confirming.assertQueue('', { exclusive: true })
  let confirmed = 0
  for (let n = 0; n < 50; n++)
    confirming.sendToQueue(queue, Buffer.from(String(n)), {}, (error) => {
      assert.equal(error, null)
      confirmed++
    })
  await confirming.waitForConfirms()
  assert.equal(confirmed, 50)
  assert.equal((await confirming.checkQueue(queue)).messageCount, 50)
}

for (const step of [hello, workQueues, publishAndSubscribe, routing, topics, remoteCalls, confirms])
  await step()
await connection.close()
