/**
 * What AMQP's queues do, as arrays and plain loops: the simulation compares the broker with it. It says what each client
 * hears, as lines of text.
 */

import { contentLine, deliveryLine, OracleChannel, type Outstanding, type Publish } from './model-channel.ts'
import type { Mark } from './model-marks.ts'
import type { Message, OracleConsumer, OracleQueue } from './model-queue.ts'
import {
  CLIENTS,
  CONFIRMS,
  type QueueArguments,
  type Settling,
  type Step,
  TRANSACTIONS,
} from './model-steps.ts'
import { OracleTopology } from './model-topology.ts'

export class Oracle {
  /** What each client has heard since it was last asked, without confirms. */
  readonly heard: string[][] = Array.from({ length: CLIENTS }, () => [])
  /** Positive confirms, which the broker may collect until the end of the turn. */
  readonly confirmed: string[] = []
  readonly channels = Array.from({ length: CLIENTS }, () => new OracleChannel())
  private readonly topology: OracleTopology
  private readonly note: (m: Mark) => void

  constructor(now: number, keeps: boolean, note: (m: Mark) => void) {
    this.topology = new OracleTopology(now, keeps, note)
    this.note = note
  }

  get queues(): ReadonlyMap<string, OracleQueue> {
    return this.topology.queues
  }

  do(step: Step): void {
    const at = step.client
    const say = (line: string): void => void this.heard[at]?.push(line)
    switch (step.do) {
      case 'declare':
        this.declare(step.queue, step.args, say)
        break
      case 'delete':
        this.delete(at, step.queue, step.ifUnused, step.ifEmpty)
        break
      case 'purge':
        this.topology.serveAll()
        say(`purged ${this.existing(step.queue).purge()}`)
        break
      case 'publish':
        this.publish(at, step)
        break
      case 'get':
        this.get(at, step.queue, step.noAck)
        break
      case 'consume':
        this.consume(at, step)
        break
      case 'share':
        this.share(this.channelOf(at), step.prefetch)
        say('qos')
        break
      case 'cancel':
        this.cancel(at, this.consumerOf(step) as OracleConsumer)
        break
      case 'settle':
        this.settleStep(at, step)
        break
      case 'recover':
        this.recover(at)
        break
      case 'commit':
        this.commit(at)
        break
      case 'rollback':
        if (this.channelOf(at).settlements.length > 0) this.note('settlement rolled back')
        this.clear(this.channelOf(at))
        say('rolled back')
        break
      case 'close':
        this.close(at, 'closed')
        break
      case 'wait':
        this.topology.wait(step.ms)
        break
      case 'policy':
        this.topology.setPolicy(step)
        break
      case 'restart':
        this.restart()
    }
  }

  /** Whether there is what the step is about. */
  allows(step: Step): boolean {
    switch (step.do) {
      case 'purge':
      case 'get':
        return this.queues.has(step.queue)
      case 'consume':
        return this.queues.has(step.queue)
      case 'cancel':
        return this.consumerOf(step) !== undefined
      case 'settle':
        return this.deliveryOf(step) !== undefined
      default:
        return true
    }
  }

  consumerOf(step: Extract<Step, { do: 'cancel' }>): OracleConsumer | undefined {
    const all = [...this.channelOf(step.client).consumers.values()]
    return all[step.which % all.length]
  }

  deliveryOf(step: Extract<Step, { do: 'settle' }>): Outstanding | undefined {
    const all = this.channelOf(step.client).settleable
    return all[step.which % all.length]
  }

  /** The end of a turn. */
  endTurn(): void {
    this.topology.serveAll()
    for (const ch of this.channels) this.confirm(ch)
  }

  /** What is there now is on disk. */
  save(): void {
    this.topology.save()
  }

  private restart(): void {
    this.topology.restart()
    this.confirmed.length = 0
    for (let i = 0; i < CLIENTS; i++) this.channels[i] = new OracleChannel()
  }

  private channelOf(client: number): OracleChannel {
    return this.channels[client] as OracleChannel
  }

  private existing(name: string): OracleQueue {
    return this.queues.get(name) as OracleQueue
  }

  private confirm(ch: OracleChannel): void {
    for (const { number } of ch.unconfirmed.splice(0)) this.confirmed.push(`confirm ${number}`)
  }

  private declare(name: string, args: QueueArguments, say: (line: string) => void): void {
    this.topology.serveAll()
    const existing = this.queues.get(name)
    if (existing === undefined) this.topology.add(name, args)
    say(`declared ${name} ${existing?.ready.length ?? 0} ${existing?.consumers.length ?? 0}`)
    if (existing === undefined && args.bound === true) say('bound')
  }

  private delete(client: number, name: string, ifUnused: boolean, ifEmpty: boolean): void {
    this.topology.serveAll()
    const q = this.queues.get(name)
    q?.serve()
    if (q !== undefined && ((ifEmpty && q.ready.length > 0) || (ifUnused && q.consumers.length > 0))) {
      this.close(client, 'closed 406')
      return
    }
    this.heard[client]?.push(`deleted ${q?.ready.length ?? 0}`)
    if (q !== undefined) this.remove(q)
  }

  private remove(q: OracleQueue): void {
    this.topology.remove(q)
    for (const c of q.consumers.splice(0))
      this.channels.forEach((ch, client) => {
        if (ch.consumers.get(c.tag) !== c) return
        ch.consumers.delete(c.tag)
        this.heard[client]?.push(`cancelled by the server ${c.tag}`)
        this.note('consumer told of a deleted queue')
      })
  }

  private publish(client: number, step: Publish): void {
    const ch = this.channelOf(client)
    const queues = this.topology.targets(step.exchange, step.key)
    if (client === TRANSACTIONS) {
      const names = step.exchange === '' ? [step.key] : []
      ch.publishes.push({ step, names: [...queues.map((q) => q.name), ...names], queues })
      return
    }
    this.deliver(client, step, queues)
  }

  /** False if a queue refuses it. */
  private deliver(client: number, step: Publish, queues: readonly OracleQueue[]): boolean {
    const ch = this.channelOf(client)
    const { id, exchange, key, priority, ttl, persistent } = step
    const size = String(id).length + step.padding
    const m: Message = { id, exchange, key, priority, size, persistent, deaths: [] }
    if (queues.length === 0 && step.mandatory) {
      this.note('mandatory message returned')
      this.heard[client]?.push(contentLine('return', m, []))
    }
    const accepted = queues.map((q) => q.publish(m, ttl)).every((taken) => taken)
    if (client !== CONFIRMS) return accepted
    const number = ++ch.published
    if (accepted) ch.unconfirmed.push({ number, waits: queues.some((q) => q.writes(m)) })
    else this.heard[client]?.push(`refused ${number}`)
    return accepted
  }

  private get(client: number, name: string, noAck: boolean): void {
    const ch = this.channelOf(client)
    const queue = this.existing(name)
    const entry = queue.get(noAck)
    if (entry === undefined) {
      this.heard[client]?.push('empty')
      return
    }
    const tag = ch.nextTag++
    const what = deliveryLine(`got before ${queue.ready.length}`, tag, entry.redelivered, entry.returns)
    this.heard[client]?.push(contentLine(what, entry, entry.deaths))
    if (!noAck) ch.outstanding.push({ tag, entry, queue, consumer: undefined, pending: false })
  }

  private share(ch: OracleChannel, prefetch: number): void {
    ch.sharedPrefetch = prefetch
    ch.resumeAll()
  }

  private consume(client: number, step: Extract<Step, { do: 'consume' }>): void {
    const ch = this.channelOf(client)
    const queue = this.existing(step.queue)
    // The limit of the consumer lifts a shared one.
    if (ch.sharedPrefetch > 0) this.share(ch, 0)
    this.heard[client]?.push('qos')
    const { tag, noAck, prefetch, priority } = step
    const taken = queue.consumers.some((c) => c.exclusive)
    const exclusive = step.exclusive && queue.declared.quorum !== true
    const shared = queue.consumers.length > 0 || queue.args.singleActiveConsumer === true
    if (taken || (exclusive && shared)) {
      this.note('exclusive consumer refused')
      this.close(client, 'closed 403')
      return
    }
    const options = { tag, queue, noAck, prefetch, priority, exclusive }
    const say = (line: string): void => void this.heard[client]?.push(line)
    const consumer = ch.consumer(options, say, this.note)
    this.topology.serveAll()
    ch.consumers.set(tag, consumer)
    this.heard[client]?.push(`consuming ${tag}`)
    queue.consume(consumer)
  }

  private cancel(client: number, c: OracleConsumer): void {
    this.topology.serveAll()
    this.removeConsumer(this.channelOf(client), c)
    this.heard[client]?.push(`cancelled ${c.tag}`)
  }

  private removeConsumer(ch: OracleChannel, c: OracleConsumer): void {
    if (!ch.consumers.delete(c.tag)) return
    const { queue } = c
    queue.cancel(c)
    if (queue.args.autoDelete === true && queue.consumers.length === 0 && !queue.deleted) {
      this.note('queue deleted with its last consumer')
      this.remove(queue)
    } else if (queue.ready.length > 0) this.topology.wake(queue)
  }

  private settleStep(client: number, step: Extract<Step, { do: 'settle' }>): void {
    const ch = this.channelOf(client)
    const { tag } = this.deliveryOf(step) as Outstanding
    const meant = ch.settleable.filter((o) => o.tag === tag || (step.multiple && o.tag < tag))
    if (client === TRANSACTIONS) {
      for (const o of meant) o.pending = true
      ch.settlements.push({ deliveries: meant, how: step.how })
    } else this.settle(ch, meant, step.how, step.multiple)
  }

  /** @param together several that return: their queues deliver nothing until all are back */
  private settle(
    ch: OracleChannel,
    deliveries: readonly Outstanding[],
    how: Settling,
    together: boolean,
  ): void {
    if (how !== 'ack') this.topology.serveAll()
    this.settleAll(ch, deliveries, how, together)
  }

  private settleAll(
    ch: OracleChannel,
    deliveries: readonly Outstanding[],
    how: Settling,
    together: boolean,
  ): void {
    const held = together && how === 'requeue' ? [...new Set(deliveries.map((o) => o.queue))] : []
    for (const q of held) q.hold()
    for (const o of deliveries) {
      ch.outstanding = ch.outstanding.filter((other) => other !== o)
      if (how === 'ack') o.queue.acked(o.entry)
      else if (how === 'reject') o.queue.rejected(o.entry)
      else o.queue.requeue(o.entry)
      if (o.consumer !== undefined) ch.released(o.consumer)
    }
    for (const q of held) q.letGo()
  }

  private recover(client: number): void {
    const ch = this.channelOf(client)
    this.settle(ch, ch.settleable, 'requeue', true)
    this.heard[client]?.push('recovered')
  }

  /** Acknowledgements first, then the publishes, then what goes back or dies. */
  private commit(client: number): void {
    const ch = this.channelOf(client)
    this.topology.serveAll()
    for (const s of ch.settlements) if (s.how === 'ack') this.settle(ch, s.deliveries, s.how, true)
    let accepted = true
    for (const { step, names, queues } of ch.publishes) {
      const there = [...new Set(names)].flatMap((name) => this.queues.get(name) ?? [])
      if (there.some((q) => queues.some((old) => old.name === q.name && old !== q)))
        this.note('committed to a queue declared again')
      if (!this.deliver(client, step, there)) accepted = false
    }
    if (ch.publishes.length > 0) this.topology.serveAll()
    for (const s of ch.settlements) if (s.how !== 'ack') this.settle(ch, s.deliveries, s.how, true)
    this.clear(ch)
    if (accepted) this.heard[client]?.push('committed')
    else {
      this.note('publish refused in a transaction')
      this.close(client, 'closed 406')
    }
  }

  private clear(ch: OracleChannel): void {
    ch.publishes = []
    ch.settlements = []
    for (const o of ch.outstanding) o.pending = false
  }

  /** It is opened again at once. */
  private close(client: number, how: string): void {
    const ch = this.channelOf(client)
    this.topology.serveAll()
    const waits = ch.unconfirmed.findIndex((u) => u.waits)
    // Those that wait for the disk, and those behind them, are never confirmed.
    if (waits >= 0) ch.unconfirmed.splice(waits)
    this.confirm(ch)
    this.heard[client]?.push(how)
    for (const c of [...ch.consumers.values()]) this.removeConsumer(ch, c)
    if (ch.outstanding.length > 0) this.note('closed channel requeues')
    this.settleAll(ch, [...ch.outstanding], 'requeue', true)
    this.channels[client] = new OracleChannel()
  }
}
