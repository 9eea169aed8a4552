/** The broker's side of a simulation: the real model and channels over the memory store, with a clock that is told the time. */
import { Broker } from '../../src/broker/broker.ts'
import { encodeContent } from '../../src/broker/content.ts'
import { InboundMessage } from '../../src/broker/message.ts'
import { publish } from '../../src/channel/publish.ts'
import { FieldTable, type PlainValue } from '../../src/protocol/field-table.ts'
import { MethodId } from '../../src/protocol/generated/constants.ts'
import { GroupCommit } from '../../src/storage/batch.ts'
import { MemoryStorage } from '../../src/storage/memory/memory-storage.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { ModelClient } from './model-client.ts'
import {
  CLIENTS,
  CONFIRMS,
  FANOUT,
  type QueueArguments,
  type Settling,
  type Step,
  TRANSACTIONS,
} from './model-steps.ts'

const MANDATORY = 1

export class SimulatedBroker {
  readonly clock = new ManualClock()
  readonly clients: readonly ModelClient[]
  private readonly broker: Broker

  constructor() {
    const storage = new MemoryStorage({ keeps: false })
    const commit = new GroupCommit(storage, this.clock)
    this.broker = new Broker(storage, commit, this.clock, { messageMemoryBytes: 2 ** 24, random: () => 0 })
    this.broker.load()
    const select = (client: number): ConstructorParameters<typeof ModelClient>[1] =>
      client === CONFIRMS
        ? { id: MethodId.ConfirmSelect, nowait: false }
        : client === TRANSACTIONS
          ? { id: MethodId.TxSelect }
          : undefined
    this.clients = Array.from({ length: CLIENTS }, (_, i) => new ModelClient(this.broker, select(i)))
    this.endTurn()
  }

  stop(): void {
    this.broker.stop()
  }

  endTurn(): void {
    this.clock.runDeferred()
    for (const c of this.clients) c.listen()
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
      case 'wait':
        this.clock.pass(step.ms)
    }
    for (const c of this.clients) c.listen()
  }
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
  const flags = { passive: false, durable: false, exclusive: false, nowait: false }
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
  const { exchange, key, priority, ttl, id } = step
  const m = new InboundMessage()
  const properties = { priority, ...(ttl < 0 ? {} : { expiration: String(ttl) }) }
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
