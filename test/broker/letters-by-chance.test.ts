/** Chains of full queues, alarms and ends of the process, by chance: each message comes to each end of each way once. */

import { expect, it } from 'vitest'
import { Broker } from '../../src/broker/broker.ts'
import { encodeContent } from '../../src/broker/content.ts'
import { publishToAll } from '../../src/broker/fan-out.ts'
import { InboundMessage } from '../../src/broker/message.ts'
import { classic } from '../../src/broker/queue/kinds/kinds.ts'
import type { Queue } from '../../src/broker/queue/queue.ts'
import { PlainMessage } from '../../src/broker/router.ts'
import type { Vhost } from '../../src/broker/vhost.ts'
import { FieldTable } from '../../src/protocol/field-table.ts'
import { GroupCommit } from '../../src/storage/batch.ts'
import { MemoryStorage } from '../../src/storage/memory/memory-storage.ts'
import type { StorageWrite } from '../../src/storage/storage.ts'
import { ManualClock } from '../support/manual-clock.ts'
import type { Plain } from '../support/timed-broker.ts'
import { type Random, randomOf } from '../torture/random.ts'

const SEEDS = 40
const STEPS = 40
const LEAVES = ['leaf1', 'leaf2']
const DELAYED = 'delayed'
const durable = { durable: true, exclusive: false, autoDelete: false, internal: false }

/** One run of the process; after `end`, nothing of it comes to the disk any more. */
class Run {
  readonly clock = new ManualClock()
  readonly commit: GroupCommit
  readonly vhost: Vhost
  inAlarm = false
  private readonly broker: Broker
  private isOver = false

  constructor(disk: MemoryStorage, startMs: number) {
    this.clock = new ManualClock(startMs)
    const write = async (batch: readonly StorageWrite[]): Promise<void> => {
      if (this.isOver) await new Promise(() => {})
      await disk.write(batch)
    }
    const storage: MemoryStorage = Object.assign(Object.create(disk), { write })
    this.commit = new GroupCommit(storage, this.clock)
    this.broker = new Broker(storage, this.commit, this.clock, { messageMemoryBytes: 2 ** 24 })
    this.broker.load()
    this.broker.inAlarm = () => this.inAlarm
    this.vhost = this.broker.vhosts.get('/') as Vhost
  }

  end(): number {
    this.isOver = true
    this.broker.stop()
    return this.clock.now()
  }

  exchange(name: string, type: string, args: Plain = {}): void {
    this.broker.createExchange(this.vhost, { ...durable, name, type, arguments: FieldTable.from(args) })
  }

  queue(name: string, from: string, args: Plain = {}): void {
    const info = { ...durable, name, kind: classic, arguments: FieldTable.from(args) }
    const q = this.broker.createQueue(this.vhost, info, undefined)
    const x = this.vhost.exchanges.get(from)
    if (x !== undefined) this.vhost.bind(x, q, '', FieldTable.empty)
  }

  publish(to: string, body: string, delay: number): void {
    const properties = { deliveryMode: 2, headers: FieldTable.from({ 'x-delay': delay }) }
    const m = new InboundMessage()
    encodeContent(to, '', properties, Buffer.from(body), m)
    m.persistent = true
    const x = this.vhost.exchanges.get(to)
    if (x !== undefined) publishToAll(this.vhost.route(x, [new PlainMessage('', properties)]), m)
  }
}

/** Levels of full queues, each behind a fanout exchange; returns how often a message comes to each leaf. */
function build(run: Run, random: Random): number {
  run.exchange(DELAYED, 'x-delayed-message', { 'x-delayed-type': 'fanout' })
  run.exchange('in', 'fanout')
  const levels = 1 + random(3)
  for (let level = 0; level <= levels; level++) run.exchange(`to ${level}`, 'fanout')
  let ways = 1
  for (let level = 0; level < levels; level++) {
    const width = 1 + random(2)
    ways *= width
    const args = {
      'x-max-length': 0,
      'x-overflow': 'reject-publish-dlx',
      'x-dead-letter-exchange': `to ${level + 1}`,
    }
    for (let i = 0; i < width; i++) {
      run.queue(`full ${level}.${i}`, `to ${level}`, args)
      const x = run.vhost.exchanges.get(DELAYED)
      const q = run.vhost.queues.get(`full ${level}.${i}`)
      if (level === 0 && x !== undefined && q !== undefined) run.vhost.bind(x, q, '', FieldTable.empty)
    }
  }
  for (const leaf of LEAVES) run.queue(leaf, `to ${levels}`)
  run.queue('expiring', 'in', { 'x-message-ttl': 300, 'x-dead-letter-exchange': 'to 0' })
  return ways
}

function found({ vhost }: Run, leaf: string): Map<string, number> {
  const counts = new Map<string, number>()
  for (const { segment, index } of (vhost.queues.get(leaf) as Queue).browse()) {
    const body = String(segment.content(index).body)
    counts.set(body, (counts.get(body) ?? 0) + 1)
  }
  return counts
}

it('with every seed', async () => {
  for (let seed = 1; seed <= SEEDS; seed++) {
    const random = randomOf(seed)
    const disk = new MemoryStorage({ keeps: true })
    let run = new Run(disk, 1_700_000_000_000)
    const ways = build(run, random)
    await run.commit.flush()
    const confirmed: string[] = []
    const unconfirmed: string[] = []
    let next = 0
    for (let step = 0; step < STEPS; step++) {
      const what = random(6)
      if (what < 2) {
        const bodies = Array.from({ length: 1 + random(4) }, () => String(next++))
        for (const body of bodies) run.publish(random(2) === 0 ? DELAYED : 'in', body, 1 + random(1500))
        const isFlushed = random(4) > 0
        if (isFlushed) await run.commit.flush()
        ;(isFlushed ? confirmed : unconfirmed).push(...bodies)
      } else if (what === 2) run.inAlarm = !run.inAlarm
      else if (what === 3 && random(2) === 0) run = new Run(disk, run.end() + random(1000))
      else {
        run.clock.pass(random(600))
        if (random(3) > 0) await run.commit.flush()
      }
    }
    run.inAlarm = false
    for (let i = 0; i < 10; i++) {
      run.clock.pass(1000)
      await run.commit.flush()
    }
    run = new Run(disk, run.end())
    for (const leaf of LEAVES) {
      const counts = found(run, leaf)
      const wrong = [
        ...confirmed.filter((body) => counts.get(body) !== ways),
        ...unconfirmed.filter((body) => ![0, ways].includes(counts.get(body) ?? 0)),
      ]
      expect([seed, leaf, wrong]).toEqual([seed, leaf, []])
    }
    run.end()
  }
})
