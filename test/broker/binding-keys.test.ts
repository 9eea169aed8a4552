/** The keys of bindings in the store: sorted as their destinations, and those of format 2 in a folder that has some. */
import { expect, it } from 'vitest'
import type { Vhost } from '../../src/broker/vhost.ts'
import { FieldTable } from '../../src/protocol/field-table.ts'
import { MemoryStorage } from '../../src/storage/memory/memory-storage.ts'
import { MANY, start } from '../support/restarts.ts'

const none = FieldTable.empty

/** Characters of a key of format 2: its kind and a digest of 32 octets. */
const FORMER_LENGTH = 'binding:'.length + 43

const keys = (storage: MemoryStorage): string[] => Array.from(storage.scan('binding:'), (e) => e.key)

/** Gives all bindings in the store the keys of format 2. */
async function giveFormerKeys(storage: MemoryStorage): Promise<void> {
  for (const { key, value } of [...storage.scan('binding:')]) {
    const former = `binding:${key.slice(-43)}`
    await storage.write([
      { op: 'delete', key },
      { op: 'put', key: former, value },
    ])
  }
}

const bound = (vhost: Vhost): string[] => Array.from(vhost.bindings, (b) => b.routingKey).sort()

it('bindings are stored in the order of their queues', async () => {
  const storage = new MemoryStorage({ keeps: true })
  const { broker, vhost, exchange, queue } = start(storage)
  const x = exchange('x')
  for (let i = 0; i < 50; i++)
    for (const key of ['a', 'b', 'c']) vhost.bind(x, vhost.queues.get(`q${i}`) ?? queue(`q${i}`), key, none)
  await broker.commit.flush()
  const value = (v: Uint8Array) => JSON.parse(Buffer.from(v).toString())
  const queues = Array.from(storage.scan('queue:'), (e) => value(e.value).name)
  const destinations = Array.from(storage.scan('binding:'), (e) => value(e.value).destination)
  expect(destinations).toHaveLength(150)
  expect([...new Set(destinations)]).toEqual(queues)
  expect(destinations.filter((d, i) => d !== destinations[i - 1])).toEqual(queues)
})

it('bindings under former keys are removed from the store with all others', async () => {
  const storage = new MemoryStorage({ keeps: true })
  const first = start(storage)
  const [x, q] = [first.exchange('x'), first.queue('q')]
  for (const key of ['a', 'b']) first.vhost.bind(x, q, key, none)
  await first.broker.commit.flush()
  await giveFormerKeys(storage)
  const second = await first.restart()
  const { vhost } = second
  const [x2, q2] = [vhost.exchanges.get('x'), vhost.queues.get('q')] as [typeof x, typeof q]
  vhost.bind(x2, q2, 'a', none)
  vhost.bind(x2, q2, 'c', none)
  expect(bound(vhost)).toEqual(['a', 'b', 'c'])
  vhost.unbind(x2, q2, 'b', none)
  const third = await second.restart()
  expect(bound(third.vhost)).toEqual(['a', 'c'])
  expect(
    keys(storage)
      .map((k) => k.length - FORMER_LENGTH)
      .sort(),
  ).toEqual([0, 8])
  third.vhost.removeQueue(third.vhost.queues.get('q') as typeof q)
  await third.broker.commit.flush()
  expect(keys(storage)).toEqual([])
})

it.each(['exchange', 'queue'])(
  'a new %s does not get those of the former one, nor loses its own with them',
  async (what) => {
    const storage = new MemoryStorage({ keeps: true })
    const first = start(storage)
    first.bindMany(first.exchange('x'), first.queue('q'))
    await first.broker.commit.flush()
    await giveFormerKeys(storage)
    const { vhost, exchange, queue, restart } = await first.restart()
    const x = vhost.exchanges.get('x') as ReturnType<typeof exchange>
    const q = vhost.queues.get('q') as ReturnType<typeof queue>
    if (what === 'exchange') vhost.removeExchange(x)
    else vhost.removeQueue(q)
    const [newX, newQ] = what === 'exchange' ? [exchange('x'), q] : [x, queue('q')]
    const key = `key ${MANY - 1}`
    vhost.bind(newX, newQ, key, none)
    expect(vhost.bindings.size).toBeGreaterThan(MANY / 2)
    let next = await restart()
    expect(bound(next.vhost)).toEqual([key])
    next = await next.restart()
    expect(bound(next.vhost)).toEqual([key])
    expect(keys(storage)).toHaveLength(1)
  },
)
