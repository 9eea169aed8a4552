/**
 * Connections that have not logged in yet, whose number is limited in all and per address. Beyond the limit, the oldest
 * one of the address with the most is closed, so that clients that do log in get through.
 */
import type { Closable } from '../util/descriptors.ts'

/** A socket, or a stream that stands for one. */
export interface Waiting {
  destroy(): void
}

export interface UnopenedBounds {
  readonly all: number
  readonly perAddress: number
}

export class Unopened implements Closable {
  private readonly bounds: () => UnopenedBounds
  private readonly now: () => number
  private readonly onClosed: (address: string) => void
  private readonly addressOf = new Map<Waiting, string>()
  /** Connections by address, oldest first, with the time when each was added. */
  private readonly byAddress = new Map<string, Map<Waiting, number>>()
  /** Addresses by their number of connections. */
  private readonly byCount = new Map<number, Set<string>>()
  private most = 0

  /** @param onClosed called with the address of each connection closed for the limit */
  constructor(bounds: () => UnopenedBounds, now: () => number, onClosed: (address: string) => void) {
    this.bounds = bounds
    this.now = now
    this.onClosed = onClosed
  }

  get size(): number {
    return this.addressOf.size
  }

  add(w: Waiting, address: string): void {
    const count = this.byAddress.get(address)?.size ?? 0
    if (count >= this.bounds().perAddress) this.closeOldestOf(address)
    else if (this.size >= this.bounds().all) this.closeOldest()
    this.set(w, address, this.now())
  }

  /** Called when a load balancer has announced the client's address. */
  moved(w: Waiting, address: string): void {
    if (!this.addressOf.has(w) || this.addressOf.get(w) === address) return
    this.remove(w)
    this.add(w, address)
  }

  /** Called when it has logged in or closed. */
  remove(w: Waiting): void {
    const address = this.addressOf.get(w)
    if (address === undefined) return
    this.addressOf.delete(w)
    const there = this.byAddress.get(address) as Map<Waiting, number>
    there.delete(w)
    if (there.size === 0) this.byAddress.delete(address)
    this.counted(address, there.size + 1, there.size)
  }

  get oldest(): number | undefined {
    for (const since of this.fullest()?.values() ?? []) return since
    return undefined
  }

  closeOldest(): void {
    for (const address of this.byCount.get(this.most) ?? []) {
      this.closeOldestOf(address)
      return
    }
  }

  private fullest(): Map<Waiting, number> | undefined {
    for (const address of this.byCount.get(this.most) ?? []) return this.byAddress.get(address)
    return undefined
  }

  private closeOldestOf(address: string): void {
    for (const w of this.byAddress.get(address)?.keys() ?? []) {
      this.remove(w)
      w.destroy()
      this.onClosed(address)
      return
    }
  }

  private set(w: Waiting, address: string, since: number): void {
    const there = this.byAddress.get(address) ?? new Map<Waiting, number>()
    this.byAddress.set(address, there)
    there.set(w, since)
    this.addressOf.set(w, address)
    this.counted(address, there.size - 1, there.size)
  }

  private counted(address: string, before: number, now: number): void {
    const old = this.byCount.get(before)
    old?.delete(address)
    if (old?.size === 0) this.byCount.delete(before)
    if (now > 0) {
      const same = this.byCount.get(now) ?? new Set()
      this.byCount.set(now, same.add(address))
    }
    // Counts change by one, so the maximum is this one or the previous one.
    if (now > this.most) this.most = now
    else if (before === this.most && !this.byCount.has(before)) this.most = now
  }
}
