/** Two brokers in this process for tests of shovels, and the HTTP API of the first one. */
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import amqp from 'amqplib'
import { afterAll, beforeAll, beforeEach, expect, onTestFinished } from 'vitest'
import { createBroker, type RunningBroker } from '../../src/index.ts'
import { until } from '../support/until.ts'

export let here: RunningBroker
export let there: RunningBroker

/** Call once in a test file. */
export function useTwoBrokers(): void {
  beforeAll(async () => {
    here = await createBroker({
      port: 0,
      managementPort: 0,
      vhosts: ['other'],
      users: [
        { name: 'admin', password: 'a', tags: ['administrator'] },
        {
          name: 'maker',
          password: 'm',
          tags: ['policymaker', 'monitoring'],
          permissions: { '/': { configure: '.*', write: '.*', read: '.*' } },
        },
      ],
    })
    there = await createBroker({ port: 0, managementPort: 0, users: [{ name: 'far', password: 'away/?' }] })
  })
  afterAll(() => Promise.all([here.close(), there.close()]))
  beforeEach(() => Promise.all([here.reset(), there.reset()]))
}

export interface Answer {
  status: number
  json: Record<string, unknown>
}

export async function api(method: string, path: string, body?: unknown, login = 'admin:a'): Promise<Answer> {
  const r = await fetch(`http://127.0.0.1:${here.managementPort}/api/${path}`, {
    method,
    headers: { authorization: `Basic ${btoa(login)}`, 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  const text = await r.text()
  return { status: r.status, json: text === '' ? {} : JSON.parse(text) }
}

export const put = (name: string, value: object, login?: string): Promise<Answer> =>
  api('PUT', `parameters/shovel/%2F/${encodeURIComponent(name)}`, { value }, login)
export const list = async (): Promise<Record<string, unknown>[]> =>
  (await api('GET', 'shovels')).json as unknown as Record<string, unknown>[]

export async function state(name: string, wanted: string): Promise<Record<string, unknown>> {
  let found: Record<string, unknown> | undefined
  await until(async () => {
    found = (await list()).find((s) => s['name'] === name)
    return found?.['state'] === wanted
  }, `${name} to be ${wanted}`)
  return found as Record<string, unknown>
}

export async function channel(broker: RunningBroker): Promise<amqp.ConfirmChannel> {
  const client = await amqp.connect(broker.url)
  client.on('error', () => {})
  onTestFinished(() => client.close().catch(() => {}))
  return await client.createConfirmChannel()
}

export async function send(ch: amqp.ConfirmChannel, queue: string, count: number): Promise<void> {
  await ch.assertQueue(queue)
  for (let i = 0; i < count; i++) ch.sendToQueue(queue, Buffer.from(String(i)), { persistent: true })
  await ch.waitForConfirms()
}

export async function take(ch: amqp.ConfirmChannel, queue: string, count: number): Promise<amqp.Message[]> {
  const found: amqp.Message[] = []
  const { consumerTag } = await ch.consume(queue, (m) => m !== null && found.push(m), { noAck: true })
  await until(() => found.length >= count, `${count} messages`)
  await ch.cancel(consumerTag)
  expect(found).toHaveLength(count)
  return found
}

export const far = (): string => there.url

/**
 * The address of a server in front of the other broker.
 * @param between decides what passes: a client, and a connection to the broker; they end together
 */
export async function inFrontOfOther(between: (client: Socket, broker: Socket) => void): Promise<URL> {
  const sockets = new Set<Socket>()
  const server = createServer((client) => {
    const broker = connect(there.port, '127.0.0.1')
    for (const [one, other] of [
      [client, broker],
      [broker, client],
    ] as const) {
      sockets.add(one)
      one.on('error', () => {}).on('close', () => sockets.delete(one) && other.destroy())
    }
    between(client, broker)
  }).listen(0, '127.0.0.1')
  onTestFinished(() => {
    for (const s of sockets) s.destroy()
    server.close()
  })
  await once(server, 'listening')
  const url = new URL(far())
  url.port = String((server.address() as AddressInfo).port)
  return url
}
