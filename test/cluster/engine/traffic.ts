/** Clients of a cluster with a record of their own: what was confirmed, committed, delivered, and how. */
import amqp from 'amqplib'
import { pause } from '../../support/real-cluster.ts'

const QUEUE = 'work'
const PAIR = ['pair-a', 'pair-b'] as const
const WINDOW = 50

let runs = 0

export class Traffic {
  readonly problems: string[] = []
  readonly confirmed = new Set<string>()
  readonly seen = new Map<string, number>()
  readonly committed = new Set<string>()
  readonly declared = new Set<string>()
  /** ms between deliveries, where that is long. */
  readonly gaps: number[] = []
  private readonly pairs = { 'pair-a': new Set<string>(), 'pair-b': new Set<string>() }
  /** Of this record: others may have left something in the queues. */
  private readonly run = `${++runs}`
  private readonly urls: readonly string[]
  private readonly gapMs: number
  private readonly lastOf = new Map<string, number>()
  private stopped = false
  private consuming = true
  private over = false
  private lastDelivery = performance.now()
  private turn = 0
  private readonly runs: Promise<void>[] = []

  /** @param gapMs pauses between deliveries that are noted */
  constructor(urls: readonly string[], gapMs = 300) {
    this.urls = urls
    this.gapMs = gapMs
  }

  /** To any node that answers. @throws Error if nothing is to be done any more */
  private async connect(): Promise<amqp.ChannelModel> {
    for (;;) {
      if (this.over) throw new Error('the traffic is over')
      try {
        const c = await amqp.connect(this.urls[this.turn++ % this.urls.length] as string, { timeout: 6000 })
        c.on('error', () => {})
        return c
      } catch {
        await pause(30)
      }
    }
  }

  async start(): Promise<void> {
    const c = await this.connect()
    const ch = await c.createChannel()
    await ch.assertQueue(QUEUE, { durable: true })
    for (const q of PAIR) await ch.assertQueue(q, { durable: true })
    await c.close()
    this.runs.push(
      this.loop((c2, o) => this.produce(c2, 'p1', o)),
      this.loop((c2, o) => this.produce(c2, 'p2', o)),
    )
    this.runs.push(
      this.loop((c2, o) => this.transact(c2, o)),
      this.loop((c2, o) => this.declare(c2, o)),
    )
    this.runs.push(this.consumer())
  }

  private readonly next = new Map<string, number>()

  private number(who: string): number {
    const n = (this.next.get(who) ?? 0) + 1
    this.next.set(who, n)
    return n
  }

  /** A new connection whenever the last one has ended. */
  private async loop(work: (c: amqp.ChannelModel, open: () => boolean) => Promise<void>): Promise<void> {
    while (!this.stopped) {
      const c = await this.connect().catch(() => undefined)
      if (c === undefined) return
      let isOpen = true
      const gone = new Promise<never>((_, reject) =>
        c.once('close', () => {
          isOpen = false
          reject(new Error('closed'))
        }),
      )
      gone.catch(() => {})
      const working = work(c, () => isOpen && !this.stopped)
      working.catch(() => {})
      try {
        await Promise.race([working, gone])
        await c.close()
      } catch {
        await pause(10)
      }
    }
  }

  private async produce(c: amqp.ChannelModel, who: string, open: () => boolean): Promise<void> {
    const ch = await c.createConfirmChannel()
    ch.on('error', () => {})
    let waiting = 0
    while (open()) {
      if (waiting >= WINDOW) {
        await pause(1)
        continue
      }
      const id = `${this.run}-${who} ${this.number(who)}`
      waiting++
      ch.sendToQueue(QUEUE, Buffer.from(id), { persistent: true }, (error) => {
        waiting--
        if (error === null || error === undefined) this.confirmed.add(id)
      })
      if (waiting % 10 === 0) await pause(1)
    }
    await ch.waitForConfirms()
  }

  /** Both or none; the transaction's answer says that both. */
  private async transact(c: amqp.ChannelModel, open: () => boolean): Promise<void> {
    const ch = (await c.createChannel()) as amqp.Channel & TxChannel
    ch.on('error', () => {})
    await tx(ch, 'select')
    while (open()) {
      const id = `${this.run}-t${this.number('t')}`
      for (const q of PAIR) ch.sendToQueue(q, Buffer.from(id), { persistent: true })
      await tx(ch, 'commit')
      this.committed.add(id)
      await pause(10)
    }
  }

  private async declare(c: amqp.ChannelModel, open: () => boolean): Promise<void> {
    const ch = await c.createChannel()
    ch.on('error', () => {})
    while (open()) {
      const name = `declared-${this.number('d') % 200}`
      await ch.assertQueue(name, { durable: true })
      this.declared.add(name)
      await pause(50)
    }
  }

  private async consumer(): Promise<void> {
    while (this.consuming) {
      const c = await this.connect().catch(() => undefined)
      if (c === undefined) return
      try {
        const closed = new Promise((resolve) => c.once('close', resolve))
        const ch = await c.createChannel()
        ch.on('error', () => {})
        await ch.prefetch(100)
        await ch.consume(QUEUE, (m) => m !== null && this.delivered(ch, m))
        const done = async (): Promise<void> => {
          while (this.consuming) await pause(20)
          await c.close()
        }
        done().catch(() => {})
        await closed
      } catch {
        await pause(20)
      }
    }
  }

  private delivered(ch: amqp.Channel, m: amqp.ConsumeMessage): void {
    const now = performance.now()
    if (now - this.lastDelivery > this.gapMs) this.gaps.push(Math.round(now - this.lastDelivery))
    this.lastDelivery = now
    const id = m.content.toString()
    if (!id.startsWith(`${this.run}-`)) {
      ch.ack(m)
      return
    }
    const [who = '', n = '0'] = id.split(' ')
    const before = this.seen.get(id)
    if (before !== undefined && !m.fields.redelivered) this.problems.push(`unflagged again: ${id}`)
    if (before === undefined) {
      if (Number(n) < (this.lastOf.get(who) ?? 0))
        this.problems.push(`out of order: ${id} behind ${this.lastOf.get(who)}`)
      this.lastOf.set(who, Number(n))
    }
    this.seen.set(id, (before ?? 0) + 1)
    ch.ack(m)
  }

  /** Its clients go, whatever has become of the rest. */
  stop(): void {
    this.stopped = true
    this.consuming = false
    this.over = true
  }

  /** Resolves when so many were confirmed. */
  async confirms(count: number): Promise<void> {
    while (this.confirmed.size < count) await pause(5)
  }

  get missing(): string[] {
    return [...this.confirmed].filter((id) => !this.seen.has(id))
  }

  /** Ends the producers, waits for what is on its way, and looks at everything. */
  async finish(): Promise<void> {
    this.stopped = true
    await Promise.race([Promise.all(this.runs.slice(0, 4)), pause(30_000)])
    for (const end = Date.now() + 30_000; this.missing.length > 0 && Date.now() < end; ) await pause(50)
    this.consuming = false
    for (const id of this.missing.slice(0, 5)) this.problems.push(`confirmed and lost: ${id}`)
    await this.runs[4]
    await this.insist((c) => this.drainPairs(c))
    this.checkPairs()
    await this.insist((c) => this.checkTopology(c))
  }

  /** Again where the connection is lost. */
  private async insist(work: (c: amqp.ChannelModel) => Promise<void>): Promise<void> {
    for (let attempt = 0; ; attempt++) {
      const c = await this.connect()
      try {
        await work(c)
        await c.close()
        return
      } catch (error) {
        if (attempt === 10) throw error
      }
    }
  }

  private async drainPairs(c: amqp.ChannelModel): Promise<void> {
    const ch = await c.createChannel()
    ch.on('error', () => {})
    for (const q of PAIR)
      for (let m = await ch.get(q); m !== false; m = await ch.get(q)) {
        const id = m.content.toString()
        if (id.startsWith(`${this.run}-`)) this.pairs[q].add(id)
        ch.ack(m)
      }
    await ch.close()
  }

  private checkPairs(): void {
    const [a, b] = [this.pairs['pair-a'], this.pairs['pair-b']]
    for (const id of this.committed) if (!a.has(id)) this.problems.push(`committed and lost: ${id}`)
    for (const id of new Set([...a, ...b]))
      if (a.has(id) !== b.has(id)) this.problems.push(`half a transaction: ${id}`)
  }

  private async checkTopology(c: amqp.ChannelModel): Promise<void> {
    for (const name of this.declared) {
      const ch = await c.createChannel()
      ch.on('error', () => {})
      try {
        await ch.checkQueue(name)
        await ch.close()
      } catch {
        this.problems.push(`declared and lost: ${name}`)
      }
    }
  }
}

/** amqplib has no methods for transactions; its channels can send any method. */
interface TxChannel {
  _rpc(method: number, fields: object, expect: number, cb: (error: Error | null) => void): void
}

const TX = { select: [0x005a000a, 0x005a000b], commit: [0x005a0014, 0x005a0015] } as const

function tx(ch: TxChannel, what: keyof typeof TX): Promise<void> {
  const [method, expected] = TX[what]
  return new Promise((resolve, reject) =>
    ch._rpc(method, {}, expected, (error) =>
      error === null || error === undefined ? resolve() : reject(error),
    ),
  )
}
