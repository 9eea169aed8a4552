/** What is measured. Numbers are those of the project's targets; `--quick` shortens the long ones. */
import type { PlainValue } from '../../src/protocol/field-table.ts'

export interface Flow {
  queue: string
  queues: number
  producers: number
  consumers: number
  bytes: number
  durable: boolean
  persistent: boolean
  /** unconfirmed publishes a producer may have; 0 = no confirms */
  window: number
  /** 0 = automatic acknowledgement */
  ackEvery: number
  prefetch: number
  /** messages a second and producer; 0 = as fast as it goes */
  rate: number
  seconds: number
  /** stop after so many, a producer's or in all consumed; 0 = time decides */
  messages: number
  /** do not delete the queues */
  keep: boolean
  /** that many seconds of the time are not measured; where CPU time is */
  warmSeconds: number
  /** Of the queues. */
  arguments?: { [name: string]: PlainValue }
  headers?: { [name: string]: PlainValue }
  exchange?: {
    name: string
    type: string
    key: string
    publishKey: string
    matching: { [name: string]: PlainValue }
    otherBindings: number
  }
}

export type Job =
  | { kind: 'flow'; url: string; flow: Flow }
  | { kind: 'idle' | 'churn' | 'declare'; url: string; count: number }

export interface FlowResult {
  seconds: number
  sent: number
  confirmed: number
  received: number
  /** ms */
  p50: number
  p99: number
}

export interface JobResult {
  flow?: FlowResult
  rate?: number
}

/** What a workload's headline figure counts; cpu: the part of a core that the broker takes, in per cent. */
export type Unit = 'received' | 'confirmed' | 'sent' | 'latency' | 'rate' | 'cpu'

/** Units of which less is better. */
export const isCost = (unit: Unit): boolean => unit === 'latency' || unit === 'cpu'

export interface Workload {
  name: string
  unit: Unit
  flow?: Flow
  job?: { kind: 'idle' | 'churn' | 'declare'; count: number }
  /** The workload whose messages it takes. */
  takesThoseOf?: string
}

/** Those whose name holds the text, and in front of each the one without whose messages it would wait for ever. */
export function named(text: string, all: readonly Workload[]): Workload[] {
  const wanted = all.filter((w) => w.name.includes(text))
  const needed = new Set(wanted.map((w) => w.takesThoseOf))
  return all.filter((w) => wanted.includes(w) || needed.has(w.name))
}

const base: Flow = {
  queue: 'bench',
  queues: 1,
  producers: 1,
  consumers: 1,
  bytes: 16,
  durable: false,
  persistent: false,
  window: 0,
  ackEvery: 0,
  prefetch: 0,
  rate: 0,
  seconds: 3,
  messages: 0,
  keep: false,
  warmSeconds: 0,
}
const durable = {
  ...base,
  durable: true,
  persistent: true,
  bytes: 100,
  window: 1000,
  ackEvery: 50,
  prefetch: 500,
}

function exchange(type: string, otherBindings: number): NonNullable<Flow['exchange']> {
  const headers = type === 'headers'
  return {
    name: `bench-${type}`,
    type,
    key: type === 'topic' ? 'hit.*' : '',
    publishKey: type === 'topic' ? 'hit.me' : '',
    matching: headers ? { n: 'hit' } : {},
    otherBindings,
  }
}

/** Messages of 100 B into a durable queue, confirmed, and out again, acknowledged. */
export function backlogWorkloads(messages: number): { fill: Workload; drain: Workload } {
  const flow = { ...durable, queue: 'backlog', messages, seconds: 600, keep: true }
  const fill: Workload = {
    name: 'fill: durable, confirmed',
    unit: 'confirmed',
    flow: { ...flow, consumers: 0 },
  }
  const drain: Workload = { name: 'drain: acked', unit: 'received', flow: { ...flow, producers: 0 } }
  return { fill, drain: { ...drain, takesThoseOf: fill.name } }
}

/** Transient messages that nobody takes, for what memory they leave behind. */
export function floodWorkload(bytes: number, seconds: number): Workload {
  const flow = { ...base, queue: 'flood', producers: 2, consumers: 0, bytes, seconds }
  return { name: `flood of ${bytes} B`, unit: 'sent', flow }
}

/** @param seconds of each timed run; `quick` divides the counts by ten */
export function workloads(seconds: number, quick: boolean, backlogMessages = 1_000_000): Workload[] {
  const few = (n: number): number => (quick ? n / 10 : n)
  const flow = (name: string, unit: Unit, f: Partial<Flow>, from = base): Workload => ({
    name,
    unit,
    flow: { ...from, seconds, ...f },
  })
  const backlog = backlogWorkloads(few(backlogMessages))
  return [
    flow('16 B, auto-ack', 'received', {}),
    flow('1 KB, auto-ack', 'received', { bytes: 1024 }),
    flow('64 KB, auto-ack', 'received', { bytes: 65_536 }),
    flow('1 MB, auto-ack', 'received', { bytes: 1_048_576 }),
    flow('publish only, 16 B', 'sent', { consumers: 0, seconds: Math.min(seconds, 2) }),
    flow('durable, confirmed and acked, 100 B', 'received', {}, durable),
    flow('durable, confirmed and acked, 4 KB', 'received', { bytes: 4096 }, durable),
    flow(
      'durable publish only, 2 producers, window 500',
      'confirmed',
      { producers: 2, consumers: 0, window: 500 },
      durable,
    ),
    backlog.fill,
    backlog.drain,
    flow('confirm window 1, 1 producer', 'confirmed', { window: 1, consumers: 0 }, durable),
    flow('confirm window 1, 50 producers', 'confirmed', { window: 1, producers: 50, consumers: 0 }, durable),
    flow(
      'confirm window 1, 100 producers',
      'confirmed',
      { window: 1, producers: 100, consumers: 0 },
      durable,
    ),
    flow('fanout to 10 queues', 'received', { queues: 10, consumers: 10, exchange: exchange('fanout', 0) }),
    flow('topic, 10,000 other bindings', 'received', { exchange: exchange('topic', few(10_000)) }),
    flow('headers, 1,000 other bindings', 'received', {
      exchange: exchange('headers', few(1000)),
      headers: { n: 'hit' },
    }),
    flow('50 producers, 50 queues, 50 consumers', 'received', { producers: 50, consumers: 50, queues: 50 }),
    flow('100 competing consumers, prefetch 1', 'received', {
      consumers: 100,
      prefetch: 1,
      ackEvery: 1,
      window: 1000,
    }),
    flow('latency at 1,000/s', 'latency', { rate: 1000 }),
    flow(
      'latency at 1,000/s, durable, confirmed',
      'latency',
      { rate: 1000, ackEvery: 1, prefetch: 100 },
      durable,
    ),
    flow(
      'CPU at 1,000/s, durable, confirmed, acked',
      'cpu',
      { rate: 1000, ackEvery: 1, prefetch: 100, warmSeconds: quick ? 1 : 2, seconds: seconds + 3 },
      durable,
    ),
    { name: 'idle connections', unit: 'rate', job: { kind: 'idle', count: few(10_000) } },
    { name: 'connect and disconnect', unit: 'rate', job: { kind: 'churn', count: few(2000) } },
    { name: 'queue declares, one channel', unit: 'rate', job: { kind: 'declare', count: few(1000) } },
  ]
}
