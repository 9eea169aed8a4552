/** A queue in which addresses take turns: an address that sends very many requests delays only its own. */
export class FairQueue<Item> {
  /** Items by address, the address whose turn it is first; no set is empty. */
  private readonly byAddress = new Map<string, Set<Item>>()
  size = 0

  /** @param address '' = the broker itself; @param item must not be in the queue yet */
  push(address: string, item: Item): void {
    const there = this.byAddress.get(address) ?? new Set()
    this.byAddress.set(address, there.add(item))
    this.size++
  }

  /** Removes and returns the oldest item of the address whose turn it is. */
  shift(): Item | undefined {
    for (const [address, there] of this.byAddress) {
      const [item] = there
      // This address gets its next turn after all others.
      this.byAddress.delete(address)
      if (there.size > 1) this.byAddress.set(address, there)
      there.delete(item as Item)
      this.size--
      return item
    }
    return undefined
  }

  /** Removes an item, if it is still there. */
  remove(address: string, item: Item): void {
    const there = this.byAddress.get(address)
    if (there?.delete(item) !== true) return
    this.size--
    if (there.size === 0) this.byAddress.delete(address)
  }

  /**
   * Makes room for one more item of an address: removes and returns the newest item of the address with the most items,
   * unless that has fewer than two more than `address`. Items of the broker itself stay.
   */
  makeRoomFor(address: string): Item | undefined {
    let most: { of: string; items: ReadonlySet<Item> } = { of: address, items: new Set() }
    for (const [of, items] of this.byAddress)
      if (of !== '' && items.size > most.items.size) most = { of, items }
    // With fewer than two more, it would then have fewer than `address`.
    if (most.items.size <= (this.byAddress.get(address)?.size ?? 0) + 1) return undefined
    const newest = [...most.items].at(-1) as Item
    this.remove(most.of, newest)
    return newest
  }

  /** Removes and returns all items. */
  clear(): Item[] {
    const all = [...this.byAddress.values()].flatMap((there) => [...there])
    this.byAddress.clear()
    this.size = 0
    return all
  }
}
