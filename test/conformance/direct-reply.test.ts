import { describe, expect, it } from 'vitest'
import { MethodId } from '../../src/protocol/generated/constants.ts'
import { CH, consume, declareQueue, get, holds, session } from '../support/session.ts'
import { fresh, useTarget } from '../support/target.ts'

const t = useTarget()
const REPLY_TO = 'amq.rabbitmq.reply-to'

describe('direct reply-to', () => {
  it('brings the answer straight to the channel that asked', async () => {
    const asking = await session(t)
    const answering = await session(t)
    const requests = await declareQueue(answering)
    const consumerTag = await consume(asking, REPLY_TO, { noAck: true })
    asking.publish(CH, {
      routingKey: requests,
      body: 'question',
      properties: { replyTo: REPLY_TO, correlationId: '1' },
    })
    await holds(answering, requests, 1)
    const request = await get(answering, requests)
    const replyTo = request?.properties?.replyTo ?? ''
    expect(replyTo).toMatch(/^amq\.rabbitmq\.reply-to\.[^.]+\.[^.]{22}==$/)
    expect(String(request?.body)).toBe('question')
    const found = await answering.call(
      CH,
      MethodId.QueueDeclare,
      { queue: replyTo, passive: true },
      MethodId.QueueDeclareOk,
    )
    expect(found).toMatchObject({ messageCount: 0, consumerCount: 1 })
    answering.publish(CH, {
      routingKey: replyTo,
      body: 'answer',
      mandatory: true,
      properties: { correlationId: '1' },
    })
    const reply = await asking.receive(CH, MethodId.BasicDeliver)
    expect(reply.method).toMatchObject({ consumerTag, exchange: '', routingKey: replyTo, redelivered: false })
    expect([String(reply.body), reply.properties?.correlationId]).toEqual(['answer', '1'])
  })

  it('is over when its consumer is cancelled', async () => {
    const w = await session(t)
    const q = await declareQueue(w)
    const consumerTag = await consume(w, REPLY_TO, { noAck: true })
    w.publish(CH, { routingKey: q, properties: { replyTo: REPLY_TO } })
    await holds(w, q, 1)
    const queue = (await get(w, q))?.properties?.replyTo ?? ''
    await w.call(CH, MethodId.BasicCancel, { consumerTag }, MethodId.BasicCancelOk)
    const other = await session(t)
    other.send(CH, MethodId.QueueDeclare, { queue, passive: true })
    expect((await other.channelError(CH)).code).toBe(404)
  })

  it('is missed before a wrong user-id or expiration: 406', async () => {
    const w = await session(t)
    const properties = { replyTo: REPLY_TO, userId: 'nobody', expiration: 'soon' }
    w.publish(CH, { routingKey: 'q', properties })
    expect(await w.channelError(CH)).toMatchObject({
      code: 406,
      text: 'PRECONDITION_FAILED - fast reply consumer does not exist',
    })
  })

  it('wants no acknowledgements: 406', async () => {
    const w = await session(t)
    w.send(CH, MethodId.BasicConsume, { queue: REPLY_TO })
    expect(await w.channelError(CH)).toMatchObject({
      code: 406,
      text: 'PRECONDITION_FAILED - reply consumer cannot acknowledge',
    })
  })

  it('has one consumer a channel: 406', async () => {
    const w = await session(t)
    await consume(w, REPLY_TO, { noAck: true })
    w.send(CH, MethodId.BasicConsume, { queue: REPLY_TO, noAck: true })
    expect(await w.channelError(CH)).toMatchObject({
      code: 406,
      text: 'PRECONDITION_FAILED - reply consumer already set',
    })
  })

  it('needs the consumer before the request: 406', async () => {
    const w = await session(t)
    w.publish(CH, { routingKey: fresh('q'), properties: { replyTo: REPLY_TO } })
    expect(await w.channelError(CH)).toMatchObject({
      code: 406,
      text: 'PRECONDITION_FAILED - fast reply consumer does not exist',
    })
  })
})
