/** Errors that the tests of a method leave out: those that it shares with other methods. */
import { describe, expect, it } from 'vitest'
import { MethodId } from '../../src/protocol/generated/constants.ts'
import { bindQueue, CH, declareExchange, declareQueue, refused, session } from '../support/session.ts'
import { fresh, useTarget } from '../support/target.ts'
import { table, type Wire } from '../support/wire.ts'

const t = useTarget()

describe('a queue without a name, where none has been declared', () => {
  it.each<[string, (w: Wire) => void]>([
    ['queue.bind', (w) => w.send(CH, MethodId.QueueBind, { exchange: 'amq.direct', routingKey: 'k' })],
    ['queue.unbind', (w) => w.send(CH, MethodId.QueueUnbind, { exchange: 'amq.direct', routingKey: 'k' })],
    ['queue.delete', (w) => w.send(CH, MethodId.QueueDelete)],
    ['queue.purge', (w) => w.send(CH, MethodId.QueuePurge)],
    ['basic.get', (w) => w.send(CH, MethodId.BasicGet)],
    ['basic.consume', (w) => w.send(CH, MethodId.BasicConsume)],
  ])('%s is 404', async (_, send) => {
    const w = await session(t)
    send(w)
    expect(await refused(w)).toEqual([404, 'NOT_FOUND - no previously declared queue'])
  })
})

describe('an exclusive queue of another connection', () => {
  it.each<[string, (w: Wire, queue: string) => void]>([
    ['queue.bind', (w, queue) => w.send(CH, MethodId.QueueBind, { queue, exchange: 'amq.direct' })],
    ['queue.unbind', (w, queue) => w.send(CH, MethodId.QueueUnbind, { queue, exchange: 'amq.direct' })],
    ['queue.delete', (w, queue) => w.send(CH, MethodId.QueueDelete, { queue })],
    ['queue.purge', (w, queue) => w.send(CH, MethodId.QueuePurge, { queue })],
    ['basic.get', (w, queue) => w.send(CH, MethodId.BasicGet, { queue })],
    ['basic.consume', (w, queue) => w.send(CH, MethodId.BasicConsume, { queue })],
  ])('%s is 405', async (_, send) => {
    const [owner, w] = [await session(t), await session(t)]
    const queue = await declareQueue(owner)
    // What is not bound can be unbound by anybody.
    await bindQueue(owner, queue, 'amq.direct')
    send(w, queue)
    const [code, text] = await refused(w)
    expect([code, text]).toEqual([
      405,
      expect.stringContaining(`exclusive access to locked queue '${queue}'`),
    ])
  })
})

describe('others', () => {
  it.each([
    [{ autoDelete: true, exclusive: true }, 'auto-delete'],
    [{ exclusive: true }, 'exclusive-owner'],
    [{}, 'non-durable'],
  ])('a quorum queue with %o that is not durable is refused for %s', async (fields, property) => {
    const w = await session(t)
    const args = table({ 'x-queue-type': 'quorum' })
    w.send(CH, MethodId.QueueDeclare, { ...fields, queue: 'q', arguments: args })
    const text = `PRECONDITION_FAILED - invalid property '${property}' for queue 'q' in vhost '/'`
    expect(await refused(w)).toEqual([406, text])
  })

  it('the queue declared last is not meant by an empty name of a passive declaration: 404', async () => {
    const w = await session(t)
    await declareQueue(w)
    w.send(CH, MethodId.QueueDeclare, { passive: true })
    expect(await refused(w)).toEqual([404, "NOT_FOUND - no queue '' in vhost '/'"])
  })

  it('queue.unbind of what is not bound is answered, though the queue is another connection’s', async () => {
    const [owner, w] = [await session(t), await session(t)]
    const queue = await declareQueue(owner)
    await w.call(CH, MethodId.QueueUnbind, { queue, exchange: 'amq.direct' }, MethodId.QueueUnbindOk)
  })

  it('queue.bind with an x-match that is none is 406, though the queue is another connection’s', async () => {
    const [owner, w] = [await session(t), await session(t)]
    const queue = await declareQueue(owner)
    w.send(CH, MethodId.QueueBind, {
      queue,
      exchange: 'amq.headers',
      arguments: table({ 'x-match': 'some' }),
    })
    expect((await refused(w))[0]).toBe(406)
  })

  it('exchange.bind with an x-match that is none is 406', async () => {
    const w = await session(t)
    const [source, destination] = [await declareExchange(w, 'headers'), await declareExchange(w, 'fanout')]
    w.send(CH, MethodId.ExchangeBind, { source, destination, arguments: table({ 'x-match': 'some' }) })
    expect((await refused(w))[0]).toBe(406)
  })

  it.each(['source', 'destination'] as const)('exchange.bind without the %s is 404', async (which) => {
    const w = await session(t)
    const x = await declareExchange(w, 'fanout')
    const missing = fresh('missing')
    w.send(CH, MethodId.ExchangeBind, { source: x, destination: x, [which]: missing })
    expect(await refused(w)).toEqual([404, `NOT_FOUND - no exchange '${missing}' in vhost '/'`])
  })

  it('basic.recover-async without requeue is 540', async () => {
    const w = await session(t)
    w.send(CH, MethodId.BasicRecoverAsync, { requeue: false })
    const e = await w.connectionError()
    expect([e.code, e.text]).toEqual([540, 'NOT_IMPLEMENTED - requeue=false'])
  })
})
