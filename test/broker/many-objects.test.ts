/** Operations on very many objects: they take several turns, and a start goes on where the process ended. */
import { describe, expect, it, vi } from 'vitest'
import { Broker } from '../../src/broker/broker.ts'
import { encodeContent } from '../../src/broker/content.ts'
import type { Exchange } from '../../src/broker/exchange/exchange.ts'
import { atOnce } from '../../src/broker/jobs.ts'
import { InboundMessage } from '../../src/broker/message.ts'
import type { Consumer } from '../../src/broker/queue/consumers.ts'
import { classic } from '../../src/broker/queue/kinds/kinds.ts'
import type { Queue } from '../../src/broker/queue/queue.ts'
import { type Vhost, vhostInfo } from '../../src/broker/vhost.ts'
import {
  CANCELLED_PER_STEP,
  JOB_PAUSE_MS,
  JOB_STEPS_PER_TURN,
  JOB_WRITES_BEHIND_MAX,
  OBJECTS_PER_STEP,
  TURN_MS,
} from '../../src/limits.ts'
import { putVhost } from '../../src/operations/vhosts.ts'
import { FieldTable } from '../../src/protocol/field-table.ts'
import { GroupCommit } from '../../src/storage/batch.ts'
import { MemoryStorage } from '../../src/storage/memory/memory-storage.ts'
import type { StorageWrite } from '../../src/storage/storage.ts'
import { collectGarbage, heapMemory } from '../../src/util/process-memory.ts'
import { nextTurn } from '../../src/util/timers.ts'
import { ManualClock } from '../support/manual-clock.ts'

const none = FieldTable.empty

/** Each look at the clock takes a while. */
class SlowClock extends ManualClock {
  private spent = 0
  override elapsed(): number {
    this.spent += TURN_MS / 4
    return this.spent
  }
}

/** Runs turn after turn until nothing is left to do; returns how many there were. */
class Turns {
  count = 0
  private next: (() => void) | undefined
  readonly clock: ManualClock

  constructor(clock: ManualClock) {
    this.clock = clock
    clock.defer = (action) => {
      this.next = action
    }
  }

  one(): boolean {
    const action = this.next
    this.next = undefined
    action?.()
    if (action !== undefined) this.count++
    return action !== undefined
  }

  all(): void {
    while (this.one());
  }
}

function start(storage = new MemoryStorage({ keeps: true }), clock = new ManualClock()) {
  const turns = new Turns(clock)
  const commit = new GroupCommit(storage, clock)
  const broker = new Broker(storage, commit, clock, { messageMemoryBytes: 2 ** 24 })
  broker.load()
  const vhost = broker.vhosts.get('/') as Vhost
  return { storage, clock, turns, commit, broker, vhost }
}

function queue(broker: Broker, vhost: Vhost, name: string, args: FieldTable = none, durable = false): Queue {
  const info = { name, durable, exclusive: false, autoDelete: false, kind: classic, arguments: args }
  return broker.createQueue(vhost, info, undefined)
}

function exchange(broker: Broker, vhost: Vhost, name: string, autoDelete: boolean): Exchange {
  const info = { name, type: 'fanout', durable: false, autoDelete, internal: false, arguments: none }
  return broker.createExchange(vhost, info)
}

const topicExchange = { type: 'topic', durable: false, autoDelete: false, internal: false, arguments: none }

const OBJECTS = 3 * JOB_STEPS_PER_TURN * OBJECTS_PER_STEP

describe('exchanges that keep each other alive', () => {
  it('go all together, however many there are in a row', () => {
    const { broker, vhost, turns } = start()
    const before = vhost.exchanges.size
    const row = Array.from({ length: 20_000 }, (_, i) => exchange(broker, vhost, `x${i}`, true))
    row.reduce((source, destination) => {
      vhost.bind(source, destination, '', none)
      return destination
    })
    const q = queue(broker, vhost, 'q')
    vhost.bind(row.at(-1) as Exchange, q, '', none)
    vhost.removeQueue(q)
    expect(vhost.exchanges.size).toBeGreaterThan(before)
    turns.all()
    expect(vhost.exchanges.size).toBe(before)
    expect(vhost.bindings.size).toBe(0)
  })

  it('and a circle of them goes when nothing else needs it', () => {
    const { broker, vhost } = start()
    const before = vhost.exchanges.size
    const [a, b] = [exchange(broker, vhost, 'a', true), exchange(broker, vhost, 'b', true)]
    vhost.bind(a, b, '', none)
    vhost.bind(b, a, '', none)
    vhost.removeExchange(a)
    expect(vhost.exchanges.size).toBe(before)
  })
})

describe('dead letters that go from queue to queue', () => {
  const [QUEUES, MESSAGES] = [40, 25]

  it('take many turns where they take long, and arrive in their order', () => {
    const { turns, broker, vhost } = start(undefined, new SlowClock())
    const to = (name: string): FieldTable =>
      FieldTable.from({
        'x-dead-letter-exchange': '',
        'x-dead-letter-routing-key': name,
        'x-message-ttl': 0,
      })
    const row = Array.from({ length: QUEUES }, (_, i) => queue(broker, vhost, `q${i}`, to(`q${i + 1}`)))
    const last = queue(broker, vhost, `q${QUEUES}`)
    const m = new InboundMessage()
    for (let i = 0; i < MESSAGES; i++) {
      encodeContent('', 'q0', {}, Buffer.from(String(i)), m)
      row[0]?.publish(m)
    }
    turns.all()
    expect(turns.count).toBeGreaterThan((QUEUES * MESSAGES) / 10)
    const bodies = [...last.browse()].map(({ segment, index }) => String(segment.content(index).body))
    expect(bodies).toEqual(Array.from({ length: MESSAGES }, (_, i) => String(i)))
  })
})

describe('an exchange or queue with very many bindings', () => {
  const bound = (args: Parameters<typeof start>) => {
    const s = start(...args)
    const x = s.broker.createExchange(s.vhost, { ...topic, durable: true })
    const q = queue(s.broker, s.vhost, 'q', none, true)
    for (let i = 0; i < OBJECTS; i++) s.vhost.bind(x, q, `k.${i}`, none)
    return { ...s, x, q }
  }
  const topic = { name: 'x', type: 'topic', autoDelete: false, internal: false, arguments: none } as const
  const routed = (vhost: Vhost, from: Exchange, key: string): number =>
    vhost.route(from, [{ routingKey: key, headers: () => none, properties: () => ({}) }]).queues.length

  it.each(['x', 'q'] as const)('is gone at once (%s), its bindings turn by turn', (which) => {
    const { vhost, turns, x, q } = bound([])
    expect(routed(vhost, x, 'k.1')).toBe(1)
    if (which === 'x') vhost.removeExchange(x)
    else vhost.removeQueue(q)
    expect([vhost.exchanges.has('x'), vhost.queues.has('q')]).toEqual([which !== 'x', which !== 'q'])
    expect(vhost.bindings.size).toBeGreaterThan(0)
    expect(routed(vhost, x, `k.${OBJECTS - 1}`)).toBe(0)
    turns.all()
    expect(vhost.bindings.size).toBe(0)
    expect(turns.count).toBeGreaterThan(1)
  })

  it('leaves alone what is made meanwhile under the same names, on disk too', async () => {
    const { broker, vhost, turns, x, q, storage, commit } = bound([])
    await commit.flush()
    vhost.removeExchange(x)
    const again = broker.createExchange(vhost, { ...topic, durable: true })
    vhost.bind(again, q, `k.${OBJECTS - 1}`, none)
    turns.all()
    await commit.flush()
    expect(Array.from(vhost.bindings, (b) => b.source)).toEqual([again])
    const { vhost: later } = start(storage)
    expect(Array.from(later.bindings, (b) => b.routingKey)).toEqual([`k.${OBJECTS - 1}`])
  })

  it('is gone with them after a restart in the middle', async () => {
    const { vhost, x, storage, commit } = bound([])
    await commit.flush()
    vhost.removeExchange(x)
    await commit.flush()
    expect([...storage.scan('binding:')].length).toBeGreaterThan(0)
    const second = start(storage)
    await second.commit.flush()
    expect(second.broker.objects.quarantined).toEqual([])
    expect([...storage.scan('binding:')]).toEqual([])
    expect(second.vhost.queues.has('q')).toBe(true)
  })

  it('tells its consumers turn by turn', () => {
    const { vhost, turns, q } = bound([])
    let told = 0
    const consumer = (i: number): Consumer => ({
      tag: `c${i}`,
      noAck: true,
      exclusive: false,
      priority: 0,
      arguments: none,
      resting: false,
      unacked: 0,
      hasCredit: () => true,
      deliver: () => {},
      settingsChanged: () => {},
      cancelled: () => void told++,
    })
    const count = 3 * JOB_STEPS_PER_TURN * CANCELLED_PER_STEP
    for (let i = 0; i < count; i++) q.consume(consumer(i))
    vhost.removeQueue(q)
    expect(told).toBeLessThan(count)
    turns.all()
    expect(told).toBe(count)
  })
})

describe('very many queues and bindings', () => {
  /** Octets of the heap that each takes. */
  const octetsEach = (count: number, make: () => unknown): number => {
    collectGarbage()
    const before = heapMemory().used
    const kept = make()
    collectGarbage()
    const octets = (heapMemory().used - before) / count
    expect(kept).toBeDefined()
    return octets
  }
  const QUEUES = 10_000

  it('take little memory each', async () => {
    const { broker, vhost, commit } = start()
    const make = () =>
      Array.from({ length: QUEUES }, (_, i) => queue(broker, vhost, `queue-${i}`, none, true))
    make().map((q) => vhost.removeQueue(q))
    await commit.flush()
    const queues: Queue[] = []
    const each = octetsEach(QUEUES, () => {
      queues.push(...make())
      return commit.abandon()
    })
    expect(each).toBeLessThan(560)
    const x = broker.createExchange(vhost, { ...topicExchange, name: 'x' })
    const ofBinding = octetsEach(2 * QUEUES, () => {
      for (let i = 0; i < 2 * QUEUES; i++)
        vhost.bind(x, queues[i % QUEUES] as Queue, `orders.${i % 100}.${i}.*`, none)
      return x
    })
    expect(ofBinding).toBeLessThan(310)
  })

  it('that never held a message leave nothing in the store but their names, which go with them', async () => {
    const { broker, vhost, commit, storage } = start()
    const q = queue(broker, vhost, 'q', none, true)
    await commit.flush()
    const writes = vi.spyOn(storage, 'write')
    vhost.removeQueue(q)
    await commit.flush()
    expect(writes.mock.calls.flat(2)).toEqual([{ op: 'delete', key: expect.stringContaining('queue:') }])
  })

  it('are restored without a look into the logs of those that hold nothing', async () => {
    const { broker, vhost, commit, storage } = start()
    const [q] = ['q', 'r', 's'].map((name) => queue(broker, vhost, name, none, true))
    const m = new InboundMessage()
    encodeContent('', 'q', { deliveryMode: 2 }, Buffer.from('x'), m)
    q?.publish(m)
    await commit.flush()
    const looks = vi.spyOn(storage, 'segments')
    const later = start(storage)
    expect(Array.from(later.vhost.queues.values(), (r) => r.counts.ready)).toEqual([1, 0, 0])
    expect(looks.mock.calls.filter(([log]) => log > 0)).toEqual([[q?.log]])
  })

  it('with the same arguments share their settings and their table', () => {
    const { broker, vhost } = start()
    const args = (): FieldTable => FieldTable.from({ 'x-max-length': 5 })
    const [a, b] = ['a', 'b'].map((name) => queue(broker, vhost, name, args())) as [Queue, Queue]
    expect([a.arguments, a.settings]).toEqual([b.arguments, b.settings])
    expect([a.arguments === b.arguments, a.settings === b.settings]).toEqual([true, true])
    expect(queue(broker, vhost, 'c', FieldTable.from({ 'x-max-length': 6 })).settings.limit).not.toEqual(
      a.settings.limit,
    )
  })
})

describe('a policy over very many queues', () => {
  const limit = {
    name: 'p',
    pattern: '^q',
    applyTo: 'queues',
    priority: 0,
    definition: { 'max-length': 3 },
  } as const

  it('is in force for new ones at once, and for the others turn by turn', async () => {
    const { turns, broker, vhost } = start()
    const queues = Array.from({ length: OBJECTS }, (_, i) => queue(broker, vhost, `q${i}`))
    const done = broker.turn.jobs.finished(vhost.settingPolicy(limit, false))
    const followers = (): number => queues.filter((q) => q.policies.policy !== undefined).length
    expect([followers() > 0, followers() < OBJECTS]).toEqual([true, true])
    expect(queue(broker, vhost, 'q-new').policies.policy?.name).toBe('p')
    vhost.removeQueue(queues.at(-1) as Queue)
    turns.all()
    await done
    expect(followers()).toBe(OBJECTS - 1)
    const gone = broker.turn.jobs.finished(vhost.removingPolicy('p', false))
    turns.all()
    expect(await gone).toBe(true)
    expect(followers()).toBe(0)
  })
})

describe('the removal of a vhost with very many objects', () => {
  it('goes on with the next start where the process ended in the middle', async () => {
    const first = start()
    const v = first.broker.setVhost(vhostInfo({ name: 'v' }))
    for (let i = 0; i < OBJECTS; i++) queue(first.broker, v, `q${i}`, none, true)
    queue(first.broker, first.vhost, 'kept', none, true)
    await first.commit.flush()
    first.broker.turn.jobs.begin(first.broker.removingVhost('v'), { failed: expect.unreachable })
    first.turns.one()
    expect(first.broker.vhosts.has('v')).toBe(false)
    expect(() => putVhost(first.broker, 'v', {})).toThrow('is being deleted')
    expect([v.queues.size > 0, v.queues.size < OBJECTS]).toEqual([true, true])
    await first.commit.flush()
    const second = start(first.storage)
    second.turns.all()
    await second.commit.flush()
    expect([...second.broker.vhosts.keys()]).toEqual(['/'])
    expect([...second.vhost.queues.keys()]).toEqual(['kept'])
    expect([...first.storage.scan('queue:')].length).toBe(1)
    expect([...first.storage.scan('vhost:')].length).toBe(1)
    expect(second.broker.going.size).toBe(0)
  })

  it('waits for the disk, so that no batch is long to build', async () => {
    const sizes: number[] = []
    let release = (): void => {}
    class SlowStorage extends MemoryStorage {
      override async write(batch: readonly StorageWrite[]): Promise<void> {
        sizes.push(batch.length)
        await new Promise<void>((resolve) => {
          release = resolve
        })
        await super.write(batch)
      }
    }
    const { broker, clock, turns } = start(new SlowStorage({ keeps: true }))
    const v = broker.setVhost(vhostInfo({ name: 'v' }))
    for (let i = 0; i < 10 * JOB_WRITES_BEHIND_MAX; i++) queue(broker, v, `q${i}`, none, true)
    clock.pass(1_000)
    release()
    await nextTurn()
    sizes.length = 0
    broker.turn.jobs.begin(broker.removingVhost('v'), { failed: expect.unreachable })
    while (broker.going.size > 0 || sizes.length === 0) {
      // The disk takes longer than many turns.
      for (let i = 0; i < 100; i++) {
        turns.one()
        clock.pass(JOB_PAUSE_MS)
      }
      release()
      await nextTurn()
    }
    const inOneTurn = JOB_STEPS_PER_TURN * OBJECTS_PER_STEP
    expect(Math.max(...sizes)).toBeLessThan(JOB_WRITES_BEHIND_MAX + 2 * inOneTurn + 10)
    expect(sizes.length).toBeGreaterThan(5)
  })

  it('that has none is done at once', () => {
    const { broker } = start()
    broker.setVhost(vhostInfo({ name: 'v' }))
    expect(atOnce(broker.removingVhost('v'))).toBe(true)
    expect(atOnce(broker.removingVhost('v'))).toBe(false)
  })
})
