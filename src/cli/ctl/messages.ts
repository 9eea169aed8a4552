/** Commands on the messages of queues. */
import { CtlError } from './client.ts'
import {
  action,
  arg,
  type Command,
  type Context,
  countOption,
  enc,
  json,
  numberOption,
  queueOf,
  unlessAbsent,
} from './command.ts'
import type { Row } from './output.ts'

/** The API path of a parked message; `-` as queue stands for delayed exchanges, whose messages are in no queue yet. */
function parkedMessage(c: Context): string {
  const number = enc(arg(c, 1))
  return arg(c, 0) === '-' ? `parked-delayed-messages/${number}` : `${queueOf(c)}/parked-messages/${number}`
}

/** Releases every parked message of the delayed exchanges: there is a route only for one. */
async function releaseDelayed(c: Context): Promise<Row> {
  const parked = await c.client.get<Row[]>('parked-messages')
  const delayed = parked.filter((m) => m['queue'] === '' && m['vhost'] === '')
  for (const m of delayed)
    await unlessAbsent(c.client.call('POST', `parked-delayed-messages/${String(m['number'])}/release`))
  return { released: delayed.length }
}

export const messages: Record<string, Command> = {
  redrive: {
    usage: '[-p VHOST] [--from QUEUE] [--reason REASON] [--rate N] [--limit N] QUEUE',
    help: 'moves dead-lettered messages back to the queues they came from',
    args: [1, 1],
    options: ['from', 'reason', 'rate', 'limit'],
    banner: (c) => `Redriving messages of queue '${arg(c, 0)}' in vhost '${c.vhost}' ...`,
    run: async (c) => {
      const { from, reason } = c.options
      const body = { from, reason, rate: numberOption(c, 'rate'), limit: countOption(c, 'limit') }
      const rows = [(await c.client.call('POST', `${queueOf(c)}/redrive`, body)) as Row]
      return { rows, columns: ['moved', 'skipped'] }
    },
  },
  release_parked_messages: {
    usage: '[-p VHOST] QUEUE [NUMBER]',
    help: 'makes the parked messages of a queue ready again, or only number NUMBER; QUEUE - means a delayed exchange',
    args: [1, 2],
    banner: (c) => `Releasing messages of queue '${arg(c, 0)}' in vhost '${c.vhost}' ...`,
    run: async (c) => {
      if (c.args.length === 1)
        return {
          rows: [
            arg(c, 0) === '-'
              ? await releaseDelayed(c)
              : ((await c.client.call('POST', `${queueOf(c)}/release`)) as Row),
          ],
          columns: ['released'],
        }
      await c.client.call('POST', `${parkedMessage(c)}/release`)
      return { rows: [{ released: 1 }], columns: ['released'] }
    },
  },
  delete_parked_message: action(
    '[-p VHOST] QUEUE NUMBER',
    'deletes a parked message, by its number in list_parked_messages; QUEUE - means a delayed exchange',
    [2, 2],
    (c) => `Deleting message ${arg(c, 1)} of queue '${arg(c, 0)}' in vhost '${c.vhost}' ...`,
    (c) => c.client.call('DELETE', parkedMessage(c)),
  ),
  delete_quarantined_object: action(
    'KEY',
    'deletes a stored object that could not be read, by its key in list_quarantined_objects',
    [1, 1],
    (c) => `Deleting stored object "${arg(c, 0)}" ...`,
    (c) => c.client.call('DELETE', `quarantined-objects/${enc(arg(c, 0))}`),
  ),
  publish: action(
    '[-p VHOST] [--exchange NAME] ROUTING-KEY PAYLOAD',
    'publishes a message',
    [2, 2],
    (c) => `Publishing to "${arg(c, 0)}" ...`,
    async (c) => {
      const x = String(c.options['exchange'] ?? 'amq.default')
      const message = {
        properties: { delivery_mode: 2 },
        routing_key: arg(c, 0),
        payload: arg(c, 1),
        payload_encoding: 'string',
      }
      const { routed } = (await c.client.call(
        'POST',
        `exchanges/${enc(c.vhost)}/${enc(x)}/publish`,
        message,
      )) as { routed: boolean }
      if (!routed) throw new CtlError('the message was not routed to any queue', 70)
    },
    ['exchange'],
  ),
  get: {
    usage: '[-p VHOST] [--count N] [--requeue] QUEUE',
    help: 'gets messages from a queue and removes them, unless --requeue is given',
    args: [1, 1],
    options: ['count', 'requeue'],
    run: async (c) => ({
      rows: (await c.client.call('POST', `${queueOf(c)}/get`, {
        count: countOption(c, 'count') ?? 1,
        ackmode: c.options['requeue'] === true ? 'ack_requeue_true' : 'ack_requeue_false',
        encoding: 'auto',
      })) as Row[],
      columns: ['exchange', 'routing_key', 'redelivered', 'payload_bytes', 'payload'],
    }),
  },
  diagnose_queue: {
    usage: '[-p VHOST] QUEUE',
    help: 'explains the state of a queue: its consumers, who holds unacknowledged messages, what blocks it',
    args: [1, 1],
    banner: (c) => `Diagnosing queue '${arg(c, 0)}' in vhost '${c.vhost}' ...`,
    run: async (c) => {
      const { findings } = await c.client.get<{ findings: Row[] }>(`${queueOf(c)}/diagnosis`)
      return { rows: findings, columns: ['severity', 'code', 'sentence'] }
    },
  },
  route_message: {
    usage: '[-p VHOST] [--exchange NAME] [--properties JSON] ROUTING-KEY',
    help: 'shows which queues a message would reach, and through which exchanges, without publishing it',
    args: [1, 1],
    options: ['exchange', 'properties'],
    banner: (c) => `Routing a message with the key "${arg(c, 0)}" ...`,
    run: async (c) => {
      const x = String(c.options['exchange'] ?? 'amq.default')
      const properties = json(String(c.options['properties'] ?? '{}'), 'properties')
      const { queues } = (await c.client.call('POST', `exchanges/${enc(c.vhost)}/${enc(x)}/route`, {
        routing_key: arg(c, 0),
        properties,
      })) as { queues: { name: string; via: string[] }[] }
      return {
        rows: queues.map(({ name, via }) => ({
          queue: name,
          via: via.map((v) => v || 'amq.default').join(' -> '),
        })),
        columns: ['queue', 'via'],
      }
    },
  },
  peek: {
    usage:
      '[-p VHOST] [--count N] [--offset N] [--state ready|unacked] [--header NAME=VALUE] [--older-than SECONDS] [--newer-than SECONDS] QUEUE',
    help: 'shows messages without consuming them, and which channel holds the unacknowledged ones, since when',
    args: [1, 1],
    options: ['count', 'offset', 'state', 'header', 'older-than', 'newer-than'],
    run: async (c) => {
      const query = new URLSearchParams()
      for (const name of ['count', 'offset', 'state', 'header', 'older-than', 'newer-than']) {
        const value = c.options[name]
        if (value !== undefined) query.set(name.replace('-', '_'), String(value))
      }
      return {
        rows: await c.client.get<Row[]>(`${queueOf(c)}/peek?${query}`),
        columns: ['position', 'state', 'age', 'routing_key', 'payload_bytes', 'payload', 'held_by'],
      }
    },
  },
}
