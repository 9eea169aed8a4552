/** Every operation, without each right that it needs, one at a time (behaviour.md section 15). */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { MethodId } from '../../src/protocol/generated/constants.ts'
import { type Http, useHttp } from '../management/target.ts'
import { CH } from '../support/session.ts'
import { fresh, onOracle } from '../support/target.ts'
import { Wire } from '../support/wire.ts'
import { allBut, operations, type Right, withoutRight } from './operations.ts'

const http = useHttp()
const admin = (): Http => http
const vhost = fresh('access')
const user = fresh('user')
let owner: Wire

beforeAll(async () => {
  const all = { configure: '.*', write: '.*', read: '.*' }
  await admin().put(`vhosts/${vhost}`)
  await admin().put(`permissions/${vhost}/guest`, all)
  await admin().put(`users/${user}`, { password: 'secret', tags: '' })
  owner = await Wire.open(http.amqp, { vhost })
  await owner.channel(CH)
  for (const queue of ['q', 'q-other'])
    await owner.call(CH, MethodId.QueueDeclare, { queue }, MethodId.QueueDeclareOk)
  for (const exchange of ['x', 'x-other', 'x-topic'])
    await owner.call(CH, MethodId.ExchangeDeclare, { exchange, type: 'topic' }, MethodId.ExchangeDeclareOk)
})
afterAll(async () => {
  await owner.close()
  await admin().delete(`vhosts/${vhost}`)
  await admin().delete(`users/${user}`)
})

async function withRights(rights: Partial<Record<Right, string>>): Promise<Wire> {
  const permission = { configure: '.*', write: '.*', read: '.*', ...rights }
  await admin().put(`permissions/${vhost}/${user}`, permission)
  const w = await Wire.open(http.amqp, { vhost, user, password: 'secret' })
  await w.channel(CH)
  return w
}

describe.each(operations)('%s', (_name, needed, send, answer) => {
  it('is done with all rights', async () => {
    const w = await withRights({})
    send(w)
    expect((await w.next(CH)).method.id).toBe(answer)
    for (const queue of ['q-new', 'q-dlx'])
      await w.call(CH, MethodId.QueueDelete, { queue }, MethodId.QueueDeleteOk)
    for (const exchange of ['x-new', 'x-ae'])
      await w.call(CH, MethodId.ExchangeDelete, { exchange }, MethodId.ExchangeDeleteOk)
    await w.close()
  })

  it.each(needed)('is refused without the right to %s %s %s', async (right, what, name) => {
    const w = await withRights({ [right]: allBut(name) })
    send(w)
    const e = await w.channelError(CH)
    expect([e.code, withoutRight(e.text)]).toEqual([
      403,
      `ACCESS_REFUSED - access to ${what} '${name}' in vhost '${vhost}' refused for user '${user}'`,
    ])
    if (!onOracle) expect(e.text).toContain(`- ${right} access`)
    await w.close()
  })
})

describe('topic permissions', () => {
  it('limit routing keys on publishing and binding, with variables', async () => {
    await admin().put(`topic-permissions/${vhost}/${user}`, {
      exchange: 'x-topic',
      write: '^{username}\\.',
      read: '^open\\.',
    })
    const w = await withRights({})
    w.publish(CH, { exchange: 'x-topic', routingKey: `${user}.event` })
    await w.call(
      CH,
      MethodId.QueueBind,
      { queue: 'q', exchange: 'x-topic', routingKey: 'open.#' },
      MethodId.QueueBindOk,
    )
    w.publish(CH, { exchange: 'x-topic', routingKey: 'other.event' })
    let e = await w.channelError(CH)
    expect([e.code, withoutRight(e.text)]).toEqual([
      403,
      `ACCESS_REFUSED - access to topic 'other.event' in exchange 'x-topic' in vhost '${vhost}' refused for user '${user}'`,
    ])
    await w.channel(CH)
    w.send(CH, MethodId.QueueBind, { queue: 'q', exchange: 'x-topic', routingKey: 'secret.#' })
    e = await w.channelError(CH)
    expect(e.text).toContain("access to topic 'secret.#' in exchange 'x-topic'")
    await w.close()
    await admin().delete(`topic-permissions/${vhost}/${user}`)
  })
})

describe('a user without permissions in a vhost', () => {
  it('cannot open it', async () => {
    await admin().delete(`permissions/${vhost}/${user}`)
    const w = await Wire.open(http.amqp, { vhost, user, password: 'secret' }).catch((e: Error) => e.message)
    expect(String(w)).toContain(`access to vhost '${vhost}' refused for user '${user}'`)
  })
})
