/** One channel of one broker in a program: what it holds, what was confirmed, and what it has heard since the step began. */
import { MethodId, methodNames } from '../../../src/protocol/generated/constants.ts'
import type { Received } from '../../support/wire.ts'
import type { Names } from './names.ts'
import { clients } from './step.ts'

export interface Held {
  /** By which both sides name the same delivery. */
  readonly key: string
  readonly tag: number
}

export class Client {
  readonly number: number
  readonly connection: number
  readonly channel: number
  held: Held[] = []
  /** Settled in the open transaction, and by what. */
  private settled: Held[] = []
  private settledBy: string | undefined
  private confirming = false
  transactional = false
  /** Bodies by their number in the channel, of those that are to be confirmed. */
  private unconfirmed = new Map<number, string>()
  private published = 0
  private confirmedNow = new Set<string>()
  private readonly noAck = new Set<string>()
  private readonly names: Names
  /** Answers, closes, returns and cancellations in their order. */
  private heard: string[] = []
  private confirms: string[] = []
  /** By consumer: queues send beside each other. */
  private delivered = new Map<string, string[]>()

  constructor(number: number, names: Names) {
    const { connection, channel } = clients[number] as (typeof clients)[number]
    this.number = number
    this.connection = connection
    this.channel = channel
    this.names = names
  }

  /** Of a new channel. */
  reset(): void {
    this.held = []
    this.settled = []
    this.settledBy = undefined
    this.confirming = false
    this.transactional = false
    this.unconfirmed = new Map()
    this.published = 0
    this.noAck.clear()
  }

  begin(): void {
    this.heard = []
    this.confirms = []
    this.confirmedNow = new Set()
    this.delivered = new Map()
  }

  lines(): string[] {
    const delivered = [...this.delivered].sort(([a], [b]) => (a < b ? -1 : 1)).flatMap(([, list]) => list)
    const all = [
      ...this.heard,
      ...this.confirms.sort(),
      ...delivered,
      ...this.sortedHeld().map((h) => `holds ${h.key}`),
    ]
    return all.map((line) => `client ${this.number}: ${line}`)
  }

  hear(line: string): void {
    this.heard.push(line)
  }

  sortedHeld(): Held[] {
    return [...this.held].sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : a.tag - b.tag))
  }

  /** An answer to what the step asked for. */
  answered(r: Received, about: string): void {
    const { method: m } = r
    const name = methodNames[m.id as MethodId]
    if (m.id === MethodId.BasicGetOk) {
      const what = `get ${about} ${this.names.fields(m, 'deliveryTag', 'messageCount')}`
      this.hear(`${what} ${this.names.content(r)} messageCount=${m.messageCount}`)
      if (!about.endsWith(' noAck'))
        this.held.push({ key: `${what} ${this.names.body(r)}`, tag: m.deliveryTag })
      return
    }
    this.hear(`${name} ${this.names.fields(m, 'channelId', 'clusterId')}`.trimEnd())
    if (m.id === MethodId.QueueDeclareOk && m.queue.startsWith('amq.gen-'))
      this.names.declaredByServer(m.queue)
    if (m.id === MethodId.BasicConsumeOk && about.endsWith(' noAck')) this.noAck.add(m.consumerTag)
    if (m.id === MethodId.TxCommitOk) this.committed()
    if (m.id === MethodId.TxRollbackOk) this.rolledBack()
  }

  private committed(): void {
    this.settled = []
    this.settledBy = undefined
  }

  private rolledBack(): void {
    this.held.push(...this.settled)
    this.committed()
  }

  /** A consumer that has no consume-ok of its own. */
  consumesWithoutAck(tag: string): void {
    this.noAck.add(tag)
  }

  selected(mode: string): void {
    if (mode === 'confirm') this.confirming = true
    if (mode === 'tx') this.transactional = true
  }

  /** What comes by itself. */
  take(r: Received): void {
    const { method: m } = r
    if (m.id === MethodId.BasicDeliver) {
      const tag = this.names.short(m.consumerTag)
      const what = `deliver ${this.names.fields(m, 'deliveryTag')}`
      const key = `${what} ${this.names.body(r)}`
      this.delivered.set(tag, [...(this.delivered.get(tag) ?? []), `${what} ${this.names.content(r)}`])
      if (!this.noAck.has(m.consumerTag)) this.held.push({ key, tag: m.deliveryTag })
    } else if (m.id === MethodId.BasicReturn) {
      const late = this.confirmedNow.has(String(r.body).split('.')[0] ?? '') ? ' behind its confirm' : ''
      this.hear(`return ${this.names.fields(m)} ${this.names.content(r)}${late}`)
    } else if (m.id === MethodId.BasicAck || m.id === MethodId.BasicNack)
      this.confirmed(m.deliveryTag, m.multiple, m.id === MethodId.BasicAck ? 'confirmed' : 'refused')
    else this.hear(`${methodNames[m.id as MethodId]} ${this.names.fields(m)}`)
  }

  private confirmed(tag: number, multiple: boolean, how: string): void {
    for (const [number, body] of this.unconfirmed)
      if (number === tag || (multiple && number < tag)) {
        this.unconfirmed.delete(number)
        this.confirmedNow.add(body)
        this.confirms.push(`${how} ${body}`)
      }
  }

  publishing(body: string): void {
    if (!this.confirming) return
    this.published++
    this.unconfirmed.set(this.published, body)
  }

  /** In a commit RabbitMQ's queues see acknowledgements now before and now after what was returned. */
  mixes(how: string): boolean {
    return this.transactional && this.settledBy !== undefined && this.settledBy !== how
  }

  /** Which deliveries that settles. */
  covered(tag: number, multiple: boolean): Held[] {
    return this.held.filter((h) => h.tag === tag || (multiple && (tag === 0 || h.tag < tag)))
  }

  settles(tag: number, multiple: boolean, how: string): void {
    const gone = this.covered(tag, multiple)
    this.held = this.held.filter((h) => !gone.includes(h))
    if (!this.transactional) return
    this.settled.push(...gone)
    this.settledBy = how
  }
}
