/** A broker on a laptop that sleeps: the process stands still for a while, or finds the clock an hour further on, or back. */
import { describe, expect, it, onTestFinished } from 'vitest'
import { MethodId } from '../../src/protocol/generated/constants.ts'
import { testFolder } from '../support/folder.ts'
import { type BrokerProcess, startProcess } from '../support/process.ts'
import {
  bindQueue,
  CH,
  confirmSelect,
  consume,
  counts,
  declareExchange,
  declareQueue,
  get,
  holds,
  session,
} from '../support/session.ts'
import { cameTrue, until } from '../support/until.ts'
import { table, type Wire } from '../support/wire.ts'
import { ask, failuresIn, INSIDE } from '../torture/vitals.ts'

const HOUR = 3_600_000
const HEARTBEAT = Buffer.from([8, 0, 0, 0, 0, 0, 0, 0xce])

async function started(more: readonly string[] = []): Promise<BrokerProcess> {
  const dir = testFolder('sleep')
  const broker = await startProcess(dir, 0, more, {}, INSIDE)
  onTestFinished(async () => {
    expect(failuresIn(broker)).toEqual([])
    expect(await broker.stop('SIGTERM')).toBe(0)
  })
  return broker
}

/** A client that sends a heartbeat as often as it has to. */
async function beating(broker: BrokerProcess, seconds: number): Promise<Wire> {
  const w = await session(broker, { heartbeat: seconds })
  const written = (): boolean => {
    if (!w.closed) w.write(HEARTBEAT)
    return w.closed
  }
  void cameTrue(written, HOUR, (seconds * 1000) / 2)
  return w
}

/** The broker sends its own heartbeats: so many have come from now on. */
async function beats(w: Wire, count: number): Promise<void> {
  const before = w.heartbeats
  await until(() => w.closed || w.heartbeats >= before + count, 'heartbeats')
  expect(w.closed).toBe(false)
}

async function publishesAndGets(w: Wire): Promise<void> {
  const queue = await declareQueue(w)
  w.publish(CH, { routingKey: queue, body: 'there', properties: { deliveryMode: 2 } })
  await holds(w, queue, 1)
  expect(String((await get(w, queue))?.body)).toBe('there')
}

describe.each([
  ['forward', HOUR],
  ['back', -HOUR],
])('the clock of a process that goes %s by an hour', (_, offset) => {
  it('ends no connection, and heartbeats go on', async () => {
    const broker = await started()
    const w = await beating(broker, 1)
    await beats(w, 2)
    await ask(broker, offset)
    await beats(w, 6)
    await publishesAndGets(w)
  })

  it('changes nothing for what is declared and published from then on', async () => {
    const broker = await started()
    const w = await session(broker)
    await ask(broker, offset)
    const dead = await declareQueue(w)
    const toDead = { 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': dead }
    const queue = await declareQueue(w, { arguments: table({ 'x-message-ttl': 50, ...toDead }) })
    w.publish(CH, { routingKey: queue })
    await holds(w, dead, 1)
    const x = await declareExchange(w, 'x-delayed-message', {
      arguments: table({ 'x-delayed-type': 'fanout' }),
    })
    await bindQueue(w, dead, x)
    w.publish(CH, { exchange: x, properties: { headers: table({ 'x-delay': 50 }) } })
    await holds(w, dead, 2)
    await publishesAndGets(w)
  })

  it('changes nothing for a queue with x-expires that was there before', async () => {
    const broker = await started()
    const w = await session(broker)
    const queue = await declareQueue(w, { exclusive: false, arguments: table({ 'x-expires': 1_000 }) })
    const kept = await declareQueue(w, { exclusive: false, arguments: table({ 'x-expires': HOUR / 2 }) })
    await ask(broker, offset)
    await get(w, kept)
    const other = await session(broker)
    await confirmSelect(other)
    // A message does not count as use of the queue; one that comes back shows that it is gone.
    await until(async () => {
      other.publish(CH, { routingKey: queue, mandatory: true })
      if ((await other.next(CH)).method.id === MethodId.BasicAck) return false
      await other.expect(CH, MethodId.BasicAck)
      return true
    }, 'the end of the queue')
    expect((await counts(w, kept)).messages).toBe(0)
  })
})

describe('a clock that goes forward by an hour', () => {
  it('lets expire what would have expired meanwhile, as soon as somebody looks', async () => {
    const broker = await started()
    const w = await session(broker)
    const queue = await declareQueue(w)
    w.publish(CH, { routingKey: queue, properties: { expiration: String(HOUR / 2) } })
    w.publish(CH, { routingKey: queue, body: 'stays' })
    await holds(w, queue, 2)
    await ask(broker, HOUR)
    expect(String((await get(w, queue))?.body)).toBe('stays')
  })
})

describe('a process that stands still', () => {
  it('loses nothing, blames no client, and does then what was due', async () => {
    const broker = await started()
    const w = await beating(broker, 1)
    await confirmSelect(w)
    const dead = await declareQueue(w)
    const toDead = { 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': dead }
    const queue = await declareQueue(w, { arguments: table({ 'x-message-ttl': 1_000, ...toDead }) })
    const consumed = await declareQueue(w)
    await consume(w, consumed, { noAck: true })
    broker.child.kill('SIGSTOP')
    const began = performance.now()
    for (let n = 0; n < 100; n++)
      for (const routingKey of [queue, consumed])
        w.publish(CH, { routingKey, body: String(n), properties: { deliveryMode: 2 } })
    // Three intervals, behind two of which a client without a sign of life is given up.
    await until(() => performance.now() - began > 3_000, 'three seconds')
    broker.child.kill('SIGCONT')
    const both = { acks: 0, bodies: [] as string[] }
    while (both.bodies.length < 100 || both.acks < 200) {
      const { method, body } = await w.next(CH)
      if (method.id === MethodId.BasicAck) both.acks = method.multiple ? method.deliveryTag : both.acks + 1
      else both.bodies.push(String(body))
    }
    expect(both.bodies).toEqual(Array.from({ length: 100 }, (_, n) => String(n)))
    await holds(w, dead, 100)
    await beats(w, 2)
    await publishesAndGets(await session(broker))
  })
})
