/**
 * Coverage-guided fuzzing within one process: inputs that reach a new place of the code are kept, and changed further. A
 * failing input is made as short as it can be while it fails in the same way.
 */
import type { Random } from '../random.ts'
import { randomOf } from '../random.ts'
import type { Coverage } from './coverage.ts'
import { type Mutate, octets, pick, spliced, words } from './mutate.ts'

export interface FuzzTarget {
  readonly name: string
  /** Octets of an input, at most. */
  readonly bytesMax: number
  /** Valid inputs, with which it begins. */
  readonly seeds: readonly Buffer[]
  /** Changes that know the form of its inputs. */
  readonly changes?: readonly Mutate[]
  /** Only texts of these modules' are used as words; where it is absent, those of all modules. */
  readonly words?: readonly string[]
  /** Resolves when nothing is left of the input. @throws whatever may not happen */
  run(input: Buffer): Promise<void> | void
  close?(): Promise<void> | void
}

export interface Failure {
  readonly target: string
  /** What went wrong, and where. */
  readonly what: string
  /** As short as it was found. */
  readonly input: Buffer
  /** Whether the input fails by itself, after others have run. */
  readonly alone: boolean
}

export interface Progress {
  readonly inputs: number
  readonly corpus: number
  readonly seconds: number
  /** Of processor time. */
  readonly cpuSeconds: number
}

export interface FuzzOptions {
  readonly seed: number
  readonly inputs: number
  /** ms after which it ends; Infinity = none. */
  readonly ms?: number
  /** Whether an input that takes more than INPUT_MS_MAX of processor time has failed. */
  readonly timed?: boolean
  /** undefined = nothing is known of what inputs reach: only changes of the seeds are tried. */
  readonly coverage?: Coverage
  /** Told before each input, for somebody who watches from outside. */
  readonly watch?: (input: Buffer) => void
  readonly progress?: (p: Progress) => void
  /** Errors that no call threw, since the last call: uncaught ones and rejections. */
  readonly stray?: () => unknown
}

export interface FuzzResult extends Progress {
  readonly failures: readonly Failure[]
}

/** ms of processor time of one input: a turn of the event loop has no more. */
export const INPUT_MS_MAX = 100
const CORPUS_MAX = 5000
const FAILURES_MAX = 12
const MINIMISING_RUNS = 3000
const MINIMISING_MS = 20_000
const RESIDENT_BYTES_MAX = 1400 * 1024 * 1024
const LOOK_EVERY = 256
const SEEDS_PER_LOOK = 16
const REST_MS = 20
const FRAMES_SHOWN = 12
const PROGRESS_MS = 10_000

export class SlowInput extends Error {
  override readonly name = 'SlowInput'
}

export async function fuzz(target: FuzzTarget, o: FuzzOptions): Promise<FuzzResult> {
  const fuzzer = new Fuzzer(target, o)
  const { stackTraceLimit } = Error
  Error.stackTraceLimit = 0
  try {
    return await fuzzer.run()
  } finally {
    Error.stackTraceLimit = stackTraceLimit
    await target.close?.()
  }
}

/** Runs an input as the fuzzer does. Returns what went wrong; undefined where nothing did. */
export async function tryInput(target: FuzzTarget, input: Buffer): Promise<string | undefined> {
  const error = await attempt(target, input)
  return error === undefined ? undefined : described(error)
}

class Fuzzer {
  private readonly target: FuzzTarget
  private readonly o: FuzzOptions
  private readonly random: Random
  private readonly corpus: Buffer[] = []
  private readonly failures = new Map<string, Failure>()
  private readonly words: Mutate
  private readonly began = performance.now()
  private readonly cpu = process.cpuUsage()
  private rested = this.began
  private told = this.began
  private done = 0

  constructor(target: FuzzTarget, o: FuzzOptions) {
    this.target = target
    this.o = o
    this.random = randomOf(o.seed)
    const texts = target.words ?? [...(o.coverage?.texts ?? [])]
    this.words = words(texts.map((t) => Buffer.from(t)))
  }

  async run(): Promise<FuzzResult> {
    const { inputs, ms = Number.POSITIVE_INFINITY } = this.o
    for (const s of this.target.seeds) {
      if (this.done >= inputs) break
      await this.one(s.subarray(0, this.target.bytesMax), true)
      if (this.done % SEEDS_PER_LOOK === 0 && (await this.look()) >= ms) break
    }
    while (this.done < inputs && this.failures.size < FAILURES_MAX) {
      const running = this.one(this.next(), false)
      if (running !== undefined) await running
      if (this.done % LOOK_EVERY === 0 && (await this.look()) >= ms) break
    }
    return { ...this.state(), failures: [...this.failures.values()] }
  }

  private state(): Progress {
    const { user, system } = process.cpuUsage(this.cpu)
    const seconds = (performance.now() - this.began) / 1000
    return { inputs: this.done, corpus: this.corpus.length, seconds, cpuSeconds: (user + system) / 1e6 }
  }

  /** Lets timers and sockets have their turn. Returns the ms since the beginning. */
  private async look(): Promise<number> {
    const now = performance.now()
    if (now - this.rested > REST_MS) {
      this.rested = now
      await new Promise((resolve) => void setImmediate(resolve))
      this.o.progress !== undefined && now - this.told > PROGRESS_MS && this.tell(now)
      const { rss } = process.memoryUsage()
      if (this.o.coverage !== undefined && rss > RESIDENT_BYTES_MAX)
        throw new Error(`${this.target.name}: ${rss} octets resident after ${this.done} inputs`)
    }
    return now - this.began
  }

  private tell(now: number): void {
    this.told = now
    this.o.progress?.(this.state())
  }

  private next(): Buffer {
    const { random, corpus, target } = this
    const changes = target.changes ?? []
    let input = this.base()
    for (let n = 1 << random(4); n > 0; n--) {
      const kind = random(10)
      if (kind < 4 && changes.length > 0) input = pick(random, changes)(random, input)
      else if (kind < 6) input = this.words(random, input)
      else if (kind === 6 && corpus.length > 0) input = spliced(random, input, this.base())
      else input = octets(random, input)
      if (input.length > target.bytesMax) input = input.subarray(0, target.bytesMax)
    }
    return input
  }

  /** The newer ones more often: they lead on. */
  private base(): Buffer {
    const { random, corpus } = this
    if (corpus.length === 0) return Buffer.alloc(0)
    const newer = Math.min(corpus.length, 64)
    const at = random(3) === 0 ? corpus.length - 1 - random(newer) : random(corpus.length)
    return corpus[at] as Buffer
  }

  private one(input: Buffer, isSeed: boolean): Promise<void> | undefined {
    const { coverage, watch } = this.o
    this.done++
    watch?.(input)
    coverage?.begin()
    const began = performance.now()
    let running: Promise<void> | void
    try {
      running = this.target.run(input)
    } catch (error) {
      return this.failed(input, error)
    }
    if (running === undefined) return this.ran(input, isSeed, began)
    return running.then(
      () => this.ran(input, isSeed, began),
      (error: unknown) => this.failed(input, error),
    )
  }

  private ran(input: Buffer, isSeed: boolean, began: number): Promise<void> | undefined {
    const { coverage, stray } = this.o
    const error = stray?.()
    if (error !== undefined) return this.failed(input, error)
    const isNew = coverage === undefined ? isSeed : coverage.found() > 0
    if (isNew && this.corpus.length < CORPUS_MAX) this.corpus.push(Buffer.from(input))
    return this.o.timed === true && performance.now() - began > INPUT_MS_MAX ? this.wasSlow(input) : undefined
  }

  /** Others use the machine too, and the first run compiles: the least of three counts, in processor time. */
  private async wasSlow(input: Buffer): Promise<void> {
    let least = Number.POSITIVE_INFINITY
    for (let n = 0; n < 3 && least > INPUT_MS_MAX; n++) {
      const before = process.cpuUsage()
      await attempt(this.target, input)
      const { user, system } = process.cpuUsage(before)
      least = Math.min(least, (user + system) / 1000)
    }
    if (least <= INPUT_MS_MAX) return
    await this.failed(input, new SlowInput(`an input takes more than ${INPUT_MS_MAX} ms`))
  }

  private async failed(input: Buffer, first: unknown): Promise<void> {
    // Where errors come from is asked for only now: most of them are expected, and finding it takes longer than the rest.
    Error.stackTraceLimit = FRAMES_SHOWN
    try {
      await this.noteFailure(Buffer.from(input), first)
    } finally {
      Error.stackTraceLimit = 0
    }
  }

  private async noteFailure(input: Buffer, first: unknown): Promise<void> {
    const again = async (b: Buffer): Promise<unknown> => {
      this.o.watch?.(b)
      return (await attempt(this.target, b)) ?? this.o.stray?.()
    }
    const isSlow = first instanceof SlowInput
    const error = isSlow ? first : await again(input)
    const kind = kindOf(error ?? first)
    if (this.failures.has(kind)) return
    const failure = {
      target: this.target.name,
      what: described(error ?? first),
      input,
      alone: error !== undefined,
    }
    this.failures.set(kind, failure)
    if (error === undefined || isSlow) return
    const shortest = await minimised(input, async (b) => {
      const e = await again(b)
      return e !== undefined && kindOf(e) === kind
    })
    this.failures.set(kind, { ...failure, input: shortest })
  }
}

/** Leaves out what is not needed, in smaller and smaller pieces. */
async function minimised(input: Buffer, fails: (b: Buffer) => Promise<boolean>): Promise<Buffer> {
  let best = Buffer.from(input)
  const until = performance.now() + MINIMISING_MS
  let runs = 0
  for (let size = Math.ceil(best.length / 2); size > 0; size = Math.floor(size / 2))
    for (let at = 0; at < best.length && runs < MINIMISING_RUNS && performance.now() < until; runs++) {
      const without = Buffer.concat([best.subarray(0, at), best.subarray(at + size)])
      if (await fails(without)) best = without
      else at += size
    }
  return best
}

async function attempt(target: FuzzTarget, input: Buffer): Promise<unknown> {
  try {
    await target.run(input)
    return undefined
  } catch (error) {
    return error ?? new Error('undefined was thrown')
  }
}

function described(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error)
}

/** Failures of one kind differ only in numbers and quoted texts, and come from the same line. */
function kindOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const message = error.message.replace(/\d+/g, 'n').replace(/(["']).*?\1/gs, 'text')
  const frames = (error.stack ?? '').split('\n').filter((l) => l.trimStart().startsWith('at '))
  const place = frames.find((f) => f.includes('/src/')) ?? frames[0] ?? ''
  return `${error.name} ${message.slice(0, 200)} ${place}`
}
