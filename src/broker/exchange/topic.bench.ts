import { bench, describe } from 'vitest'
import { FieldTable } from '../../protocol/field-table.ts'
import { PlainMessage } from '../router.ts'
import type { Binding } from './exchange.ts'
import { TopicRouting } from './topic.ts'

const binding = (routingKey: string): Binding =>
  ({
    source: {},
    destination: { name: routingKey },
    routingKey,
    arguments: FieldTable.empty,
    durable: false,
  }) as unknown as Binding

describe.each([10, 10_000, 100_000])('a topic exchange with %i bindings that do not match', (count) => {
  const routing = new TopicRouting()
  for (let i = 0; i < count; i++) routing.add(binding(`other.${i}.#`))
  routing.add(binding('hit.*'))
  routing.add(binding('#.me'))
  const message = new PlainMessage('hit.me', {})
  let found = 0
  bench('one key', () => {
    routing.route(message, { keys: [], add: () => found++, effect() {}, steps() {} })
  })
})
