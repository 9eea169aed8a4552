/** A simulated cluster: nodes with stores in memory on one shared log, clients, and a record of what they were told. */

import type { Engine } from '../../src/cluster/engine.ts'
import { Ledger, startOfLog } from '../../src/cluster/ledger.ts'
import { Member } from '../../src/cluster/member.ts'
import { type AppendFate, MemoryEngine, MemoryEngineHub } from '../../src/cluster/memory-engine.ts'
import { MemoryReplicaStore } from '../../src/cluster/memory-store.ts'
import { type ReplicaStore, storedPlace } from '../../src/cluster/replica-store.ts'
import { decodeBatch } from '../../src/storage/log/batch-codec.ts'
import { SPILL_LOGS_FROM, type Storage, type StorageWrite } from '../../src/storage/storage.ts'
import { pauseOn } from '../../src/util/clock.ts'
import { silent } from '../../src/util/logger.ts'
import { randomOf } from '../storage/log/records.ts'
import { ProcessClock, WorldClock } from './world-clock.ts'

const FAILOVER_MS = 1000

interface Op {
  readonly id: number
  readonly keys: readonly string[]
  readonly remove: boolean
}

/** A broker that keeps names; some clients put two at once, which is a transaction. */
class SimBroker {
  readonly names = new Set<string>()
  private readonly storage: Storage
  private readonly world: World
  private readonly waiting: Op[] = []
  private writing: Promise<void> | undefined
  closed = false
  private hasServed = false

  constructor(world: World, storage: Storage) {
    this.world = world
    this.storage = storage
    for (const { key } of storage.scan('m:')) this.names.add(key)
    // As a broker does when it opens: a write that bypasses the log.
    this.writing = storage
      .write([{ op: 'drop-logs', from: SPILL_LOGS_FROM }])
      .catch(() => {})
      .then(() => this.write())
  }

  /** What it opened with is looked at when clients can see it: one that never serves may have come too late. */
  serve(): void {
    if (!this.hasServed) this.world.opened(this.names)
    this.hasServed = true
  }

  ask(op: Op): void {
    for (const k of op.keys) {
      if (op.remove) this.names.delete(k)
      else this.names.add(k)
    }
    this.waiting.push(op)
    this.writing ??= this.write()
  }

  private async write(): Promise<void> {
    while (this.waiting.length > 0 && !this.closed) {
      const ops = this.waiting.splice(0)
      const writes: StorageWrite[] = ops.flatMap((o) =>
        o.keys.map((key) =>
          o.remove
            ? { op: 'delete' as const, key }
            : { op: 'put' as const, key, value: Buffer.alloc(this.world.valueBytes()) },
        ),
      )
      try {
        await this.storage.write(writes)
      } catch {
        break
      }
      for (const o of ops) this.world.confirmed(o)
    }
    this.writing = undefined
  }

  async settle(): Promise<void> {
    await this.writing
  }
}

export class SimNode {
  readonly name: string
  readonly world: World
  store = new MemoryReplicaStore()
  member: Member | undefined
  broker: SimBroker | undefined
  clock: ProcessClock
  cut = false
  alone = false
  /** ms until a record or a call reaches it, if not 0. */
  lag = 0
  /** Whether nothing that it appends arrives. */
  mute = false
  /** What the broker answers when it is to write all that it has accepted. */
  settles: () => Promise<void> = async () => this.broker?.settle()
  private runs = 0

  constructor(world: World, name: string) {
    this.world = world
    this.name = name
    this.clock = new ProcessClock(world.clock)
  }

  start(): void {
    const { world, name } = this
    const clock = new ProcessClock(world.clock)
    this.clock = clock
    const run = String(++this.runs)
    const alive = (): boolean => this.clock === clock
    const member = new Member({
      node: name,
      run,
      secret: 's',
      failoverAfterMs: FAILOVER_MS,
      engine: behind(new MemoryEngine(world.hub, name), clock),
      clock,
      logger: silent,
      stores: {
        open: async () => ofProcess(this.store, alive),
        replace: async (fill) => {
          const fresh = new MemoryReplicaStore()
          await fill(fresh)
          if (!alive()) throw new Error('dead')
          this.store = fresh
        },
      },
      copy: async (from, into) => {
        const source = world.nodes.find((n) => n.name === from.node)
        if (source?.member?.session === undefined || source.cut || this.cut)
          throw new Error('cannot reach it')
        await into.write([...source.store.contents()])
      },
      about: () => ({ host: name, peerPort: 1, listeners: [], version: '1', startedAt: 0 }),
      host: {
        open: async (storage) => {
          // Restoring a large store takes its time, in which another node may take over.
          await pauseOn(clock, world.openingMs())
          this.broker = new SimBroker(world, storage)
        },
        close: async () => {
          const { broker } = this
          this.broker = undefined
          await broker?.settle()
        },
        depose: async () => {
          if (this.broker !== undefined) this.broker.closed = true
          this.broker = undefined
        },
        cutOff: () => {},
        settle: () => this.settles(),
        fence: (fenced) => {
          if (!fenced) this.broker?.serve()
        },
        failed: (error) => world.failures.push(`${name}: ${error.message}`),
      },
    })
    this.member = member
    member.start()
  }

  kill(): void {
    this.clock.kill()
    this.clock = new ProcessClock(this.world.clock)
    if (this.broker !== undefined) this.broker.closed = true
    this.member = undefined
    this.broker = undefined
  }

  get serves(): boolean {
    return this.member?.mayServe === true && this.broker !== undefined && !this.clock.isStopped
  }
}

/** A store that takes nothing from a process that is dead. */
function ofProcess(store: MemoryReplicaStore, alive: () => boolean): ReplicaStore {
  return {
    keeps: true,
    write: async (batch) => {
      if (!alive()) throw new Error('dead')
      await store.write(batch)
    },
    scan: (prefix) => store.scan(prefix),
    logs: () => store.logs(),
    highestLog: () => store.highestLog(),
    segments: (log) => store.segments(log),
    records: (log, segment) => store.records(log, segment),
    record: (log, segment, index) => store.record(log, segment, index),
    ensureRoom: () => {},
    contents: () => store.contents(),
    close: async () => {},
  }
}

/** What comes from the engine waits while the process is stopped, and is lost when it is dead. */
function behind(engine: MemoryEngine, clock: ProcessClock): Engine {
  return {
    get connected() {
      return engine.connected
    },
    append: (bytes) =>
      new Promise((resolve, reject) => {
        engine.append(bytes).then(
          () => clock.after(0, resolve),
          (error) => clock.after(0, () => reject(error)),
        )
      }),
    read: (from, listener, log) => {
      let on = true
      const stop = engine.read(
        from,
        {
          record: (sequence, bytes) => clock.after(0, () => on && listener.record(sequence, bytes)),
          gone: (first) => clock.after(0, () => on && listener.gone(first)),
        },
        log,
      )
      return () => {
        on = false
        stop()
      }
    },
    purge: (below) => engine.purge(below),
    bounds: () => engine.bounds(),
    say: (bytes) => engine.say(bytes),
    hear: (listener) => engine.hear((bytes) => clock.after(0, () => listener(bytes))),
    close: () => engine.close(),
  }
}

export class World {
  readonly clock = new WorldClock()
  readonly random: (below: number) => number
  readonly hub: MemoryEngineHub
  readonly nodes: SimNode[]
  readonly failures: string[] = []
  /** What clients were told is there, and what is gone. */
  readonly present = new Set<string>()
  readonly absent = new Set<string>()
  /** Names that may be there or not: asked for, and not confirmed. */
  private readonly open = new Set<string>()
  private readonly batches: StorageWrite[][] = []
  private faulty = true
  private ids = 0
  confirms = 0
  takeovers = 0

  constructor(seed: number, names: readonly string[]) {
    this.random = randomOf(seed)
    const nodeOf = (name: string): SimNode | undefined => this.nodes.find((n) => n.name === name)
    this.hub = new MemoryEngineHub(this.clock, {
      fate: (name) => (nodeOf(name)?.mute === true ? 'lost' : this.fate()),
      delay: (name) => nodeOf(name)?.lag || this.delay(),
      cut: (name) => nodeOf(name)?.cut === true,
      alone: (name) => nodeOf(name)?.alone === true,
    })
    this.nodes = names.map((n) => new SimNode(this, n))
    this.observe()
  }

  private fate(): AppendFate {
    if (!this.faulty) return 'ok'
    const n = this.random(200)
    return n === 0 ? 'unanswered' : n === 1 ? 'lost' : n === 2 ? 'full' : 'ok'
  }

  private delay(): number {
    if (!this.faulty) return 1
    return this.random(150) === 0 ? this.random(900) : this.random(8)
  }

  openingMs(): number {
    return this.faulty && this.random(3) === 0 ? this.random(3000) : 0
  }

  valueBytes(): number {
    return this.random(40) === 0 ? 1_200_000 : 8
  }

  /** The log as it should be understood, read apart from all nodes. */
  private observe(): void {
    const ledger = new Ledger(startOfLog)
    const append = this.hub.append.bind(this.hub)
    this.hub.append = (node, bytes) => {
      const before = this.hub.last
      const done = append(node, bytes)
      if (this.hub.last > before) {
        const reading = ledger.read(this.hub.last, bytes.slice())
        if (reading.what === 'batch') this.batches.push([...decodeBatch(reading.bytes).writes])
        if (reading.what === 'owner') this.takeovers++
      }
      return done
    }
  }

  /** A client asks a node that serves. */
  ask(node: SimNode): void {
    const id = ++this.ids
    const removed = this.random(3) === 0 ? [...this.present].at(this.random(this.present.size)) : undefined
    const keys =
      removed !== undefined ? [removed] : this.random(4) === 0 ? [`m:${id}-a`, `m:${id}-b`] : [`m:${id}`]
    if (removed !== undefined) this.present.delete(removed)
    for (const k of keys) this.open.add(k)
    node.broker?.ask({ id, keys, remove: removed !== undefined })
  }

  confirmed(op: Op): void {
    this.confirms++
    for (const k of op.keys) {
      this.open.delete(k)
      if (op.remove) this.absent.add(k)
      else this.present.add(k)
    }
  }

  /** A broker was opened with these names in it. */
  opened(names: ReadonlySet<string>): void {
    for (const k of this.present) if (!names.has(k)) this.failures.push(`confirmed and lost: ${k}`)
    for (const k of this.absent) if (names.has(k)) this.failures.push(`removed and back: ${k}`)
    for (const k of names) {
      const other = k.endsWith('-a') ? k.replace('-a', '-b') : k.endsWith('-b') ? k.replace('-b', '-a') : k
      if (!names.has(other) && !this.absent.has(other) && !this.open.has(other))
        this.failures.push(`half a transaction: ${k}`)
    }
  }

  /** Never two that serve at once. */
  look(): void {
    const serving = this.nodes.filter((n) => n.member?.mayServe === true)
    if (serving.length > 1) this.failures.push(`two serve: ${serving.map((n) => n.name).join(' and ')}`)
  }

  /** Each store is the log up to some batch, exactly. */
  checkPrefixes(): void {
    for (const n of this.nodes) {
      const { number } = storedPlace(n.store)
      const expected = new Map<string, number>()
      for (const w of this.batches.slice(0, number).flat()) {
        if (w.op === 'put') expected.set(w.key, w.value.length)
        else if (w.op === 'delete') expected.delete(w.key)
      }
      const found = new Map([...n.store.scan('m:')].map(({ key, value }) => [key, value.length]))
      const same = found.size === expected.size && [...expected].every(([k, v]) => found.get(k) === v)
      if (!same) this.failures.push(`${n.name} is not the log up to ${number}`)
    }
  }

  /** What the active node does: forget what all have. */
  trim(): void {
    const places = this.nodes.map((n) => n.member?.session?.flushed.sequence)
    const known = places.filter((p) => p !== undefined)
    if (known.length > 0 && this.random(3) > 0) this.hub.purge(Math.min(...known) + 1)
  }

  heal(): void {
    this.faulty = false
    for (const n of this.nodes) {
      n.cut = n.alone = n.mute = false
      if (n.clock.isStopped) n.clock.goOn()
      if (n.member === undefined) n.start()
    }
  }
}
