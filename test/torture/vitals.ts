/** What a broker process has at a moment, measured from outside and by a module that was loaded into it. */
import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { MethodId } from '../../src/protocol/generated/constants.ts'
import type { BrokerProcess } from '../support/process.ts'
import { cameTrue } from '../support/until.ts'
import { Wire } from '../support/wire.ts'

/** Loaded into the process; from the folder of the project. */
export const INSIDE = 'test/support/inside.js'

/** As the files in packaging/ have it: malloc of glibc gives back the memory of large buffers. */
export const asPackaged = { MALLOC_MMAP_THRESHOLD_: '131072' }

export interface Vitals {
  /** Seconds since the first sample. */
  readonly at: number
  /** Octets of objects in the heap behind a collection of garbage. */
  readonly heapBytes: number
  /** Resident octets without mapped files. */
  readonly ownBytes: number
  readonly descriptors: number
  /** Active resources of Node: sockets, timers, requests on their way. */
  readonly handles: number
  /** Octets on the disk. */
  readonly folderBytes: number
  /** ms that a basic.get of an empty queue takes: median and the longest since the sample before. */
  readonly delayMs: number
  readonly longestDelayMs: number
}

interface Inside {
  readonly heapBytes: number
  readonly handles: number
}

/** @param offset ms by which the clock of the process is to be wrong from now on */
export function ask(broker: BrokerProcess, offset?: number): Promise<Inside> {
  return new Promise((resolve, reject) => {
    const { child } = broker
    const ended = (): void => reject(new Error('the broker has ended'))
    child.once('exit', ended)
    child.once('message', (m) => {
      child.off('exit', ended)
      resolve(m as unknown as Inside)
    })
    child.send(offset === undefined ? {} : { offset })
  })
}

export function folderBytes(dir: string): number {
  let octets = 0
  for (const name of readdirSync(dir, { recursive: true })) {
    const stat = statSync(join(dir, String(name)), { throwIfNoEntry: false })
    if (stat?.isFile() === true) octets += stat.blocks * 512
  }
  return octets
}

/** Asks the same small question again and again, on a connection of its own. */
export class DelayProbe {
  private readonly w: Wire
  private readonly delays: number[] = []
  private over = false
  private readonly running: Promise<void>

  private constructor(w: Wire, betweenMs: number) {
    this.w = w
    this.running = this.run(betweenMs)
    // Whoever ends it hears of it.
    this.running.catch(() => {})
  }

  static async on(url: string, betweenMs: number): Promise<DelayProbe> {
    const w = await Wire.open(url)
    await w.channel(1)
    await w.call(1, MethodId.QueueDeclare, { queue: 'delay', exclusive: true }, MethodId.QueueDeclareOk)
    return new DelayProbe(w, betweenMs)
  }

  private async run(betweenMs: number): Promise<void> {
    while (!this.over) {
      const began = performance.now()
      await this.w.call(1, MethodId.BasicGet, { queue: 'delay' }, MethodId.BasicGetEmpty)
      this.delays.push(performance.now() - began)
      await cameTrue(() => this.over, betweenMs, betweenMs)
    }
  }

  /** ms, since it was asked last. */
  take(): { median: number; longest: number } {
    const sorted = this.delays.splice(0).sort((a, b) => a - b)
    return { median: sorted[sorted.length >> 1] ?? 0, longest: sorted.at(-1) ?? 0 }
  }

  async end(): Promise<void> {
    this.over = true
    await this.running
    await this.w.close()
  }
}

export async function vitalsOf(
  broker: BrokerProcess,
  dir: string,
  probe: DelayProbe,
  at: number,
): Promise<Vitals> {
  const { median, longest } = probe.take()
  const { heapBytes, handles } = await ask(broker)
  return {
    at,
    heapBytes,
    ownBytes: broker.ownBytes(),
    descriptors: readdirSync(`/proc/${broker.child.pid}/fd`).length,
    handles,
    folderBytes: folderBytes(dir),
    delayMs: median,
    longestDelayMs: longest,
  }
}

/** The broker's lines of failures of its own. */
export function failuresIn(broker: BrokerProcess): string[] {
  return broker.lines.filter((l) => (JSON.parse(l) as { level: number }).level >= 50)
}

/** Ends it, and says what was wrong with that. */
export async function endOf(broker: BrokerProcess): Promise<string[]> {
  const code = await broker.stop('SIGTERM')
  return code === 0 ? [] : [`the broker ended with ${code}: ${broker.lines.at(-1)}`]
}
