/** Rights hold at once: what changes for a user acts on the next method of channels that are open. */
import { describe, expect, it } from 'vitest'
import { MethodId } from '../../src/protocol/generated/constants.ts'
import { CH, confirmed, confirmSelect, consume, counts, holds } from '../support/session.ts'
import { onOracle } from '../support/target.ts'
import { table } from '../support/wire.ts'
import { allBut, operations } from './operations.ts'
import { cached, handled, refusal, useRights } from './rights-of-a-user.ts'

const r = useRights()

describe.each(operations)('%s', (name, needed, send, answer) => {
  const refused = (what: string, resource: string): [number, string] => [
    403,
    `ACCESS_REFUSED - access to ${what} '${resource}' in vhost '${r.vhost}' refused for user '${r.user}'`,
  ]

  cached.each(needed)(
    'is refused as soon as the right to %s %s %s is taken, where it was done before',
    async (right, what, resource) => {
      const w = await r.open()
      send(w)
      expect((await w.next(CH)).method.id).toBe(answer)
      // Where it exists already, declaring it needs fewer rights.
      await r.owner.call(CH, MethodId.QueueDelete, { queue: 'q-dlx' }, MethodId.QueueDeleteOk)
      await r.owner.call(CH, MethodId.ExchangeDelete, { exchange: 'x-ae' }, MethodId.ExchangeDeleteOk)
      await r.permit({ [right]: allBut(resource) })
      if (name === 'basic.consume') await w.expect(CH, MethodId.BasicCancel)
      send(w)
      expect(await refusal(w)).toEqual(refused(what, resource))
    },
  )

  it.each(needed)(
    'is refused on an open channel without the right to %s %s %s',
    async (right, what, resource) => {
      const w = await r.open()
      await r.permit({ [right]: allBut(resource) })
      send(w)
      expect(await refusal(w)).toEqual(refused(what, resource))
    },
  )

  it('is done as soon as the rights are there', async () => {
    await r.permit({ configure: '', write: '', read: '' })
    const w = await r.open()
    await r.permit({})
    send(w)
    expect((await w.next(CH)).method.id).toBe(answer)
  })

  cached('is refused when all permissions for the vhost have gone', async () => {
    const w = await r.open()
    send(w)
    expect((await w.next(CH)).method.id).toBe(answer)
    expect((await r.http.delete(`permissions/${r.vhost}/${r.user}`)).status).toBe(204)
    if (name === 'basic.consume') await w.expect(CH, MethodId.BasicCancel)
    send(w)
    expect((await refusal(w))[0]).toBe(403)
    // Nothing else has happened to the connection: it is of use again with its rights.
    await r.permit({})
    await w.channel(CH)
    send(w)
    expect((await w.next(CH)).method.id).toBe(answer)
  })
})

describe('a publisher', () => {
  cached('in full flood is refused at the next publish after the change', async () => {
    const w = await r.open()
    await confirmSelect(w)
    for (let i = 0; i < 500; i++) w.publish(CH, { routingKey: 'q', body: 'x' })
    await confirmed(w, 500)
    const change = r.permit({ write: '^x$' })
    let answered = false
    void change.then(() => {
      answered = true
    })
    let sent = 500
    while (!answered) {
      w.publish(CH, { routingKey: 'q', body: 'x' })
      sent++
      await new Promise((resolve) => setImmediate(resolve))
    }
    w.publish(CH, { routingKey: 'q', body: 'too late' })
    while ((await w.next(CH)).method.id !== MethodId.ChannelClose);
    expect((await counts(r.owner, 'q')).messages).toBeLessThanOrEqual(sent)
    const last = await r.owner.call(CH, MethodId.QueuePurge, { queue: 'q' }, MethodId.QueuePurgeOk)
    expect(last.messageCount).toBeGreaterThanOrEqual(500)
  })

  cached('whose routing keys are limited is refused though it has used the key before', async () => {
    const w = await r.open()
    const publish = (routingKey: string): void => w.publish(CH, { exchange: 'x-topic', routingKey })
    const topic = `topic-permissions/${r.vhost}/${r.user}`
    for (const key of ['a.b', 'c.d', 'a.b']) publish(key)
    await handled(w)
    await r.http.put(topic, { exchange: 'x-topic', write: '^c', read: '.*' })
    publish('c.d')
    await handled(w)
    publish('a.b')
    expect(await refusal(w)).toEqual([
      403,
      `ACCESS_REFUSED - access to topic 'a.b' in exchange 'x-topic' in vhost '${r.vhost}' refused for user '${r.user}'`,
    ])
    await w.channel(CH)
    await r.http.delete(topic)
    publish('a.b')
    await handled(w)
  })

  cached('may carry copies only to keys that it still has', async () => {
    const w = await r.open()
    const publish = (): void =>
      w.publish(CH, {
        exchange: 'x-topic',
        routingKey: 'c.d',
        properties: { headers: table({ CC: ['a.b'] }) },
      })
    publish()
    await handled(w)
    await r.http.put(`topic-permissions/${r.vhost}/${r.user}`, {
      exchange: 'x-topic',
      write: '^c',
      read: '.*',
    })
    publish()
    expect((await refusal(w))[1]).toContain("access to topic 'a.b'")
  })

  cached('that has begun a message when its right goes is refused when the message is whole', async () => {
    const w = await r.open()
    w.publish(CH, { routingKey: 'q', body: 'whole' })
    await holds(r.owner, 'q', 1)
    w.send(CH, MethodId.BasicPublish, { routingKey: 'q' })
    await w.call(2, MethodId.ChannelOpen, {}, MethodId.ChannelOpenOk)
    await r.permit({ write: '' })
    // Header frame: class 60, weight 0, an empty body, no properties.
    w.write(Buffer.from([2, 0, CH, 0, 0, 0, 14, 0, 60, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xce]))
    expect((await refusal(w))[0]).toBe(403)
    expect((await counts(r.owner, 'q')).messages).toBe(1)
  })

  it('in a transaction: what was published with the right is committed without it', async () => {
    const w = await r.open()
    await w.call(CH, MethodId.TxSelect, {}, MethodId.TxSelectOk)
    w.publish(CH, { routingKey: 'q', body: 'before' })
    await handled(w)
    await r.permit({ write: '' })
    await w.call(CH, MethodId.TxCommit, {}, MethodId.TxCommitOk)
    await holds(r.owner, 'q', 1)
  })

  cached('in a transaction is refused without the right, and nothing of it is committed', async () => {
    const w = await r.open()
    await w.call(CH, MethodId.TxSelect, {}, MethodId.TxSelectOk)
    w.publish(CH, { routingKey: 'q', body: 'before' })
    await handled(w)
    await r.permit({ write: '' })
    w.publish(CH, { routingKey: 'q', body: 'after' })
    expect((await refusal(w))[0]).toBe(403)
    expect((await counts(r.owner, 'q')).messages).toBe(0)
  })

  it('as another user needs the tag impersonator at that moment', async () => {
    const tags = async (list: string): Promise<void> => {
      expect((await r.http.put(`users/${r.user}`, { password: 'secret', tags: list })).status).toBe(204)
    }
    await tags('impersonator')
    const w = await r.open()
    const publish = (): void => w.publish(CH, { routingKey: 'q', properties: { userId: 'somebody' } })
    publish()
    await handled(w)
    if (onOracle) return
    await tags('')
    publish()
    const e = await w.channelError(CH)
    expect([e.code, e.text]).toEqual([
      406,
      `PRECONDITION_FAILED - user_id property set to 'somebody' but authenticated user was '${r.user}'`,
    ])
    await w.channel(CH)
    await tags('impersonator')
    publish()
    await handled(w)
  })
})

describe('definitions that are loaded', () => {
  cached('change the rights of those who are connected', async () => {
    const w = await r.open()
    await consume(w, 'q')
    w.publish(CH, { exchange: 'x', routingKey: 'k' })
    await handled(w)
    const permission = { user: r.user, vhost: r.vhost, configure: '', write: '^q', read: '' }
    expect((await r.http.post('definitions', { permissions: [permission] })).status).toBe(204)
    await w.expect(CH, MethodId.BasicCancel)
    w.publish(CH, { exchange: 'x', routingKey: 'k' })
    expect((await refusal(w))[0]).toBe(403)
  })
})
