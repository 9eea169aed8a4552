/** Every operation of AMQP, and the rights that it needs (behaviour.md section 15). */
import { MethodId } from '../../src/protocol/generated/constants.ts'
import { CH } from '../support/session.ts'
import { table, type Wire } from '../support/wire.ts'

export type Right = 'configure' | 'write' | 'read'
type Send = (w: Wire) => void

/** Name, rights, the sending, and the method that answers. Queues q and q-other, exchanges x, x-other and x-topic are there. */
export const operations: [string, [Right, 'queue' | 'exchange', string][], Send, number][] = [
  [
    'exchange.declare',
    [['configure', 'exchange', 'x-new']],
    (w) => w.send(CH, MethodId.ExchangeDeclare, { exchange: 'x-new', type: 'fanout', autoDelete: true }),
    MethodId.ExchangeDeclareOk,
  ],
  [
    'exchange.declare with an alternate exchange',
    [
      ['configure', 'exchange', 'x-ae'],
      ['read', 'exchange', 'x-ae'],
      ['write', 'exchange', 'x'],
    ],
    (w) =>
      w.send(CH, MethodId.ExchangeDeclare, {
        exchange: 'x-ae',
        type: 'fanout',
        arguments: table({ 'alternate-exchange': 'x' }),
      }),
    MethodId.ExchangeDeclareOk,
  ],
  [
    'exchange.delete',
    [['configure', 'exchange', 'x-gone']],
    (w) => w.send(CH, MethodId.ExchangeDelete, { exchange: 'x-gone' }),
    MethodId.ExchangeDeleteOk,
  ],
  [
    'exchange.bind',
    [
      ['write', 'exchange', 'x-other'],
      ['read', 'exchange', 'x'],
    ],
    (w) => w.send(CH, MethodId.ExchangeBind, { destination: 'x-other', source: 'x', routingKey: 'k' }),
    MethodId.ExchangeBindOk,
  ],
  [
    'exchange.unbind',
    [
      ['write', 'exchange', 'x-other'],
      ['read', 'exchange', 'x'],
    ],
    (w) => w.send(CH, MethodId.ExchangeUnbind, { destination: 'x-other', source: 'x', routingKey: 'k' }),
    MethodId.ExchangeUnbindOk,
  ],
  [
    'queue.declare',
    [['configure', 'queue', 'q-new']],
    (w) => w.send(CH, MethodId.QueueDeclare, { queue: 'q-new' }),
    MethodId.QueueDeclareOk,
  ],
  [
    'queue.declare with a dead-letter exchange',
    [
      ['configure', 'queue', 'q-dlx'],
      ['read', 'queue', 'q-dlx'],
      ['write', 'exchange', 'x'],
    ],
    (w) =>
      w.send(CH, MethodId.QueueDeclare, {
        queue: 'q-dlx',
        arguments: table({ 'x-dead-letter-exchange': 'x' }),
      }),
    MethodId.QueueDeclareOk,
  ],
  [
    'queue.delete',
    [['configure', 'queue', 'q-gone']],
    (w) => w.send(CH, MethodId.QueueDelete, { queue: 'q-gone' }),
    MethodId.QueueDeleteOk,
  ],
  [
    'queue.bind',
    [
      ['write', 'queue', 'q'],
      ['read', 'exchange', 'x'],
    ],
    (w) => w.send(CH, MethodId.QueueBind, { queue: 'q', exchange: 'x', routingKey: 'k' }),
    MethodId.QueueBindOk,
  ],
  [
    'queue.unbind',
    [
      ['write', 'queue', 'q'],
      ['read', 'exchange', 'x'],
    ],
    (w) => w.send(CH, MethodId.QueueUnbind, { queue: 'q', exchange: 'x', routingKey: 'k' }),
    MethodId.QueueUnbindOk,
  ],
  [
    'queue.purge',
    [['read', 'queue', 'q']],
    (w) => w.send(CH, MethodId.QueuePurge, { queue: 'q' }),
    MethodId.QueuePurgeOk,
  ],
  [
    'basic.get',
    [['read', 'queue', 'q']],
    (w) => w.send(CH, MethodId.BasicGet, { queue: 'q' }),
    MethodId.BasicGetEmpty,
  ],
  [
    'basic.consume',
    [['read', 'queue', 'q-other']],
    (w) => w.send(CH, MethodId.BasicConsume, { queue: 'q-other' }),
    MethodId.BasicConsumeOk,
  ],
  [
    'basic.publish',
    [['write', 'exchange', 'x-topic']],
    (w) => {
      w.publish(CH, { exchange: 'x-topic', routingKey: 'none' })
      w.send(CH, MethodId.BasicQos, {})
    },
    MethodId.BasicQosOk,
  ],
  [
    'basic.publish to the default exchange',
    [['write', 'exchange', 'amq.default']],
    (w) => {
      w.publish(CH, { routingKey: 'none' })
      w.send(CH, MethodId.BasicQos, {})
    },
    MethodId.BasicQosOk,
  ],
]

/** RabbitMQ 3.10 does not say which right is missing; later versions do. */
export function withoutRight(text: string): string {
  return text.replace(/- (configure|write|read) access/, '- access')
}

const names = new Set(operations.flatMap(([, needed]) => needed.map(([, , name]) => name)))

/** A regular expression for every name in the table but one. */
export const allBut = (name: string): string =>
  [...names]
    .filter((n) => n !== name)
    .map((n) => `^${n.replaceAll('.', '\\.')}$`)
    .join('|')
