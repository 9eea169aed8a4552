/** One of two brokers that are given the same steps: does them, and says what was heard and what can be seen. */
import { MethodId, methodNames } from '../../../src/protocol/generated/constants.ts'
import { type PublishOptions, type Received, Wire } from '../../support/wire.ts'
import { Api } from './api.ts'
import { Client } from './client.ts'
import { Counts } from './counts.ts'
import { shakeHands } from './handshake.ts'
import { Names } from './names.ts'
import { answersTo, type Content, clients, idOf, isMethod, type MethodStep, type Step } from './step.ts'
import { fieldTable } from './typed.ts'

export interface Address {
  readonly url: string
  readonly http: string
}

/** What a program may name. */
export interface Named {
  readonly queues: readonly string[]
  readonly exchanges: readonly string[]
  readonly policies: readonly string[]
}

/** What a settling step is about. */
export interface Chosen {
  readonly tag: number
  readonly multiple: boolean
}

const [CONNECTIONS, DRAINED_MAX] = [2, 500]
/** On the second connection nobody is told of cancelled consumers. */
const capabilities = [{ consumer_cancel_notify: true }, { consumer_cancel_notify: false }] as const

export class Side {
  readonly clients: readonly Client[]
  private readonly wires: Wire[] = []
  private readonly names: Names
  private readonly address: Address
  private readonly named: Named
  private readonly api: Api
  private readonly counts: Counts
  private readonly observer: Wire
  /** What was heard of no single channel. */
  private other: string[] = []
  private listing = false
  private reopening: Promise<void>[] = [Promise.resolve(), Promise.resolve()]

  private constructor(address: Address, observer: Wire, named: Named, prefix: string) {
    this.names = new Names(prefix)
    this.address = address
    this.named = named
    this.observer = observer
    this.api = new Api(address.http, this.names)
    this.clients = clients.map((_, i) => new Client(i, this.names))
    this.counts = new Counts(named.queues.map(this.names.full), () => [observer, ...this.wires])
  }

  static async open(address: Address, named: Named, prefix: string): Promise<Side> {
    const side = new Side(address, await Wire.open(address.url), named, prefix)
    for (let i = 0; i < CONNECTIONS; i++) await side.openConnection(i)
    return side
  }

  private async openConnection(number: number): Promise<void> {
    this.wires[number] = await Wire.open(this.address.url, { capabilities: capabilities[number] ?? {} })
    for (const c of this.clients) if (c.connection === number) await this.openChannel(c)
  }

  private async openChannel(c: Client): Promise<void> {
    c.reset()
    const w = this.wireOf(c)
    w.send(c.channel, MethodId.ChannelOpen)
    // RabbitMQ may have had a delivery on its way when it closed the channel.
    while ((await w.next(c.channel)).method.id !== MethodId.ChannelOpenOk);
    const mode = clients[c.number]?.mode ?? 'plain'
    if (mode === 'confirm') await w.call(c.channel, MethodId.ConfirmSelect, {}, MethodId.ConfirmSelectOk)
    if (mode === 'tx') await w.call(c.channel, MethodId.TxSelect, {}, MethodId.TxSelectOk)
    c.selected(mode)
  }

  private wireOf(c: Client): Wire {
    return this.wires[c.connection] as Wire
  }

  /** Everything that the program has made goes. */
  async close(): Promise<void> {
    for (const w of this.wires) await w.close().catch(() => w.socket.destroy())
    const { observer, names } = this
    await observer.channel(1)
    for (const queue of [...this.named.queues, ...names.queuesByServer])
      await observer.call(1, MethodId.QueueDelete, { queue: names.full(queue) }, MethodId.QueueDeleteOk)
    for (const exchange of this.named.exchanges)
      await observer.call(
        1,
        MethodId.ExchangeDelete,
        { exchange: names.full(exchange) },
        MethodId.ExchangeDeleteOk,
      )
    await observer.close()
    await this.api.deletePolicies(this.named.policies)
  }

  async run(step: Step, chosen?: Chosen): Promise<void> {
    for (const c of this.clients) c.begin()
    this.other = []
    this.listing = step.do === 'list'
    if (isMethod(step)) await this.method(step, chosen)
    else if (step.do === 'cut') {
      const { connection } = this.clients[step.client] as Client
      this.wires[connection]?.socket.destroy()
      await this.openConnection(connection)
    } else if (step.do === 'drain') await this.drain(step.client, step.queue)
    else if (step.do === 'handshake')
      this.other.push(...(await shakeHands(this.address.url, step, this.names)))
    else if (step.do === 'policy' || step.do === 'operator policy')
      this.other.push(`${step.do}: ${await this.api.policy(step)}`)
  }

  private async method(step: MethodStep, chosen?: Chosen): Promise<void> {
    const c = this.clients[step.client] as Client
    const channel = step.onConnection ? 0 : c.channel
    const { full } = this.names
    const named = Object.entries(step.fields ?? {}).map(([n, v]) => [n, typeof v === 'string' ? full(v) : v])
    const fields = Object.fromEntries(named) as { [name: string]: string | number | boolean }
    if (step.do === 'queue.declare') this.counts.mayBe(String(fields['queue'] ?? ''))
    const table = step.arguments === undefined ? {} : { arguments: fieldTable(step.arguments, full) }
    if (step.content !== undefined) this.publish(c, fields, step.content)
    else {
      const tag = chosen === undefined ? {} : { deliveryTag: chosen.tag }
      const secret =
        fields['newSecret'] === undefined ? {} : { newSecret: Buffer.from(String(fields['newSecret'])) }
      const all = { ...fields, ...table, ...secret, ...chosen, ...tag }
      this.wireOf(c).send(channel, idOf.get(step.do) as MethodId, all as never)
      if (step.do.startsWith('basic.recover')) c.held = []
      if (step.do === 'basic.consume' && fields['nowait'] === true && fields['noAck'] === true)
        c.consumesWithoutAck(String(fields['consumerTag']))
      if (chosen !== undefined) c.settles(chosen.tag, chosen.multiple, settlesBy(step))
    }
    const about = `${step.fields?.['queue'] ?? ''}${step.fields?.['noAck'] === true ? ' noAck' : ''}`
    const done = await this.answer(c, answersTo(step), (r) => c.answered(r, about))
    if (done) await this.afterwards(c, step)
  }

  private publish(c: Client, fields: object, { body, size, properties, headers }: Content): void {
    const { full } = this.names
    const named = Object.entries(properties).map(([name, v]) => [
      name,
      name === 'timestamp' ? BigInt(v) : typeof v === 'string' ? full(v) : v,
    ])
    const table = headers === undefined ? {} : { headers: fieldTable(headers, full) }
    c.publishing(body)
    const whole = {
      ...fields,
      body: body.padEnd(size, '.'),
      properties: { ...Object.fromEntries(named), ...table },
    }
    this.wireOf(c).publish(c.channel, whole as PublishOptions)
  }

  private async afterwards(c: Client, step: MethodStep): Promise<void> {
    if (step.do === 'confirm.select') c.selected('confirm')
    if (step.do === 'tx.select') c.selected('tx')
    if (step.do === 'channel.close') await this.openChannel(c)
    if (step.do === 'connection.close') {
      this.wireOf(c).socket.destroy()
      await this.openConnection(c.connection)
    }
  }

  /** Takes what is there and what comes, until one of the methods has come; false where channel or connection ended. */
  private async answer(c: Client, ids: readonly MethodId[], done: (r: Received) => void): Promise<boolean> {
    if (ids.length === 0) return await this.synchronised(c)
    const w = this.wireOf(c)
    for (;;) {
      const r = await w.next(c.channel, 0).catch(() => undefined)
      if (this.wireOf(c) !== w) return false
      if (r === undefined || r.method.id === MethodId.ConnectionClose) {
        await this.lost(c.connection, w, r)
        return false
      }
      if (r.method.id === MethodId.ChannelClose) {
        w.send(c.channel, MethodId.ChannelCloseOk)
        c.hear(`channel.close ${this.names.fields(r.method)}`)
        await this.openChannel(c)
        return false
      }
      if (ids.includes(r.method.id as MethodId)) {
        done(r)
        return true
      }
      if (r.channel === 0)
        this.other.push(`${methodNames[r.method.id as MethodId]} ${this.names.fields(r.method)}`)
      else c.take(r)
    }
  }

  private lost(connection: number, w: Wire, r: Received | undefined): Promise<void> {
    const why = r === undefined ? 'the socket ended' : `connection.close ${this.names.fields(r.method)}`
    if (this.wires[connection] !== w) return this.reopening[connection] as Promise<void>
    this.other.push(`connection ${connection}: ${why}`)
    if (r !== undefined) w.send(0, MethodId.ConnectionCloseOk)
    const reopened = w.gone().then(() => this.openConnection(connection))
    this.reopening[connection] = reopened
    return reopened
  }

  /** There and back, changing nothing. */
  private async synchronised(c: Client): Promise<boolean> {
    this.wireOf(c).send(c.channel, MethodId.ExchangeDeclare, {
      exchange: 'amq.direct',
      type: 'direct',
      passive: true,
    })
    return await this.answer(c, [MethodId.ExchangeDeclareOk], () => {})
  }

  private async drain(client: number, queue: string): Promise<void> {
    const c = this.clients[client] as Client
    for (let i = 0; i < DRAINED_MAX; i++) {
      this.wireOf(c).send(c.channel, MethodId.BasicGet, { queue: this.names.full(queue), noAck: true })
      let empty = false
      const ids = [MethodId.BasicGetOk, MethodId.BasicGetEmpty]
      const done = await this.answer(c, ids, (r) => {
        empty = r.method.id === MethodId.BasicGetEmpty
        c.answered(r, `${queue} noAck`)
      })
      if (!done || empty) return
    }
  }

  /** What was heard since the step began, and the counts, once everything asked before has been done. */
  async look(): Promise<string[]> {
    for (const c of this.clients) await this.synchronised(c)
    const counts = await this.counts.look()
    for (const c of this.clients) await this.synchronised(c)
    const lines = [...counts].map(([queue, seen]) => `${this.names.short(queue)}: ${seen}`)
    // RabbitMQ lists what it gathers now and then.
    const listed = this.listing ? await this.api.list() : []
    return [...this.other, ...listed, ...this.clients.flatMap((c) => c.lines()), ...lines.sort()]
  }
}

export function settlesBy(step: MethodStep): string {
  return step.do === 'basic.ack' ? 'ack' : 'return'
}
