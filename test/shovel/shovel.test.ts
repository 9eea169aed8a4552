/** Shovels between two brokers in this process. */
import { describe, expect, it } from 'vitest'
import { createBroker } from '../../src/index.ts'
import { FieldTable, fieldEntry } from '../../src/protocol/field-table.ts'
import { MethodId } from '../../src/protocol/generated/constants.ts'
import { until } from '../support/until.ts'
import { Wire } from '../support/wire.ts'
import { api, channel, far, here, list, put, send, state, take, there, useTwoBrokers } from './two-brokers.ts'

useTwoBrokers()

describe('a shovel', () => {
  it('moves what is in a queue to a queue of another broker, in order, and goes on with what comes', async () => {
    const a = await channel(here)
    const b = await channel(there)
    await send(a, 'from', 2500)
    expect(
      (await put('s', { 'src-uri': 'amqp://', 'src-queue': 'from', 'dest-uri': far(), 'dest-queue': 'to' }))
        .status,
    ).toBe(201)
    const row = await state('s', 'running')
    expect(row).toMatchObject({
      name: 's',
      vhost: '/',
      type: 'dynamic',
      src_protocol: 'amqp091',
      dest_protocol: 'amqp091',
      src_queue: 'from',
      dest_queue: 'to',
      src_uri: 'amqp://',
      dest_uri: `amqp://127.0.0.1:${there.port}`,
      blocked_status: 'running',
    })
    expect(row['timestamp']).toMatch(/^\d{4}-\d\d-\d\d \d{1,2}:\d\d:\d\d$/)
    await there.waitForQueue('to', { ready: 2500 }, { timeoutMs: 20_000 })
    await here.waitForQueue('from', { ready: 0, unacked: 0, consumers: 1 })
    await send(a, 'from', 1)
    const found = await take(b, 'to', 2501)
    expect(found.map((m) => m.content.toString())).toEqual([
      ...Array.from({ length: 2500 }, (_, i) => String(i)),
      '0',
    ])
    expect(found[0]?.properties.deliveryMode).toBe(2)
    expect((await b.checkQueue('to')).messageCount).toBe(0)
  })

  it('takes from another broker too, by an exchange, with keys of its own', async () => {
    const b = await channel(there)
    await b.assertExchange('news', 'topic')
    const a = await channel(here)
    await a.assertExchange('in', 'topic')
    await a.assertQueue('all')
    await a.bindQueue('all', 'in', '#')
    await put('one', {
      'src-uri': far(),
      'src-exchange': 'news',
      'src-exchange-key': 'sport.#',
      'dest-uri': 'amqp://',
      'dest-exchange': 'in',
    })
    await put('two', {
      'src-uri': far(),
      'src-exchange': 'news',
      'src-exchange-key': 'art',
      'dest-uri': 'amqp://',
      'dest-exchange': 'in',
      'dest-exchange-key': 'mine',
    })
    expect(await state('one', 'running')).toMatchObject({
      src_exchange: 'news',
      src_exchange_key: 'sport.#',
      dest_exchange: 'in',
    })
    await state('two', 'running')
    for (const key of ['sport.golf', 'art', 'weather']) b.publish('news', key, Buffer.from(key))
    const found = await take(a, 'all', 2)
    expect(found.map((m) => [m.fields.routingKey, m.content.toString()]).sort()).toEqual([
      ['mine', 'art'],
      ['sport.golf', 'sport.golf'],
    ])
  })

  it.each(['on-confirm', 'on-publish', 'no-ack'])('with %s leaves nothing behind', async (mode) => {
    const a = await channel(here)
    await send(a, 'from', 50)
    await put('s', {
      'src-uri': 'amqp://',
      'src-queue': 'from',
      'dest-uri': far(),
      'dest-queue': 'to',
      'ack-mode': mode,
    })
    await there.waitForQueue('to', { ready: 50 })
    await here.waitForQueue('from', { ready: 0, unacked: 0 })
  })

  it('keeps every octet of properties and headers that it has no business with', async () => {
    const headers = FieldTable.of([
      fieldEntry('long', { type: 'l', value: 9_007_199_254_740_993n }),
      fieldEntry('small', { type: 'l', value: 1n }),
      fieldEntry('float', { type: 'f', value: 1 }),
      fieldEntry('double', { type: 'd', value: 1 }),
      fieldEntry('octet', { type: 'B', value: 200 }),
      fieldEntry('bytes', { type: 'x', value: Buffer.from([0xff, 0]) }),
      fieldEntry('latin', { type: 'S', value: Buffer.from([0xe9, 0xff]) }),
      fieldEntry('list', {
        type: 'A',
        value: [
          { type: 'T', value: 5n },
          { type: 'V', value: undefined },
        ],
      }),
      fieldEntry('decimal', { type: 'D', value: { scale: 2, digits: 5 } }),
    ])
    const properties = {
      headers,
      contentType: 'a/b',
      correlationId: '\udce9',
      timestamp: 2n ** 40n,
      expiration: '600000',
      priority: 3,
    }
    await put('s', { 'src-uri': 'amqp://', 'src-queue': 'from', 'dest-uri': far(), 'dest-queue': 'to' })
    await state('s', 'running')
    const into = await Wire.open(here.url, { user: 'admin', password: 'a' })
    await into.channel(1)
    into.publish(1, { routingKey: 'from', body: 'x', properties })
    await there.waitForQueue('to', { ready: 1 })
    const out = await Wire.open(there.url, { user: 'far', password: 'away/?' })
    await out.channel(1)
    await out.call(1, MethodId.BasicConsume, { queue: 'to', noAck: true }, MethodId.BasicConsumeOk)
    const got = await out.receive(1, MethodId.BasicDeliver)
    expect(got.properties?.headers?.bytes.equals(headers.bytes)).toBe(true)
    expect(got.properties).toMatchObject({
      contentType: 'a/b',
      correlationId: '\udce9',
      timestamp: 2n ** 40n,
      expiration: '600000',
      priority: 3,
    })
    await into.close()
    await out.close()
  })

  it('adds headers and sets properties where it is asked to', async () => {
    const a = await channel(here)
    const b = await channel(there)
    await put('s', {
      'src-uri': 'amqp://',
      'src-queue': 'from',
      'dest-uri': far(),
      'dest-queue': 'to',
      'dest-add-forward-headers': true,
      'dest-add-timestamp-header': true,
      'dest-publish-properties': { delivery_mode: 2, app_id: 'moved' },
    })
    await state('s', 'running')
    a.sendToQueue('from', Buffer.from('x'), {
      headers: { own: 1, 'x-shovelled': [{ old: 'one' }] },
      appId: 'mine',
      type: 't',
    })
    const [m] = await take(b, 'to', 1)
    expect(m?.properties).toMatchObject({ deliveryMode: 2, appId: 'moved', type: 't' })
    const headers = m?.properties.headers as Record<string, unknown>
    expect(headers['own']).toBe(1)
    expect(headers['x-shovelled-timestamp']).toBeGreaterThan(1_700_000_000)
    expect(headers['x-shovelled']).toEqual([
      {
        'shovelled-by': expect.any(String),
        'shovel-type': 'dynamic',
        'shovel-name': 's',
        'shovel-vhost': '/',
        'src-uri': 'amqp://',
        'dest-uri': `amqp://127.0.0.1:${there.port}`,
        'src-queue': 'from',
        'dest-queue': 'to',
      },
      { old: 'one' },
    ])
  })

  it('ends by itself after the messages that were there, or after a number of them', async () => {
    const a = await channel(here)
    await send(a, 'from', 30)
    const ends = { 'src-uri': 'amqp://', 'src-queue': 'from', 'dest-uri': far(), 'dest-queue': 'to' }
    await put('ten', { ...ends, 'src-delete-after': 10 })
    await until(async () => (await list()).length === 0, 'the first one to end')
    expect(there.queue('to')).toMatchObject({ ready: 10 })
    await here.waitForQueue('from', { ready: 20, unacked: 0 })
    await put('rest', { ...ends, 'src-delete-after': 'queue-length' })
    await until(async () => (await list()).length === 0, 'the second one to end')
    expect(there.queue('to')).toMatchObject({ ready: 30 })
    expect((await api('GET', 'parameters/shovel')).json).toEqual([])
    await put('empty', { ...ends, 'src-delete-after': 'queue-length' })
    await until(async () => (await list()).length === 0, 'the third one to end at once')
  })

  it('gives back what the destination refuses, and tries again', async () => {
    const a = await channel(here)
    const b = await channel(there)
    await send(a, 'from', 3)
    await b.assertQueue('to', { arguments: { 'x-max-length': 1, 'x-overflow': 'reject-publish' } })
    await put('s', { 'src-uri': 'amqp://', 'src-queue': 'from', 'dest-uri': far(), 'dest-queue': 'to' })
    const found = await take(b, 'to', 3)
    expect(new Set(found.map((m) => m.content.toString()))).toEqual(new Set(['0', '1', '2']))
    await here.waitForQueue('from', { ready: 0, unacked: 0 })
  })
})

describe('a shovel whose other end goes', () => {
  it('says why, and connects again', async () => {
    const a = await channel(here)
    await send(a, 'from', 1)
    const gone = await createBroker({ port: 0 })
    const { port } = gone
    await put('s', {
      'src-uri': 'amqp://',
      'src-queue': 'from',
      'dest-uri': gone.url,
      'dest-queue': 'to',
      'reconnect-delay': 0.05,
    })
    await gone.waitForQueue('to', { ready: 1 })
    await gone.close()
    expect((await state('s', 'terminated'))['reason']).toMatch(/CONNECTION_FORCED|ECONNREFUSED/)
    await send(a, 'from', 2)
    const back = await createBroker({ port })
    await back.waitForQueue('to', { ready: 2 })
    await back.close()
  })

  it('that may not reconnect stays terminated until it is restarted', async () => {
    const ends = {
      'src-uri': 'amqp://',
      'src-queue': 'from',
      'dest-uri': 'amqp://127.0.0.1:1',
      'dest-queue': 'to',
    }
    await put('s', { ...ends, 'reconnect-delay': 0 })
    const first = await state('s', 'terminated')
    expect(first['reason']).toContain('ECONNREFUSED')
    expect((await api('DELETE', 'shovels/vhost/%2F/s/restart')).status).toBe(204)
    await state('s', 'terminated')
    await put('s', { ...ends, 'dest-uri': far(), 'reconnect-delay': 0 })
    await state('s', 'running')
  })

  it('takes another one of its addresses', async () => {
    const a = await channel(here)
    await send(a, 'from', 1)
    const ends = { 'src-uri': ['amqp://', 'amqp:///%2F'], 'src-queue': 'from', 'dest-queue': 'to' }
    await put('s', { ...ends, 'dest-uri': ['amqp://127.0.0.1:1', far()], 'reconnect-delay': 0.01 })
    await there.waitForQueue('to', { ready: 1 })
  })

  it('notices that the queue of the source is deleted, and makes it again', async () => {
    const a = await channel(here)
    await put('s', {
      'src-uri': 'amqp://',
      'src-queue': 'from',
      'dest-uri': far(),
      'dest-queue': 'to',
      'reconnect-delay': 0.05,
    })
    await here.waitForQueue('from', { consumers: 1 })
    await a.deleteQueue('from')
    await here.waitForQueue('from', { consumers: 1 })
    await send(a, 'from', 1)
    await there.waitForQueue('to', { ready: 1 })
  })

  it('declares nothing where all is said to be there already', async () => {
    const ends = {
      'src-uri': 'amqp://',
      'src-queue': 'from',
      'dest-uri': far(),
      'dest-queue': 'to',
      'reconnect-delay': 0.05,
    }
    await put('s', { ...ends, 'src-predeclared': true, 'dest-predeclared': true })
    expect((await state('s', 'terminated'))['reason']).toMatch(/NOT_FOUND|404/)
    expect([here.queue('from'), there.queue('to')]).toEqual([undefined, undefined])
    await (await channel(here)).assertQueue('from')
    await (await channel(there)).assertQueue('to')
    await state('s', 'running')
  })

  it('ends with its parameter, and with its vhost', async () => {
    const ends = { 'src-queue': 'from', 'dest-uri': far(), 'dest-queue': 'to' }
    await put('s', { 'src-uri': 'amqp://', ...ends })
    await here.waitForQueue('from', { consumers: 1 })
    expect((await api('DELETE', 'parameters/shovel/%2F/s')).status).toBe(204)
    await here.waitForQueue('from', { consumers: 0 })
    await here.addVhost('brief')
    await api('PUT', 'parameters/shovel/brief/s', { value: { 'src-uri': 'amqp:///brief', ...ends } })
    await here.waitForQueue('from', { consumers: 1 }, { vhost: 'brief' })
    expect((await api('DELETE', 'vhosts/brief')).status).toBe(204)
    await until(async () => (await list()).length === 0 && here.connections() === 0, 'the shovel to end')
    await here.addVhost('brief')
    expect(await list()).toEqual([])
  })

  it('has not failed when its broker is closed', async () => {
    const warnings: string[] = []
    const say = (_: object, message: string): void => void warnings.push(message)
    const logger = { debug() {}, info() {}, warn: say, error: say }
    await (await channel(there)).assertQueue('from')
    const own = await createBroker({ port: 0, managementPort: 0, logger })
    try {
      const value = {
        'src-uri': far(),
        'src-queue': 'from',
        'dest-uri': 'amqp://',
        'dest-exchange': 'amq.fanout',
      }
      await fetch(`http://127.0.0.1:${own.managementPort}/api/parameters/shovel/%2F/s`, {
        method: 'PUT',
        headers: { authorization: `Basic ${btoa('guest:guest')}`, 'content-type': 'application/json' },
        body: JSON.stringify({ value }),
      })
      await there.waitForQueue('from', { consumers: 1 })
    } finally {
      await own.close()
    }
    expect(warnings).toEqual([])
    await there.waitForQueue('from', { consumers: 0 })
  })
})
