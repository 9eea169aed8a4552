/** Stored objects that cannot be read or used: the broker starts, says which, keeps them, and serves the rest. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { atOnce } from '../../src/broker/jobs.ts'
import { vhostInfo } from '../../src/broker/vhost.ts'
import { defaultSettings } from '../../src/config/default-settings.ts'
import { putVhost } from '../../src/operations/vhosts.ts'
import { rabbitHash } from '../../src/security/passwords.ts'
import { LmdbStorage } from '../../src/storage/lmdb/lmdb-storage.ts'
import type { StorageWrite } from '../../src/storage/storage.ts'
import { oneForAll, silent } from '../../src/util/logger.ts'
import { Http } from '../management/target.ts'
import { runCommand } from '../support/ctl.ts'
import { RunningNode } from '../support/running-node.ts'
import {
  bindQueue,
  CH,
  confirmed,
  confirmSelect,
  counts,
  declareExchange,
  declareQueue,
  get,
  holds,
} from '../support/session.ts'
import { table, Wire } from '../support/wire.ts'

let dir: string
let leveret: RunningNode | undefined
let lines: string[]
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'leveret-quarantine-'))
  lines = []
})
afterEach(async () => {
  await stop()
  rmSync(dir, { recursive: true, force: true })
})

/** With the HTTP ports only where they are asked: what answers there takes longer to load than all else. */
async function start(withHttp = false): Promise<RunningNode> {
  const at = { port: 0, bind: '127.0.0.1' }
  const http = withHttp ? [at] : []
  const storage = { storage: 'lmdb', dataDir: dir } as const
  const settings = { ...defaultSettings, ...storage, listeners: [at], management: http, metrics: http }
  const error = (fields: object, message: string): void =>
    void lines.push(`${message} ${JSON.stringify(fields)}`)
  leveret = await RunningNode.start(settings, oneForAll({ ...silent, error }))
  return leveret
}

async function stop(): Promise<void> {
  await leveret?.close()
  leveret = undefined
}

async function open(l: RunningNode): Promise<Wire> {
  const w = await Wire.open(`amqp://guest:guest@127.0.0.1:${l.ports[0]}`)
  await w.channel(CH)
  return w
}

const durable = { durable: true, autoDelete: false }

/** One of everything, twice: `bad...` is what will be damaged, where that can be told apart. */
async function fill(): Promise<void> {
  const l = await start()
  l.broker.setVhost(vhostInfo({ name: 'v' }))
  l.users.set({ name: 'ann', password: rabbitHash('a'), tags: [], limits: {} })
  l.users.setPermission('ann', '/', { configure: '.*', write: '.*', read: '.*' })
  l.users.setTopicPermission('ann', '/', { exchange: 'amq.topic', write: '.*', read: '.*' })
  l.model.parameters.setGlobal('site', 'here')
  l.model.parameters.set({ vhost: '/', component: 'shovel', name: 'far', value: {} })
  const w = await open(l)
  const delayed = { ...durable, arguments: table({ 'x-delayed-type': 'fanout' }) }
  await declareExchange(w, 'x-delayed-message', { ...delayed, exchange: 'later' })
  const args = table({ 'x-message-deduplication': true })
  for (const name of ['bad', 'good']) {
    await declareExchange(w, 'fanout', { ...durable, exchange: name })
    await declareQueue(w, { queue: name, exclusive: false, durable: true, arguments: args })
    await bindQueue(w, name, name)
  }
  await bindQueue(w, 'good', 'later')
  await confirmSelect(w)
  for (const name of ['bad', 'good'])
    for (const key of ['1', '2'])
      w.publish(CH, {
        routingKey: name,
        body: `${name} ${key}`,
        properties: { deliveryMode: 2, headers: table({ 'x-deduplication-header': key }) },
      })
  w.publish(CH, {
    exchange: 'later',
    body: 'delayed',
    properties: { deliveryMode: 2, headers: table({ 'x-delay': 600_000 }) },
  })
  await confirmed(w, 5)
  const policy = { pattern: '.*', applyTo: 'queues', definition: { 'max-length': 100 }, priority: 0 } as const
  const vhost = l.broker.vhosts.get('/')
  if (vhost !== undefined) atOnce(vhost.settingPolicy({ ...policy, name: 'bad' }, false))
  w.socket.destroy()
  await l.commit.flush()
  await stop()
}

type Change = (s: LmdbStorage) => StorageWrite[]

async function change(how: Change): Promise<void> {
  const storage = await LmdbStorage.open(dir)
  await storage.write(how(storage))
  await storage.close()
}

const junk = Buffer.from('{"name":"bad","vhost":"/","arguments":"////","a": }')

/** Overwrites the values under that prefix that have `including` in them. */
function overwrite(prefix: string, including: string, value: Buffer = junk): Change {
  return (s) =>
    Array.from(s.scan(prefix))
      .filter((e) => Buffer.from(e.value).includes(including))
      .map(({ key }) => ({ op: 'put', key, value }))
}

/** With fields of the values replaced. */
function edit(prefix: string, including: string, fields: object): Change {
  return (s) =>
    Array.from(s.scan(prefix))
      .filter((e) => Buffer.from(e.value).includes(including))
      .map(({ key, value }) => {
        const changed = { ...(JSON.parse(Buffer.from(value).toString()) as object), ...fields }
        return { op: 'put', key, value: Buffer.from(JSON.stringify(changed)) }
      })
}

function kinds(l: RunningNode): string[] {
  return l.broker.objects.quarantined.map((o) => o.kind)
}

const cases: [string, Change, string[]][] = [
  ['a vhost', overwrite('vhost:', '"v"'), ['vhost']],
  ['the vhost of everything', overwrite('vhost:', '"/"'), ['vhost']],
  ['an exchange', overwrite('exchange:', '"bad"'), ['exchange', 'binding']],
  [
    'an exchange of a type that is not known',
    edit('exchange:', '"bad"', { type: 'x-new' }),
    ['exchange', 'binding'],
  ],
  ['a queue', overwrite('queue:', '"bad"'), ['queue', 'binding']],
  ['a queue of a type that is not known', edit('queue:', '"bad"', { kind: 'new' }), ['queue', 'binding']],
  [
    'a queue with arguments that cannot be read',
    edit('queue:', '"bad"', { arguments: '/////w==' }),
    ['queue', 'binding'],
  ],
  ['a queue without a log', edit('queue:', '"bad"', { log: null }), ['queue', 'binding']],
  ['a binding', overwrite('binding:', '"bad"'), ['binding']],
  ['a policy', overwrite('policy:', '"bad"'), ['policy']],
  ['a policy with a bad pattern', edit('policy:', '"bad"', { pattern: '(' }), ['policy']],
  ['a policy without a definition', edit('policy:', '"bad"', { definition: null }), ['policy']],
  ['a user', overwrite('user:', 'ann'), ['user']],
  ['a permission', overwrite('permission:', 'ann'), ['permission']],
  ['a topic permission', overwrite('topic-permission:', 'ann'), ['topic-permission']],
  ['a global parameter', overwrite('global-parameter:', 'site'), ['global-parameter']],
  ['a parameter', overwrite('parameter:', 'far'), ['parameter']],
  [
    'the parameters of an earlier release',
    () => [{ op: 'put', key: 'parameters', value: junk }],
    ['parameters'],
  ],
  ['the number of the last log', overwrite('last-log', ''), []],
  ['deduplication', overwrite('dedup:', ''), []],
  ['something that is no object', overwrite('queue:', '"bad"', Buffer.from('null')), ['queue', 'binding']],
]

describe('a start', () => {
  it.each(cases)('is not kept by %s', async (_what, damage, expected) => {
    await fill()
    await change(damage)
    const l = await start()
    expect(kinds(l)).toEqual(expected)
    for (const o of l.broker.objects.quarantined)
      expect(lines.join('\n')).toContain(
        `stored object set aside: it cannot be read or used ${JSON.stringify({ kind: o.kind }).slice(0, -1)}`,
      )
    // Not served before somebody has said what its limits are.
    if (l.broker.vhosts.get('/')?.info.down === true) putVhost(l.broker, '/', {})
    let w = await open(l)
    expect((await counts(w, 'good')).messages).toBe(2)
    expect(String((await get(w, 'good'))?.body)).toBe('good 1')
    // A queue that is made now does not get what belongs to one that is set aside.
    await declareQueue(w, { queue: 'new', exclusive: false, durable: true })
    expect((await counts(w, 'new')).messages).toBe(0)
    w.socket.destroy()
    await stop()
    // It is still there, and still named, at the next start.
    const again = await start()
    expect(kinds(again)).toEqual(expected)
    w = await open(again)
    expect((await counts(w, 'good')).messages).toBe(1)
    w.socket.destroy()
  })

  it('serves no vhost without the limits that it had', async () => {
    await fill()
    await change(overwrite('vhost:', '"/"'))
    const refusal = "INTERNAL_ERROR - access to vhost '/' refused for user 'guest': vhost '/' is down"
    let l = await start()
    await expect(open(l)).rejects.toThrow(refusal)
    await stop()
    l = await start(true)
    await expect(open(l)).rejects.toThrow(refusal)
    const http = new Http()
    http.base = `http://127.0.0.1:${l.managementPort}`
    expect((await http.put('vhosts/%2F', {})).status).toBe(204)
    expect((await http.put('vhost-limits/%2F/max-queues', { value: 2 })).status).toBe(204)
    const w = await open(l)
    expect((await counts(w, 'good')).messages).toBe(2)
    w.socket.destroy()
    await stop()
    l = await start()
    expect(l.broker.vhosts.get('/')?.limits).toEqual({ 'max-queues': 2 })
    ;(await open(l)).socket.destroy()
  })

  it('brings back what can be read again, with its messages', async () => {
    await fill()
    await change(edit('queue:', '"bad"', { kind: 'new' }))
    expect(kinds(await start())).toEqual(['queue', 'binding'])
    await stop()
    await change(edit('quarantine:queue:', '"bad"', { kind: 'classic' }))
    const l = await start()
    expect(kinds(l)).toEqual([])
    const w = await open(l)
    w.publish(CH, { exchange: 'bad', body: 'by the binding' })
    await holds(w, 'bad', 3)
    w.socket.destroy()
  })

  it('does not give the name of a new object to the old one', async () => {
    await fill()
    await change(edit('queue:', '"bad"', { kind: 'new' }))
    const w = await open(await start())
    await declareQueue(w, { queue: 'bad', exclusive: false, durable: true })
    w.socket.destroy()
    await stop()
    await change(edit('quarantine:queue:', '"bad"', { kind: 'classic' }))
    const l = await start()
    expect(l.broker.objects.quarantined).toMatchObject([
      { kind: 'queue', name: 'bad', reason: 'another one has its name' },
    ])
    const again = await open(l)
    expect((await counts(again, 'bad')).messages).toBe(0)
    again.socket.destroy()
  })

  it.each([
    ['too short', new Uint8Array(3)],
    ['nonsense', new Uint8Array(64).fill(0xff)],
  ])('serves the other segments of a queue, and keeps one whose state is %s', async (_what, state) => {
    await fill()
    let log = 0
    await change((s) => {
      for (const { value } of s.scan('queue:')) {
        const q = JSON.parse(Buffer.from(value).toString()) as { name: string; log: number }
        if (q.name === 'bad') ({ log } = q)
      }
      return [{ op: 'segment', log, segment: 1, state }]
    })
    const l = await start()
    expect(kinds(l)).toEqual(['segment'])
    const w = await open(l)
    await confirmSelect(w)
    expect((await counts(w, 'bad')).messages).toBe(0)
    w.publish(CH, { routingKey: 'bad', body: 'new', properties: { deliveryMode: 2 } })
    await confirmed(w, 1)
    w.socket.destroy()
    await stop()
    const storage = await LmdbStorage.open(dir)
    expect(Array.from(storage.records(log, 1), (r) => r.index)).toEqual([0])
    await storage.close()
    const again = await open(await start())
    expect(String((await get(again, 'bad'))?.body)).toBe('new')
    again.socket.destroy()
  })

  it('keeps delayed messages whose exchange cannot be read, and whose bucket has no state', async () => {
    await fill()
    await change(edit('exchange:', '"later"', { type: 'x-new' }))
    await change((s) =>
      Array.from(s.segments(0), ({ segment }) => ({
        op: 'segment',
        log: 0,
        segment,
        state: new Uint8Array(0),
      })),
    )
    const l = await start()
    expect(kinds(l)).toEqual(['exchange', 'binding'])
    expect(l.broker.delays.targetsMissing).toBe(true)
    await stop()
    const storage = await LmdbStorage.open(dir)
    const buckets = Array.from(storage.segments(0))
    expect(buckets.flatMap(({ segment }) => Array.from(storage.records(0, segment), (r) => r.index))).toEqual(
      [0],
    )
    await storage.close()
  })
})

describe('what is set aside', () => {
  it('is listed over HTTP, by the command line and in the metrics', async () => {
    await fill()
    await change(overwrite('queue:', '"bad"', Buffer.from('{"name":"bad","vhost":"/","kind":"new","log":1}')))
    const l = await start(true)
    const http = new Http()
    http.base = `http://127.0.0.1:${l.managementPort}`
    const [first] = (await http.get('quarantined-objects')).json
    expect(first).toMatchObject({
      kind: 'queue',
      vhost: '/',
      name: 'bad',
      reason: 'queues of type new are not known',
    })
    const url = `http://guest:guest@127.0.0.1:${l.managementPort}`
    const listed = await runCommand(['list_quarantined_objects', '-q', '--url', url])
    expect([listed.code, listed.stderr]).toEqual([0, ''])
    expect(listed.stdout).toContain('queue\t/\tbad\tqueues of type new are not known')
    const metrics = await (await fetch(`http://127.0.0.1:${l.metricsPort}/metrics`)).text()
    expect(metrics).toContain('leveret_objects_quarantined 2\n')
  })

  it('is forgotten for good on request, one by one', async () => {
    await fill()
    await change(overwrite('queue:', '"bad"'))
    const l = await start(true)
    const http = new Http()
    http.base = `http://127.0.0.1:${l.managementPort}`
    const [queue, binding] = (await http.get('quarantined-objects')).json
    const path = `quarantined-objects/${encodeURIComponent(queue.key)}`
    expect((await http.delete(path)).status).toBe(204)
    expect((await http.delete(path)).status).toBe(404)
    const url = `http://guest:guest@127.0.0.1:${l.managementPort}`
    const ran = await runCommand(['delete_quarantined_object', '-q', '--url', url, binding.key])
    expect([ran.code, ran.stderr]).toEqual([0, ''])
    expect((await http.get('quarantined-objects')).json).toEqual([])
    await stop()
    expect(kinds(await start())).toEqual([])
  })

  it('does not make the store a new one: no default user comes back', async () => {
    await fill()
    await change((s) => [
      ...overwrite('vhost:', '')(s),
      ...Array.from(s.scan('user:'), ({ key }) => ({ op: 'delete', key }) as const),
    ])
    const l = await start()
    expect([...l.users]).toEqual([])
  })
})
