/** Bindings whose exchanges and keys contain any octets, also the one that could separate them. */

import { expect, it, onTestFinished } from 'vitest'
import type { Exchange } from '../../src/broker/exchange/exchange.ts'
import { FieldTable } from '../../src/protocol/field-table.ts'
import { timedBroker } from '../support/timed-broker.ts'

it('are not mistaken for each other, however many a queue has', () => {
  const { broker, vhost, queue } = timedBroker()
  onTestFinished(() => broker.stop())
  const exchange = (name: string): Exchange => {
    const info = { name, type: 'direct', durable: true, autoDelete: false, internal: false }
    return broker.createExchange(vhost, { ...info, arguments: FieldTable.empty })
  }
  const q = queue('q')
  const [a, b] = [exchange('a'), exchange('a\0b')]
  const args = FieldTable.from({ x: 1 })
  const bind = (x: Exchange, key: string, t = FieldTable.empty): boolean => vhost.bind(x, q, key, t)
  for (let i = 0; i < 20; i++) bind(a, `key ${i}`)
  expect(bind(a, 'b\0c')).toBe(true)
  expect(bind(b, 'c')).toBe(true)
  expect(bind(a, 'k', args)).toBe(true)
  expect(bind(a, `k\0${args.bytes.toString('latin1')}`)).toBe(true)
  expect(bind(a, 'b\0c')).toBe(false)
  expect(vhost.bindings.to(q)).toHaveLength(24)
  vhost.removeQueue(q)
  expect([vhost.bindings.size, a.outgoing, b.outgoing]).toEqual([0, 0, 0])
})
