/** An exchange or queue that is declared again before all bindings of the one before are removed. */

import { expect, it } from 'vitest'
import type { Vhost } from '../../src/broker/vhost.ts'
import { FieldTable } from '../../src/protocol/field-table.ts'
import { MemoryStorage } from '../../src/storage/memory/memory-storage.ts'
import { MANY, start } from '../support/restarts.ts'

const keysOf = (vhost: Vhost): string[] => [...vhost.bindings].map((b) => b.routingKey)

it.each(['exchange', 'queue'])('an %s does not get them at the next start', async (what) => {
  const storage = new MemoryStorage({ keeps: true })
  const before = start(storage)
  const [x, q] = [before.exchange('x'), before.queue('q')]
  before.bindMany(x, q)
  await before.broker.commit.flush()
  const { vhost } = before
  if (what === 'exchange') vhost.removeExchange(x)
  else vhost.removeQueue(q)
  const [newX, newQ] = what === 'exchange' ? [before.exchange('x'), q] : [x, before.queue('q')]
  vhost.bind(newX, newQ, 'new', FieldTable.empty)
  // Among those that have not been removed yet.
  vhost.bind(newX, newQ, `key ${MANY - 1}`, FieldTable.empty)
  expect(vhost.bindings.size).toBeGreaterThan(MANY / 2)

  const after = await before.restart()
  expect(keysOf(after.vhost).sort()).toEqual([`key ${MANY - 1}`, 'new'])
  const again = await after.restart()
  expect(keysOf(again.vhost).sort()).toEqual([`key ${MANY - 1}`, 'new'])
  expect([...storage.scan('binding:')]).toHaveLength(2)
})

it('the second one does not get those of the first, nor the third those of both', async () => {
  const storage = new MemoryStorage({ keeps: true })
  const before = start(storage)
  const q = before.queue('q')
  for (let i = 0; i < 2; i++) {
    const x = before.exchange('x')
    before.bindMany(x, q)
    await before.broker.commit.flush()
    before.vhost.removeExchange(x)
  }
  before.exchange('x')
  const after = await before.restart()
  expect(keysOf(after.vhost)).toEqual([])
})

it('an exchange that is deleted with its last binding goes with that of a queue that is another one now', async () => {
  const storage = new MemoryStorage({ keeps: true })
  const before = start(storage)
  const [x, q] = [before.exchange('x', { autoDelete: true }), before.queue('q')]
  before.bindMany(x, q)
  await before.broker.commit.flush()
  before.vhost.removeQueue(q)
  before.queue('q')
  const after = await before.restart()
  expect([after.vhost.exchanges.has('x'), after.vhost.queues.has('q')]).toEqual([false, true])
})

it('an object whose name was free has no number', async () => {
  const storage = new MemoryStorage({ keeps: true })
  const { broker, vhost, clock, exchange, queue } = start(storage)
  for (let i = 0; i < 2; i++) {
    const [x, q] = [exchange('x'), queue('q')]
    vhost.bind(x, q, '', FieldTable.empty)
    await broker.commit.flush()
    for (const kind of ['exchange:', 'queue:', 'binding:'])
      for (const { value } of storage.scan(kind))
        expect(String(Buffer.from(value))).not.toContain('ncarnation')
    vhost.removeExchange(x)
    vhost.removeQueue(q)
    clock.runDeferred()
  }
})
