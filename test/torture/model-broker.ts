/** The broker's side of a simulation: the real model and channels over the memory store, with a clock that is told the time. */
import { Broker } from '../../src/broker/broker.ts'
import { encodeContent } from '../../src/broker/content.ts'
import { atOnce } from '../../src/broker/jobs.ts'
import { InboundMessage } from '../../src/broker/message.ts'
import type { Vhost } from '../../src/broker/vhost.ts'
import { publish } from '../../src/channel/publish.ts'
import { FieldTable, type PlainValue } from '../../src/protocol/field-table.ts'
import { MethodId } from '../../src/protocol/generated/constants.ts'
import { GroupCommit } from '../../src/storage/batch.ts'
import { MemoryStorage } from '../../src/storage/memory/memory-storage.ts'
import type { StorageWrite } from '../../src/storage/storage.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { ModelClient } from './model-client.ts'
import {
  CLIENTS,
  CONFIRMS,
  FANOUT,
  type PolicyDefinition,
  type QueueArguments,
  type Settling,
  type Step,
  TRANSACTIONS,
} from './model-steps.ts'

const MANDATORY = 1
const MICROTASKS = 8

export interface SimulatedOptions {
  /** The store outlives the broker, and messages leave memory; else it keeps nothing. */
  readonly keeps: boolean
}

/** Memory that counts as a disk: a batch is there once it has landed. */
class SimulatedStorage extends MemoryStorage {
  /** Batches that have begun, and records that were read back. */
  writes = 0
  reads = 0
  private pending: (() => void)[] = []

  override async write(batch: readonly StorageWrite[]): Promise<void> {
    this.writes++
    await new Promise<void>((resolve) => this.pending.push(resolve))
    await super.write(batch)
  }

  override records(log: number, segment: number): Iterable<{ index: number; bytes: Uint8Array }> {
    this.reads++
    return super.records(log, segment)
  }

  /** False if nothing was on its way. */
  land(): boolean {
    const landing = this.pending.splice(0)
    for (const resolve of landing) resolve()
    return landing.length > 0
  }
}

/** Enough for what promises lead to. */
async function microtasks(): Promise<void> {
  for (let i = 0; i < MICROTASKS; i++) await undefined
}

export class SimulatedBroker {
  clock = new ManualClock()
  clients: readonly ModelClient[] = []
  readonly keeps: boolean
  private readonly storage: SimulatedStorage
  private broker!: Broker
  private policies = 0

  constructor({ keeps }: SimulatedOptions) {
    this.keeps = keeps
    this.storage = new SimulatedStorage({ keeps })
    this.start()
  }

  private start(): void {
    const commit = new GroupCommit(this.storage, this.clock)
    const messageMemoryBytes = this.keeps ? 0 : 2 ** 24
    this.broker = new Broker(this.storage, commit, this.clock, { messageMemoryBytes, random: () => 0 })
    this.broker.load()
    const select = (client: number): ConstructorParameters<typeof ModelClient>[1] =>
      client === CONFIRMS
        ? { id: MethodId.ConfirmSelect, nowait: false }
        : client === TRANSACTIONS
          ? { id: MethodId.TxSelect }
          : undefined
    this.clients = Array.from({ length: CLIENTS }, (_, i) => new ModelClient(this.broker, select(i)))
  }

  stop(): void {
    this.broker.stop()
  }

  /** The process ends here, and another one begins. */
  async restart(): Promise<void> {
    this.broker.stop()
    await this.broker.commit.abandon()
    // Timers of the old one are gone with it.
    this.clock = new ManualClock(this.clock.now())
    this.start()
  }

  /** Batches that were begun so far. */
  get writes(): number {
    return this.storage.writes
  }

  /** Segments that were read back so far. */
  get reads(): number {
    return this.storage.reads
  }

  async endTurn(): Promise<void> {
    this.clock.runDeferred()
    if (this.keeps) await this.settleDisk()
    for (const c of this.clients) c.listen()
  }

  /** Lets land what is on its way, and what that leads to. A batch without writes lands by itself. */
  private async settleDisk(): Promise<void> {
    const { commit } = this.broker
    for (let goesOn = true; goesOn; ) {
      const before = commit.durable
      await microtasks()
      for (const c of this.clients) c.becameDurable()
      this.clock.runDeferred()
      goesOn = this.storage.land() || commit.durable !== before
    }
  }

  /** Everything so far comes to the disk. */
  async flush(): Promise<void> {
    this.broker.commit.requestFlush()
    this.broker.commit.turnEnd()
    await this.endTurn()
  }

  /** `queue ready unacked consumers` of each. */
  counts(): string[] {
    return [...(this.broker.vhosts.get('/')?.queues.values() ?? [])].map((q) => {
      const { ready, unacked, consumers } = q.counts
      return `${q.name} ${ready} ${unacked} ${consumers}`
    })
  }

  has(queue: string): boolean {
    return this.broker.vhosts.get('/')?.queues.has(queue) === true
  }

  private setPolicy({ names, definition }: Extract<Step, { do: 'policy' }>): void {
    const vhost = this.broker.vhosts.get('/') as Vhost
    const pattern = `^[${names}]$`
    const policy = { name: 'p', pattern, applyTo: 'queues', priority: this.policies++ } as const
    // One step for the removal and one for the new policy would be two changes for a queue.
    if (definition === undefined) atOnce(vhost.removingPolicy('p', false))
    else atOnce(vhost.settingPolicy({ ...policy, definition: keysOf(definition) }, false))
  }

  /** @param found the delivery tag or the consumer tag that the step is about */
  do(step: Step, found: number | string): void {
    const client = this.clients[step.client] as ModelClient
    switch (step.do) {
      case 'declare':
        declare(client, step.queue, step.args, !this.has(step.queue))
        break
      case 'delete': {
        const { queue, ifUnused, ifEmpty } = step
        client.send({ id: MethodId.QueueDelete, ticket: 0, queue, ifUnused, ifEmpty, nowait: false })
        break
      }
      case 'purge':
        client.send({ id: MethodId.QueuePurge, ticket: 0, queue: step.queue, nowait: false })
        break
      case 'publish':
        client.attempt((ch) => {
          if (ch.owesConfirm) ch.sendConfirms()
          publish(ch, messageOf(step), step.mandatory ? MANDATORY : 0)
        })
        break
      case 'get':
        client.send({ id: MethodId.BasicGet, ticket: 0, queue: step.queue, noAck: step.noAck })
        break
      case 'consume':
        consume(client, step)
        break
      case 'share':
        client.send({ id: MethodId.BasicQos, prefetchSize: 0, prefetchCount: step.prefetch, global: true })
        break
      case 'cancel':
        client.send({ id: MethodId.BasicCancel, consumerTag: String(found), nowait: false })
        break
      case 'settle':
        settle(client, Number(found), step.multiple, step.how)
        break
      case 'recover':
        client.send({ id: MethodId.BasicRecover, requeue: true })
        break
      case 'commit':
        client.send({ id: MethodId.TxCommit })
        break
      case 'rollback':
        client.send({ id: MethodId.TxRollback })
        break
      case 'close':
        client.close('closed')
        break
      case 'policy':
        this.setPolicy(step)
        break
      case 'wait':
        this.clock.pass(step.ms)
        break
      case 'restart':
    }
    for (const c of this.clients) c.listen()
  }
}

function keysOf(d: PolicyDefinition): { [key: string]: string | number } {
  const all = {
    'max-length': d.maxLength,
    'max-length-bytes': d.maxBytes,
    overflow: d.overflow,
    'message-ttl': d.ttl,
    'dead-letter-exchange': d.deadLetterExchange,
    'dead-letter-routing-key': d.deadLetterKey,
  }
  const given = Object.entries(all).filter((e): e is [string, string | number] => e[1] !== undefined)
  return Object.fromEntries(given)
}

function declare(client: ModelClient, queue: string, args: QueueArguments, isNew: boolean): void {
  const table: { [name: string]: PlainValue } = {}
  const set = (name: string, value: PlainValue | undefined): void => {
    if (value !== undefined) table[name] = value
  }
  set('x-max-length', args.maxLength)
  set('x-max-length-bytes', args.maxBytes)
  set('x-delivery-limit', args.deliveryLimit)
  set('x-overflow', args.overflow)
  set('x-message-ttl', args.ttl)
  set('x-max-priority', args.maxPriority)
  set('x-dead-letter-exchange', args.deadLetterExchange)
  set('x-dead-letter-routing-key', args.deadLetterKey)
  set('x-single-active-consumer', args.singleActiveConsumer)
  set('x-queue-type', args.quorum === true ? 'quorum' : undefined)
  const flags = { passive: false, durable: args.durable === true, exclusive: false, nowait: false }
  const autoDelete = args.autoDelete === true
  client.send({
    id: MethodId.QueueDeclare,
    ticket: 0,
    queue,
    autoDelete,
    ...flags,
    arguments: FieldTable.from(table),
  })
  if (!isNew || args.bound !== true) return
  const binding = { exchange: FANOUT, routingKey: '', nowait: false, arguments: FieldTable.empty }
  client.send({ id: MethodId.QueueBind, ticket: 0, queue, ...binding })
}

function messageOf(step: Extract<Step, { do: 'publish' }>): InboundMessage {
  const { exchange, key, priority, ttl, id, persistent } = step
  const m = new InboundMessage()
  const properties = {
    priority,
    deliveryMode: persistent ? 2 : 1,
    ...(ttl < 0 ? {} : { expiration: String(ttl) }),
  }
  encodeContent(exchange, key, properties, Buffer.from(String(id) + '.'.repeat(step.padding)), m)
  return m
}

function consume(client: ModelClient, step: Extract<Step, { do: 'consume' }>): void {
  const { queue, tag, noAck, exclusive, prefetch, priority } = step
  client.send({ id: MethodId.BasicQos, prefetchSize: 0, prefetchCount: prefetch, global: false })
  const args = FieldTable.from({ 'x-priority': priority })
  const flags = { noLocal: false, noAck, exclusive, nowait: false }
  client.send({ id: MethodId.BasicConsume, ticket: 0, queue, consumerTag: tag, ...flags, arguments: args })
}

function settle(client: ModelClient, deliveryTag: number, multiple: boolean, how: Settling): void {
  if (how === 'ack') client.send({ id: MethodId.BasicAck, deliveryTag, multiple })
  else client.send({ id: MethodId.BasicNack, deliveryTag, multiple, requeue: how === 'requeue' })
}
