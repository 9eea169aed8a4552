/** A queue in which addresses take turns: one that sends very many requests makes its own wait. */
export class FairQueue<Item> {
  /** The address whose turn it is comes first. */
  private readonly byAddress = new Map<string, Item[]>()
  size = 0

  /** @param address '' = of the broker itself */
  push(address: string, item: Item): void {
    const there = this.byAddress.get(address) ?? []
    this.byAddress.set(address, there)
    there.push(item)
    this.size++
  }

  /** The oldest of the address whose turn it is. */
  shift(): Item | undefined {
    for (const [address, there] of this.byAddress) {
      this.byAddress.delete(address)
      const item = there.shift() as Item
      if (there.length > 0) this.byAddress.set(address, there)
      this.size--
      return item
    }
    return undefined
  }

  /**
   * Takes out the newest of the address with the most, so that there is room for one more of another address; undefined
   * where that one would have as many then. What is of the broker itself stays.
   */
  makeRoomFor(address: string): Item | undefined {
    let most: Item[] = []
    for (const [other, there] of this.byAddress) if (other !== '' && there.length > most.length) most = there
    // The list of an address is never left empty.
    if (most.length <= (this.byAddress.get(address)?.length ?? 0) + 1) return undefined
    this.size--
    return most.pop()
  }

  /** Takes out all. */
  clear(): Item[] {
    const all = [...this.byAddress.values()].flat()
    this.byAddress.clear()
    this.size = 0
    return all
  }
}
