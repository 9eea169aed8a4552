/** The queues of the simulation's oracle, what is due for them, and what is on disk. */
import { objectKey } from '../../src/util/stored-objects.ts'
import { deadLetter } from './model-dead-letters.ts'
import type { Mark } from './model-marks.ts'
import { type Message, OracleQueue, type SavedQueue, type Surroundings } from './model-queue.ts'
import { FANOUT, type PolicyDefinition, type QueueArguments } from './model-steps.ts'

interface Policy {
  readonly names: string
  readonly definition?: PolicyDefinition
}

interface Saved {
  readonly queues: readonly SavedQueue[]
  readonly policy: Policy | undefined
}

function sorted<T>(list: readonly T[], key: (item: T) => string): T[] {
  return [...list].sort((a, b) => (key(a) < key(b) ? -1 : 1))
}

export class OracleTopology implements Surroundings {
  readonly keeps: boolean
  readonly queues = new Map<string, OracleQueue>()
  private bound: OracleQueue[] = []
  private woken: { serve(): void }[] = []
  private alarms: { readonly queue: OracleQueue; readonly at: number }[] = []
  private policy: Policy | undefined
  private saved: Saved = { queues: [], policy: undefined }
  private refusals: { readonly queue: OracleQueue; readonly message: Message }[] = []
  private time: number
  private readonly note: (m: Mark) => void

  constructor(now: number, keeps: boolean, note: (m: Mark) => void) {
    this.time = now
    this.keeps = keeps
    this.note = note
  }

  now(): number {
    return this.time
  }

  mark(m: Mark): void {
    this.note(m)
  }

  wake(q: OracleQueue): void {
    if (q.awake || q.deleted) return
    q.awake = true
    this.woken.push(q)
  }

  setAlarm(queue: OracleQueue, at: number): void {
    const set = this.alarms.find((a) => a.queue === queue)
    if (set !== undefined && set.at <= at) return
    this.alarms = [...this.alarms.filter((a) => a !== set), { queue, at }]
  }

  wait(ms: number): void {
    this.time += ms
    const due = this.alarms.filter((a) => a.at <= this.time).sort((a, b) => a.at - b.at)
    this.alarms = this.alarms.filter((a) => a.at > this.time)
    for (const { queue } of due) this.wake(queue)
  }

  serveAll(): void {
    while (this.woken.length > 0) for (const q of this.woken.splice(0)) q.serve()
  }

  add(name: string, args: QueueArguments): OracleQueue {
    const made = new OracleQueue(name, args, this)
    made.apply(this.policyOf(made))
    this.queues.set(name, made)
    if (args.bound === true) this.bound.push(made)
    return made
  }

  remove(q: OracleQueue): void {
    q.deleted = true
    q.ready = []
    this.queues.delete(q.name)
    this.bound = this.bound.filter((b) => b !== q)
    this.alarms = this.alarms.filter((a) => a.queue !== q)
  }

  targets(exchange: string, key: string): OracleQueue[] {
    if (exchange === FANOUT) return [...this.bound]
    const q = exchange === '' ? this.queues.get(key) : undefined
    return q === undefined ? [] : [q]
  }

  deadLetter(q: OracleQueue, m: Message, reason: string): void {
    deadLetter(q, m, reason, (exchange, key) => this.targets(exchange, key), this.note)
  }

  /** Their letters come later in the turn, in the order of the refusals. */
  refused(queue: OracleQueue, message: Message): void {
    if (this.refusals.push({ queue, message }) === 1) this.woken.push({ serve: () => this.passRefusals() })
  }

  private passRefusals(): void {
    // Others may be refused on the way.
    for (const { queue, message } of this.refusals)
      if (!queue.deleted) this.deadLetter(queue, message, 'maxlen')
    this.refusals = []
  }

  setPolicy(policy: Policy): void {
    const before = this.policy
    // A removal leaves nothing that could change anything for a queue.
    this.policy = policy.definition === undefined ? undefined : policy
    for (const q of this.queues.values())
      if (this.policy?.names.includes(q.name) === true || before?.names.includes(q.name) === true)
        q.policyChanged(this.policyOf(q))
  }

  private policyOf({ name }: OracleQueue): PolicyDefinition | undefined {
    return this.policy?.names.includes(name) === true ? this.policy.definition : undefined
  }

  /** What is there now is on disk. */
  save(): void {
    const durable = [...this.queues.values()].filter((q) => q.declared.durable === true)
    this.saved = { queues: durable.map((q) => q.save(this.bound.includes(q))), policy: this.policy }
  }

  /** The broker begins again with what is on disk; objects come back in the order of their keys there. */
  restart(): void {
    const { queues, policy } = this.saved
    const had = [...this.queues.values()].reduce((n, q) => n + q.ready.length + q.unacked, 0)
    if (queues.reduce((n, q) => n + q.entries.length, 0) < had) this.note('what was not written is lost')
    if (queues.some((q) => q.unsettled)) this.note('unsettled when the broker ended')
    this.queues.clear()
    this.bound = []
    this.woken = []
    this.refusals = []
    this.alarms = []
    this.policy = policy
    for (const { name, declared, entries } of sorted(queues, (q) => objectKey('queue', '/', q.name)))
      this.add(name, declared).restore(entries)
    const bound = queues.filter((q) => q.bound).flatMap((q) => this.queues.get(q.name) ?? [])
    this.bound = sorted(bound, (q) => objectKey('queue', '/', q.name))
  }
}
