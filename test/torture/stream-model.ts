/**
 * A simulation of one stream beside a few rules: seeded clients, a clock that is told the time, memory for a disk. The
 * number in a body is the message's offset, so whatever a reader gets says where it is.
 */
import { FieldTable, type PlainValue } from '../../src/protocol/field-table.ts'
import { MethodId } from '../../src/protocol/generated/constants.ts'
import type { Marks } from './model.ts'
import { SimulatedBroker } from './model-broker.ts'
import type { Mark } from './model-marks.ts'
import type { Step } from './model-steps.ts'
import { type Random, randomOf } from './random.ts'

const STREAM = 's'
/** The first confirms. */
const WRITERS = 2
const SEGMENT_BYTES = 4096
const LIMIT_BYTES = 20_000
/** What an entry has beside its body, at most. */
const ENTRY_BYTES = 200
const PROBLEMS_MAX = 3

interface Reader {
  readonly client: number
  readonly tag: string
  readonly prefetch: number
  /** The offset that it has to get next. */
  next: number
  /** Delivery tags. */
  readonly unacked: number[]
}

class StreamSimulation {
  private readonly broker = new SimulatedBroker({ keeps: true })
  private readonly random: Random
  private readonly note: (m: Mark) => void
  private readers: Reader[] = []
  /** Octets of each body, by offset. */
  private readonly sizes: number[] = []
  private first = 0
  private end = 0
  /** Messages of one turn are a chunk. */
  private lastChunk = 0
  private turnBegan = 0
  private saved = { first: 0, end: 0 }
  private writes = 0
  /** What client 0 has published since the broker began, and what was confirmed of it. */
  private published = 0
  private confirmed = 0
  private number = 0

  constructor(random: Random, note: (m: Mark) => void) {
    this.random = random
    this.note = note
  }

  /** @throws Error with what is wrong */
  async run(steps: number): Promise<void> {
    await this.declare()
    for (let i = 0; i < steps; i++) {
      while (!(await this.step()));
      if (this.random(3) > 0) await this.endTurn()
    }
    await this.endTurn()
    this.broker.stop()
  }

  private async declare(): Promise<void> {
    const limits = { 'x-max-length-bytes': LIMIT_BYTES, 'x-stream-max-segment-size-bytes': SEGMENT_BYTES }
    const args = { 'x-queue-type': 'stream', ...(this.random(3) > 0 ? limits : {}) }
    const flags = { passive: false, durable: true, exclusive: false, autoDelete: false, nowait: false }
    const fields = { ticket: 0, queue: STREAM, ...flags, arguments: FieldTable.from(args) }
    this.broker.clients[1]?.send({ id: MethodId.QueueDeclare, ...fields })
    await this.broker.flush()
    for (const c of this.broker.clients) c.heard.splice(0)
    this.writes = this.broker.writes
  }

  private do(step: Partial<Step> & Pick<Step, 'do'>, client: number, found: number | string = 0): void {
    this.broker.do({ goesOn: true, client, ...step } as Step, found)
  }

  /** False if there is nothing that the step could be about. */
  private async step(): Promise<boolean> {
    const reader = this.readers[this.random(this.readers.length + 1)]
    switch (this.random(12)) {
      case 0:
        this.consume(this.random(WRITERS))
        return true
      case 1:
        return reader !== undefined && (await this.cancel(reader))
      case 2:
        await this.wait()
        return true
      case 3:
        if (this.random(4) > 0) return false
        await this.restart(this.random(2) === 0)
        return true
      case 4:
      case 5:
      case 6:
        return reader !== undefined && this.settle(reader)
      default:
        for (let n = this.random(6); n >= 0; n--) this.publish(this.random(WRITERS))
        return true
    }
  }

  private async cancel(reader: Reader): Promise<boolean> {
    this.do({ do: 'cancel' }, reader.client, reader.tag)
    // What it had got by then is still to be read.
    await this.endTurn()
    this.readers = this.readers.filter((r) => r !== reader)
    return true
  }

  private publish(client: number): void {
    const id = this.end++
    const padding = this.random(700)
    this.sizes[id] = padding + String(id).length
    const message = { exchange: '', key: STREAM, id, priority: 0, padding, ttl: -1, mandatory: false }
    this.do({ do: 'publish', ...message, persistent: this.random(2) === 0 } as Step, client)
    if (client === 0) this.published++
    this.lastChunk = this.turnBegan
  }

  private consume(client: number): void {
    const c = this.broker.clients[client]
    const number = this.random(this.end + 3)
    const offset = ['first', 'last', 'next', number][this.random(4)] as PlainValue
    const reader = { client, tag: `t${++this.number}`, prefetch: 1 + this.random(8), next: 0, unacked: [] }
    c?.send({ id: MethodId.BasicQos, prefetchSize: 0, prefetchCount: reader.prefetch, global: false })
    const flags = { ticket: 0, noLocal: false, noAck: false, exclusive: false, nowait: false }
    const args = FieldTable.from({ 'x-stream-offset': offset })
    const fields = { queue: STREAM, consumerTag: reader.tag, ...flags, arguments: args }
    c?.send({ id: MethodId.BasicConsume, ...fields })
    this.retain()
    if (offset === 'next') reader.next = this.end
    else if (offset === 'last') reader.next = Math.max(this.first, this.lastChunk)
    else reader.next = Math.max(this.first, offset === 'first' ? 0 : number)
    if (reader.next > this.end) this.note('stream read from beyond its end')
    this.readers.push(reader)
  }

  private settle(reader: Reader): boolean {
    const which = this.random(reader.unacked.length + 1)
    const tag = reader.unacked[which]
    if (tag === undefined) return false
    const how = (['ack', 'requeue', 'reject'] as const)[this.random(3)]
    this.do({ do: 'settle', multiple: false, how } as Step, reader.client, tag)
    reader.unacked.splice(which, 1)
    return true
  }

  private async wait(): Promise<void> {
    await this.endTurn()
    await this.flush()
    this.do({ do: 'wait', ms: 1 + this.random(2000) } as Step, 0)
    await this.endTurn()
  }

  private async flush(): Promise<void> {
    await this.broker.flush()
    this.check()
  }

  private async restart(writes: boolean): Promise<void> {
    if (writes) {
      await this.endTurn()
      await this.flush()
    }
    if (this.end > this.saved.end) this.note('stream lost what was not written')
    await this.broker.restart()
    this.readers = []
    this.published = this.confirmed = 0
    this.end = this.turnBegan = this.saved.end
    this.lastChunk = Math.max(0, this.end - 1)
    this.first = this.saved.first
    const ready = this.ready()
    if (ready !== this.end - this.first)
      throw new Error(`${ready} messages after a restart in place of ${this.end - this.first}`)
    this.note('stream restored')
    await this.endTurn()
  }

  private ready(): number {
    return Number(this.broker.counts()[0]?.split(' ')[1])
  }

  /** What went has gone because there was too much. */
  private retain(): void {
    const first = this.end - this.ready()
    if (first === this.first) return
    if (first < this.first) throw new Error(`its first offset was ${this.first} and is ${first}`)
    const octets = this.sizes.slice(this.first, this.end).reduce((sum, n) => sum + n + ENTRY_BYTES, 0)
    if (octets < LIMIT_BYTES) throw new Error(`messages went though there were ${octets} octets at most`)
    this.note('stream retention')
    this.first = first
  }

  private async endTurn(): Promise<void> {
    const { reads } = this.broker
    await this.broker.endTurn()
    if (this.broker.reads > reads) this.note('stream read from the disk')
    this.turnBegan = this.end
    this.check()
  }

  private check(): void {
    this.retain()
    if (this.broker.writes !== this.writes) this.saved = { first: this.first, end: this.end }
    this.writes = this.broker.writes
    for (const [client, c] of this.broker.clients.entries()) {
      for (const line of c.heard.splice(0)) this.heard(client, line)
      this.confirmed += c.confirmed.splice(0).length
    }
    if (this.confirmed !== this.published)
      throw new Error(`${this.confirmed} of ${this.published} messages are confirmed`)
    for (const { tag, next, prefetch, unacked } of this.readers)
      if (unacked.length > prefetch || (unacked.length < prefetch && next < this.end))
        throw new Error(`${tag} waits at ${next} of ${this.end}: ${unacked.length} of ${prefetch} unsettled`)
  }

  private heard(client: number, line: string): void {
    if (/^closed/.test(line)) throw new Error(`client ${client} is ${line}`)
    const [, name, number, id] = /^deliver (\S+) #(\d+)(?: again)? (\d+) of/.exec(line) ?? []
    if (name === undefined) return
    const reader = this.readers.find((r) => r.tag === name)
    if (reader === undefined) throw new Error(`${name} is gone, and gets message ${id}`)
    const offset = Number(id)
    // Messages that went before it came to them are left out.
    const left = offset > reader.next && reader.next < this.first && offset <= this.first
    if (left) this.note('stream reader overtaken by retention')
    if (offset !== reader.next && !left)
      throw new Error(`${name} gets ${offset} in place of ${reader.next}; the first is ${this.first}`)
    reader.next = offset + 1
    reader.unacked.push(Number(number))
  }
}

/** Returns what is wrong, each with its seed; ends after some problems. */
export async function streamSeeds(
  first: number,
  seeds: number,
  steps: number,
  marks: Marks,
): Promise<string[]> {
  const note = (m: Mark): void => void marks.reached.set(m, (marks.reached.get(m) ?? 0) + 1)
  const problems: string[] = []
  for (let seed = first; seed < first + seeds && problems.length < PROBLEMS_MAX; seed++) {
    marks.steps += steps
    try {
      await new StreamSimulation(randomOf(seed), note).run(steps)
    } catch (error) {
      problems.push(`stream, seed ${seed} (--steps ${steps}): ${(error as Error).stack}`)
    }
  }
  return problems
}
