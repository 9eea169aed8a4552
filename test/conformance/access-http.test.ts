/** Every operation of the HTTP API, without each right that it needs, one at a time (behaviour.md section 15). */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { MethodId } from '../../src/protocol/generated/constants.ts'
import { type Answer, useHttp } from '../management/target.ts'
import { CH } from '../support/session.ts'
import { differs, fresh, onOracle } from '../support/target.ts'
import { table, Wire } from '../support/wire.ts'

const http = useHttp()
const vhost = fresh('access-http')
const user = fresh('user')
const login = `${user}:secret`
let owner: Wire

type Right = 'configure' | 'write' | 'read'
const everything = { configure: '.*', write: '.*', read: '.*' }

beforeAll(async () => {
  await http.put(`vhosts/${vhost}`)
  await http.put(`permissions/${vhost}/guest`, everything)
  await http.put(`users/${user}`, { password: 'secret', tags: 'policymaker' })
  owner = await Wire.open(http.amqp, { vhost })
  await owner.channel(CH)
  const declare = (queue: string, more: object = {}): Promise<unknown> =>
    owner.call(CH, MethodId.QueueDeclare, { queue, ...more }, MethodId.QueueDeclareOk)
  await declare('q')
  await declare('mine', { exclusive: true })
  const args = { 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': 'dead', 'x-max-length': 0 }
  await declare('dead')
  await declare('origin', { arguments: table(args) })
  for (const exchange of ['x', 'x-other'])
    await owner.call(CH, MethodId.ExchangeDeclare, { exchange, type: 'topic' }, MethodId.ExchangeDeclareOk)
  for (const exchange of ['x-internal'])
    await owner.call(
      CH,
      MethodId.ExchangeDeclare,
      { exchange, type: 'topic', internal: true },
      MethodId.ExchangeDeclareOk,
    )
})
afterAll(async () => {
  await owner.close()
  await http.delete(`vhosts/${vhost}`)
  await http.delete(`users/${user}`)
})

type Call = readonly [method: string, path: string, body?: object]
type Needed = readonly [Right, 'queue' | 'exchange', string]

const getting = { count: 1, ackmode: 'ack_requeue_true', encoding: 'auto' }
const message = (more: object = {}): object => ({
  properties: {},
  routing_key: 'none',
  payload: 'p',
  payload_encoding: 'string',
  ...more,
})

const publish = (x: string): Call => ['POST', `exchanges/V/${x}/publish`, message()]

const operations: [string, readonly Needed[], Call][] = [
  [
    'declares an exchange',
    [['configure', 'exchange', 'x-new']],
    ['PUT', 'exchanges/V/x-new', { type: 'fanout' }],
  ],
  [
    'declares an exchange with an alternate exchange',
    [
      ['configure', 'exchange', 'x-ae'],
      ['read', 'exchange', 'x-ae'],
      ['write', 'exchange', 'x'],
    ],
    ['PUT', 'exchanges/V/x-ae', { type: 'fanout', arguments: { 'alternate-exchange': 'x' } }],
  ],
  ['deletes an exchange', [['configure', 'exchange', 'x-gone']], ['DELETE', 'exchanges/V/x-gone']],
  ['declares a queue', [['configure', 'queue', 'q-new']], ['PUT', 'queues/V/q-new', {}]],
  [
    'declares a queue with a dead-letter exchange',
    [
      ['configure', 'queue', 'q-dlx'],
      ['read', 'queue', 'q-dlx'],
      ['write', 'exchange', 'x'],
    ],
    ['PUT', 'queues/V/q-dlx', { arguments: { 'x-dead-letter-exchange': 'x' } }],
  ],
  ['deletes a queue', [['configure', 'queue', 'q-gone']], ['DELETE', 'queues/V/q-gone']],
  ['purges a queue', [['read', 'queue', 'q']], ['DELETE', 'queues/V/q/contents']],
  ['gets messages', [['read', 'queue', 'q']], ['POST', 'queues/V/q/get', getting]],
  [
    'binds a queue',
    [
      ['write', 'queue', 'q'],
      ['read', 'exchange', 'x'],
    ],
    ['POST', 'bindings/V/e/x/q/q', { routing_key: 'new' }],
  ],
  [
    'binds an exchange',
    [
      ['write', 'exchange', 'x-other'],
      ['read', 'exchange', 'x'],
    ],
    ['POST', 'bindings/V/e/x/e/x-other', { routing_key: 'new' }],
  ],
  [
    'unbinds a queue',
    [
      ['write', 'queue', 'q'],
      ['read', 'exchange', 'x'],
    ],
    ['DELETE', 'bindings/V/e/x/q/q/there'],
  ],
  [
    'unbinds an exchange',
    [
      ['write', 'exchange', 'x-other'],
      ['read', 'exchange', 'x'],
    ],
    ['DELETE', 'bindings/V/e/x/e/x-other/there'],
  ],
  ['publishes', [['write', 'exchange', 'x']], publish('x')],
  ['publishes to the default exchange', [['write', 'exchange', 'amq.default']], publish('amq.default')],
]

/** What only Leveret has. */
const own: [string, readonly Needed[], Call][] = [
  ['peeks', [['read', 'queue', 'q']], ['GET', 'queues/V/q/peek']],
  [
    'redrives',
    [
      ['read', 'queue', 'dead'],
      ['write', 'queue', 'origin'],
      ['write', 'exchange', 'amq.default'],
    ],
    ['POST', 'queues/V/dead/redrive', {}],
  ],
]

const names = [...operations, ...own].flatMap(([, needed]) => needed.map(([, , name]) => name))

/** A regular expression for every name in the tables but one. */
const allBut = (name: string): string =>
  names
    .filter((n) => n !== name)
    .map((n) => `^${n.replaceAll('.', '\\.')}$`)
    .join('|')

const asUser = ([method, path, body]: Call): Promise<Answer> =>
  http.call(method, path.replace(/\/V(?=\/|$)/, `/${vhost}`), body, login)

/** What the operations take away, or find there already. */
async function prepare(): Promise<void> {
  for (const name of ['q-new', 'q-dlx']) await http.delete(`queues/${vhost}/${name}`)
  for (const name of ['x-new', 'x-ae']) await http.delete(`exchanges/${vhost}/${name}`)
  await http.put(`queues/${vhost}/q-gone`)
  await http.put(`exchanges/${vhost}/x-gone`, { type: 'fanout' })
  for (const to of ['q/q', 'e/x-other'])
    await http.post(`bindings/${vhost}/e/x/${to}`, { routing_key: 'there' })
}

async function state(): Promise<unknown> {
  const names = async (path: string): Promise<string[]> =>
    (await http.get(`${path}/${vhost}`)).json.map((o: { name?: string; properties_key: string }) =>
      JSON.stringify([o.name, o.properties_key]),
    )
  return [await names('queues'), await names('exchanges'), await names('bindings')]
}

const rights = (more: Partial<Record<Right, string>> = {}): Promise<Answer> =>
  http.put(`permissions/${vhost}/${user}`, { ...everything, ...more })

function check(rows: typeof operations, run: typeof it): void {
  describe.each(rows)('%s over HTTP', (_name, needed, call) => {
    run('is done with all rights', async () => {
      await rights()
      await prepare()
      const { status } = await asUser(call)
      expect(status).toBeLessThan(300)
    })

    for (const [right, what, name] of needed)
      run(`is refused without the right to ${right} ${what} ${name}`, async () => {
        await prepare()
        await rights({ [right]: allBut(name) })
        if (name === 'origin') {
          owner.publish(CH, { routingKey: 'origin', body: 'dies' })
          await owner.call(
            CH,
            MethodId.QueueDeclare,
            { queue: 'origin', passive: true },
            MethodId.QueueDeclareOk,
          )
        }
        const before = await state()
        const { status, json } = await asUser(call)
        const text = `access to ${what} '${name}' in vhost '${vhost}' refused for user '${user}'`
        if (call[1].endsWith('/publish')) {
          expect(status).toBe(400)
          expect(json).toMatchObject({
            error: 'bad_request',
            reason: expect.stringContaining('403 ACCESS_REFUSED - '),
          })
          expect(json.reason).toContain(text)
        } else {
          expect([status, json.error]).toEqual([401, 'not_authorised'])
          if (!onOracle) expect(json.reason).toContain(`ACCESS_REFUSED - ${right} ${text}`)
        }
        expect(await state()).toEqual(before)
      })
  })
}

check(operations, it)
check(own, differs("peek and redrive are Leveret's own"))

describe("another connection's exclusive queue", () => {
  const refused = async (call: Call): Promise<void> => {
    await rights()
    const { status, json } = await asUser(call)
    expect([status, json.error]).toEqual([400, 'bad_request'])
    expect(json.reason).toContain(`cannot obtain exclusive access to locked queue 'mine' in vhost '${vhost}'`)
  }
  it.each([
    [['PUT', 'queues/V/mine', {}]],
    [['DELETE', 'queues/V/mine']],
    [['DELETE', 'queues/V/mine/contents']],
    [['POST', 'queues/V/mine/get', getting]],
    [['POST', 'bindings/V/e/x/q/mine', { routing_key: 'k' }]],
  ] as [Call][])('is locked for %j', refused)
  differs("peek and redrive are Leveret's own").each([
    [['GET', 'queues/V/mine/peek']],
    [['POST', 'queues/V/mine/redrive', {}]],
  ] as [Call][])('is locked for %j', refused)
})

describe('publishing over HTTP', () => {
  const answerTo = async (x: string, more: object): Promise<Answer> => {
    await rights()
    return await asUser(['POST', `exchanges/V/${x}/publish`, message(more)])
  }

  it.each([
    ['x-internal', {}, '403 ACCESS_REFUSED - cannot publish to internal exchange'],
    [
      'x',
      { properties: { user_id: 'guest' } },
      "406 PRECONDITION_FAILED - user_id property set to 'guest' but authenticated user was",
    ],
    [
      'x',
      { properties: { delivery_mode: 3 } },
      '406 PRECONDITION_FAILED - invalid message: {delivery_mode_unknown,3}',
    ],
    ['x', { properties: { delivery_mode: 0 } }, '{delivery_mode_unknown,0}'],
    [
      'x',
      { properties: { expiration: 'soon' } },
      "406 PRECONDITION_FAILED - invalid expiration 'soon': no_integer",
    ],
    ['x', { properties: { expiration: '-1' } }, '{value_negative,-1}'],
    ['x', { properties: { expiration: '1.5' } }, '{leftover_string,".5"}'],
    [
      'x',
      { properties: { reply_to: 'amq.rabbitmq.reply-to' } },
      '406 PRECONDITION_FAILED - fast reply consumer does not exist',
    ],
    [
      'x',
      { properties: { headers: { CC: 'x' } } },
      '406 PRECONDITION_FAILED - invalid message: {unacceptable_type_in_header,"CC",longstr}',
    ],
  ])('to %s with %j is refused as on a channel', async (x, more, reason) => {
    const { status, json } = await answerTo(x, more)
    expect([status, json.error]).toEqual([400, 'bad_request'])
    expect(json.reason).toContain(reason)
  })

  it.each([
    { priority: '5' },
    { priority: 1.5 },
    { priority: null },
    { delivery_mode: '2' },
    { expiration: 5 },
    { timestamp: 'now' },
    { timestamp: 1e30 },
    { content_type: 5 },
    { content_type: null },
    { user_id: {} },
  ])('with the properties %j is a bad request', async (properties) => {
    expect(await answerTo('x', { properties })).toMatchObject({ status: 400, json: { error: 'bad_request' } })
  })

  differs('RabbitMQ takes them, fails with 500 or cuts them').each([
    { routing_key: 'k'.repeat(256) },
    { routing_key: 'ü'.repeat(128) },
    { routing_key: null },
    { routing_key: 5 },
    { properties: { priority: 256 } },
    { properties: { priority: -1 } },
    { properties: { timestamp: -1 } },
    { properties: { headers: 5 } },
    { properties: { headers: null } },
    { properties: { headers: [1] } },
    { properties: { content_type: 'c'.repeat(256) } },
    { properties: { headers: { ['h'.repeat(256)]: 1 } } },
    { properties: { headers: { a: [{ ['h'.repeat(256)]: 1 }] } } },
    { payload: 'not base64!', payload_encoding: 'base64' },
  ])('with %j is a bad request', async (more) => {
    expect(await answerTo('x', more)).toMatchObject({ status: 400, json: { error: 'bad_request' } })
  })

  it('takes the own name, and any name from an impersonator', async () => {
    expect((await answerTo('x', { properties: { user_id: user } })).json).toEqual({ routed: false })
    await http.put(`users/${user}`, { password: 'secret', tags: 'policymaker,impersonator' })
    expect((await answerTo('x', { properties: { user_id: 'guest' } })).json).toEqual({ routed: false })
    await http.put(`users/${user}`, { password: 'secret', tags: 'policymaker' })
  })

  it('keeps to topic permissions, for CC too', async () => {
    await http.put(`topic-permissions/${vhost}/${user}`, {
      exchange: 'x',
      write: '^open\\.',
      read: '^open\\.',
    })
    const closed = `access to topic 'closed.k' in exchange 'x' in vhost '${vhost}' refused for user '${user}'`
    expect((await answerTo('x', { routing_key: 'open.k' })).status).toBe(200)
    expect((await answerTo('x', { routing_key: 'closed.k' })).json.reason).toContain(closed)
    if (!onOracle) {
      // RabbitMQ 3.10 does not look at them; later versions do.
      const headers = { CC: ['closed.k'] }
      const { json } = await answerTo('x', { routing_key: 'open.k', properties: { headers } })
      expect(json.reason).toContain(closed)
    }
    expect((await asUser(['POST', 'bindings/V/e/x/q/q', { routing_key: 'closed.k' }])).status).toBe(401)
    await http.delete(`topic-permissions/${vhost}/${user}`)
  })

  it('tells where a queue refuses the message', async () => {
    await http.put(`queues/${vhost}/full`, {
      arguments: { 'x-max-length': 0, 'x-overflow': 'reject-publish' },
    })
    const { status, json } = await answerTo('amq.default', { routing_key: 'full' })
    expect([status, json.reason]).toEqual([400, 'rejected Unable to publish message. Check queue limits.'])
  })
})

describe('the flag exclusive', () => {
  it('does not count over HTTP: the queue is there for everybody', async () => {
    await rights()
    expect((await asUser(['PUT', 'queues/V/shared', { exclusive: true }])).status).toBe(201)
    expect((await asUser(['PUT', 'queues/V/shared', { exclusive: true }])).status).toBe(204)
    const { status, json } = await asUser(['GET', 'queues/V/shared'])
    expect([status, json.exclusive]).toEqual([200, false])
    expect((await asUser(['GET', 'queues/V'])).status).toBe(200)
    expect((await asUser(['DELETE', 'queues/V/shared'])).status).toBe(204)
  })
})

describe('names that are too long', () => {
  const long = 'n'.repeat(256)
  it('are refused', async () => {
    await rights()
    expect(await asUser(['PUT', `queues/V/${long}`, {}])).toMatchObject({
      status: 400,
      json: { reason: expect.stringContaining('queue should be less than 255 bytes, actually was 256') },
    })
    // RabbitMQ takes it, and no client can name it.
    if (!onOracle) expect((await asUser(['PUT', `exchanges/V/${long}`, { type: 'direct' }])).status).toBe(400)
  })
})

describe('what is not there', () => {
  it.each([
    [['POST', 'bindings/V/e/x/q/nowhere', {}], "no queue 'nowhere'"],
    [['POST', 'bindings/V/e/nowhere/q/q', {}], "no exchange 'nowhere'"],
  ] as [Call, string][])('is said with 404: %j', async (call, reason) => {
    await rights()
    const { status, json } = await asUser(call)
    expect([status, json.error]).toEqual([404, 'not_found'])
    expect(json.reason).toContain(reason)
  })
})
