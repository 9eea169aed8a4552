/** Objects in which nothing happens need no series, since there may be very many. */
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest'
import { encodeContent } from '../../src/broker/content.ts'
import { InboundMessage } from '../../src/broker/message.ts'
import { classic } from '../../src/broker/queue/kinds/kinds.ts'
import type { Queue } from '../../src/broker/queue/queue.ts'
import type { Vhost } from '../../src/broker/vhost.ts'
import { defaultSettings } from '../../src/config/default-settings.ts'
import type { ManagedNode } from '../../src/management/managed-node.ts'
import { Rates } from '../../src/management/rates.ts'
import { queueSubject } from '../../src/management/subjects.ts'
import { FieldTable } from '../../src/protocol/field-table.ts'
import { oneForAll, silent } from '../../src/util/logger.ts'
import { nextTurn } from '../../src/util/timers.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { RunningNode } from '../support/running-node.ts'

let leveret: RunningNode
beforeAll(async () => {
  leveret = await RunningNode.start({ ...defaultSettings, listeners: [] }, oneForAll(silent))
})
afterAll(() => leveret.close())

const SECONDS = 5

/** Rates that are read when the test says so. */
class Readings {
  readonly clock = new ManualClock()
  readonly rates: Rates

  constructor() {
    const settings = { ...defaultSettings, statisticsInterval: SECONDS * 1000 }
    const own = { clock: { value: this.clock }, settings: { value: settings } }
    this.rates = new Rates(Object.create(leveret.node, own) as ManagedNode)
    onTestFinished(() => this.rates.stop())
  }

  async next(): Promise<void> {
    this.clock.pass(SECONDS * 1000)
    await nextTurn()
  }
}

function declare(name: string): Queue {
  const info = { name, durable: false, exclusive: false, autoDelete: false, kind: classic }
  return leveret.broker.createQueue(vhost(), { ...info, arguments: FieldTable.empty }, undefined)
}

function vhost(): Vhost {
  return leveret.broker.vhosts.get('/') as Vhost
}

function publish(q: Queue, count: number): void {
  const m = new InboundMessage()
  for (let i = 0; i < count; i++) {
    encodeContent('', q.name, {}, Buffer.from('x'), m)
    q.publish(m)
  }
}

describe('a queue in which nothing has happened', () => {
  it('has no series, and is idle since it was seen first', async () => {
    const r = new Readings()
    const q = declare('idle')
    expect(r.rates.idleSince(q)).toBe(null)
    await r.next()
    const seen = r.rates.idleSince(q)
    expect(Date.parse(seen ?? '')).toBe(r.clock.now())
    await r.next()
    expect([r.rates.of(q), r.rates.idleSince(q)]).toEqual([undefined, seen])
  })

  it('has its rates and its history from the first message on', async () => {
    const r = new Readings()
    const q = declare('waking')
    const column = queueSubject.names.indexOf('published')
    await r.next()
    const first = r.clock.now() / 1000
    for (let i = 0; i < 3; i++) await r.next()
    publish(q, 10)
    await r.next()
    expect(r.rates.of(q)?.rates[column]).toBe(10 / SECONDS)
    expect(r.rates.idleSince(q)).toBe(null)
    const range = { last: r.clock.now() / 1000, step: SECONDS, count: 3 }
    expect(r.rates.of(q)?.samples(['published'], range)).toEqual([10, 0, 0])
    expect(first).toBeLessThan(range.last - 2 * SECONDS)
    await r.next()
    expect(r.rates.of(q)?.rates[column]).toBe(0)
  })

  it('is not read at all', async () => {
    const r = new Readings()
    const [used] = ['used', 'unused', 'unused-too'].map(declare) as [Queue, Queue, Queue]
    publish(used, 1)
    const read = vi.spyOn(queueSubject, 'read')
    onTestFinished(() => read.mockRestore())
    for (let i = 0; i < 2; i++) await r.next()
    const names = read.mock.calls.map(([q]) => q.name)
    expect(names).toContain('used')
    expect(names.filter((n) => n.startsWith('unused'))).toEqual([])
  })

  it('is forgotten when it is gone', async () => {
    const r = new Readings()
    const [q, kept] = [declare('going'), declare('staying')]
    await r.next()
    const seen = r.rates.idleSince(kept)
    vhost().removeQueue(q)
    for (let i = 0; i < 2; i++) await r.next()
    expect([r.rates.idleSince(q), r.rates.idleSince(kept)]).toEqual([null, seen])
  })
})
