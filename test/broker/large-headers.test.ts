/** Headers and arguments of 128 KiB, which take milliseconds to decode: few of them in one turn, and not kept decoded. */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { Broker } from '../../src/broker/broker.ts'
import { encodeContent } from '../../src/broker/content.ts'
import { Failures } from '../../src/broker/failures.ts'
import type { Jobs, Steps } from '../../src/broker/jobs.ts'
import { InboundMessage } from '../../src/broker/message.ts'
import type { Consumer } from '../../src/broker/queue/consumers.ts'
import { classic, type QueueKind, queueKind } from '../../src/broker/queue/kinds/kinds.ts'
import type { Vhost } from '../../src/broker/vhost.ts'
import { defaultSettings } from '../../src/config/default-settings.ts'
import { exportDefinitions } from '../../src/definitions/export.ts'
import { areFew, Many, written } from '../../src/definitions/written.ts'
import { TURN_MS } from '../../src/limits.ts'
import { Redrive } from '../../src/operations/redrive.ts'
import { FieldTable } from '../../src/protocol/field-table.ts'
import { MethodId } from '../../src/protocol/generated/constants.ts'
import { GroupCommit } from '../../src/storage/batch.ts'
import { MemoryStorage } from '../../src/storage/memory/memory-storage.ts'
import { oneForAll, silent } from '../../src/util/logger.ts'
import { elapsed } from '../../src/util/timers.ts'
import { Http } from '../management/target.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { RunningNode } from '../support/running-node.ts'
import { CH, declareQueue, holds } from '../support/session.ts'
import { table, Wire } from '../support/wire.ts'

const listeners = [{ port: 0, bind: '127.0.0.1' }]

const plain = (fields: number): { [name: string]: number } =>
  Object.fromEntries(Array.from({ length: fields }, (_, i) => [i.toString(16), 1]))

async function node(): Promise<{ leveret: RunningNode; w: Wire }> {
  const leveret = await RunningNode.start(
    { ...defaultSettings, listeners, management: listeners },
    oneForAll(silent),
  )
  onTestFinished(() => leveret.close())
  const w = await Wire.open(`amqp://guest:guest@127.0.0.1:${leveret.ports[0]}`)
  onTestFinished(() => void w.socket.destroy())
  await w.channel(CH)
  return { leveret, w }
}

/** Each look at the time takes a while. */
class SlowClock extends ManualClock {
  private spent = 0
  private next: (() => void) | undefined

  override elapsed(): number {
    this.spent += TURN_MS / 10
    return this.spent
  }

  override defer(action: () => void): void {
    this.next = action
  }

  one(): boolean {
    const action = this.next
    this.next = undefined
    action?.()
    return action !== undefined
  }
}

function slow(): { clock: SlowClock; broker: Broker; vhost: Vhost } {
  const clock = new SlowClock()
  const storage = new MemoryStorage({ keeps: true })
  const failures = new Failures(clock, () => {})
  const broker = new Broker(storage, new GroupCommit(storage, clock), clock, {
    messageMemoryBytes: 2 ** 24,
    failures,
  })
  broker.load()
  return { clock, broker, vhost: broker.vhosts.get('/') as Vhost }
}

/** A queue with a hundred messages, and a consumer that counts what it gets as a client would get it. */
function readAfter(
  kindName: string,
  headers: FieldTable,
  options: { arguments?: FieldTable; returned?: boolean },
): { clock: SlowClock; got: () => number } {
  const { clock, broker, vhost } = slow()
  const kind = queueKind(kindName) as QueueKind
  const info = { name: 'q', durable: true, exclusive: false, autoDelete: false, kind }
  const q = broker.createQueue(vhost, { ...info, arguments: FieldTable.empty }, undefined)
  for (let i = 0; i < 100; i++) {
    const m = new InboundMessage()
    encodeContent('', 'q', { headers }, Buffer.from('x'), m)
    q.publish(m)
  }
  let delivered = 0
  const numbers: number[] = []
  const consumer: Consumer = {
    tag: 't',
    noAck: false,
    exclusive: false,
    priority: 0,
    arguments: options.arguments ?? FieldTable.empty,
    resting: false,
    unacked: 0,
    hasCredit: () => true,
    deliver: (queue, segment, index, sequence) => {
      if (queue.rewritesOnDelivery) queue.asDelivered({ segment, index, sequence })
      numbers.push(sequence)
      delivered++
    },
    settingsChanged: () => {},
    cancelled: () => {},
  }
  q.consume(consumer)
  if (options.returned === true) {
    while (clock.one());
    q.cancel(consumer)
    for (const n of numbers) q.settle(n, 'fail')
    while (clock.one());
    delivered = 0
    q.consume(consumer)
  }
  return { clock, got: () => delivered }
}

const large = FieldTable.from({ text: 'x'.repeat(5_000) })

it.each([
  [
    'a reader of a stream with a filter looks',
    'stream',
    FieldTable.from({ 'x-stream-filter-value': 'a' }),
    { arguments: FieldTable.from({ 'x-stream-offset': 'first', 'x-stream-filter': 'a' }) },
  ],
  [
    'a reader of a stream of large messages, which are rewritten, looks',
    'stream',
    large,
    { arguments: FieldTable.from({ 'x-stream-offset': 'first' }) },
  ],
  [
    'a quorum queue of large messages, which are rewritten once they came back, looks',
    'quorum',
    large,
    { returned: true },
  ],
] as const)('%s at the time for each message', (_, kind, headers, options) => {
  const { clock, got } = readAfter(kind, headers, options)
  clock.one()
  expect(got()).toBeGreaterThan(0)
  expect(got()).toBeLessThan(20)
  while (clock.one());
  expect(got()).toBe(100)
})

it('tx.commit of messages with large headers takes a step for each', async () => {
  const { leveret, w } = await node()
  const queue = await declareQueue(w)
  await w.call(CH, MethodId.TxSelect, {}, MethodId.TxSelectOk)
  const headers = table(plain(10_000))
  for (let i = 0; i < 20; i++) w.publish(CH, { routingKey: queue, properties: { headers } })
  await w.call(CH, MethodId.BasicQos, {}, MethodId.BasicQosOk)
  const { jobs } = leveret.broker.turn
  const begin = jobs.begin.bind(jobs)
  let steps = 0
  function* counted<T>(all: Steps<T>): Steps<T> {
    for (;;) {
      const { value, done } = all.next()
      if (done) return value
      steps++
      yield value
    }
  }
  vi.spyOn(jobs, 'begin').mockImplementation(((all: Steps<unknown>, ...rest: unknown[]) =>
    (begin as (...args: unknown[]) => unknown)(counted(all), ...rest)) as Jobs['begin'])
  await w.call(CH, MethodId.TxCommit, {}, MethodId.TxCommitOk)
  await holds(w, queue, 20)
  expect(steps).toBeGreaterThanOrEqual(20)
})

describe('over HTTP', () => {
  it('few messages with large headers are shown at a time, and the others stay', async () => {
    const { leveret, w } = await node()
    const queue = await declareQueue(w, { exclusive: false })
    const headers = table(plain(10_000))
    const count = 30
    for (let i = 0; i < count; i++) w.publish(CH, { routingKey: queue, properties: { headers } })
    await holds(w, queue, count)
    const http = new Http()
    http.base = `http://127.0.0.1:${leveret.node.managementPort}`
    const got = await http.post(`queues/%2F/${queue}/get`, {
      count,
      ackmode: 'ack_requeue_false',
      encoding: 'auto',
    })
    expect(got.json.length).toBeGreaterThan(0)
    expect(got.json.length).toBeLessThan(10)
    await holds(w, queue, count - got.json.length)
    const peeked = await http.get(`queues/%2F/${queue}/peek?count=${count}`)
    expect(peeked.json.length).toBeGreaterThan(0)
    expect(peeked.json.length).toBeLessThan(10)
    expect(Object.keys(peeked.json[0].properties.headers).length).toBe(10_000)
  })
})

it('a redrive looks at the time for each message', async () => {
  const { clock, broker, vhost } = slow()
  const info = {
    durable: false,
    exclusive: false,
    autoDelete: false,
    kind: classic,
    arguments: FieldTable.empty,
  }
  const dead = broker.createQueue(vhost, { ...info, name: 'dead' }, undefined)
  const origin = broker.createQueue(vhost, { ...info, name: 'origin' }, undefined)
  const death = { queue: 'origin', reason: 'rejected', exchange: '', 'routing-keys': ['origin'], count: 1 }
  for (let i = 0; i < 50; i++) {
    const m = new InboundMessage()
    encodeContent('', 'dead', { headers: FieldTable.from({ 'x-death': [death] }) }, Buffer.from('x'), m)
    dead.publish(m)
  }
  const { done } = new Redrive(vhost, dead, broker, {})
  expect(origin.counts.ready).toBeGreaterThan(0)
  expect(origin.counts.ready).toBeLessThan(20)
  while (origin.counts.ready < 50) {
    const before = origin.counts.ready
    clock.pass(1)
    expect(origin.counts.ready).toBeGreaterThan(before)
  }
  clock.pass(1)
  expect(await done).toEqual({ moved: 50, skipped: 0 })
})

describe('definitions', () => {
  it('of few objects with large arguments are written bit by bit too', async () => {
    const { leveret, w } = await node()
    const { model } = leveret
    for (let i = 0; i < 10; i++) await declareQueue(w, { queue: `small-${i}`, exclusive: false })
    expect(areFew(exportDefinitions(model))).toBe(true)
    for (let i = 0; i < 10; i++)
      await declareQueue(w, { queue: `large-${i}`, exclusive: false, arguments: table(plain(10_000)) })
    expect(areFew(exportDefinitions(model))).toBe(false)
  })

  it('are written as often as they take long to describe', async () => {
    function* slow(): Generator<{ name: number }> {
      for (let name = 0; name < 5; name++) {
        const began = elapsed()
        while (elapsed() - began < 15);
        yield { name }
      }
    }
    const pieces: string[] = []
    for await (const piece of written({ queues: new Many(5, slow) })) pieces.push(piece)
    expect(pieces.filter((p) => p.includes('name')).length).toBe(5)
    expect(JSON.parse(pieces.join(''))).toEqual({ queues: [0, 1, 2, 3, 4].map((name) => ({ name })) })
  })
})

describe('a large table', () => {
  const collect = (): void => {
    setFlagsFromString('--expose-gc')
    ;(runInNewContext('gc') as () => void)()
  }
  const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

  it('is not kept decoded, and is the same when it is decoded again', async () => {
    const fields = { ...plain(15_000), nested: { a: [1, 'x', null, { b: 1.5 }] }, text: 'é' }
    const { bytes } = FieldTable.from(fields)
    await nextTurn()
    collect()
    const before = process.memoryUsage().heapUsed
    const tables: FieldTable[] = []
    for (let i = 0; i < 50; i++) {
      tables.push(FieldTable.decode(bytes))
      await nextTurn()
    }
    collect()
    // Each has some 4 MB of objects while it is decoded.
    expect((process.memoryUsage().heapUsed - before) / tables.length).toBeLessThan(400_000)
    for (const t of tables.slice(0, 3)) {
      expect(t.toPlain()).toEqual(fields)
      expect(t.get('text')).toEqual({ type: 'S', value: Buffer.from('é') })
      expect(t.integer('a1')).toBe(1)
      expect(FieldTable.of(t.entries).bytes.equals(bytes)).toBe(true)
    }
  })
})
