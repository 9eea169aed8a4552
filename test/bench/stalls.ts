/**
 * What operators do to a broker with very many objects, and how long everybody else waits meanwhile:
 * npm run bench -- --stalls [--only TEXT].
 */
import { FieldTable } from '../../src/protocol/field-table.ts'
import { MethodId } from '../../src/protocol/generated/constants.ts'
import { Client } from './amqp.ts'
import { closeAll, connections, consumers, openChannels } from './many-clients.ts'
import { type Measured, MeasuredBroker } from './measured-broker.ts'

const QUEUES = 100_000
const BINDINGS = 200_000
const CONSUMERS = 50_000
const CONNECTIONS = 5_000
const CHANNELS = 10_000
const CASCADE = 10_000
const PORTS = { amqp: 15_690, http: 15_691, metrics: 15_692 }

type Action = readonly [name: string, action: () => Promise<unknown>, before?: () => Promise<void>]

/** Durable queues, each bound to a topic exchange, some of them twice. */
export function manyDefinitions(queues: number, bindings: number, vhost = 'many'): string {
  const name = (i: number): string => `orders.region-${i % 100}.${i}`
  return JSON.stringify({
    vhosts: [{ name: vhost }],
    permissions: [{ user: 'guest', vhost, configure: '.*', write: '.*', read: '.*' }],
    exchanges: [{ name: 'events', vhost, type: 'topic', durable: true, auto_delete: false, arguments: {} }],
    queues: Array.from({ length: queues }, (_, i) => ({
      name: name(i),
      vhost,
      durable: true,
      auto_delete: false,
      arguments: {},
    })),
    bindings: Array.from({ length: bindings }, (_, i) => ({
      source: 'events',
      vhost,
      destination: name(i % queues),
      destination_type: 'queue',
      routing_key: `orders.${i % 100}.${i}.*`,
      arguments: {},
    })),
  })
}

const limit = { pattern: '.*', definition: { 'max-length': 1000 }, 'apply-to': 'queues' }

function ofManyObjects(b: MeasuredBroker): Action[] {
  const file = manyDefinitions(QUEUES, BINDINGS)
  const get = (path: string): Action => [`GET /api/${path}`, () => b.http('GET', path)]
  return [
    ['import of 100,000 queues, 200,000 bindings', () => b.http('POST', 'definitions', file)],
    ['import of the same once more', () => b.http('POST', 'definitions', file)],
    ['start with them', () => b.start(), () => b.stop()],
    ['GET /metrics', () => b.scrape('/metrics')],
    ['GET /metrics/per-object', () => b.scrape('/metrics/per-object')],
    ['GET /metrics/detailed, one family', () => b.scrape('/metrics/detailed?family=queue_coarse_metrics')],
    get('overview'),
    get('vhosts'),
    get('nodes'),
    get('queues?page=1'),
    get('queues?page=1&name=region-7&use_regex=true'),
    get('queues?page=1&sort=messages'),
    get('queues?page=1&sort=memory'),
    get('queues?columns=name,messages'),
    get('exchanges'),
    get('bindings'),
    get('bindings?page=3'),
    get('exchanges/many/events/bindings/source'),
    get('bindings/many/e/events/q/orders.region-0.0'),
    get('queues/many/orders.region-0.0/bindings'),
    get('definitions'),
    get('definitions/many'),
    ['policy over all', () => b.http('PUT', 'policies/many/all', limit)],
    ['no policy again', () => b.http('DELETE', 'policies/many/all')],
    ['DELETE of a topic exchange with 200,000 bindings', () => b.http('DELETE', 'exchanges/many/events')],
    ['DELETE of a vhost with 100,000 queues', () => b.http('DELETE', 'vhosts/many')],
  ]
}

function ofManyClients(b: MeasuredBroker): Action[] {
  let clients: Client[] = []
  const open = async (count: number, channels: number): Promise<void> => {
    await b.http('PUT', 'users/other', { password: 'other', tags: '' })
    await b.http('PUT', 'permissions/%2F/other', { configure: '.*', write: '.*', read: '.*' })
    clients = await connections(count, () => b.url.replace('guest:guest', 'other:other'))
    for (const c of clients) await openChannels(c, channels)
  }
  const rights = { configure: '^x', write: '^x', read: '^x' }
  return [
    [
      '50,000 consumers',
      async () => {
        clients = await connections(10, () => b.url)
        await clients[0]?.declare('popular', false)
        for (const c of clients) await consumers(c, 'popular', CONSUMERS / 10)
      },
    ],
    ['GET of their queue', () => b.http('GET', 'queues/%2F/popular')],
    ['GET /api/queues with it', () => b.http('GET', 'queues')],
    ['GET /api/consumers', () => b.http('GET', 'consumers')],
    ['diagnosis of it', () => b.http('GET', 'queues/%2F/popular/diagnosis')],
    ['DELETE of their queue', () => b.http('DELETE', 'queues/%2F/popular')],
    ['their end', async () => closeAll(clients)],
    ['10,000 channels', () => open(10, CHANNELS / 10)],
    ['set_permissions of their user', () => b.http('PUT', 'permissions/%2F/other', rights)],
    ['GET /api/channels', () => b.http('GET', 'channels')],
    ['DELETE of their user', () => b.http('DELETE', 'users/other')],
    ['5,000 connections', () => open(CONNECTIONS, 1)],
    ['GET /api/connections', () => b.http('GET', 'connections')],
    ['GET /api/connections?page=1&sort=name', () => b.http('GET', 'connections?page=1&sort=name')],
    ['DELETE of the user of 5,000 connections', () => b.http('DELETE', 'users/other')],
    [
      '5,000 connections to a vhost',
      async () => {
        await b.http('PUT', 'vhosts/v')
        clients = await connections(CONNECTIONS, () => `${b.url}/v`)
      },
    ],
    ['DELETE of the vhost of 5,000 connections', () => b.http('DELETE', 'vhosts/v')],
  ]
}

function ofCascades(b: MeasuredBroker): Action[] {
  let client: Client | undefined
  const exchange = async (): Promise<void> => {
    client ??= await Client.open(b.url)
    await client.exchange('x', 'topic')
    await client.declare('q', false)
    for (let i = 0; i < CASCADE; i++) client.bindNoWait('q', 'x', `k.${i}`)
    await client.qos(0)
  }
  const row = async (): Promise<void> => {
    const flags = { passive: false, durable: false, autoDelete: true, internal: false, nowait: false }
    const none = FieldTable.empty
    for (let i = 0; i <= CASCADE; i++) {
      const x = { ticket: 0, exchange: `x${i}`, type: 'fanout', ...flags, nowait: true, arguments: none }
      client?.send({ id: MethodId.ExchangeDeclare, ...x })
      const ends = { destination: `x${i}`, source: `x${i - 1}`, routingKey: '' }
      if (i > 0)
        client?.send({ id: MethodId.ExchangeBind, ticket: 0, ...ends, nowait: true, arguments: none })
    }
    await client?.qos(0)
  }
  return [
    ['10,000 bindings', exchange],
    ['exchange.delete with them', async () => client?.deleteExchange('x')],
    ['10,000 bindings again', exchange],
    ['queue.delete with them', async () => client?.deleteQueue('q')],
    ['a row of 10,000 auto-delete exchanges', row],
    ['its end', async () => client?.deleteExchange(`x${CASCADE}`)],
    [
      '10,000 exclusive queues',
      async () => {
        for (let i = 0; i < CASCADE; i++) await client?.declare(`e${i}`, false, {}, true)
      },
    ],
    ['their end', async () => client?.close()],
  ]
}

export async function stalls(only: string | undefined): Promise<void> {
  const parts = { objects: ofManyObjects, clients: ofManyClients, cascades: ofCascades }
  process.stdout.write(
    '| | ms | longest stall, ms | of it at work | MB at most | MB afterwards |\n|---|---|---|---|---|---|\n',
  )
  for (const [part, actionsOf] of Object.entries(parts)) {
    if (only !== undefined && !part.includes(only)) continue
    const b = new MeasuredBroker(PORTS)
    try {
      await b.start()
      for (const [name, action, before] of actionsOf(b)) show(name, await b.measure(action, before))
    } finally {
      await b.remove()
    }
  }
}

function show(name: string, { ms, stallMs, busyMs, peakBytes, bytes }: Measured): void {
  const numbers = [ms, stallMs, busyMs, peakBytes / 1e6, bytes / 1e6].map((n) => n.toFixed(0))
  process.stdout.write(`| ${name} | ${numbers.join(' | ')} |\n`)
}
