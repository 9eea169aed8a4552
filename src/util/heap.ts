/** A priority queue of numbers by key; equal keys come out in insertion order. */
export class Heap {
  private keys: number[] = []
  private values: number[] = []
  private ranks: number[] = []
  private added = 0

  get size(): number {
    return this.keys.length
  }

  /** The lowest key; requires size > 0. */
  get firstKey(): number {
    return this.keys[0] as number
  }

  /** The value with the lowest key; requires size > 0. */
  get firstValue(): number {
    return this.values[0] as number
  }

  private before(a: number, b: number): boolean {
    const x = this.keys[a] as number
    const y = this.keys[b] as number
    return x < y || (x === y && (this.ranks[a] as number) < (this.ranks[b] as number))
  }

  private swap(a: number, b: number): void {
    for (const list of [this.keys, this.values, this.ranks]) {
      const kept = list[a] as number
      list[a] = list[b] as number
      list[b] = kept
    }
  }

  push(key: number, value: number): void {
    let at = this.keys.length
    this.keys.push(key)
    this.values.push(value)
    this.ranks.push(this.added++)
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (!this.before(at, parent)) return
      this.swap(at, parent)
      at = parent
    }
  }

  /** Removes and returns the value with the lowest key; requires size > 0. */
  pop(): number {
    const value = this.values[0] as number
    this.swap(0, this.keys.length - 1)
    this.keys.pop()
    this.values.pop()
    this.ranks.pop()
    let at = 0
    for (;;) {
      let least = at
      for (const child of [2 * at + 1, 2 * at + 2])
        if (child < this.keys.length && this.before(child, least)) least = child
      if (least === at) return value
      this.swap(at, least)
      at = least
    }
  }

  clear(): void {
    this.keys = []
    this.values = []
    this.ranks = []
  }
}
