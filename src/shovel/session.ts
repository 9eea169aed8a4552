/** One run of a shovel over two connections, from the login until either end fails or the work is done. */
import type { ConsumeMessage } from 'amqplib'
import type { Server } from '../connection/server.ts'
import type { FieldTable } from '../protocol/field-table.ts'
import { nextTurn, now, pause, soon, startTimer, stopTimer, type Timeout } from '../util/timers.ts'
import { type Client, hearConfirms, holdInput, type LinkChannel, propertiesOf, publish } from './amqplib.ts'
import { LinkError, linkName, openLink } from './connect.ts'
import { changedProperties, STREAM_OFFSET, textTable } from './content.ts'
import type { ShovelDefinition } from './definition.ts'
import { LINK_START_MS_MAX } from './link-limits.ts'
import { Settlements } from './settlements.ts'
import type { AmqpAddress } from './uri.ts'
import { WaitingMessages } from './waiting-messages.ts'

export interface SessionHost {
  readonly vhost: string
  readonly name: string
  readonly clusterName: string
  /** The local broker, for URIs without a host. */
  readonly server: Server | undefined
  random(): number
}

/** `finished`: the requested number of messages has been moved. */
export type SessionEnd = 'finished' | 'stopped'

const NOT_FOUND = 404
/** ms to wait for the peer to acknowledge a close. */
const CLOSE_MS = 5000
/** Polling interval in ms for an empty queue, or for confirms. */
const FETCH_MS = 10

/** Waits for the close, ignoring errors, but no longer than CLOSE_MS. */
async function inTime(close: () => PromiseLike<unknown> | undefined): Promise<void> {
  const late = new AbortController()
  const ignored = (async () => await close())().catch(() => {})
  await Promise.race([ignored, pause(CLOSE_MS, { signal: late.signal }).catch(() => {})])
  late.abort()
}

async function closeClient(client: Client): Promise<void> {
  await inTime(() => client.close())
  // Without an error, the library would not notice that the connection has ended until heartbeats are missing.
  client.connection.stream.destroy(new LinkError('closed'))
}

export class Session {
  sourceUri = ''
  destinationUri = ''
  forwarded = 0
  private readonly definition: ShovelDefinition
  private readonly host: SessionHost
  private source: LinkChannel | undefined
  /** Resolves when the source's channel has ended, with its connection too: then a pending close is never answered. */
  private sourceEnded: Promise<unknown> | undefined
  private destination!: LinkChannel
  private readonly clients: Client[] = []
  private readonly abort = new AbortController()
  private readonly settlements = new Settlements((tag) => this.acknowledge(tag))
  /** Messages left to move; Infinity = no limit. */
  private remaining = Number.POSITIVE_INFINITY
  private remainingUnsent = Number.POSITIVE_INFINITY
  /** Whether the destination accepts nothing, because of an alarm (`blocked`) or a full socket (`full`). */
  private blocked = false
  private full = false
  private readonly pending = new WaitingMessages()
  private end: (how: SessionEnd) => void = () => {}
  private fail: (error: Error) => void = () => {}
  private readonly ended: Promise<SessionEnd>
  private forwardedTable: FieldTable | undefined
  private readonly changes: boolean
  private readonly withoutOffset: boolean
  private failure: Error | undefined
  private startTimer: Timeout | undefined
  /**
   * Set when a message was returned. From then on no message counts as accepted: the next confirm belongs to that one.
   */
  private returned = false

  constructor(definition: ShovelDefinition, host: SessionHost) {
    this.definition = definition
    this.host = host
    const { addForwardHeaders, addTimestampHeader, properties } = definition.destination
    this.withoutOffset = definition.source.consumerArguments[STREAM_OFFSET] !== undefined
    this.changes =
      addForwardHeaders ||
      addTimestampHeader ||
      this.withoutOffset ||
      Object.values(properties).some((v) => v !== undefined)
    this.ended = new Promise((resolve, reject) => {
      this.end = resolve
      this.fail = (error) => {
        this.failure ??= error
        reject(error)
      }
    })
    this.ended.catch(() => {})
  }

  /** Resolves when the shovel is running, or has been stopped. @throws the error that prevents it */
  async start(): Promise<void> {
    const beginning = this.begin()
    // A broker may never reply, so waiting ends when either end fails, or the shovel is stopped.
    beginning.catch(() => {})
    try {
      await Promise.race([beginning, this.ended])
    } catch (error) {
      // Pending channel operations fail before their connection reports the reason.
      await nextTurn()
      throw this.failure ?? error
    } finally {
      stopTimer(this.startTimer)
    }
  }

  private async begin(): Promise<void> {
    const { source, destination } = this.definition
    const out = await this.open(destination.uris, (a) => {
      this.destinationUri = a.shown
    })
    const into = await this.open(source.uris, (a) => {
      this.sourceUri = a.shown
    })
    this.pending.hold = (on) => holdInput(into, on)
    const late = (): void => this.fail(new LinkError('a broker does not answer'))
    this.startTimer = startTimer(late, LINK_START_MS_MAX)
    out.on('blocked', () => {
      this.blocked = true
    })
    out.on('unblocked', () => {
      this.blocked = false
      this.forwardPending()
    })
    this.destination = await this.channel(out, true)
    hearConfirms(this.destination, (error) => this.fail(error))
    this.destination.on('drain', () => {
      this.full = false
      this.forwardPending()
    })
    this.destination.on('return', () => {
      this.returned = true
      this.fail(new LinkError('no queue of the destination takes a message'))
    })
    await this.declareDestination(out)
    const from = await this.channel(into, false)
    this.source = from
    this.sourceEnded = new Promise((resolve) => from.on('close', resolve))
    const queue = await this.declareSource(into, from)
    this.forwardedTable = destination.addForwardHeaders ? this.forwardHeaders() : undefined
    await this.consume(queue, from)
  }

  /** Resolves at the end. @throws the error that ended it */
  whenEnded(): Promise<SessionEnd> {
    return this.ended
  }

  stop(): void {
    this.abort.abort()
    this.end('stopped')
  }

  /** Closes both connections; unacknowledged messages are requeued at the source. */
  async close(): Promise<void> {
    this.abort.abort()
    this.pending.hold(false)
    this.settlements.flush()
    // Channel first: closing the connection would overtake pending acknowledgements.
    await inTime(() => this.source && Promise.race([this.source.close(), this.sourceEnded]))
    await Promise.all(this.clients.map((c) => closeClient(c)))
  }

  get status(): 'running' | 'blocked' | 'flow' {
    return this.blocked ? 'blocked' : this.full ? 'flow' : 'running'
  }

  get counts(): Record<string, number | string> {
    const shown = (n: number): number | string => (Number.isFinite(n) ? n : 'unlimited')
    return {
      remaining: shown(this.remaining),
      remaining_unacked: shown(this.remainingUnsent),
      pending: this.pending.count,
      forwarded: this.forwarded,
    }
  }

  /** Connects to one of the URIs, chosen at random. */
  private async open(uris: readonly AmqpAddress[], chosen: (a: AmqpAddress) => void): Promise<Client> {
    const address = uris[Math.floor(this.host.random() * uris.length)] as AmqpAddress
    chosen(address)
    const { signal } = this.abort
    const client = await openLink(address, this.host.server, linkName(this.host.name), signal)
    this.clients.push(client)
    // Clients that were open have been closed meanwhile, but not this one.
    if (signal.aborted) client.connection.stream.destroy()
    client.on('error', (error: Error) => this.fail(error))
    client.on('close', (error?: Error) => this.fail(error ?? new LinkError('the connection was closed')))
    return client
  }

  private async channel(client: Client, confirms: boolean): Promise<LinkChannel> {
    const ch = confirms ? await client.createConfirmChannel() : await client.createChannel()
    ch.on('error', (error: Error) => this.fail(error))
    // If the whole connection closes, it reports the reason right after its channels have closed.
    ch.on('close', () => soon(() => this.fail(new LinkError('the channel was closed'))))
    return ch
  }

  /**
   * Declares an object unless it exists, which is checked on a channel of its own: that is closed if it does not exist.
   */
  private async ensure(
    client: Client,
    passive: (ch: LinkChannel) => PromiseLike<unknown>,
    active: (ch: LinkChannel) => PromiseLike<unknown>,
    predeclared: boolean,
  ): Promise<void> {
    const probe = await client.createChannel()
    probe.on('error', () => {})
    try {
      await passive(probe)
      await probe.close()
      return
    } catch (error) {
      if (predeclared || (error as { code?: number }).code !== NOT_FOUND) throw error
    }
    const ch = await client.createChannel()
    ch.on('error', () => {})
    await active(ch)
    await ch.close()
  }

  private async declareDestination(client: Client): Promise<void> {
    const { queue, queueArguments, exchange, predeclared } = this.definition.destination
    if (queue !== undefined)
      await this.ensure(
        client,
        (ch) => ch.checkQueue(queue),
        (ch) => ch.assertQueue(queue, { durable: true, arguments: queueArguments }),
        predeclared,
      )
    else if (exchange !== undefined && exchange !== '' && predeclared)
      await this.ensure(
        client,
        (ch) => ch.checkExchange(exchange),
        () => Promise.resolve(),
        true,
      )
  }

  /** Returns the name of the queue to consume from. */
  private async declareSource(client: Client, from: LinkChannel): Promise<string> {
    const { queue, queueArguments, exchange = '', exchangeKey, predeclared } = this.definition.source
    if (queue !== undefined) {
      await this.ensure(
        client,
        (ch) => ch.checkQueue(queue),
        (ch) => ch.assertQueue(queue, { durable: true, arguments: queueArguments }),
        predeclared,
      )
      return queue
    }
    const own = await from.assertQueue('', { exclusive: true, arguments: queueArguments })
    await from.bindQueue(own.queue, exchange, exchangeKey)
    return own.queue
  }

  private async consume(queue: string, from: LinkChannel): Promise<void> {
    const { source } = this.definition
    const { deleteAfter } = source
    if (deleteAfter === 'queue-length') this.remaining = (await from.checkQueue(queue)).messageCount
    else if (typeof deleteAfter === 'number') this.remaining = deleteAfter
    this.remainingUnsent = this.remaining
    if (this.remaining <= 0) {
      this.end('finished')
      return
    }
    if (source.basicGet) {
      this.fetchAll(queue, from).catch((error: Error) => this.fail(error))
      return
    }
    await from.prefetch(source.prefetch)
    const options = { arguments: source.consumerArguments }
    await from.consume(queue, (m) => this.delivered(m), options)
  }

  private async fetchAll(queue: string, from: LinkChannel): Promise<void> {
    const { prefetch, deleteAfter } = this.definition.source
    while (!this.abort.signal.aborted && this.remainingUnsent > 0) {
      const isFull = this.pending.count > 0 || this.settlements.waiting >= Math.max(prefetch, 1)
      const m = isFull ? undefined : await from.get(queue)
      if (m === false && deleteAfter === 'queue-length') {
        // Another consumer has taken the rest.
        this.remaining -= this.remainingUnsent
        this.remainingUnsent = 0
        if (this.remaining === 0) this.end('finished')
      } else if (m) this.delivered(m as unknown as ConsumeMessage)
      else await pause(FETCH_MS, { signal: this.abort.signal })
    }
  }

  private delivered(m: ConsumeMessage | null): void {
    try {
      if (m === null) throw new LinkError('the queue of the source is gone')
      this.checkPrefetch()
      if (this.blocked || this.full || this.pending.count > 0) this.pending.push(m)
      else this.forward(m)
    } catch (error) {
      this.fail(error as Error)
    }
  }

  /** Messages that wait here are in memory, so the source must keep to the prefetch. @throws LinkError */
  private checkPrefetch(): void {
    const { prefetch } = this.definition.source
    if (this.pending.count + this.settlements.unacknowledged >= prefetch)
      throw new LinkError(`the source sends more than the ${prefetch} messages of src-prefetch-count`)
  }

  private forwardPending(): void {
    try {
      while (!this.blocked && !this.full) {
        const m = this.pending.shift()
        if (m === undefined) return
        this.forward(m)
      }
    } catch (error) {
      this.fail(error as Error)
    }
  }

  private forward(m: ConsumeMessage): void {
    // Beyond the requested number: it is requeued at the end.
    if (this.remainingUnsent === 0) return
    const { destination, ackMode } = this.definition
    const tag = m.fields.deliveryTag
    const raw = propertiesOf(m)
    const properties = this.changes
      ? changedProperties(raw, {
          properties: destination.properties,
          forwarded: this.forwardedTable,
          timestamp: destination.addTimestampHeader ? Math.floor(now() / 1000) : undefined,
          withoutOffset: this.withoutOffset,
        })
      : raw
    const publication = {
      exchange: destination.queue === undefined ? (destination.exchange ?? m.fields.exchange) : '',
      routingKey: destination.queue ?? destination.exchangeKey ?? m.fields.routingKey,
      mandatory: destination.mandatory,
      properties,
      content: m.content,
    }
    this.remainingUnsent--
    this.settlements.sent(tag)
    const answered = (taken: boolean): void => {
      if (ackMode === 'on-confirm') this.answered(tag, taken)
    }
    if (!publish(this.destination, publication, answered)) this.full = true
    this.forwarded++
    if (ackMode !== 'on-confirm') this.answered(tag, true)
  }

  private answered(tag: number, taken: boolean): void {
    if (this.returned) return
    if (!taken) this.source?.nack({ fields: { deliveryTag: tag } } as ConsumeMessage)
    this.settlements.settled(tag, taken)
    this.remaining--
    if (this.remaining === 0) {
      this.settlements.flush()
      this.end('finished')
    }
  }

  private acknowledge(tag: number): void {
    try {
      this.source?.ack({ fields: { deliveryTag: tag } } as ConsumeMessage, true)
    } catch (error) {
      // The channel is closed.
      this.fail(error as Error)
    }
  }

  private forwardHeaders(): FieldTable {
    const { source, destination } = this.definition
    return textTable({
      'shovelled-by': this.host.clusterName,
      'shovel-type': 'dynamic',
      'shovel-name': this.host.name,
      'shovel-vhost': this.host.vhost,
      'src-uri': this.sourceUri,
      'dest-uri': this.destinationUri,
      'src-queue': source.queue,
      'src-exchange': source.queue === undefined ? source.exchange : undefined,
      'src-exchange-key': source.queue === undefined ? source.exchangeKey : undefined,
      'dest-exchange': destination.exchange,
      'dest-exchange-key': destination.exchangeKey,
      'dest-queue': destination.queue,
    })
  }
}
