/** One load process: takes a job as JSON in its first argument, prints the result as JSON. */
import { ackFrame, Client, publishFrame } from './amqp.ts'
import type { Flow, FlowResult, Job, JobResult } from './workloads.ts'

/** Octets that a producer keeps waiting in its socket. */
const SOCKET_BYTES_MAX = 128 * 1024
/** Octets written at once, as many messages as fit. */
const BLOCK_BYTES = 32 * 1024

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

class Producer {
  sent = 0
  confirmed = 0
  refused = 0
  private readonly client: Client
  private readonly flow: Flow
  private readonly message: { bytes: Buffer; bodyAt: number }
  private readonly block: Buffer
  private readonly perBlock: number
  running = true

  constructor(client: Client, flow: Flow, routingKey: string) {
    this.client = client
    this.flow = flow
    const body = Buffer.alloc(flow.bytes, 'x')
    this.message = publishFrame(
      flow.exchange?.name ?? '',
      routingKey,
      body,
      flow.persistent ? 2 : 1,
      flow.headers,
    )
    this.perBlock = Math.max(1, Math.floor(BLOCK_BYTES / this.message.bytes.length))
    this.block = Buffer.concat(Array.from({ length: this.perBlock }, () => this.message.bytes))
    client.handlers.onConfirm = (tag, multiple, refused) => {
      if (multiple) this.confirmed = Math.max(this.confirmed, tag)
      else this.confirmed++
      if (refused) this.refused++
      this.pump()
    }
    client.socket.on('drain', () => this.pump())
  }

  /** Writes what window, socket and total allow. */
  pump(): void {
    const { flow, client } = this
    if (flow.rate > 0) return
    while (this.running && client.socket.writableLength < SOCKET_BYTES_MAX) {
      const window = flow.window === 0 ? Number.POSITIVE_INFINITY : flow.window - (this.sent - this.confirmed)
      const total = flow.messages === 0 ? Number.POSITIVE_INFINITY : flow.messages - this.sent
      const n = Math.min(this.perBlock, window, total)
      if (n <= 0) return
      client.socket.write(
        n === this.perBlock ? this.block : this.block.subarray(0, n * this.message.bytes.length),
      )
      this.sent += n
    }
  }

  /** At a fixed rate; each body carries the time of its sending. */
  async paced(until: number): Promise<void> {
    const began = performance.now()
    while (performance.now() < until) {
      const due = Math.floor(((performance.now() - began) / 1000) * this.flow.rate)
      for (; this.sent < due; this.sent++) {
        const bytes = Buffer.from(this.message.bytes)
        bytes.writeDoubleBE(performance.now(), this.message.bodyAt)
        this.client.socket.write(bytes)
      }
      await sleep(1)
    }
  }
}

class Counter {
  received = 0
  last = 0
  readonly latencies: number[] = []

  attach(client: Client, flow: Flow): void {
    let unacked = 0
    client.handlers.onMessage = (tag, buffer, body, size) => {
      this.received++
      if (flow.rate > 0 && size >= 8) this.latencies.push(performance.now() - buffer.readDoubleBE(body))
      if (flow.ackEvery > 0 && ++unacked >= flow.ackEvery) {
        unacked = 0
        client.socket.write(ackFrame(tag, flow.ackEvery > 1))
      }
    }
  }
}

function percentile(sorted: number[], p: number): number {
  return sorted.length === 0
    ? 0
    : (sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * p))] as number)
}

function queueName(flow: Flow, i: number): string {
  return `${flow.queue}-${i % flow.queues}`
}

async function setUp(flow: Flow, control: Client): Promise<void> {
  for (let i = 0; i < flow.queues; i++) {
    if (!flow.keep) await control.deleteQueue(queueName(flow, i))
    await control.declare(queueName(flow, i), flow.durable, flow.arguments)
  }
  const x = flow.exchange
  if (x === undefined) return
  await control.exchange(x.name, x.type)
  for (let i = 0; i < flow.queues; i++) control.bindNoWait(queueName(flow, i), x.name, x.key, x.matching)
  for (let i = 0; i < x.otherBindings; i++)
    control.bindNoWait(queueName(flow, 0), x.name, `other.${i}.never`, x.type === 'headers' ? { n: i } : {})
  await control.qos(0)
}

async function runFlow(url: string, flow: Flow): Promise<FlowResult> {
  const control = await Client.open(url)
  await setUp(flow, control)
  const clients: Client[] = [control]
  const counter = new Counter()
  const producers: Producer[] = []
  for (let i = 0; i < flow.producers; i++) {
    const c = await Client.open(url)
    if (flow.window > 0) await c.confirmSelect()
    clients.push(c)
    producers.push(new Producer(c, flow, flow.exchange?.publishKey ?? queueName(flow, i)))
  }
  const began = performance.now()
  for (let i = 0; i < flow.consumers; i++) {
    const c = await Client.open(url)
    clients.push(c)
    counter.attach(c, flow)
    if (flow.prefetch > 0) await c.qos(flow.prefetch)
    await c.consume(queueName(flow, i), flow.ackEvery === 0)
  }
  const start = flow.producers > 0 ? performance.now() : began
  const before = counter.received * (flow.producers > 0 ? 1 : 0)
  const until = start + flow.seconds * 1000
  for (const p of producers) p.pump()
  if (flow.warmSeconds > 0) setTimeout(() => process.send?.({ warm: true }), flow.warmSeconds * 1000)
  if (flow.rate > 0) await Promise.all(producers.map((p) => p.paced(until)))
  const sum = (f: (p: Producer) => number): number => producers.reduce((n, p) => n + f(p), 0)
  const finished = (): boolean =>
    flow.messages > 0 &&
    (flow.producers > 0
      ? sum((p) => p.confirmed) >= flow.messages * flow.producers
      : counter.received >= flow.messages)
  while (performance.now() < until && !finished()) await sleep(5)
  const seconds = (performance.now() - start) / 1000
  if (flow.warmSeconds > 0) process.send?.({ measured: true })
  for (const p of producers) p.running = false
  const sorted = counter.latencies.sort((a, b) => a - b)
  const result = {
    seconds,
    sent: sum((p) => p.sent),
    confirmed: sum((p) => p.confirmed),
    received: counter.received - before,
    p50: percentile(sorted, 0.5),
    p99: percentile(sorted, 0.99),
  }
  if (!flow.keep) for (let i = 0; i < flow.queues; i++) await control.deleteQueue(queueName(flow, i))
  if (flow.exchange !== undefined) await control.deleteExchange(flow.exchange.name)
  for (const c of clients) c.close()
  return result
}

/** How long `count` steps take, `parallel` at a time. */
async function timed(count: number, parallel: number, step: (i: number) => Promise<void>): Promise<number> {
  const began = performance.now()
  let next = 0
  const worker = async (): Promise<void> => {
    while (next < count) await step(next++)
  }
  await Promise.all(Array.from({ length: parallel }, worker))
  return count / ((performance.now() - began) / 1000)
}

async function run(job: Job): Promise<JobResult> {
  if (job.kind === 'flow') return { flow: await runFlow(job.url, job.flow) }
  const clients: Client[] = []
  if (job.kind === 'idle') {
    const rate = await timed(job.count, 50, async () => void clients.push(await Client.open(job.url)))
    process.send?.({ ready: true })
    await new Promise((resolve) => process.once('message', resolve))
    for (const c of clients) c.close()
    return { rate }
  }
  if (job.kind === 'churn') {
    const rate = await timed(job.count, 10, async () => {
      const c = await Client.open(job.url)
      c.close()
    })
    return { rate }
  }
  const c = await Client.open(job.url)
  const rate = await timed(job.count, 1, (i) => c.declare(`bench-declare-${i}`, false))
  for (let i = 0; i < job.count; i++) await c.deleteQueue(`bench-declare-${i}`)
  c.close()
  return { rate }
}

process.once('message', (job: Job) => {
  run(job).then(
    (result) => {
      process.send?.({ result })
      process.disconnect()
    },
    (error) => {
      process.send?.({ error: String(error) })
      process.exit(1)
    },
  )
})
