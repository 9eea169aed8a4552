import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { createBroker } from '../../src/index.ts'
import { FieldTable, fieldEntry, toField } from '../../src/protocol/field-table.ts'
import { MethodId } from '../../src/protocol/generated/constants.ts'
import { checkFolder } from '../../src/storage/check.ts'
import { LmdbStorage } from '../../src/storage/lmdb/lmdb-storage.ts'
import type { Damage, StorageWrite } from '../../src/storage/storage.ts'
import { testFolder } from '../support/folder.ts'
import { realPasswordCost } from '../support/password-cost.ts'
import { Wire } from '../support/wire.ts'

function folder(): string {
  const dir = testFolder('format')
  return dir
}

/** As the release before checksums left it: 40 of 100 messages of old-a acknowledged, 10 more delivered. */
function oldFolder(format = 1): string {
  const dir = folder()
  const packed = readFileSync(new URL(`../fixtures/store-${format}.mdb.gz`, import.meta.url))
  writeFileSync(join(dir, 'data.mdb'), gunzipSync(packed))
  return dir
}

async function drained(port: number, queue: string): Promise<string[]> {
  const w = await Wire.open(`amqp://guest:guest@127.0.0.1:${port}`)
  await w.channel(1)
  const out: string[] = []
  for (;;) {
    w.send(1, MethodId.BasicGet, { queue })
    const m = await w.next(1)
    if (m.method.id !== MethodId.BasicGetOk) break
    out.push(String(m.body))
    w.send(1, MethodId.BasicAck, { deliveryTag: (m.method as { deliveryTag: number }).deliveryTag })
  }
  await w.close()
  return out
}

const every = (from: number, step: number): string[] => {
  const out: string[] = []
  for (let i = from; i < 200; i += step) out.push(`message ${i}`)
  return out
}

describe('a folder of the first format', () => {
  it('is taken over by a check too, which says so', async () => {
    const dir = oldFolder()
    const said: string[] = []
    for (let i = 0; i < 2; i++) {
      const { damage, unchecked, records } = await checkFolder(dir, (s) => said.push(s))
      expect([damage, unchecked]).toEqual([[], records])
    }
    expect(said).toEqual(['format 1 of the folder is taken over to 3 now'])
  })

  it('is taken over with everything in it, and stays so', async () => {
    realPasswordCost()
    const dataDir = oldFolder()
    let broker = await createBroker({ port: 0, storage: 'lmdb', dataDir })
    expect(await drained(broker.port, 'old-a')).toEqual(every(80, 2))
    await broker.close()
    broker = await createBroker({ port: 0, storage: 'lmdb', dataDir })
    expect(await drained(broker.port, 'old-a')).toEqual([])
    expect(await drained(broker.port, 'old-b')).toEqual(every(1, 2))
    await broker.close()
    expect(readdirSync(dataDir).filter((f) => f.endsWith('.journal'))).toEqual([])
  })

  it('is another one afterwards, which the former release refuses', async () => {
    const dir = oldFolder()
    const s = await LmdbStorage.open(dir)
    const [format] = [...s.scan('format')]
    expect(JSON.parse(String(format?.value))).toMatchObject({ version: 3 })
    await s.close()
  })
})

describe('a folder of the second format', () => {
  it('is taken over with its bindings, which can be removed', async () => {
    realPasswordCost()
    const dataDir = oldFolder(2)
    const run = async (act: (w: Wire) => Promise<void>): Promise<string[]> => {
      const broker = await createBroker({ port: 0, storage: 'lmdb', dataDir })
      const w = await Wire.open(`amqp://guest:guest@127.0.0.1:${broker.port}`)
      await w.channel(1)
      await act(w)
      await w.call(1, MethodId.ConfirmSelect, {}, MethodId.ConfirmSelectOk)
      const keys = ['x.1', 'y.1', 'z', 'an.error']
      const out: string[] = []
      for (const routingKey of keys) {
        w.publish(1, { exchange: 'events', routingKey, body: routingKey })
        await w.expect(1, MethodId.BasicAck)
      }
      await w.close()
      for (const queue of ['a', 'b', 'c'])
        out.push(`${queue}: ${(await drained(broker.port, queue)).join(' ')}`)
      await broker.close()
      return out
    }
    const stored = 'stored by the former release'
    expect(await run(async () => {})).toEqual([`a: ${stored} x.1 y.1`, `b: ${stored} x.1`, 'c: z an.error'])
    const unbound = await run(async (w) => {
      const y = { queue: 'a', exchange: 'events', routingKey: 'y.#' }
      await w.call(1, MethodId.QueueUnbind, y, MethodId.QueueUnbindOk)
      const errors = { destination: 'errors', source: 'events', routingKey: '#.error' }
      await w.call(1, MethodId.ExchangeUnbind, errors, MethodId.ExchangeUnbindOk)
    })
    expect(unbound).toEqual(['a: x.1', 'b: x.1', 'c: z'])
    expect(await run(async () => {})).toEqual(unbound)
  })
})

/** Where these octets lie in the file. */
function find(file: string, octets: Uint8Array): number {
  const at = readFileSync(file).lastIndexOf(octets)
  expect(at).toBeGreaterThan(0)
  return at
}

function change(file: string, at: number): void {
  const all = readFileSync(file)
  all[at] = (all[at] as number) ^ 0x10
  writeFileSync(file, all)
}

const table = (name: string, value: string): FieldTable => FieldTable.of([fieldEntry(name, toField(value))])

const mark = (text: string): Buffer => Buffer.from(`--- ${text} ---`)

describe('octets that the disk has changed', () => {
  it('are noticed in records, states and metadata: they count as not there and are told once', async () => {
    const dir = folder()
    let s = await LmdbStorage.open(dir)
    const writes: StorageWrite[] = [
      { op: 'put', key: 'a', value: mark('value a') },
      { op: 'put', key: 'b', value: mark('value b') },
      { op: 'record', log: 1, segment: 1, index: 0, bytes: mark('record 0') },
      { op: 'record', log: 1, segment: 1, index: 5, bytes: mark('record 5') },
      { op: 'segment', log: 1, segment: 1, state: mark('state 1') },
      { op: 'segment', log: 1, segment: 2, state: mark('state 2') },
    ]
    await s.write(writes)
    await s.close()
    for (const text of ['value a', 'record 5', 'state 2']) {
      const file = join(dir, 'data.mdb')
      change(file, find(file, mark(text)) + 5)
    }
    s = await LmdbStorage.open(dir)
    const told: Damage[] = []
    s.onDamage((d) => told.push(d))
    for (let i = 0; i < 2; i++) {
      expect(Array.from(s.scan(''), (e) => e.key)).toEqual(['b', 'format'])
      expect(Array.from(s.records(1, 1), (r) => r.index)).toEqual([0])
      expect([s.record(1, 1, 5), Buffer.from(s.record(1, 1, 0) ?? '')]).toEqual([undefined, mark('record 0')])
      expect(Array.from(s.segments(1), (e) => [e.segment, e.state && String(e.state)])).toEqual([
        [1, String(mark('state 1'))],
        [2, undefined],
      ])
    }
    expect([s.damaged, told]).toEqual([
      3,
      [
        { kind: 'metadata', key: 'a' },
        { kind: 'record', log: 1, segment: 1, index: 5 },
        { kind: 'state', log: 1, segment: 2 },
      ],
    ])
    await s.write([])
    expect(s.setAsideKeys()).toEqual(['metadata::::a', 'record:1:1:5:', 'state:1:2::'])
    await s.close()
  })

  it.each(['quorum', 'stream'])('cost their messages and no others: %s', async (type) => {
    const dataDir = join(folder(), 'data')
    mkdirSync(dataDir)
    let broker = await createBroker({ port: 0, storage: 'lmdb', dataDir })
    let w = await Wire.open(`amqp://guest:guest@127.0.0.1:${broker.port}`)
    const queue = 'damaged'
    const declare = {
      queue,
      durable: true,
      arguments: table('x-queue-type', type),
    }
    await w.channel(1)
    await w.call(1, MethodId.ConfirmSelect, {}, MethodId.ConfirmSelectOk)
    await w.call(1, MethodId.QueueDeclare, declare, MethodId.QueueDeclareOk)
    // Each in a record of its own.
    for (let i = 0; i < 10; i++) {
      w.publish(1, {
        routingKey: queue,
        body: `message ${i} ${'.'.repeat(5000)}`,
        properties: { deliveryMode: 2 },
      })
      await w.expect(1, MethodId.BasicAck)
    }
    await w.close()
    await broker.close()
    const file = join(dataDir, 'data.mdb')
    change(file, find(file, Buffer.from('message 3 ...')) + 1000)
    broker = await createBroker({ port: 0, storage: 'lmdb', dataDir })
    w = await Wire.open(`amqp://guest:guest@127.0.0.1:${broker.port}`)
    await w.channel(1)
    await w.call(1, MethodId.BasicQos, { prefetchCount: 100 }, MethodId.BasicQosOk)
    const from = type === 'stream' ? { arguments: table('x-stream-offset', 'first') } : {}
    await w.call(1, MethodId.BasicConsume, { queue, ...from }, MethodId.BasicConsumeOk)
    const seen: string[] = []
    for (let i = 0; i < 9; i++)
      seen.push(String((await w.receive(1, MethodId.BasicDeliver)).body).slice(0, 9))
    expect(seen).toEqual([0, 1, 2, 4, 5, 6, 7, 8, 9].map((n) => `message ${n}`))
    if (type !== 'stream') {
      const passive = await w.call(
        1,
        MethodId.QueueDeclare,
        { queue, passive: true },
        MethodId.QueueDeclareOk,
      )
      expect(passive.messageCount).toBe(0)
    }
    await w.close()
    await broker.close()
  })
})
