/** Redrive moves nothing where its user may not write. */
import { beforeAll, describe, expect, it } from 'vitest'
import { type Answer, useHttp } from './target.ts'

const http = useHttp()
const message = { properties: {}, payload: 'p', payload_encoding: 'string' }
const publish = (x: string, routing_key: string): Promise<Answer> =>
  http.post(`exchanges/%2F/${x}/publish`, { ...message, routing_key })
const held = async (queue: string): Promise<number> =>
  (await http.get(`queues/%2F/${queue}/peek?count=100`)).json.length

/** Dead letters that came to `open` and `closed`, through the exchange x, are in `dead`. */
beforeAll(async () => {
  await http.put('users/mover', { password: 'p', tags: 'policymaker' })
  await http.put('queues/%2F/dead')
  await http.put('exchanges/%2F/x', { type: 'topic' })
  for (const name of ['open', 'closed']) {
    const args = { 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': 'dead', 'x-max-length': 0 }
    await http.put(`queues/%2F/${name}`, { arguments: args })
    await http.post(`bindings/%2F/e/x/q/${name}`, { routing_key: name })
    await publish('x', name)
    await http.delete(`queues/%2F/${name}`)
    await http.put(`queues/%2F/${name}`)
  }
  expect(await held('dead')).toBe(2)
})

const redrive = async (write: string, read = '^dead$', body: object = {}): Promise<Answer> => {
  await http.put('permissions/%2F/mover', { configure: '', write, read })
  return await http.call('POST', 'queues/%2F/dead/redrive', body, 'mover:p')
}
const state = async (): Promise<number[]> => [await held('dead'), await held('open'), await held('closed')]

describe('redrive', () => {
  it.each([
    ['^x$|^open$|^closed$', '', "read access to queue 'dead'"],
    ['', '^dead$', "write access to exchange 'x'"],
    ['^open$|^closed$', '^dead$', "write access to exchange 'x'"],
    ['^x$', '^dead$', "write access to queue 'open'"],
  ])('with the right to write %s and to read %s is refused', async (write, read, reason) => {
    const { status, json } = await redrive(write, read)
    expect([status, json.error]).toEqual([401, 'not_authorised'])
    expect(json.reason).toContain(reason)
    expect(await state()).toEqual([2, 0, 0])
  })

  it('is refused where a topic permission forbids the key', async () => {
    await http.put('topic-permissions/%2F/mover', { exchange: 'x', write: '^other$', read: '' })
    const { status, json } = await redrive('^x$|^open$|^closed$')
    expect([status, json.reason]).toEqual([
      401,
      expect.stringContaining("access to topic 'open' in exchange 'x'"),
    ])
    await http.delete('topic-permissions/%2F/mover')
    expect(await state()).toEqual([2, 0, 0])
  })

  it('leaves what may not be moved, and moves the rest', async () => {
    expect(await redrive('^x$|^open$')).toMatchObject({ status: 200, json: { moved: 1, skipped: 1 } })
    expect(await state()).toEqual([1, 1, 0])
    expect(await redrive('^x$|^closed$')).toMatchObject({ status: 200, json: { moved: 1, skipped: 0 } })
    expect(await state()).toEqual([0, 1, 1])
  })
})
