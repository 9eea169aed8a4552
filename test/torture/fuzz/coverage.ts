/** The counters of all instrumented modules of this process, and which of their values an input was the first to reach. */
import { COVERAGE } from './instrument.ts'

/** Places in all modules together; the rest of them is not watched. */
const PLACES_MAX = 1 << 17
const WORD_BYTES = 4

/** Counts of one class tell nothing new: 1, 2, 3, 4 to 7, 8 to 15, 16 to 31, 32 to 127, 128 and more; a bit each. */
const classes = Uint8Array.from({ length: 256 }, (_, count) => {
  if (count <= 3) return count === 0 ? 0 : 1 << (count - 1)
  const bounds = [8, 16, 32, 128]
  const above = bounds.filter((b) => count >= b).length
  return 8 << above
})

export class Coverage {
  private readonly counts = new Uint8Array(PLACES_MAX)
  private readonly words = new Uint32Array(this.counts.buffer)
  private readonly seen = new Uint8Array(PLACES_MAX)
  private used = 0
  /** Texts that stand in the modules. */
  readonly texts = new Set<string>()

  /** Modules that are loaded from here on get their counters from this one. */
  install(): void {
    Object.assign(globalThis, {
      [COVERAGE]: (places: number, texts: readonly string[]) => this.give(places, texts),
    })
  }

  private give(places: number, texts: readonly string[]): Uint8Array {
    for (const t of texts) this.texts.add(t)
    const room = Math.ceil(places / WORD_BYTES) * WORD_BYTES
    if (this.used + room > PLACES_MAX) return new Uint8Array(places)
    const from = this.used
    this.used += room
    return this.counts.subarray(from, from + places)
  }

  /** Places in the modules that are loaded. */
  get places(): number {
    return this.used
  }

  /** Places that were reached. */
  get reached(): number {
    let n = 0
    for (let i = 0; i < this.used; i++) if (this.seen[i] !== 0) n++
    return n
  }

  /** Forgets what was counted since the last call. */
  begin(): void {
    this.counts.fill(0, 0, this.used)
  }

  /** How many places were reached for the first time, or in another class of counts, since `begin`. */
  found(): number {
    const { words, counts, seen } = this
    let fresh = 0
    for (let w = 0, end = this.used / WORD_BYTES; w < end; w++) {
      if (words[w] === 0) continue
      for (let i = w * WORD_BYTES; i < (w + 1) * WORD_BYTES; i++) {
        const bit = classes[counts[i] as number] as number
        if (((seen[i] as number) & bit) === bit) continue
        seen[i] = (seen[i] as number) | bit
        fresh++
      }
    }
    return fresh
  }
}
