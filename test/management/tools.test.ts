/** The HTTP API as tools use it that were made for RabbitMQ: Terraform's provider, KEDA, Flower. */
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { MethodId } from '../../src/protocol/generated/constants.ts'
import { CH, consume, deliveries, session } from '../support/session.ts'
import { differs, fresh } from '../support/target.ts'
import { until } from '../support/until.ts'
import { type Answer, useHttp } from './target.ts'

const http = useHttp()
const amqp = {
  get url() {
    return http.amqp
  },
}
const vhost = fresh('tools')
const user = fresh('tool')
const all = { configure: '.*', write: '.*', read: '.*' }

beforeAll(async () => {
  await http.put(`vhosts/${vhost}`)
  await http.put(`permissions/${vhost}/guest`, all)
  await http.put(`users/${user}`, { password: 'p', tags: '' })
})
afterAll(async () => {
  await http.delete(`users/${user}`)
  await http.delete(`vhosts/${vhost}`)
})

interface Resource {
  readonly path: string
  readonly first: object
  /** Absent: what exists cannot be changed. */
  readonly second?: object
  /** What reading shows of what was sent; default: the same. */
  readonly shown?: (sent: never) => object
}

const newVhost = fresh('tf')
const newUser = fresh('tf')
const resources: Record<string, Resource> = {
  'a vhost': {
    path: `vhosts/${newVhost}`,
    first: { description: 'one', tags: 'a,b' },
    second: { description: 'two', tags: 'c' },
    shown: ({ description, tags }: { description: string; tags: string }) => ({
      name: newVhost,
      description,
      tags: tags.split(','),
    }),
  },
  'a user': {
    path: `users/${newUser}`,
    first: { password: 'one', tags: 'management' },
    second: { password: 'two', tags: 'monitoring,policymaker' },
    shown: ({ tags }: { tags: string }) => ({ name: newUser, tags: tags.split(',') }),
  },
  permissions: {
    path: `permissions/${vhost}/${user}`,
    first: { configure: '^a', write: '^b', read: '^c' },
    second: { configure: '', write: '.*', read: '^d' },
  },
  'an exchange': {
    path: `exchanges/${vhost}/x`,
    first: { type: 'topic', durable: true, auto_delete: false, internal: false, arguments: { a: 1 } },
  },
  'a queue': {
    path: `queues/${vhost}/q`,
    first: { durable: true, auto_delete: false, arguments: { 'x-max-length': 7, 'x-queue-type': 'quorum' } },
  },
  'a policy': {
    path: `policies/${vhost}/p`,
    first: { pattern: '^a', definition: { 'max-length': 1 }, priority: 1, 'apply-to': 'queues' },
    second: { pattern: '^b', definition: { expires: 1000 }, priority: 2, 'apply-to': 'all' },
  },
  'an operator policy': {
    path: `operator-policies/${vhost}/p`,
    first: { pattern: '^a', definition: { 'max-length': 1 }, priority: 1, 'apply-to': 'queues' },
    second: { pattern: '^b', definition: { expires: 1000 }, priority: 2, 'apply-to': 'queues' },
  },
  'a global parameter': {
    path: `global-parameters/${fresh('g')}`,
    first: { value: { a: 1 } },
    second: { value: ['b'] },
  },
}

function isGone({ status }: Answer): void {
  expect(status).toBe(404)
}

describe('the loop of a Terraform provider: create, read, update, read, delete', () => {
  it.each(Object.entries(resources))('of %s', async (_, { path, first, second, shown = (s) => s }) => {
    isGone(await http.get(path))
    expect((await http.put(path, first)).status).toBe(201)
    expect((await http.get(path)).json).toMatchObject(shown(first as never))
    // A second run finds everything as it is.
    expect((await http.put(path, first)).status).toBe(204)
    if (second !== undefined) {
      expect((await http.put(path, second)).status).toBe(204)
      expect((await http.get(path)).json).toMatchObject(shown(second as never))
    }
    expect((await http.delete(path)).status).toBe(204)
    isGone(await http.get(path))
    isGone(await http.delete(path))
  })

  it('of topic permissions', async () => {
    const path = `topic-permissions/${vhost}/${user}`
    for (const read of ['^a', '^b']) {
      const sent = { exchange: 'amq.topic', write: '^w', read }
      expect((await http.put(path, sent)).status).toBeLessThan(205)
      expect((await http.get(path)).json).toEqual([{ user, vhost, ...sent }])
    }
    expect((await http.delete(`${path}/amq.topic`)).status).toBe(204)
    isGone(await http.get(path))
  })

  it('of a binding', async () => {
    for (const name of ['from', 'to']) await http.put(`exchanges/${vhost}/${name}`, { type: 'topic' })
    await http.put(`queues/${vhost}/bound`)
    for (const [letter, destination] of [
      ['q', 'bound'],
      ['e', 'to'],
    ]) {
      const path = `bindings/${vhost}/e/from/${letter}/${destination}`
      const sent = { routing_key: 'a.#', arguments: { n: 'x' } }
      const { status, location } = await http.post(path, sent)
      expect(status).toBe(201)
      const key = location?.split('/').at(-1)
      expect((await http.get(`${path}/${key}`)).json).toMatchObject({ ...sent, source: 'from', destination })
      expect((await http.get(`bindings/${vhost}/`)).json).toContainEqual(expect.objectContaining(sent))
      expect((await http.delete(`${path}/${key}`)).status).toBe(204)
      isGone(await http.get(`${path}/${key}`))
    }
  })

  it('of limits', async () => {
    for (const [path, owner] of [
      [`vhost-limits/${vhost}`, { vhost }],
      [`user-limits/${user}`, { user }],
    ] as const) {
      for (const value of [5, 6]) {
        expect((await http.put(`${path}/max-connections`, { value })).status).toBe(204)
        expect((await http.get(path)).json).toEqual([{ ...owner, value: { 'max-connections': value } }])
      }
      expect((await http.delete(`${path}/max-connections`)).status).toBe(204)
      // RabbitMQ leaves a row without limits, or none.
      expect((await http.get(path)).json[0]?.value ?? {}).toEqual({})
    }
  })

  differs('Debian’s RabbitMQ runs without the shovel plugin here')('of a shovel', async () => {
    const path = `parameters/shovel/${vhost}/s`
    isGone(await http.get(path))
    const rest = { 'src-queue': 's', 'dest-uri': 'amqp://127.0.0.1:1', 'reconnect-delay': 0 }
    for (const [value, status] of [
      [{ 'src-uri': 'amqp://127.0.0.1:1', ...rest }, 201],
      [{ 'src-uri': 'amqp://127.0.0.1:2', ...rest }, 204],
    ] as const) {
      expect((await http.put(path, { value })).status).toBe(status)
      expect((await http.get(path)).json).toMatchObject({ vhost, component: 'shovel', name: 's', value })
    }
    expect((await http.delete(path)).status).toBe(204)
    isGone(await http.delete(path))
  })

  it('reads its lists with a slash at the end', async () => {
    for (const list of [
      'vhosts',
      'users',
      'permissions',
      `queues/${vhost}`,
      `exchanges/${vhost}`,
      'policies',
    ])
      expect((await http.get(`${list}/`)).status).toBe(200)
  })
})

describe('KEDA', () => {
  it('polls one queue, or those whose names match, for lengths and rates', async () => {
    const w = await session(amqp, { vhost })
    for (const queue of ['jobs-a', 'jobs-b', 'other']) {
      await w.call(CH, MethodId.QueueDeclare, { queue }, MethodId.QueueDeclareOk)
      onTestFinished(() => http.delete(`queues/${vhost}/${queue}`).then(() => {}))
      for (let i = 0; i < 3; i++) w.publish(CH, { routingKey: queue })
    }
    await w.call(CH, MethodId.BasicQos, { prefetchCount: 1 }, MethodId.BasicQosOk)
    await consume(w, 'jobs-a')
    await deliveries(w, 1)
    const one = () => http.get(`queues/${vhost}/jobs-a`)
    await until(async () => (await one()).json.messages === 3, 'the statistics')
    await until(async () => (await one()).json.messages_unacknowledged === 1, 'the statistics')
    // RabbitMQ's lengths and rates come at different times.
    await until(async () => {
      const { message_stats: stats } = (await one()).json
      return stats?.publish_details !== undefined && stats.deliver_get_details !== undefined
    }, 'the rates')
    const { json: queue } = await one()
    expect(queue.messages_ready).toBe(2)
    const rates = [queue.message_stats.publish_details.rate, queue.message_stats.deliver_get_details.rate]
    expect(rates).toEqual([expect.any(Number), expect.any(Number)])
    const query = 'page=1&use_regex=true&pagination=false&name=%5Ejobs-&page_size=100'
    const { json: page } = await http.get(`queues/${vhost}?${query}`)
    expect(page.page_count).toBe(1)
    const found = page.items.map((q: { name: string; messages: number }) => [q.name, q.messages])
    expect(found.sort()).toEqual([
      ['jobs-a', 3],
      ['jobs-b', 3],
    ])
    // The scaler that asks over AMQP.
    const declared = await w.call(
      CH,
      MethodId.QueueDeclare,
      { queue: 'jobs-b', passive: true },
      MethodId.QueueDeclareOk,
    )
    expect(declared.messageCount).toBe(3)
  })
})

describe('Flower', () => {
  it('reads the queues of its vhost, with what its page shows', async () => {
    const w = await session(amqp, { vhost })
    await w.call(CH, MethodId.QueueDeclare, { queue: 'celery' }, MethodId.QueueDeclareOk)
    onTestFinished(() => http.delete(`queues/${vhost}/celery`).then(() => {}))
    w.publish(CH, { routingKey: 'celery' })
    await until(async () => {
      const list = (await http.get(`queues/${vhost}`)).json as Record<string, unknown>[]
      const found = list.find((q) => q['name'] === 'celery')
      // RabbitMQ shows a new queue bit by bit.
      return found?.['messages'] === 1 && found['consumers'] === 0 && found['state'] !== undefined
    }, 'the statistics')
    const list = (await http.get(`queues/${vhost}`)).json as { name: string }[]
    expect(list.find((q) => q.name === 'celery')).toMatchObject({
      messages: 1,
      messages_ready: 1,
      messages_unacknowledged: 0,
      consumers: 0,
      state: expect.any(String),
    })
    expect((await http.get(`queues/${vhost}`, 'guest:wrong')).status).toBe(401)
    // Celery's own inspection opens queues passively and purges them.
    expect((await http.delete(`queues/${vhost}/celery/contents`)).status).toBe(204)
  })

  differs('RabbitMQ tells it seconds later')(
    'sees at once what comes and goes, and what has been idle',
    async () => {
      const w = await session(amqp, { vhost })
      await w.call(CH, MethodId.QueueDeclare, { queue: 'quick' }, MethodId.QueueDeclareOk)
      const q = async () => (await http.get(`queues/${vhost}/quick`)).json
      expect((await q()).consumers).toBe(0)
      const tag = await consume(w, 'quick')
      expect((await q()).consumers).toBe(1)
      expect((await http.get(`consumers/${vhost}`)).json).toHaveLength(1)
      expect((await http.get(`vhosts/${vhost}/connections`)).json).toHaveLength(1)
      await w.call(CH, MethodId.BasicCancel, { consumerTag: tag }, MethodId.BasicCancelOk)
      expect((await q()).consumers).toBe(0)
      await w.call(CH, MethodId.QueueDelete, { queue: 'quick' }, MethodId.QueueDeleteOk)
      expect((await http.get(`queues/${vhost}/quick`)).status).toBe(404)
      await w.close()
      expect((await http.get(`vhosts/${vhost}/connections`)).json).toEqual([])
    },
  )
})
