/**
 * An engine in memory, shared by several nodes of one process: for tests of clusters, in this project and in users'
 * programs. Faults can be injected node by node.
 */
import type { Clock } from '../util/clock.ts'
import { type Engine, EngineError, type LogBounds, type LogListener, type Unsubscribe } from './engine.ts'

/**
 * The fate of an append: stored and acknowledged; stored, but the answer is lost; not stored and not answered; refused.
 */
export type AppendFate = 'ok' | 'unanswered' | 'lost' | 'full'

export interface MemoryEngineFaults {
  /** The fate of that node's next append. */
  fate?(node: string): AppendFate
  /** ms until a record or a call reaches that node. */
  delay?(node: string): number
  /** Whether the node is cut off from everything. */
  cut?(node: string): boolean
  /**
   * Whether the node's server is cut off from the others: the log is out of reach, and only the node's own calls
   * arrive.
   */
  alone?(node: string): boolean
}

/** ms after which an unanswered append fails. */
const ANSWER_MS = 1500

interface Reader {
  readonly node: string
  readonly listener: LogListener
  /** Sequence of the last record that was delivered to it. */
  at: number
  busy: boolean
}

export class MemoryEngineHub {
  /** Sequence of `records[0]`. */
  first = 1
  readonly records: Uint8Array[] = []
  private readonly clock: Clock
  private readonly faults: MemoryEngineFaults
  private readonly readers = new Set<Reader>()
  private readonly ears = new Set<{ node: string; listener: (bytes: Uint8Array) => void }>()
  private identity = 1

  constructor(clock: Clock, faults: MemoryEngineFaults = {}) {
    this.clock = clock
    this.faults = faults
  }

  get last(): number {
    return this.first + this.records.length - 1
  }

  isCut(node: string): boolean {
    return this.faults.cut?.(node) === true
  }

  private isAlone(node: string): boolean {
    return this.faults.alone?.(node) === true
  }

  /** Whether that node cannot reach the log. */
  isAway(node: string): boolean {
    return this.isCut(node) || this.isAlone(node)
  }

  /** As if the log had been deleted and created again. */
  forget(): void {
    this.records.length = 0
    this.first = 1
    this.identity++
    for (const r of this.readers) {
      this.readers.delete(r)
      this.clock.after(this.delay(r.node), () => r.listener.gone(this.first))
    }
  }

  append(node: string, bytes: Uint8Array): Promise<void> {
    const fate = this.isAway(node) ? 'lost' : (this.faults.fate?.(node) ?? 'ok')
    if (fate === 'full') return Promise.reject(new EngineError('FULL', 'the log is full'))
    if (fate !== 'lost') {
      this.records.push(bytes.slice())
      for (const r of this.readers) this.feed(r)
    }
    return new Promise((resolve, reject) => {
      if (fate === 'ok') this.clock.after(this.delay(node), resolve)
      else this.clock.after(ANSWER_MS, () => reject(new EngineError('AWAY', 'the log has not answered')))
    })
  }

  read(node: string, from: number, listener: LogListener, log = this.bounds().identity): Unsubscribe {
    const reader = { node, listener, at: from - 1, busy: false }
    if (log !== this.bounds().identity) {
      const timer = this.clock.after(this.delay(node), () => listener.gone(this.first))
      return () => timer.cancel()
    }
    this.readers.add(reader)
    this.feed(reader)
    return () => void this.readers.delete(reader)
  }

  private delay(node: string): number {
    return this.faults.delay?.(node) ?? 0
  }

  private feed(r: Reader): void {
    if (r.busy || r.at >= this.last) return
    r.busy = true
    this.clock.after(this.delay(r.node), () => {
      r.busy = false
      if (!this.readers.has(r)) return
      if (this.isAway(r.node)) this.clock.after(50, () => this.feed(r))
      else if (r.at + 1 < this.first) {
        this.readers.delete(r)
        r.listener.gone(this.first)
      } else if (r.at < this.last) {
        r.at++
        r.listener.record(r.at, (this.records[r.at - this.first] as Uint8Array).slice())
        this.feed(r)
      }
    })
  }

  purge(below: number): void {
    const gone = Math.min(Math.max(0, below - this.first), this.records.length)
    this.records.splice(0, gone)
    this.first += gone
  }

  bounds(): LogBounds {
    const { first, last, records } = this
    const bytes = records.reduce((n, r) => n + r.length, 0)
    return { first, last, bytes, identity: `memory-${this.identity}`, leader: '', replicas: [] }
  }

  say(node: string, bytes: Uint8Array): void {
    if (this.isCut(node)) return
    for (const ear of this.ears) {
      if (ear.node !== node && (this.isAlone(node) || this.isAlone(ear.node))) continue
      this.clock.after(this.delay(ear.node), () => {
        if (this.ears.has(ear) && !this.isCut(ear.node)) ear.listener(bytes)
      })
    }
  }

  hear(node: string, listener: (bytes: Uint8Array) => void): Unsubscribe {
    const ear = { node, listener }
    this.ears.add(ear)
    return () => void this.ears.delete(ear)
  }
}

/** One node's connection to the hub. */
export class MemoryEngine implements Engine {
  private readonly hub: MemoryEngineHub
  private readonly node: string
  private readonly open = new Set<Unsubscribe>()

  constructor(hub: MemoryEngineHub, node: string) {
    this.hub = hub
    this.node = node
  }

  get connected(): boolean {
    return !this.hub.isCut(this.node)
  }

  append(bytes: Uint8Array): Promise<void> {
    return this.hub.append(this.node, bytes)
  }

  read(from: number, listener: LogListener, log?: string): Unsubscribe {
    return this.opened(this.hub.read(this.node, from, listener, log))
  }

  hear(listener: (bytes: Uint8Array) => void): Unsubscribe {
    return this.opened(this.hub.hear(this.node, listener))
  }

  private opened(stop: Unsubscribe): Unsubscribe {
    this.open.add(stop)
    return () => {
      this.open.delete(stop)
      stop()
    }
  }

  async purge(below: number): Promise<void> {
    this.reach()
    this.hub.purge(below)
  }

  async bounds(): Promise<LogBounds> {
    this.reach()
    return this.hub.bounds()
  }

  private reach(): void {
    if (this.hub.isAway(this.node)) throw new EngineError('AWAY', 'the log cannot be reached')
  }

  say(bytes: Uint8Array): void {
    this.hub.say(this.node, bytes)
  }

  async close(): Promise<void> {
    for (const stop of this.open) stop()
    this.open.clear()
  }
}
