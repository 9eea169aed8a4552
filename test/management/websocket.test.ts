import { once } from 'node:events'
import type { Socket } from 'node:net'
import { describe, expect, it, onTestFinished } from 'vitest'
import { createWebSocketStream, WebSocket } from 'ws'
import { createBroker } from '../../src/index.ts'
import { MethodId } from '../../src/protocol/generated/constants.ts'
import { Wire } from '../support/wire.ts'

describe('AMQP over WebSocket', () => {
  it('works as over TCP, in both directions and with large messages', async () => {
    const broker = await createBroker({ port: 0, managementPort: 0 })
    onTestFinished(() => broker.close())
    const ws = new WebSocket(`ws://127.0.0.1:${broker.managementPort}/ws/amqp`, 'amqp')
    await once(ws, 'open')
    expect(ws.protocol).toBe('amqp')
    const w = await Wire.over(createWebSocketStream(ws) as unknown as Socket)
    await w.channel(1)
    await w.call(1, MethodId.QueueDeclare, { queue: 'q' }, MethodId.QueueDeclareOk)
    const body = Buffer.alloc(500_000, 'x')
    w.publish(1, { routingKey: 'q', body })
    await w.call(1, MethodId.BasicConsume, { queue: 'q', noAck: true }, MethodId.BasicConsumeOk)
    expect((await w.receive(1, MethodId.BasicDeliver)).body?.equals(body)).toBe(true)
    expect(broker.connections()).toBe(1)
    await w.close()
  })

  it('does not keep the broker from closing: its clients are told as others are', async () => {
    const broker = await createBroker({ port: 0, managementPort: 0 })
    const ws = new WebSocket(`ws://127.0.0.1:${broker.managementPort}/ws/amqp`, 'amqp')
    await once(ws, 'open')
    const w = await Wire.over(createWebSocketStream(ws) as unknown as Socket)
    const closed = broker.close()
    expect((await w.expect(0, MethodId.ConnectionClose)).replyCode).toBe(320)
    w.send(0, MethodId.ConnectionCloseOk, {})
    await closed
  })

  it.each([
    ['http://localhost:3000', true],
    ['http://127.0.0.2', true],
    ['https://[::1]:1', true],
    ['https://example.org', false],
    ['http://127.example.org', false],
    ['http://localhost.example.org', false],
    ['null', false],
  ])('lets guest in from pages of this machine: %s', async (origin, isHere) => {
    const broker = await createBroker({ port: 0, managementPort: 0 })
    onTestFinished(() => broker.close())
    const ws = new WebSocket(`ws://127.0.0.1:${broker.managementPort}/ws/amqp`, 'amqp', { origin })
    onTestFinished(() => ws.terminate())
    await once(ws, 'open')
    const login = Wire.over(createWebSocketStream(ws) as unknown as Socket)
    if (isHere) await login
    else await expect(login).rejects.toThrow('ACCESS_REFUSED')
  })

  it('is at its path only', async () => {
    const broker = await createBroker({ port: 0, managementPort: 0 })
    onTestFinished(() => broker.close())
    const ws = new WebSocket(`ws://127.0.0.1:${broker.managementPort}/elsewhere`)
    const [error] = (await once(ws, 'error')) as [Error]
    expect(error.message).toContain('404')
  })
})
