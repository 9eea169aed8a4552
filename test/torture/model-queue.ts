/** One queue of the simulation's oracle: a sorted array of ready messages, and the consumers in their order. */
import type { Mark } from './model-marks.ts'
import { effective } from './model-policy.ts'
import type { PolicyDefinition, QueueArguments } from './model-steps.ts'

export interface Death {
  readonly queue: string
  readonly reason: string
  readonly count: number
}

export interface Message {
  readonly id: number
  readonly exchange: string
  readonly key: string
  readonly priority: number
  /** Octets of the body. */
  readonly size: number
  readonly persistent: boolean
  /** Newest first. */
  readonly deaths: readonly Death[]
}

/** A message in a queue. */
export interface Entry extends Message {
  /** The lower one came first. */
  readonly number: number
  /** When it expires; 0 = never. */
  readonly deadline: number
  redelivered: boolean
  /** How often it came back, where that is counted. */
  returns: number
  /** It came back to a quorum queue, and is in front. */
  inFront: boolean
}

/** What outlives the broker. */
export interface SavedQueue {
  readonly name: string
  readonly declared: QueueArguments
  readonly bound: boolean
  readonly entries: readonly Entry[]
  /** Some of them were delivered and not settled. */
  readonly unsettled: boolean
}

export interface OracleConsumer {
  readonly tag: string
  readonly queue: OracleQueue
  readonly noAck: boolean
  readonly exclusive: boolean
  readonly prefetch: number
  readonly priority: number
  unacked: number
  /** It was found without credit, and has left the round until it has some. */
  resting: boolean
  deliver(entry: Entry): void
  hasCredit(): boolean
}

/** What a queue needs of the broker around it. */
export interface Surroundings {
  /** Whether there is a disk. */
  readonly keeps: boolean
  now(): number
  mark(m: Mark): void
  /** At the end of the turn the queue does what is due. */
  wake(q: OracleQueue): void
  /** At that time it is woken. */
  setAlarm(q: OracleQueue, at: number): void
  deadLetter(q: OracleQueue, m: Message, reason: string): void
  /** It is full: its dead letters may be refused by other queues in turn. */
  refused(q: OracleQueue, m: Message): void
}

export class OracleQueue {
  readonly name: string
  readonly declared: QueueArguments
  /** With the policy. */
  args: QueueArguments
  /** In the order of delivery. */
  ready: Entry[] = []
  /** Delivered and not settled. */
  readonly out = new Set<Entry>()
  deleted = false
  awake = false
  /** Messages are coming back: it delivers and drops nothing. */
  private held = false
  /** In the order of their arrival. */
  consumers: OracleConsumer[] = []
  /** Those that may have credit; who is served goes to the end. */
  private round: OracleConsumer[] = []
  active: OracleConsumer | undefined
  private published = 0
  private hasDeadlines = false
  private readonly around: Surroundings

  constructor(name: string, args: QueueArguments, around: Surroundings) {
    this.name = name
    this.declared = args
    this.args = effective(args)
    this.around = around
  }

  get unacked(): number {
    return this.out.size
  }

  private stores(m: Message): boolean {
    return this.declared.quorum === true || m.persistent
  }

  /** Whether a confirm of the message waits for the disk. */
  writes(m: Message): boolean {
    return this.around.keeps && this.declared.durable === true && this.stores(m)
  }

  apply(policy: PolicyDefinition | undefined): void {
    this.args = effective(this.declared, policy)
  }

  policyChanged(policy: PolicyDefinition | undefined): void {
    this.apply(policy)
    if (this.isTooLong) this.around.mark('policy makes it too long')
    this.around.wake(this)
  }

  save(bound: boolean): SavedQueue {
    const entries = [...this.ready, ...this.out]
      .filter((e) => this.stores(e))
      .map((e) => ({ ...e, redelivered: e.redelivered || this.out.has(e), inFront: false }))
    return { name: this.name, declared: this.declared, bound, entries, unsettled: this.out.size > 0 }
  }

  restore(entries: readonly Entry[]): void {
    for (const e of entries) this.insert({ ...e })
    this.published = entries.reduce((n, e) => Math.max(n, e.number + 1), 0)
    if (entries.length === 0) return
    this.around.mark('restored with messages')
    this.hasDeadlines = true
    this.around.wake(this)
  }

  /** False if it refuses the message. @param ttl ms; -1 = none */
  publish(m: Message, ttl: number): boolean {
    const { overflow = 'drop-head', ttl: queueTtl = -1 } = this.args
    if (overflow !== 'drop-head' && this.wouldExceed(m.size)) {
      // Its consumers may take some at once.
      this.serve()
      if (this.wouldExceed(m.size) && this.ready.length === 0 && this.next(false) !== undefined)
        this.around.mark('oversize message for a waiting consumer')
      else if (this.wouldExceed(m.size)) {
        this.around.mark('publish refused')
        if (overflow === 'reject-publish-dlx') this.around.refused(this, m)
        return false
      } else this.around.mark('room made by delivering')
    }
    const times = [ttl, queueTtl].filter((t) => t >= 0)
    const deadline = times.length === 0 ? 0 : this.around.now() + Math.min(...times)
    if (deadline !== 0) this.hasDeadlines = true
    const priority = Math.min(m.priority, this.args.maxPriority ?? 0)
    this.insert({
      ...m,
      priority: m.priority,
      number: this.published++,
      deadline,
      redelivered: false,
      returns: 0,
      inFront: false,
    })
    if (priority > 0 && this.ready.some((e) => this.level(e) < priority))
      this.around.mark('priority overtakes')
    if (this.consumers.length > 0 || deadline !== 0 || this.isTooLong) this.around.wake(this)
    return true
  }

  private level(e: Entry): number {
    return Math.min(e.priority, this.args.maxPriority ?? 0)
  }

  private insert(entry: Entry): void {
    const isBehind = (e: Entry): boolean =>
      !e.inFront &&
      (this.level(e) < this.level(entry) || (this.level(e) === this.level(entry) && e.number > entry.number))
    const at = this.ready.findIndex(isBehind)
    this.ready.splice(at < 0 ? this.ready.length : at, 0, entry)
  }

  private get isTooLong(): boolean {
    const { maxLength = Infinity, maxBytes = Infinity, overflow = 'drop-head' } = this.args
    if (overflow === 'drop-head' && this.bytes > maxBytes) this.around.mark('too many octets')
    return overflow === 'drop-head' && (this.ready.length > maxLength || this.bytes > maxBytes)
  }

  private get bytes(): number {
    return this.ready.reduce((sum, e) => sum + e.size, 0)
  }

  private wouldExceed(size: number): boolean {
    const { maxLength = Infinity, maxBytes = Infinity } = this.args
    return this.ready.length + 1 > maxLength || this.bytes + size > maxBytes
  }

  /** Delivers, then lets expire, then drops what is too much. */
  serve(): void {
    this.awake = false
    if (this.deleted) return
    const { around } = this
    const now = around.now()
    const delivers = this.consumers.length > 0 && !this.held
    for (let head = this.ready[0]; head !== undefined && delivers; head = this.ready[0]) {
      if (head.deadline !== 0 && head.deadline < now) {
        this.die('expired')
        continue
      }
      const c = this.next(true)
      if (c === undefined) break
      this.ready.shift()
      if (!c.noAck) this.out.add(head)
      head.inFront = false
      c.deliver(head)
    }
    this.expire(now)
    // The next one may have expired, too.
    if (this.dropExcess()) this.expire(now)
  }

  /** At the head only. */
  private expire(now: number): void {
    if (!this.hasDeadlines) return
    for (let head = this.ready[0]; head !== undefined; head = this.ready[0]) {
      if (head.deadline === 0) {
        if (this.ready.some((e) => e.deadline !== 0 && e.deadline <= now))
          this.around.mark('expired behind the head stays')
        return
      }
      if (head.deadline > now) {
        this.around.setAlarm(this, head.deadline)
        return
      }
      this.die('expired')
    }
  }

  /** Whether there was any. */
  private dropExcess(): boolean {
    if (this.held) return false
    const wasTooLong = this.isTooLong
    while (this.isTooLong) this.die('maxlen')
    return wasTooLong
  }

  /** The head. */
  private die(reason: string): void {
    const { around } = this
    if (reason === 'expired' && this.unacked > 0) around.mark('expires while consumers hold others')
    if (reason === 'expired') around.mark('expired')
    if (reason === 'maxlen') around.mark('head dropped')
    around.deadLetter(this, this.ready.shift() as Entry, reason)
  }

  /** @param takes it goes to the end of the round */
  private next(takes: boolean): OracleConsumer | undefined {
    if (this.args.singleActiveConsumer === true) {
      const c = this.active
      if (c === undefined || c.hasCredit()) return c
      c.resting = true
      return undefined
    }
    for (const priority of [2, 1, 0])
      for (const c of this.round.filter((r) => r.priority === priority)) {
        const has = c.hasCredit()
        if (has && !takes) return c
        this.round.splice(this.round.indexOf(c), 1)
        if (has) {
          this.round.push(c)
          if (this.round.some((o) => o.priority < priority)) this.around.mark('consumer priority')
          return c
        }
        c.resting = true
      }
    return undefined
  }

  consume(c: OracleConsumer): void {
    this.consumers.push(c)
    this.round.push(c)
    this.active ??= c
    this.around.wake(this)
  }

  /** The caller deletes the queue where that was its last consumer and it is an auto-delete queue. */
  cancel(c: OracleConsumer): void {
    this.consumers = this.consumers.filter((o) => o !== c)
    this.round = this.round.filter((o) => o !== c)
    if (this.active !== c) return
    this.active = [...this.consumers].sort((a, b) => b.priority - a.priority)[0]
    if (this.args.singleActiveConsumer === true && this.active !== undefined)
      this.around.mark('single active consumer takes over')
  }

  /** It may have credit again. */
  resume(c: OracleConsumer): void {
    if (!c.resting) return
    if (this.consumers.includes(c)) {
      c.resting = false
      this.round.push(c)
    } else if (this.args.singleActiveConsumer === true) c.resting = false
    if (this.ready.length > 0) this.around.wake(this)
  }

  get(noAck: boolean): Entry | undefined {
    this.serve()
    const entry = this.ready.shift()
    if (entry !== undefined) entry.inFront = false
    if (entry !== undefined && !noAck) this.out.add(entry)
    // The next one may expire.
    if (entry !== undefined && this.hasDeadlines && this.ready.length > 0) this.around.wake(this)
    return entry
  }

  acked(entry: Entry): void {
    this.out.delete(entry)
  }

  rejected(entry: Entry): void {
    if (this.deleted) return
    this.around.deadLetter(this, entry, 'rejected')
    this.out.delete(entry)
  }

  requeue(entry: Entry): void {
    if (this.deleted) {
      this.around.mark('settled after its queue was deleted')
      return
    }
    this.out.delete(entry)
    const { deliveryLimit } = this.args
    if (deliveryLimit !== undefined && ++entry.returns > deliveryLimit) {
      this.around.mark('delivery limit reached')
      this.around.deadLetter(this, entry, 'delivery_limit')
      return
    }
    entry.redelivered = true
    if (this.declared.quorum === true) {
      this.around.mark('returned to a quorum queue')
      entry.inFront = true
      this.ready.splice(this.ready.filter((e) => e.inFront).length, 0, entry)
    } else this.insert(entry)
    if (this.ready[0] !== entry) this.around.mark('requeued below the head')
    if (this.isTooLong) this.around.mark('requeue makes it too long')
    this.cameBack()
  }

  /** A quorum queue serves its consumers first. */
  private cameBack(): void {
    if (this.declared.quorum !== true) this.dropExcess()
    this.around.wake(this)
  }

  /** Those that come back until `letGo` are served, and dropped, once all are back. */
  hold(): void {
    this.held = true
  }

  letGo(): void {
    this.held = false
    this.cameBack()
  }

  purge(): number {
    this.serve()
    return this.ready.splice(0).length
  }
}

/** The deaths of a message that now dies once more, and the queues it has passed since a client last rejected it. */
export function historyOf(
  m: Message,
  queue: string,
  reason: string,
): { readonly deaths: readonly Death[]; readonly passed: readonly string[] } {
  const known = m.deaths.find((d) => d.queue === queue && d.reason === reason)
  const death = { queue, reason, count: (known?.count ?? 0) + 1 }
  const deaths = [death, ...m.deaths.filter((d) => d !== known)]
  const rejected = deaths.findIndex((d) => d.reason === 'rejected')
  const passed = (rejected < 0 ? deaths : deaths.slice(0, rejected)).map((d) => d.queue)
  return { deaths, passed }
}
