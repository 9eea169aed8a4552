/** What comes and goes in a broker that runs for long: each part does its piece of work again and again, at its pace. */
import { cameTrue } from '../support/until.ts'
import { type Random, randomOf } from './random.ts'

/** Between two looks whether all is over. */
const LOOK_MS = 50

export interface Place {
  readonly url: string
  /** Of the HTTP API, without a slash at the end. */
  readonly http: string
  /** Of the metrics. */
  readonly metrics: string
}

export interface Part {
  readonly name: string
  /** ms between the end of a piece and the next one. */
  readonly everyMs: number
  /** One piece, which leaves nothing behind. */
  piece(place: Place, random: Random, number: number): Promise<void>
}

export class Churn {
  /** Pieces done, by the name of their part. */
  readonly done = new Map<string, number>()
  readonly problems: string[] = []
  private over = false
  private readonly running: Promise<void>[]

  /** @param pace by which the pauses of all parts are multiplied */
  constructor(place: Place, parts: readonly Part[], seed: number, pace: number) {
    this.running = parts.map((part, i) => this.run(part, place, randomOf(seed + i), pace))
  }

  private async run(part: Part, place: Place, random: Random, pace: number): Promise<void> {
    this.done.set(part.name, 0)
    for (let number = 1; !this.over; number++) {
      try {
        await part.piece(place, random, number)
        this.done.set(part.name, number)
      } catch (error) {
        this.problems.push(`${part.name}, piece ${number}: ${(error as Error).message}`)
        return
      }
      await cameTrue(() => this.over, part.everyMs * pace, LOOK_MS)
    }
  }

  get pieces(): number {
    return [...this.done.values()].reduce((sum, n) => sum + n, 0)
  }

  /** Each part ends its piece. @returns what went wrong, and which parts did nothing */
  async end(): Promise<string[]> {
    this.over = true
    await Promise.all(this.running)
    const idle = [...this.done].filter(([, pieces]) => pieces === 0).map(([name]) => name)
    return [...this.problems, ...idle.map((name) => `${name} has done nothing`)]
  }
}
