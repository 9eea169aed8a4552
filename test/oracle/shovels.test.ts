/** Shovels are refused, shown, restarted and ended as RabbitMQ with its shovel plugins does it. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createBroker, type RunningBroker } from '../../src/index.ts'
import { type Oracle, startOracle } from '../support/oracle.ts'
import { until } from '../support/until.ts'

/** Beside the one of the other tests, which has no shovels. */
const PORT = Number(process.env['LEVERET_ORACLE_PORT'] ?? 5697) + 2

let rabbit: Oracle
let own: RunningBroker

interface End {
  readonly url: string
  readonly http: string
}

beforeAll(async () => {
  own = await createBroker({ port: 0, managementPort: 0 })
  rabbit = await startOracle(PORT, ['rabbitmq_shovel', 'rabbitmq_shovel_management'])
})
afterAll(async () => {
  await rabbit?.stop()
  await own.close()
})

const ends = (): End[] => [
  rabbit,
  { url: `amqp://guest:guest@127.0.0.1:${own.port}`, http: `http://127.0.0.1:${own.managementPort}` },
]

async function ask(e: End, method: string, path: string, body?: unknown): Promise<[number, unknown]> {
  const r = await fetch(`${e.http}/api/${path}`, {
    method,
    headers: { authorization: `Basic ${btoa('guest:guest')}`, 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  // RabbitMQ escapes texts for its page.
  const text = (await r.text()).replaceAll('&lt;', '<').replaceAll('&gt;', '>')
  return [r.status, text === '' ? undefined : JSON.parse(text)]
}

const good = { 'src-uri': 'amqp://', 'src-queue': 'a', 'dest-uri': 'amqp://', 'dest-queue': 'b' }

describe('the parameter of a shovel is answered as RabbitMQ does', () => {
  it.each<[string, unknown]>([
    ['nothing', {}],
    ['an empty list', []],
    ['no source', { 'src-uri': 'amqp://', 'dest-uri': 'amqp://', 'dest-queue': 'b' }],
    ['two sources', { ...good, 'src-exchange': 'x' }],
    ['two destinations', { ...good, 'dest-exchange': 'x' }],
    ['a key of the wrong type', { ...good, 'src-exchange-key': 5 }],
    ['unknown keys', { ...good, x1: 1, x2: [1, 'a'] }],
    ['a number for an address', { ...good, 'src-uri': 5 }],
    ['a number among addresses', { ...good, 'src-uri': ['amqp://', 5] }],
    ['a wrong address among others', { ...good, 'src-uri': ['amqp://', 'x', 'y'] }],
    ['another scheme', { ...good, 'dest-uri': 'http://x' }],
    ['a port beyond all', { ...good, 'dest-uri': 'amqp://h:99999' }],
    ['a vhost with a slash', { ...good, 'dest-uri': 'amqp://h/a/b' }],
    ['a vhost that is not there', { ...good, 'src-uri': 'amqp:///nope' }],
    ['a text for a prefetch count', { ...good, 'src-prefetch-count': '5' }],
    ['a negative prefetch count', { ...good, 'src-prefetch-count': -5 }],
    ['the old name of it', { ...good, 'prefetch-count': '5' }],
    ['a text for a delay', { ...good, 'reconnect-delay': 'x' }],
    ['a negative delay', { ...good, 'reconnect-delay': -1 }],
    ['a number for a queue', { ...good, 'dest-queue': 5 }],
    ['a long name', { ...good, 'dest-queue': 'q'.repeat(300) }],
    ['null for a queue', { ...good, 'dest-queue': null }],
    ['an empty list for arguments', { ...good, 'src-queue-args': [] }],
    ['a text for a boolean', { ...good, 'dest-add-forward-headers': 'yes' }],
    ['a number for a boolean', { ...good, 'add-forward-headers': 1 }],
    ['a text for the other boolean', { ...good, 'dest-add-timestamp-header': 'x' }],
    ['another ack-mode', { ...good, 'ack-mode': 'maybe' }],
    ['a number for ack-mode', { ...good, 'ack-mode': 5 }],
    ['another end', { ...good, 'src-delete-after': 'soon' }],
    ['a part of a message', { ...good, 'src-delete-after': 1.5 }],
    ['a negative end', { ...good, 'src-delete-after': -1 }],
    ['null for an end', { ...good, 'src-delete-after': null }],
    ['the old name of the end', { ...good, 'delete-after': 'x' }],
    ['an end that is not counted', { ...good, 'ack-mode': 'no-ack', 'src-delete-after': 5 }],
    ['the same by its old name', { ...good, 'ack-mode': 'no-ack', 'delete-after': 5 }],
    [
      'no-ack up to the length of the queue',
      { ...good, 'ack-mode': 'no-ack', 'src-delete-after': 'queue-length' },
    ],
    ['a count with on-publish', { ...good, 'ack-mode': 'on-publish', 'src-delete-after': 5 }],
    ['an unknown property', { ...good, 'dest-publish-properties': { colour: 'red' } }],
    ['a property of the wrong type', { ...good, 'dest-publish-properties': { delivery_mode: '2' } }],
    ['a text for properties', { ...good, 'dest-publish-properties': 'x' }],
    ['an empty list of properties', { ...good, 'dest-publish-properties': [] }],
    ['two wrong properties', { ...good, 'dest-publish-properties': { timestamp: 'x', content_type: 5 } }],
    ['several at once', { ...good, 'ack-mode': 5, 'dest-queue': 5, 'src-que': 1 }],
    ['what is right', good],
  ])('for %s', async (_, value) => {
    const answers = []
    for (const e of ends()) {
      answers.push(await ask(e, 'PUT', 'parameters/shovel/%2F/s', { value }))
      await ask(e, 'DELETE', 'parameters/shovel/%2F/s')
    }
    expect(answers[1]).toEqual(answers[0])
  })
})

describe('a shovel that runs', () => {
  const far = (e: End): Record<string, object> => ({
    local: good,
    far: { ...good, 'src-uri': e.url, 'dest-uri': [e.url], 'dest-add-forward-headers': true },
    exchange: {
      'src-uri': e.url,
      'src-exchange': 'amq.topic',
      'src-exchange-key': 'k',
      'dest-uri': e.url,
      'dest-exchange': 'amq.direct',
      'dest-exchange-key': 'z',
    },
    counted: { ...good, 'src-delete-after': 50 },
    'no-ack': { ...good, 'ack-mode': 'no-ack' },
  })

  it.each(['local', 'far', 'exchange', 'counted', 'no-ack'])('has RabbitMQ’s fields: %s', async (name) => {
    const seen: Record<string, unknown>[] = []
    for (const e of ends()) {
      expect((await ask(e, 'PUT', `parameters/shovel/%2F/${name}`, { value: far(e)[name] }))[0]).toBe(201)
      let row: Record<string, unknown> | undefined
      await until(async () => {
        const [, rows] = await ask(e, 'GET', 'shovels/%2F')
        row = (rows as Record<string, unknown>[]).find((r) => r['name'] === name)
        return row?.['state'] === 'running'
      }, `${name} to run`)
      expect(row?.['timestamp']).toMatch(/^\d{4}-\d\d-\d\d \d{1,2}:\d\d:\d\d$/)
      const { node, timestamp, ...rest } = row as Record<string, unknown>
      const host = /@([^/]*)/.exec(e.url)?.[1] as string
      seen.push(JSON.parse(JSON.stringify(rest).replaceAll(host, 'HOST')))
      for (const path of [`shovels/vhost/%2F/${name}/restart`, `shovels/vhost/%2F/${name}`])
        expect([path, (await ask(e, 'DELETE', path))[0]]).toEqual([path, 204])
      expect((await ask(e, 'GET', `parameters/shovel/%2F/${name}`))[0]).toBe(404)
    }
    // What RabbitMQ 3.10 has; the numbers came with 4.0.
    expect(seen[1]).toMatchObject(seen[0] as object)
  })

  it('is not there, in the same words', async () => {
    for (const [method, path] of [
      ['GET', 'shovels/nope'],
      ['GET', 'shovels/vhost/nope/x'],
      ['GET', 'shovels/vhost/%2F/nope'],
      ['DELETE', 'shovels/vhost/%2F/nope'],
      ['DELETE', 'shovels/vhost/%2F/nope/restart'],
      ['GET', 'parameters/shovel'],
    ] as const) {
      const [theirs, ours] = await Promise.all(ends().map((e) => ask(e, method, path)))
      expect([path, ours]).toEqual([path, theirs])
    }
  })
})
