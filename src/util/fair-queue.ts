/** A queue in which addresses take turns: one that sends very many requests makes its own wait. */
export class FairQueue<Item> {
  /** The address whose turn it is comes first; none is without items. */
  private readonly byAddress = new Map<string, Set<Item>>()
  size = 0

  /** @param address '' = of the broker itself; @param item that is not in the queue yet */
  push(address: string, item: Item): void {
    const there = this.byAddress.get(address) ?? new Set()
    this.byAddress.set(address, there.add(item))
    this.size++
  }

  /** The oldest of the address whose turn it is. */
  shift(): Item | undefined {
    for (const [address, there] of this.byAddress) {
      const [item] = there
      // The next turn of this address comes behind those of all others.
      this.byAddress.delete(address)
      if (there.size > 1) this.byAddress.set(address, there)
      there.delete(item as Item)
      this.size--
      return item
    }
    return undefined
  }

  /** Takes out an item, if it is still there. */
  remove(address: string, item: Item): void {
    const there = this.byAddress.get(address)
    if (there?.delete(item) !== true) return
    this.size--
    if (there.size === 0) this.byAddress.delete(address)
  }

  /**
   * Takes out the newest of the address with the most, so that there is room for one more of another address; undefined
   * where that one would have as many then. What is of the broker itself stays.
   */
  makeRoomFor(address: string): Item | undefined {
    let most: { of: string; items: ReadonlySet<Item> } = { of: address, items: new Set() }
    for (const [of, items] of this.byAddress)
      if (of !== '' && items.size > most.items.size) most = { of, items }
    // With fewer than two more, that address would have as many then.
    if (most.items.size <= (this.byAddress.get(address)?.size ?? 0) + 1) return undefined
    const newest = [...most.items].at(-1) as Item
    this.remove(most.of, newest)
    return newest
  }

  /** Takes out all. */
  clear(): Item[] {
    const all = [...this.byAddress.values()].flatMap((there) => [...there])
    this.byAddress.clear()
    this.size = 0
    return all
  }
}
