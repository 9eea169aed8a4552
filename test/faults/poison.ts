/** A broker with messages that cannot be read. */
import { onTestFinished, vi } from 'vitest'
import { Segment } from '../../src/broker/messages/segment.ts'
import type { Queue } from '../../src/broker/queue/queue.ts'
import { defaultSettings } from '../../src/config/default-settings.ts'
import type { Settings } from '../../src/config/settings.ts'
import { MethodId } from '../../src/protocol/generated/constants.ts'
import { oneForAll, silent } from '../../src/util/logger.ts'
import { RunningNode } from '../support/running-node.ts'
import { CH } from '../support/session.ts'
import { type HandshakeOptions, Wire } from '../support/wire.ts'

export const POISON = 'poison'

/** Messages with that body cannot be read from now on, until the test file restores its mocks. */
export function poisonSegments(): void {
  const { namesStart } = Segment.prototype
  vi.spyOn(Segment.prototype, 'namesStart').mockImplementation(function (this: Segment, index) {
    const start = this.offsets[index] as number
    const entry = Buffer.from(this.bytes as Uint8Array).subarray(start, start + this.entryLength(index))
    if (entry.includes(POISON)) throw new Error('this one cannot be read')
    return namesStart.call(this, index)
  })
}

export async function start(more: Partial<Settings> = {}): Promise<RunningNode> {
  const listeners = [{ port: 0, bind: '127.0.0.1' }]
  return RunningNode.start({ ...defaultSettings, ...more, listeners }, oneForAll(silent))
}

export async function open(leveret: RunningNode, o: HandshakeOptions = {}): Promise<Wire> {
  const w = await Wire.open(`amqp://guest:guest@127.0.0.1:${leveret.ports[0]}`, o)
  onTestFinished(() => void w.socket.destroy())
  await w.channel(CH)
  return w
}

export async function setUp(): Promise<{ leveret: RunningNode; w: Wire }> {
  poisonSegments()
  const leveret = await start()
  onTestFinished(() => leveret.close())
  return { leveret, w: await open(leveret) }
}

export function queueOf(leveret: RunningNode, name: string): Queue {
  return leveret.broker.vhosts.get('/')?.queues.get(name) as Queue
}

/** What was being done with each message that has been set aside. */
export function parked(leveret: RunningNode, name: string): string[] {
  return [...queueOf(leveret, name).aside].map((m) => m.during)
}

export function publish(w: Wire, routingKey: string, exchange = '', properties = {}): void {
  for (const body of ['a', POISON, 'b']) w.publish(CH, { exchange, routingKey, body, properties })
}

export async function bodies(w: Wire, count: number): Promise<string[]> {
  const out: string[] = []
  while (out.length < count) out.push(String((await w.receive(CH, MethodId.BasicDeliver)).body))
  return out
}
