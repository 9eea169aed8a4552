/** A broker that starts on a store with anything in it. */
import { FieldTable } from '../../../src/protocol/field-table.ts'
import { encodeMethodFrame } from '../../../src/protocol/frame-writer.ts'
import { MethodId } from '../../../src/protocol/generated/constants.ts'
import { BatchEncoder, BatchError, decodeBatch } from '../../../src/storage/log/batch-codec.ts'
import { MemoryStorage } from '../../../src/storage/memory/memory-storage.ts'
import type { StorageWrite } from '../../../src/storage/storage.ts'
import { objectKey } from '../../../src/util/stored-objects.ts'
import { methodFrom, publishFrames, table } from '../../support/wire.ts'
import { loginFrames } from '../hostile-input.ts'
import type { Random } from '../random.ts'
import { FuzzedBroker } from './broker.ts'
import { framesOf } from './frames.ts'
import type { FuzzTarget } from './fuzzer.ts'
import { json, octets } from './mutate.ts'
import { same, unless } from './oracle.ts'
import { asBatch } from './target-storage.ts'

/** What a store holds that keeps everything which is written to it. */
class Kept extends MemoryStorage {
  constructor() {
    super({ keeps: true })
  }

  get all(): StorageWrite[] {
    return [...this.everything(() => true)]
  }
}

const login = Buffer.concat(loginFrames({ user: 'many', password: 'guest', vhost: '/' }))

/** A session with a broker on that store. */
async function talk(b: FuzzedBroker, frames: readonly Buffer[]): Promise<number> {
  const socket = b.client('many')
  for (const part of [...framesOf(login, 8), ...frames]) {
    if (!socket.isOver) socket.emit('data', part)
    await b.settle(socket)
  }
  socket.destroy()
  await b.settle(socket)
  return socket.written.length
}

const CH = 1

function method<Id extends Parameters<typeof methodFrom>[0]>(id: Id, fields: object): Buffer {
  return Buffer.from(encodeMethodFrame(CH, methodFrom(id, fields as never) as never))
}

/** What a broker leaves that had queues of each kind with messages in them. */
async function contents(): Promise<StorageWrite[]> {
  const kinds = [
    {},
    { 'x-queue-type': 'quorum' },
    { 'x-queue-type': 'stream' },
    { 'x-max-priority': 3 },
    { 'x-message-ttl': 60_000 },
  ]
  const storage = new Kept()
  const b = new FuzzedBroker(storage)
  const frames = [method(MethodId.ChannelOpen, {})]
  for (const [i, args] of kinds.entries()) {
    const queue = `q${i}`
    frames.push(method(MethodId.QueueDeclare, { queue, durable: true, arguments: table(args) }))
    frames.push(
      method(MethodId.QueueBind, {
        queue,
        exchange: 'amq.topic',
        routingKey: `a.${i}`,
        arguments: FieldTable.empty,
      }),
    )
    for (const body of ['first', 'second', 'x'.repeat(300)])
      frames.push(
        publishFrames(CH, { routingKey: queue, properties: { deliveryMode: 2, priority: i }, body }),
      )
  }
  frames.push(
    method(MethodId.ExchangeDeclare, {
      exchange: 'x',
      type: 'topic',
      durable: true,
      arguments: FieldTable.empty,
    }),
  )
  frames.push(method(MethodId.ConfirmSelect, {}))
  await talk(b, frames)
  b.stop()
  return storage.all
}

const names = [
  'vhost',
  'name',
  'arguments',
  'log',
  'kind',
  'durable',
  'autoDelete',
  'type',
  'routingKey',
  'definition',
  'pattern',
  'operator',
]
const inJson = json(names)

/** One write is another one, or one value in an object is. */
function inWrite(random: Random, w: StorageWrite): StorageWrite {
  switch (w.op) {
    case 'put':
      return { ...w, value: (random(4) === 0 ? octets : inJson)(random, Buffer.from(w.value)) }
    case 'record':
      return random(3) === 0
        ? { ...w, index: random(5) }
        : { ...w, bytes: octets(random, Buffer.from(w.bytes)) }
    case 'segment':
      return random(4) === 0
        ? { ...w, segment: random(4) }
        : { ...w, state: octets(random, Buffer.from(w.state)) }
    default:
      return w
  }
}

/**
 * Whatever the store holds, the broker starts, what it cannot read is set aside, and each queue answers. A failure may be
 * charged to a queue or a message: its octets are wrong, which only checksums can tell.
 */
export async function folderTarget(): Promise<FuzzTarget> {
  const encoder = new BatchEncoder()
  const writes = await contents()
  const encoded = (list: readonly StorageWrite[]): Buffer =>
    Buffer.from(encoder.encode(0, 1, list).subarray(0, -4))
  const policy = {
    vhost: '/',
    name: 'p',
    pattern: '^q',
    priority: 1,
    applyTo: 'queues',
    operator: false,
    definition: { 'max-length': 2 },
  }
  const put = (kind: string, value: object): StorageWrite => ({
    op: 'put',
    key: objectKey(kind, 'x'),
    value: Buffer.from(JSON.stringify(value)),
  })
  const seeds = [
    writes,
    [...writes, put('policy', policy)],
    [...writes, put('vhost', { name: 'v', description: '' })],
  ]
  const change = (random: Random, input: Buffer): Buffer => {
    const read = unless(
      (e) => e instanceof BatchError,
      () => decodeBatch(asBatch(input)),
    )
    const list = read?.writes ?? []
    if (list.length === 0) return octets(random, input)
    const at = random(list.length)
    const w = list[at] as StorageWrite
    const how = random(8)
    if (how === 0) list.splice(at, 1)
    else if (how === 1) list.push(inWrite(random, w))
    else list[at] = inWrite(random, w)
    return encoded(list)
  }
  const asking = (queue: string): Buffer[] => [
    method(MethodId.QueueDeclare, { queue, passive: true, arguments: FieldTable.empty }),
    method(MethodId.BasicGet, { queue, noAck: false }),
    method(MethodId.BasicGet, { queue, noAck: true }),
    method(MethodId.QueuePurge, { queue }),
  ]
  return {
    name: 'folder',
    bytesMax: 12_000,
    seeds: seeds.map(encoded),
    changes: [change, change, change],
    words: [],
    async run(input) {
      const read = unless(
        (e) => e instanceof BatchError,
        () => decodeBatch(asBatch(input)),
      )
      if (read === undefined) return
      const storage = new MemoryStorage({ keeps: true })
      await storage.write(read.writes)
      const b = new FuzzedBroker(storage)
      const queues = [...(b.broker.vhosts.get('/')?.queues.keys() ?? [])]
      for (const queue of queues.filter((name) => Buffer.byteLength(name) < 256).slice(0, 6)) {
        const said = await talk(b, [method(MethodId.ChannelOpen, {}), ...asking(queue)])
        same(said > 0, 'no answer')
      }
      b.checkFailures(['queue', 'message', 'object'])
      b.stop()
    },
  }
}
