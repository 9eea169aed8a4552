/** One of two brokers that are given the same steps. */
import { MethodId } from '../../src/protocol/generated/constants.ts'
import { CH } from '../support/session.ts'
import { type Received, table, Wire } from '../support/wire.ts'
import { exchanges, queueArguments, queues, type Step } from './steps.ts'

interface Held {
  /** By which both sides name the same delivery. */
  readonly key: string
  readonly tag: number
}

export class Side {
  private readonly w: Wire
  private readonly observer: Wire
  private readonly prefix: string
  private readonly tx: boolean
  /** Deliveries since the last look. */
  private arrived: string[] = []
  private held: Held[] = []
  /** Settled in the open transaction. */
  private settled: Held[] = []
  private settledByAck = false
  private answers: Received[] = []
  /** Tags by queue. */
  private consumers = new Map<string, string>()
  private tags = 0
  private bodies = 0

  private constructor(w: Wire, observer: Wire, prefix: string, tx: boolean) {
    this.tx = tx
    this.w = w
    this.observer = observer
    this.prefix = prefix
  }

  static async open(url: string, prefix: string, tx: boolean): Promise<Side> {
    const side = new Side(await Wire.open(url), await Wire.open(url), prefix, tx)
    await side.openChannel()
    await side.observer.channel(CH)
    return side
  }

  private async openChannel(): Promise<void> {
    this.held = []
    this.settled = []
    this.consumers = new Map()
    this.w.send(CH, MethodId.ChannelOpen)
    // RabbitMQ may have had a delivery on its way when it closed the channel.
    while ((await this.w.next(CH)).method.id !== MethodId.ChannelOpenOk);
    if (this.tx) await this.w.call(CH, MethodId.TxSelect, {}, MethodId.TxSelectOk)
    else await this.w.call(CH, MethodId.ConfirmSelect, {}, MethodId.ConfirmSelectOk)
  }

  async close(): Promise<void> {
    await this.w.close()
    for (const q of queues) {
      this.observer.send(CH, MethodId.QueueDelete, { queue: this.name(q) })
      await this.observer.expect(CH, MethodId.QueueDeleteOk)
    }
    for (const x of exchanges)
      await this.observer.call(
        CH,
        MethodId.ExchangeDelete,
        { exchange: this.name(x) },
        MethodId.ExchangeDeleteOk,
      )
    await this.observer.close()
  }

  private name(short: string): string {
    return short === '' ? '' : `${this.prefix}-${short}`
  }

  private short(name: string): string {
    return name.replace(`${this.prefix}-`, '')
  }

  /** Takes what is there and what comes, until one of the methods has come. */
  private async answer(...ids: number[]): Promise<string> {
    for (;;) {
      const r = await this.w.next(CH)
      const { method: m } = r
      if (m.id === MethodId.ChannelClose) {
        this.w.send(CH, MethodId.ChannelCloseOk)
        await this.openChannel()
        return `error ${m.replyCode} ${m.replyText} (${m.classId}.${m.methodId})`
      }
      if (ids.includes(m.id)) {
        this.answers.push(r)
        return 'ok'
      }
      this.take(r)
    }
  }

  private take(r: Received): void {
    const { method: m } = r
    if (m.id === MethodId.BasicDeliver) {
      const copies = r.properties?.headers?.get('CC') === undefined ? '' : ' CC'
      const key = `${m.consumerTag} ${r.body} ${m.redelivered} ${this.short(m.exchange)} ${this.short(m.routingKey)}${copies}`
      this.arrived.push(key)
      if (!m.consumerTag.startsWith('auto')) this.held.push({ key, tag: m.deliveryTag })
    } else if (m.id === MethodId.BasicCancel) {
      this.consumers.delete(m.consumerTag.slice(-1))
      this.arrived.push(`cancelled ${m.consumerTag}`)
    } else if (m.id === MethodId.BasicReturn)
      this.arrived.push(`returned ${r.body} ${m.replyCode} ${m.replyText}`)
    else throw new Error(`unexpected ${JSON.stringify(m)}`)
  }

  /** What can be seen from outside and what has been delivered since. */
  async state(): Promise<unknown> {
    while (this.w.inbox.length > 0) this.take(await this.w.next(CH))
    const counts: Record<string, unknown> = {}
    for (const q of queues) {
      this.observer.send(CH, MethodId.QueueDeclare, { queue: this.name(q), passive: true })
      const { method: m } = await this.observer.next(CH)
      if (m.id === MethodId.QueueDeclareOk) counts[q] = [m.messageCount, m.consumerCount]
      else {
        this.observer.send(CH, MethodId.ChannelCloseOk)
        await this.observer.channel(CH)
      }
    }
    return { counts, arrived: [...this.arrived].sort(), held: this.sortedHeld().map((h) => h.key) }
  }

  private sortedHeld(): Held[] {
    return [...this.held].sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : a.tag - b.tag))
  }

  async run(s: Step): Promise<unknown> {
    this.arrived = []
    this.answers = []
    const answer = await this.perform(s)
    const last = this.answers.at(-1)
    if (answer !== 'ok' || last === undefined) return answer
    const m = last.method
    if (m.id === MethodId.QueueDeclareOk) return [m.messageCount, m.consumerCount]
    if (m.id === MethodId.QueueDeleteOk || m.id === MethodId.QueuePurgeOk) return m.messageCount
    return m.id === MethodId.BasicNack ? 'nack' : answer
  }

  private async perform(s: Step): Promise<string> {
    const { w } = this
    switch (s.do) {
      case 'declare': {
        const args = JSON.parse(
          JSON.stringify(queueArguments[s.args])
            .replace('DEAD', this.name('c'))
            .replace('DLX', this.name('y')),
        )
        const { durable, autoDelete } = s
        w.send(CH, MethodId.QueueDeclare, {
          queue: this.name(s.queue),
          durable,
          autoDelete,
          arguments: table(args),
        })
        return await this.answer(MethodId.QueueDeclareOk)
      }
      case 'delete':
        w.send(CH, MethodId.QueueDelete, {
          queue: this.name(s.queue),
          ifUnused: s.ifUnused,
          ifEmpty: s.ifEmpty,
        })
        return await this.answer(MethodId.QueueDeleteOk)
      case 'purge':
        w.send(CH, MethodId.QueuePurge, { queue: this.name(s.queue) })
        return await this.answer(MethodId.QueuePurgeOk)
      case 'declareExchange': {
        const { type, autoDelete, internal } = s
        w.send(CH, MethodId.ExchangeDeclare, { exchange: this.name(s.exchange), type, autoDelete, internal })
        return await this.answer(MethodId.ExchangeDeclareOk)
      }
      case 'deleteExchange':
        w.send(CH, MethodId.ExchangeDelete, { exchange: this.name(s.exchange), ifUnused: s.ifUnused })
        return await this.answer(MethodId.ExchangeDeleteOk)
      case 'bind':
      case 'unbind': {
        const names = { queue: this.name(s.queue), exchange: this.name(s.exchange), routingKey: s.key }
        w.send(CH, s.do === 'bind' ? MethodId.QueueBind : MethodId.QueueUnbind, names)
        return await this.answer(MethodId.QueueBindOk, MethodId.QueueUnbindOk)
      }
      case 'bindExchange':
      case 'unbindExchange': {
        const names = { source: this.name(s.exchange), destination: this.name(s.to), routingKey: s.key }
        w.send(CH, s.do === 'bindExchange' ? MethodId.ExchangeBind : MethodId.ExchangeUnbind, names)
        return await this.answer(MethodId.ExchangeBindOk, MethodId.ExchangeUnbindOk)
      }
      default:
        return await this.performMessage(s)
    }
  }

  private async performMessage(s: Step): Promise<string> {
    const { w } = this
    switch (s.do) {
      case 'publish': {
        const routingKey = s.exchange === '' ? this.name(s.queue) : s.key
        const headers = s.cc === null ? {} : { headers: table({ CC: [this.name(s.cc)] }) }
        // Of what one commit publishes, Leveret hands out the highest priority first and RabbitMQ what it sees first.
        const priority = this.tx ? 0 : s.priority
        const properties = { priority, deliveryMode: s.persistent ? 2 : 1, ...headers }
        const body = `m${this.bodies++}`
        w.publish(CH, {
          exchange: this.name(s.exchange),
          routingKey,
          mandatory: s.mandatory,
          body,
          properties,
        })
        return this.tx ? await this.sync() : await this.answer(MethodId.BasicAck, MethodId.BasicNack)
      }
      case 'commit':
        if (!this.tx) return 'skipped'
        this.settled = []
        w.send(CH, MethodId.TxCommit)
        return await this.answer(MethodId.TxCommitOk)
      case 'rollback':
        if (!this.tx) return 'skipped'
        this.held.push(...this.settled)
        this.settled = []
        w.send(CH, MethodId.TxRollback)
        return await this.answer(MethodId.TxRollbackOk)
      case 'get':
        return await this.get(s.queue, s.noAck)
      case 'consume': {
        if (this.consumers.has(s.queue) && !s.exclusive) return 'skipped'
        await w
          .call(CH, MethodId.BasicQos, { prefetchCount: s.prefetch }, MethodId.BasicQosOk)
          .catch(() => {})
        const consumerTag = `${s.noAck ? 'auto' : 'hand'}-${this.tags++}-${s.queue}`
        const { noAck, exclusive } = s
        w.send(CH, MethodId.BasicConsume, { queue: this.name(s.queue), consumerTag, noAck, exclusive })
        const answer = await this.answer(MethodId.BasicConsumeOk)
        if (answer === 'ok') this.consumers.set(s.queue, consumerTag)
        return answer
      }
      case 'cancel': {
        const consumerTag = this.consumers.get(s.queue)
        if (consumerTag === undefined) return 'skipped'
        this.consumers.delete(s.queue)
        w.send(CH, MethodId.BasicCancel, { consumerTag })
        return await this.answer(MethodId.BasicCancelOk)
      }
      default:
        return await this.settle(s)
    }
  }

  private async get(q: string, noAck: boolean): Promise<string> {
    this.w.send(CH, MethodId.BasicGet, { queue: this.name(q), noAck })
    const answer = await this.answer(MethodId.BasicGetOk, MethodId.BasicGetEmpty)
    const r = this.answers.at(-1)
    if (answer !== 'ok' || r === undefined || r.method.id !== MethodId.BasicGetOk) return `${answer} empty`
    const { redelivered, messageCount, deliveryTag } = r.method
    const key = `get ${q} ${r.body} ${redelivered}`
    if (!noAck) this.held.push({ key, tag: deliveryTag })
    return `${key} ${messageCount}`
  }

  private async settle(s: Step): Promise<string> {
    const { w } = this
    if (this.mixes(s)) return 'skipped'
    if (s.do === 'bogusAck') w.send(CH, MethodId.BasicAck, { deliveryTag: 1_000_000 })
    else if (s.do === 'ackAll' || s.do === 'nackAll') {
      if (this.held.length === 0) return 'skipped'
      const all = { deliveryTag: 0, multiple: true }
      if (s.do === 'ackAll') w.send(CH, MethodId.BasicAck, all)
      else w.send(CH, MethodId.BasicNack, { ...all, requeue: true })
      this.settled.push(...this.held)
      this.held = []
    } else if (s.do === 'recover') {
      w.send(CH, MethodId.BasicRecover, { requeue: true })
      this.held = []
      return await this.answer(MethodId.BasicRecoverOk)
    } else if (s.do === 'ack' || s.do === 'requeue' || s.do === 'reject') {
      const list = this.sortedHeld()
      const one = list[s.which % Math.max(1, list.length)]
      if (one === undefined) return 'skipped'
      this.held = this.held.filter((h) => h !== one)
      this.settled.push(one)
      const deliveryTag = one.tag
      if (s.do === 'ack') w.send(CH, MethodId.BasicAck, { deliveryTag })
      else w.send(CH, MethodId.BasicReject, { deliveryTag, requeue: s.do === 'requeue' })
    }
    return await this.sync()
  }

  /** In a commit, RabbitMQ's queues see acknowledgements now before and now after what was returned earlier. */
  private mixes(s: Step): boolean {
    if (!this.tx || !/^(ack|nack|requeue|reject)/.test(s.do)) return false
    const acks = s.do.startsWith('ack')
    if (this.settled.length === 0) this.settledByAck = acks
    return acks !== this.settledByAck
  }

  /** For what has no answer of its own. */
  private async sync(): Promise<string> {
    this.w.send(CH, MethodId.BasicQos, { prefetchCount: 0 })
    return await this.answer(MethodId.BasicQosOk)
  }
}
